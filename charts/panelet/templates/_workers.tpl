{{/* Names of the enabled panels of a target, in order. Called with (list . "agent"); gives JSON. */}}
{{- define "panelet.panelNames" -}}
{{- $target := index . 1 -}}
{{- $names := list -}}
{{- range $name, $panel := (index . 0).Values.panels -}}
{{- if and $panel (ne (toString $panel.enabled) "false") (eq ($panel.target | default "agent") $target) -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{ toJson $names }}
{{- end }}

{{/* "true" when there is a host: it is enabled and a panel is for it. */}}
{{- define "panelet.hasHost" -}}
{{- if and .Values.host.enabled (include "panelet.panelNames" (list . "host") | fromJsonArray) -}}
true
{{- end -}}
{{- end }}

{{/*
Grace period of the agent's pod: the agent's own drain, then its workers, which the kubelet stops one after the other (each: its
drain, and up to 6 s to end), then a reserve.
*/}}
{{- define "panelet.agentGracePeriod" -}}
{{- $workers := len (include "panelet.panelNames" (list . "agent") | fromJsonArray) -}}
{{ add (int .Values.agent.gracePeriodSeconds) (mul $workers (add (int .Values.workers.gracePeriodSeconds) 6)) 5 }}
{{- end }}

{{/* Mount of a directory of the node. Called with (list . "state" "/var/lib/panelet" ""): volume, where, directory in it or "". */}}
{{- define "panelet.nodeMount" -}}
{{- $below := index . 3 -}}
- name: {{ index . 1 }}
  mountPath: {{ index . 2 }}
  {{- if (index . 0).Values.hostPaths.perNode }}
  subPathExpr: $(PANELET_NODE_NAME){{ with $below }}/{{ . }}{{ end }}
  {{- else if $below }}
  subPath: {{ $below }}
  {{- end }}
{{- end }}

{{/* The same of a directory that the kubelet makes for the pod, below the one given, and that no other pod mounts. */}}
{{- define "panelet.podMount" -}}
- name: {{ index . 1 }}
  mountPath: {{ index . 2 }}
  subPathExpr: {{ if (index . 0).Values.hostPaths.perNode }}$(PANELET_NODE_NAME)/{{ end }}{{ index . 3 }}/$(PANELET_POD_UID)
{{- end }}

{{/* Volumes of the node's directories, and those that panels of a target bring. Called with (list . "agent"). */}}
{{- define "panelet.hostVolumes" -}}
{{- $root := index . 0 -}}
- name: state
  hostPath:
    path: {{ printf "%s/%s" (trimSuffix "/" $root.Values.hostPaths.state) $root.Release.Namespace }}
    type: DirectoryOrCreate
- name: run
  hostPath:
    path: {{ printf "%s/%s" (trimSuffix "/" $root.Values.hostPaths.run) $root.Release.Namespace }}
    type: DirectoryOrCreate
{{- if include "panelet.panelsOfOwners" . | fromJsonArray }}
# The names of owners' uids: a passwd and a group of the pod's own.
- name: names
  emptyDir: { sizeLimit: 8Mi }
{{- end }}
{{- range include "panelet.panelNames" . | fromJsonArray }}
{{- with (index $root.Values.panels .).volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{/*
The only container that is root: directories of a node are made by the kubelet as root's. What is right already is left alone; without
CAP_FOWNER root can only change the mode of what it owns. Called with (list . "agent").
*/}}
{{- define "panelet.prepare" -}}
{{- $root := index . 0 -}}
{{- $uid := int $root.Values.uid -}}
{{- $target := index . 1 -}}
- name: prepare
  {{- include "panelet.imageFields" $root | nindent 2 }}
  command:
    - /bin/sh
    - -ec
    - |
      # All are looked at before one is given away: who then sets the value finds the others as they were.
      for d in /prepare/*{{ if include "panelet.panelsOfOwners" . | fromJsonArray }} /owners/homes{{ end }}; do
        owner=$(stat -c %u "$d")
        if [ "$owner" != 0 ] && [ "$owner" != {{ $uid }} ]; then
          echo "$d belongs to the uid $owner and the value uid is {{ $uid }}. Set uid=$owner, or remove the node's directories." >&2
          exit 1
        fi
      done
      give() {
        [ "$(stat -c '%a %u %g' "$2")" = "$1 {{ $uid }} {{ $uid }}" ] && return
        chown 0:0 "$2"
        chmod "0$1" "$2"
        chown {{ $uid }}:{{ $uid }} "$2"
      }
      for d in /prepare/*; do give 700 "$d"; done
      {{- if include "panelet.panelsOfOwners" . | fromJsonArray }}
      # Owners of terminals pass through, and write in their own below. In /tmp all do: sticky, so that nobody moves what another made.
      give 711 /owners/homes
      chmod 1777 /owners/tmp
      for f in passwd group; do
        [ -e "/owners/names/$f" ] && continue
        cp "/etc/$f" "/owners/names/.$f"
        chmod 0644 "/owners/names/.$f"
        chown {{ $uid }}:{{ $uid }} "/owners/names/.$f"
        mv "/owners/names/.$f" "/owners/names/$f"
      done
      {{- end }}
  env:
    {{- if $root.Values.hostPaths.perNode }}
    - name: PANELET_NODE_NAME
      valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
    {{- end }}
    - name: PANELET_POD_UID
      valueFrom: { fieldRef: { fieldPath: metadata.uid } }
  securityContext:
    runAsUser: 0
    runAsGroup: 0
    runAsNonRoot: false
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
      add: [CHOWN]
  resources:
    requests: { cpu: 10m, memory: 16Mi, ephemeral-storage: 1Mi }
    limits: { memory: 64Mi, ephemeral-storage: 16Mi }
  volumeMounts:
    {{- if eq $target "agent" }}
    {{- include "panelet.nodeMount" (list $root "run" "/prepare/run" "") | nindent 4 }}
    {{- include "panelet.nodeMount" (list $root "run" "/prepare/run-workers" "workers") | nindent 4 }}
    {{- end }}
    {{- if include "panelet.hasHost" $root }}
    {{- include "panelet.nodeMount" (list $root "run" "/prepare/run-host" "host") | nindent 4 }}
    {{- end }}
    {{- range $kind := eq $target "agent" | ternary (list "agent" "host") (list "host") }}
    {{- if or (eq $kind "agent") (include "panelet.hasHost" $root) }}
    {{- range include "panelet.panelNames" (list $root $kind) | fromJsonArray }}
    {{- $sockets := include "panelet.socketDirectory" (list . $kind) }}
    {{- include "panelet.nodeMount" (list $root "run" (printf "/prepare/run-%s" (replace "/" "-" $sockets)) $sockets) | nindent 4 }}
    {{- if eq $kind $target }}
    {{- include "panelet.podMount" (list $root "run" (printf "/prepare/pod-%s" (replace "/" "-" $sockets)) $sockets) | nindent 4 }}
    {{- end }}
    {{- end }}
    {{- end }}
    {{- end }}
    {{- if eq $target "agent" }}
    {{- include "panelet.nodeMount" (list $root "state" "/prepare/state" "") | nindent 4 }}
    {{- end }}
    {{- range include "panelet.panelNames" . | fromJsonArray }}
    {{- include "panelet.nodeMount" (list $root "state" (printf "/prepare/sessions-%s" .) (printf "sessions/%s" .)) | nindent 4 }}
    {{- end }}
    {{- if include "panelet.panelsOfOwners" . | fromJsonArray }}
    {{- include "panelet.nodeMount" (list $root "state" "/prepare/owners" "owners") | nindent 4 }}
    {{- include "panelet.nodeMount" (list $root "state" "/owners/homes" "homes") | nindent 4 }}
    - { name: tmp, mountPath: /owners/tmp }
    - { name: names, mountPath: /owners/names }
    {{- end }}
{{- end }}

{{/*
Panels of a target whose programs run as their owners' uids, one each: the terminal, unless all may share a user or it is a worker of
one's own. Called with (list . "host"); gives JSON.
*/}}
{{- define "panelet.panelsOfOwners" -}}
{{- $values := (index . 0).Values -}}
{{- $names := list -}}
{{- range include "panelet.panelNames" . | fromJsonArray -}}
{{- $panel := index $values.panels . -}}
{{- if and (eq . "terminal") (not $panel.image) (not $panel.command) (ne (toString ($panel.parameters | default dict).allowSameUser) "true") -}}
{{- $names = append $names . -}}
{{- end -}}
{{- end -}}
{{ toJson $names }}
{{- end }}

{{/*
"true" when a panel's worker has a /tmp: all of a host's, and beside an agent a shell's, or one of your own. The others write nothing there, and a pod with
a directory of its own is one that `kubectl drain` asks about. Called with (list . "logs" "agent").
*/}}
{{- define "panelet.hasTmp" -}}
{{- $panel := index (index . 0).Values.panels (index . 1) -}}
{{- if or (eq (index . 2) "host") (eq (index . 1) "terminal") $panel.image $panel.command -}}
true
{{- end -}}
{{- end }}

{{/* Format in which a pod's workers hand sessions over to newer ones; worker/handover/state-parts.ts. */}}
{{- define "panelet.handover" -}}
1
{{- end }}

{{/*
"true" when a panel's worker shares its state with those of other pods, which may be there at the same time: Panelet's own does, one of your own
where `beside` says so. Called with (list . "logs").
*/}}
{{- define "panelet.isBeside" -}}
{{- $panel := index (index . 0).Values.panels (index . 1) -}}
{{- if eq (toString (hasKey $panel "beside" | ternary $panel.beside (not (or $panel.image $panel.command)))) "true" -}}
true
{{- end -}}
{{- end }}

{{/* "true" when all panels of a target do. Called with (list . "agent"). */}}
{{- define "panelet.allBeside" -}}
{{- $root := index . 0 -}}
{{- $others := list -}}
{{- range include "panelet.panelNames" . | fromJsonArray -}}
{{- if not (include "panelet.isBeside" (list $root .)) -}}
{{- $others = append $others . -}}
{{- end -}}
{{- end -}}
{{- if not $others -}}
true
{{- end -}}
{{- end }}

{{/*
Directory of the sockets of a panel's workers, below the run directory; agent/workers/socket-places.ts. Each pod's are in one of its own below it.
Called with (list "logs" "agent").
*/}}
{{- define "panelet.socketDirectory" -}}
{{ eq (index . 1) "host" | ternary "host" "workers" }}/{{ index . 0 }}
{{- end }}

{{/* The container of a worker. Called with (list . "logs" "agent" 10): panel, target and seconds for its drain. */}}
{{- define "panelet.worker" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $target := index . 2 -}}
{{- $panel := index $root.Values.panels $name -}}
{{- $ofOwners := has $name (include "panelet.panelsOfOwners" (list $root $target) | fromJsonArray) -}}
{{- $capabilities := list "CHOWN" "KILL" "SETGID" "SETPCAP" "SETUID" -}}
- name: worker-{{ $name }}
  {{- if eq $target "agent" }}
  restartPolicy: Always
  {{- end }}
  {{- if $panel.image }}
  image: {{ $panel.image | quote }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  terminationMessagePolicy: FallbackToLogsOnError
  {{- else }}
  {{- include "panelet.imageFields" $root | nindent 2 }}
  {{- end }}
  command:
    {{- if $ofOwners }}
    # Not root, but with what it takes to start programs as others: Kubernetes gives no ambient capabilities, so setpriv does.
    {{- $flags := printf "+%s" (join ",+" $capabilities | lower) }}
    - setpriv
    - --reuid={{ int $root.Values.uid }}
    - --regid={{ int $root.Values.uid }}
    - --keep-groups
    - --inh-caps={{ $flags }}
    - --ambient-caps={{ $flags }}
    - --
    - panelet-worker
    {{- else }}
    {{- toYaml ($panel.command | default (list "panelet-worker")) | nindent 4 }}
    {{- end }}
  args:
    - --panel={{ $name }}
    - --socket=/run/panelet/{{ include "panelet.socketDirectory" (list $name $target) }}/worker.sock
    - --state-dir=/var/lib/panelet
    - --node=$(PANELET_NODE_NAME)
    - --target={{ $target }}
    - --grace-period={{ int (index . 3) }}
    - --detach-ttl={{ int $root.Values.workers.detachTtlSeconds }}
    - --max-sessions={{ int $root.Values.workers.maxSessions }}
    {{- with $root.Values.workers.sessionsPerOwner }}
    {{- if ne (int .default) 20 }}
    - --owner-sessions={{ int .default }}
    {{- end }}
    {{- range $owner, $count := .of }}
    - {{ printf "--owner-sessions-of=%s=%d" $owner (int $count) | quote }}
    {{- end }}
    {{- end }}
    {{- with $panel.idleTimeoutSeconds }}
    - --idle-timeout={{ int . }}
    {{- end }}
    {{- with $panel.maxAgeSeconds }}
    - --max-age={{ int . }}
    {{- end }}
    {{- if include "panelet.isBeside" (list $root $name) }}
    # Workers of other pods keep their sessions, and give them to this one when they drain.
    - --beside
    {{- end }}
    # A pod of an earlier release, or, where the state is not shared, one that was deleted with force, may still drain on this node.
    - --lock-wait=86400
    - --log-level={{ $root.Values.logLevel }}
    {{- range $key, $value := $panel.parameters }}
    - {{ printf "--parameter=%s=%s" $key $value | quote }}
    {{- end }}
    {{- if $ofOwners }}
    - --parameter=temporaries=/tmp/owners
    - --parameter=names=/etc
    {{- with $root.Values.homes.keepDays }}
    - --parameter=homesKeepDays={{ int . }}
    {{- end }}
    {{- end }}
  env:
    {{- include "panelet.environment" $root | nindent 4 }}
    - { name: HOME, value: /tmp }
    {{- with $panel.env }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  securityContext:
    {{- $context := include "panelet.containerSecurityContext" $root | fromYaml }}
    {{- if $ofOwners }}
    {{- $root0 := dict "runAsUser" 0 "runAsGroup" 0 "runAsNonRoot" false }}
    {{- $context = mustMergeOverwrite $context $root0 (dict "capabilities" (dict "drop" (list "ALL") "add" $capabilities)) }}
    {{- end }}
    {{- mustMergeOverwrite $context ($panel.securityContext | default dict) | toYaml | nindent 4 }}
  resources:
    {{- mustMergeOverwrite (deepCopy ($root.Values.workers.resources | default dict)) (deepCopy ($panel.resources | default dict)) | toYaml | nindent 4 }}
  volumeMounts:
    # Of the state only its own part: the agent's key and what other panels keep are out of reach.
    {{- include "panelet.nodeMount" (list $root "state" (printf "/var/lib/panelet/sessions/%s" $name) (printf "sessions/%s" $name)) | nindent 4 }}
    # And of the sockets its own, in this pod's directory: whoever reaches another worker's is believed about who calls.
    {{- $sockets := include "panelet.socketDirectory" (list $name $target) }}
    {{- include "panelet.podMount" (list $root "run" (printf "/run/panelet/%s" $sockets) $sockets) | nindent 4 }}
    {{- if include "panelet.hasTmp" (list $root $name $target) }}
    - { name: tmp, mountPath: /tmp }
    {{- end }}
    {{- if $ofOwners }}
    # Who has which uid, for good, and what is theirs, for all hosts of the node: those before and after this one too.
    {{- include "panelet.nodeMount" (list $root "state" "/var/lib/panelet/owners" "owners") | nindent 4 }}
    {{- include "panelet.nodeMount" (list $root "state" "/var/lib/panelet/homes" "homes") | nindent 4 }}
    - { name: names, mountPath: /etc/passwd, subPath: passwd }
    - { name: names, mountPath: /etc/group, subPath: group }
    {{- end }}
    {{- with $panel.volumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
