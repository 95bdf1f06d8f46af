{{/* Types of every policy: what comes in always, what goes out when that is limited. */}}
{{- define "panelet.policyTypes" -}}
{{- $e := .Values.networkPolicy.egress -}}
{{- if or $e.enabled $e.denied $e.host -}}[Ingress, Egress]{{- else -}}[Ingress]{{- end -}}
{{- end }}

{{/*
What pods may reach; nothing is said when nothing is limited. Rules with ports and no peers stand for peers that no selector names
everywhere: the API server, the node's DNS. Called with (list . "agent").
*/}}
{{- define "panelet.egress" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $e := $root.Values.networkPolicy.egress -}}
{{- if or $e.enabled $e.denied $e.host -}}
egress:
  - ports:
      - { port: 53, protocol: UDP }
      - { port: 53, protocol: TCP }
  {{- if eq $component "host" }}
  {{- if $e.host }}
  {{- toYaml $e.host | nindent 2 }}
  {{- else }}
  {{- include "panelet.anywhereElse" $root | nindent 2 }}
  {{- end }}
  {{- else }}
  - ports:
      {{- range $e.apiServerPorts }}
      - { port: {{ int . }}, protocol: TCP }
      {{- end }}
  {{- if not $e.enabled }}
  {{- include "panelet.anywhereElse" $root | nindent 2 }}
  {{- else if eq $component "agent" }}
  {{- with $e.agents }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- else }}
  # 7443: clients, and controllers for agents of a release before port 7445.
  - ports:
      - { port: 7445, protocol: TCP }
      - { port: 7443, protocol: TCP }
    to:
      - podSelector:
          matchLabels:
            {{- include "panelet.selector" (list $root "agent") | nindent 12 }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{/* A rule for everything that is not denied. Pods are named, because not every network plugin counts them as part of 0.0.0.0/0. */}}
{{- define "panelet.anywhereElse" -}}
{{- $v4 := list -}}
{{- $v6 := list -}}
{{- range .Values.networkPolicy.egress.denied -}}
{{- if contains ":" . -}}{{- $v6 = append $v6 . -}}{{- else -}}{{- $v4 = append $v4 . -}}{{- end -}}
{{- end -}}
- to:
    - namespaceSelector: {}
    - ipBlock:
        cidr: 0.0.0.0/0
        {{- with $v4 }}
        except: {{ toJson . }}
        {{- end }}
    - ipBlock:
        cidr: ::/0
        {{- with $v6 }}
        except: {{ toJson . }}
        {{- end }}
{{- end }}
