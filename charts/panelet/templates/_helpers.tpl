{{/* Prefix of every name. */}}
{{- define "panelet.prefix" -}}
{{ .Values.namePrefix }}
{{- end }}

{{/* Name of something of the cluster, unique for the release. Called with (list . "controller"). */}}
{{- define "panelet.clusterName" -}}
{{- $root := index . 0 -}}
{{ printf "%s:%s:%s" $root.Values.namePrefix $root.Release.Namespace (index . 1) }}
{{- end }}

{{/* Names of the DaemonSets that are restarted, as JSON. */}}
{{- define "panelet.daemonSetNames" -}}
{{ concat (list (printf "%s-agent" .Values.namePrefix) (printf "%s-host" .Values.namePrefix)) (.Values.controller.daemonSets | default list) | toJson }}
{{- end }}

{{/* Labels of an object. Called with (list . "agent"); the component may be empty. */}}
{{- define "panelet.labels" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: panelet
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/part-of: panelet
{{- with $component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels that never change, for selectors. Called with (list . "agent"). */}}
{{- define "panelet.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: panelet
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/*
The label by which a pod is its DaemonSet's, beside those of its component. Without it the DaemonSet makes another one beside it, while everything
else goes on finding it. In selectors, which cannot be changed.
*/}}
{{- define "panelet.detachLabel" -}}
panelet.dev/in-daemonset
{{- end }}

{{/* What the pods of a DaemonSet have that are still its own. Called with (list . "agent"). */}}
{{- define "panelet.daemonSetSelector" -}}
{{ include "panelet.selector" . }}
{{ include "panelet.detachLabel" . }}: 'true'
{{- end }}

{{/* How a DaemonSet's pods are replaced by ones beside them: annotations of the DaemonSet. */}}
{{- define "panelet.surge" -}}
panelet.dev/detach-label: {{ include "panelet.detachLabel" . }}
{{- with .Values.strategy }}
{{- if and (hasKey . "maxSurge") (ne (toString .maxSurge) "") }}
panelet.dev/max-surge: {{ toString .maxSurge | quote }}
{{- end }}
panelet.dev/warm-timeout: {{ printf "%ds" (int .warmTimeoutSeconds) }}
{{- end }}
{{- end }}

{{/* Labels of a pod: no versions, so that only what matters to the pod is a rollout. Called with (list . "agent"). */}}
{{- define "panelet.podLabels" -}}
{{- $root := index . 0 -}}
{{ include "panelet.selector" . }}
app.kubernetes.io/part-of: panelet
panelet.dev/component: {{ index . 1 }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The image with all programs. */}}
{{- define "panelet.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{/* What every container says of its image. */}}
{{- define "panelet.imageFields" -}}
image: {{ include "panelet.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- /* Why it ended is in the pod's status, and from there in that of the restart. */}}
terminationMessagePolicy: FallbackToLogsOnError
{{- end }}

{{- define "panelet.pullSecrets" -}}
{{- with .Values.image.pullSecrets -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* A pod whose processes are nobody's, without a way to more rights. */}}
{{- define "panelet.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ int .Values.uid }}
runAsGroup: {{ int .Values.uid }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* A container that meets the level "restricted" of the Pod Security Standards. */}}
{{- define "panelet.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Environment by the downward API. */}}
{{- define "panelet.environment" -}}
- name: PANELET_NODE_NAME
  valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
- name: PANELET_POD_NAME
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
- name: PANELET_POD_NAMESPACE
  valueFrom: { fieldRef: { fieldPath: metadata.namespace } }
- name: PANELET_POD_UID
  valueFrom: { fieldRef: { fieldPath: metadata.uid } }
- name: PANELET_POD_IP
  valueFrom: { fieldRef: { fieldPath: status.podIP } }
{{- end }}

{{/* The bind address with a port. Called with (list . 7080). */}}
{{- define "panelet.listen" -}}
{{- $address := (index . 0).Values.bindAddress -}}
{{- if contains ":" $address -}}
{{ printf "[%s]:%d" $address (int (index . 1)) }}
{{- else -}}
{{ printf "%s:%d" $address (int (index . 1)) }}
{{- end }}
{{- end }}

{{/* Probes of a program that answers /livez and /readyz on the health port. */}}
{{- define "panelet.probes" -}}
readinessProbe:
  httpGet: { path: /readyz, port: health }
  periodSeconds: 1
  timeoutSeconds: 1
  failureThreshold: 3
livenessProbe:
  httpGet: { path: /livez, port: health }
  initialDelaySeconds: 5
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}
