{{/* The agents' configuration; docs/reference/configuration.md. */}}
{{- define "panelet.agentConfig" -}}
listen: {{ include "panelet.listen" (list . 7443) | quote }}
runDir: /run/panelet
stateDir: /var/lib/panelet
gracePeriodSeconds: {{ int .Values.agent.gracePeriodSeconds }}
tls:
  {{- if eq .Values.tls.mode "controller" }}
  kubernetes:
    signerName: {{ .Values.tls.signerName }}
    caConfigMap: {{ include "panelet.prefix" . }}-ca
    serviceName: {{ include "panelet.prefix" . }}-agent
    validitySeconds: {{ int .Values.tls.validitySeconds }}
  {{- else }}
  certFile: /etc/panelet/tls/tls.crt
  keyFile: /etc/panelet/tls/tls.key
  clientCaFile: /etc/panelet/tls/ca.crt
  {{- end }}
identity:
  kubernetes:
    audience: {{ .Values.identity.audience }}
gate:
  # The pod's address takes the place of a wildcard: not for port-forwards.
  listen: {{ include "panelet.listen" (list . 7445) | quote }}
health:
  listen: {{ include "panelet.listen" (list . 7080) | quote }}
metrics:
  listen: {{ include "panelet.listen" (list . 7444) | quote }}
panels:
  {{- range include "panelet.panelNames" (list . "agent") | fromJsonArray }}
  - { name: {{ . }}, target: agent, run: external{{ if include "panelet.isBeside" (list $ .) }}, beside: true{{ end }} }
  {{- end }}
  {{- if .Values.host.enabled }}
  {{- range include "panelet.panelNames" (list . "host") | fromJsonArray }}
  - { name: {{ . }}, target: host, run: external }
  {{- end }}
  {{- end }}
{{- with .Values.agent.limits }}
limits:
  {{- range $key, $value := . }}
  {{ $key }}: {{ int $value }}
  {{- end }}
{{- end }}
log:
  level: {{ .Values.logLevel }}
{{- end }}
