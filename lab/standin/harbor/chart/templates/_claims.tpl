{{- define "standin.storageClass" -}}
{{- with .storageClass }}
storageClassName: {{ ternary "" . (eq . "-") | quote }}
{{- end }}
{{- end }}

{{/* (list $ "registry" VALUES): a claim of its own, which may outlive the release. */}}
{{- define "standin.claim" -}}
{{- $ := index . 0 }}{{ $values := index . 2 -}}
{{- $keep := ternary (dict "helm.sh/resource-policy" "keep") dict (eq $.Values.persistence.resourcePolicy "keep") -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  {{- include "standin.partMeta" (list $ (index . 1)) | nindent 2 }}
  {{- with merge $keep $values.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  accessModes: [{{ $values.accessMode | quote }}]
  resources: {requests: {storage: {{ $values.size | quote }}}}
  {{- include "standin.storageClass" $values | nindent 2 }}
{{- end }}

{{/* (list $ "data" VALUES): a StatefulSet's claim; nothing when there is no volume or it is another's. */}}
{{- define "standin.claimTemplate" -}}
{{- $ := index . 0 }}{{ $values := index . 2 -}}
{{- if and $.Values.persistence.enabled (not $values.existingClaim) }}
volumeClaimTemplates:
  - apiVersion: v1
    kind: PersistentVolumeClaim
    metadata:
      name: {{ index . 1 }}
      labels: {{- include "standin.claimLabels" $ | nindent 8 }}
      {{- with $values.annotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      accessModes: [{{ $values.accessMode | quote }}]
      resources: {requests: {storage: {{ $values.size | quote }}}}
      {{- include "standin.storageClass" $values | nindent 6 }}
{{- end }}
{{- end }}

{{/* (list $ "data" VALUES): a StatefulSet's volume where no template makes one. */}}
{{- define "standin.claimVolume" -}}
{{- $values := index . 2 -}}
{{- if not (first .).Values.persistence.enabled }}
- {name: {{ index . 1 }}, emptyDir: {}}
{{- else if $values.existingClaim }}
- name: {{ index . 1 }}
  persistentVolumeClaim: {claimName: {{ $values.existingClaim | quote }}}
{{- end }}
{{- end }}
