{{- define "standin.name" -}}
{{- .Values.nameOverride | default "harbor" | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* Every object of a release is named for this; the same rule as upstream's. */}}
{{- define "standin.fullname" -}}
{{- $name := .Values.nameOverride | default "harbor" -}}
{{- $joined := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $joined | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* (list $ "core"): the name of a component's objects. */}}
{{- define "standin.part" -}}
{{- printf "%s-%s" (include "standin.fullname" (first .)) (last .) -}}
{{- end }}

{{/* What finds a release's pods: must stay the same over its life. */}}
{{- define "standin.release" -}}
release: {{ .Release.Name | quote }}
app: {{ include "standin.name" . | quote }}
{{- end }}

{{/* (list $ "core"): what finds one component's pods. */}}
{{- define "standin.selector" -}}
{{ include "standin.release" (first .) }}
component: {{ last . }}
{{- end }}

{{/* On claims made from a template, which is immutable: without anything that a later chart changes. */}}
{{- define "standin.claimLabels" -}}
heritage: {{ .Release.Service | quote }}
chart: {{ .Chart.Name | quote }}
{{ include "standin.release" . }}
{{- end }}

{{- define "standin.labels" -}}
{{ include "standin.claimLabels" . }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/name: {{ include "standin.name" . | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
app.kubernetes.io/part-of: {{ include "standin.name" . | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{/* (list $ "core"): on a component's workload, pods and claim. */}}
{{- define "standin.partLabels" -}}
{{ include "standin.labels" (first .) }}
component: {{ last . }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{/* (list $ NAME): metadata of what is no workload. */}}
{{- define "standin.meta" -}}
name: {{ last . | quote }}
namespace: {{ (first .).Release.Namespace | quote }}
labels: {{- include "standin.labels" (first .) | nindent 2 }}
{{- end }}

{{/* (list $ "core"): metadata of a workload or claim. */}}
{{- define "standin.partMeta" -}}
name: {{ include "standin.part" . | quote }}
namespace: {{ (first .).Release.Namespace | quote }}
labels: {{- include "standin.partLabels" . | nindent 2 }}
{{- end }}

{{- define "standin.coreURL" -}}
http://{{ include "standin.part" (list . "core") }}:80
{{- end }}

{{/* As a map; empty ones stay, as upstream writes them. */}}
{{- define "standin.proxy" -}}
{{- $names := list .Values.proxy.noProxy -}}
{{- range list "exporter" "trivy" "portal" "registry" "database" "jobservice" "core" -}}
{{- $names = prepend $names (include "standin.part" (list $ .)) -}}
{{- end -}}
HTTP_PROXY: {{ .Values.proxy.httpProxy | default "" | quote }}
HTTPS_PROXY: {{ .Values.proxy.httpsProxy | default "" | quote }}
NO_PROXY: {{ join "," $names | quote }}
{{- end }}

{{/* The same as a container's env. */}}
{{- define "standin.proxyEnv" -}}
{{- range $name, $value := include "standin.proxy" . | fromYaml }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{/* Whether the chart makes the certificate people see: as upstream, another one at every render. */}}
{{- define "standin.makesCertificate" -}}
{{- if and .Values.expose.tls.enabled (eq .Values.expose.tls.certSource "auto") }}yes{{ end -}}
{{- end }}

{{- define "standin.hasNginx" -}}
{{- if not (has .Values.expose.type (list "ingress" "route")) }}yes{{ end -}}
{{- end }}

{{/* The secret with the certificate people see. */}}
{{- define "standin.certificate" -}}
{{- $nginx := include "standin.hasNginx" . -}}
{{- if eq .Values.expose.tls.certSource "secret" -}}
{{- .Values.expose.tls.secret.secretName -}}
{{- else if or $nginx (ne .Values.expose.tls.certSource "none") -}}
{{- include "standin.part" (list . (ternary "nginx" "ingress" (eq $nginx "yes"))) -}}
{{- end -}}
{{- end }}

{{/* (list $ SECRET KEY GIVEN LENGTH): what is given, else what the live secret has, else something random. */}}
{{- define "standin.kept" -}}
{{- $live := (lookup "v1" "Secret" (first .).Release.Namespace (index . 1)).data | default dict -}}
{{- index . 3 | default (index $live (index . 2) | default "" | b64dec) | default (randAlphaNum (index . 4)) -}}
{{- end }}

{{/* (list $ "core/secret.yaml"): of another file's render, as it is this time. */}}
{{- define "standin.checksum" -}}
{{- include (printf "%s/%s" (first .).Template.BasePath (last .)) (first .) | sha256sum -}}
{{- end }}
