{{/* Every object of a release is named for this; the same rule as upstream's. */}}
{{- define "standin.fullname" -}}
{{- $chart := .Values.nameOverride | default .Chart.Name -}}
{{- $joined := ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (contains $chart .Release.Name) -}}
{{- .Values.fullnameOverride | default $joined | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "standin.provisioner" -}}
{{- .Values.storageClass.provisionerName | default (printf "cluster.local/%s" (include "standin.fullname" .)) -}}
{{- end }}

{{- define "standin.account" -}}
{{- $made := ternary (include "standin.fullname" .) "default" .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default $made -}}
{{- end }}

{{/* What finds the pods: must stay the same over the life of a release. */}}
{{- define "standin.selector" -}}
app: {{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" | quote }}
release: {{ .Release.Name | quote }}
{{- end }}

{{- define "standin.podLabels" -}}
{{ include "standin.selector" . }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "standin.labels" -}}
chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
heritage: {{ .Release.Service | quote }}
{{ include "standin.podLabels" . }}
{{- end }}
