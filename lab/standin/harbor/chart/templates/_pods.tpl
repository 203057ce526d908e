{{/* What all pods have. (dict "root" $ "part" "core" "values" .Values.core "user" 10000), and "grace" in seconds */}}
{{- define "standin.pod" -}}
{{- $values := .values -}}
securityContext:
  runAsUser: {{ .user }}
  fsGroup: {{ .user }}
  {{- with .fsGroupChangePolicy }}
  fsGroupChangePolicy: {{ . }}
  {{- end }}
automountServiceAccountToken: {{ $values.automountServiceAccountToken | default false }}
{{- with .grace }}
terminationGracePeriodSeconds: {{ . }}
{{- end }}
{{- with $values.serviceAccountName }}
serviceAccountName: {{ . | quote }}
{{- end }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.topologySpreadConstraints }}
{{- $pods := dict "matchLabels" (include "standin.selector" (list $.root $.part) | fromYaml) }}
topologySpreadConstraints:
  {{- range . }}
  - {{- merge (dict "labelSelector" $pods) . | toYaml | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* (dict "root" $ "name" "core" "values" .Values.core): the one program, told what to be. */}}
{{- define "standin.container" -}}
name: {{ .name }}
image: {{ printf "%s:%v" .values.image.repository .values.image.tag | quote }}
imagePullPolicy: {{ .root.Values.imagePullPolicy | quote }}
command: [/harbor-standin, {{ .role | default .name }}]
{{- with .root.Values.containerSecurityContext }}
securityContext: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* (dict "values" .Values.core "check" (dict "httpGet" …)), and "startup" where there is such a probe */}}
{{- define "standin.probes" -}}
{{- $kinds := list "livenessProbe" "readinessProbe" }}
{{- if .startup }}{{ $kinds = append $kinds "startupProbe" }}{{ end }}
{{- range $kinds }}
{{ . }}:
  {{- toYaml $.check | nindent 2 }}
  {{- omit (index $.values .) "enabled" | toYaml | nindent 2 }}
{{- end }}
{{- with .values.resources }}
resources: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* (list SECRET KEY): where a container's variable comes from. */}}
{{- define "standin.from" -}}
valueFrom: {secretKeyRef: {name: {{ first . | quote }}, key: {{ last . | quote }}}}
{{- end }}

{{- define "standin.coreSecret" -}}
{{- $name := .Values.core.existingSecret | default (include "standin.part" (list . "core")) -}}
- name: CORE_SECRET
  {{- include "standin.from" (list $name "secret") | nindent 2 }}
{{- end }}

{{- define "standin.jobserviceSecret" -}}
{{- $own := include "standin.part" (list . "jobservice") -}}
{{- $given := .Values.jobservice.existingSecret -}}
{{- $key := ternary .Values.jobservice.existingSecretKey "JOBSERVICE_SECRET" (not (empty $given)) -}}
- name: JOBSERVICE_SECRET
  {{- include "standin.from" (list ($given | default $own) $key) | nindent 2 }}
{{- end }}

{{- define "standin.registryPassword" -}}
{{- with .Values.registry.credentials.existingSecret }}
- name: REGISTRY_CREDENTIAL_PASSWORD
  {{- include "standin.from" (list . "REGISTRY_PASSWD") | nindent 2 }}
{{- end }}
{{- end }}

{{- define "standin.adminPassword" -}}
{{- with .Values.existingSecretAdminPassword }}
- name: HARBOR_ADMIN_PASSWORD
  {{- include "standin.from" (list . $.Values.existingSecretAdminPasswordKey) | nindent 2 }}
{{- end }}
{{- end }}

{{/* A CA that the components shall trust, where a value that upstream does not list names its secret. */}}
{{- define "standin.trustVolume" -}}
{{- with .Values.caBundleSecretName }}
- name: ca-bundle-certs
  secret: {secretName: {{ . | quote }}}
{{- end }}
{{- end }}

{{- define "standin.trustMount" -}}
{{- if .Values.caBundleSecretName }}
- {name: ca-bundle-certs, mountPath: /harbor_cust_cert/custom-ca.crt, subPath: ca.crt}
{{- end }}
{{- end }}

{{- define "standin.families" -}}
{{- with .Values.ipFamily.policy }}
ipFamilyPolicy: {{ . | quote }}
{{- end }}
{{- with .Values.ipFamily.families }}
ipFamilies: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Of the two whose volume one pod at a time may mount; the other Deployments always roll. */}}
{{- define "standin.strategy" -}}
type: {{ .Values.updateStrategy.type }}
{{- if eq .Values.updateStrategy.type "Recreate" }}
# Takes away what an earlier RollingUpdate left in the live object.
rollingUpdate: null
{{- end }}
{{- end }}
