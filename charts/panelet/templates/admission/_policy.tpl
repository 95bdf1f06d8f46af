{{/*
CEL: metadata of this object and of what it was, apart from annotations, are equal. Field by field: managedFields and generation are
the server's own.
*/}}
{{- define "panelet.sameMetadata" -}}
(has(object.metadata.labels) ? object.metadata.labels : {}) == (has(oldObject.metadata.labels) ? oldObject.metadata.labels : {})
&& {{ include "panelet.sameFinalizers" . }}
&& (has(object.metadata.ownerReferences) ? object.metadata.ownerReferences : []) == (has(oldObject.metadata.ownerReferences) ? oldObject.metadata.ownerReferences : [])
{{- end }}

{{- define "panelet.sameFinalizers" -}}
(has(object.metadata.finalizers) ? object.metadata.finalizers : []) == (has(oldObject.metadata.finalizers) ? oldObject.metadata.finalizers : [])
{{- end }}

{{/* Variables of a policy: annotations now and before, and the keys of those that differ. */}}
{{- define "panelet.annotationVariables" -}}
- name: now
  expression: "has(object.metadata.annotations) ? object.metadata.annotations : {}"
- name: before
  expression: "has(oldObject.metadata.annotations) ? oldObject.metadata.annotations : {}"
- name: changed
  expression: >-
    variables.now.filter(key, !(key in variables.before) || variables.before[key] != variables.now[key])
    + variables.before.filter(key, !(key in variables.now))
{{- end }}

{{/* The same of labels. */}}
{{- define "panelet.labelVariables" -}}
- name: labels
  expression: "has(object.metadata.labels) ? object.metadata.labels : {}"
- name: labelsBefore
  expression: "has(oldObject.metadata.labels) ? oldObject.metadata.labels : {}"
- name: changedLabels
  expression: >-
    variables.labels.filter(key, !(key in variables.labelsBefore) || variables.labelsBefore[key] != variables.labels[key])
    + variables.labelsBefore.filter(key, !(key in variables.labels))
{{- end }}

{{/* CEL: names of service accounts of the release's namespace. Called with (list . "controller" …). */}}
{{- define "panelet.accountList" -}}
{{- $root := index . 0 -}}
{{- $names := list -}}
{{- range rest . -}}
{{- $names = append $names (printf "'system:serviceaccount:%s:%s-%s'" $root.Release.Namespace (include "panelet.prefix" $root) .) -}}
{{- end -}}
[{{ join ", " $names }}]
{{- end }}

{{/* The binding of a policy. Called with (list . "name"). */}}
{{- define "panelet.policyBinding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ index . 1 }}
  labels:
    {{- include "panelet.labels" (list (index . 0) "") | nindent 4 }}
spec:
  policyName: {{ index . 1 }}
  validationActions: [Deny]
{{- end }}
