{{/* The registry's driver with those of its options that are set. */}}
{{- define "standin.imageStore" -}}
{{- $store := .Values.persistence.imageChartStorage -}}
{{- $options := dict
  "filesystem" (list "rootdirectory" "maxthreads")
  "azure" (list "accountname" "container" "realm")
  "gcs" (list "bucket" "rootdirectory" "chunksize")
  "s3" (list "region" "bucket" "regionendpoint" "encrypt" "keyid" "secure" "skipverify" "v4auth" "chunksize"
    "rootdirectory" "storageclass" "multipartcopychunksize" "multipartcopymaxconcurrency"
    "multipartcopythresholdsize")
  "swift" (list "authurl" "username" "container" "region" "tenant" "tenantid" "domain" "domainid" "trustid"
    "insecureskipverify" "chunksize" "prefix" "authversion" "endpointtype" "tempurlcontainerkey"
    "tempurlmethods")
-}}
{{- $given := index $store $store.type | default dict -}}
{{ $store.type }}:
  {{- range index $options $store.type }}
  {{- /* The driver does not verify what is not encrypted. */}}
  {{- $dropped := and (eq . "skipverify") (not $given.secure) }}
  {{- if and (index $given .) (not $dropped) }}
  {{ . }}: {{ index $given . }}
  {{- end }}
  {{- end }}
  {{- if and (eq $store.type "gcs") (not $given.useWorkloadIdentity) }}
  keyfile: /etc/registry/gcs-key.json
  {{- end }}
{{- end }}

{{/* Variables that carry the store's credentials from a secret of the user's: both containers have them. */}}
{{- define "standin.storeEnv" -}}
{{- $store := .Values.persistence.imageChartStorage -}}
{{- with $store.azure.existingSecret }}
- name: REGISTRY_STORAGE_AZURE_ACCOUNTKEY
  {{- include "standin.from" (list . "AZURE_STORAGE_ACCESS_KEY") | nindent 2 }}
{{- end }}
{{- with $store.swift.existingSecret }}
- name: REGISTRY_STORAGE_SWIFT_PASSWORD
  {{- include "standin.from" (list . "REGISTRY_STORAGE_SWIFT_PASSWORD") | nindent 2 }}
{{- range $key := list "REGISTRY_STORAGE_SWIFT_SECRETKEY" "REGISTRY_STORAGE_SWIFT_ACCESSKEY" }}
- name: {{ $key }}
  valueFrom: {secretKeyRef: {name: {{ $store.swift.existingSecret | quote }}, key: {{ $key }}, optional: true}}
{{- end }}
{{- end }}
{{- end }}

{{- define "standin.hasGcsKey" -}}
{{- $store := .Values.persistence.imageChartStorage -}}
{{- if and .Values.persistence.enabled (eq $store.type "gcs") (not $store.gcs.useWorkloadIdentity) }}yes{{ end -}}
{{- end }}

{{/* What both containers of the registry's pod mount. */}}
{{- define "standin.storeMounts" -}}
{{- $claim := .Values.persistence.persistentVolumeClaim.registry -}}
- name: registry-data
  mountPath: {{ .Values.persistence.imageChartStorage.filesystem.rootdirectory }}
  subPath: {{ $claim.subPath | quote }}
- {name: registry-config, mountPath: /etc/registry/config.yml, subPath: config.yml}
{{- if include "standin.hasGcsKey" . }}
- {name: gcs-key, mountPath: /etc/registry/gcs-key.json, subPath: gcs-key.json}
{{- end }}
{{- if .Values.persistence.imageChartStorage.caBundleSecretName }}
- {name: storage-service-ca, mountPath: /harbor_cust_cert/custom-ca-bundle.crt, subPath: ca.crt}
{{- end }}
{{- include "standin.trustMount" . }}
{{- end }}

{{- define "standin.registryEnv" -}}
{{- with .Values.registry.existingSecret }}
- name: REGISTRY_HTTP_SECRET
  {{- include "standin.from" (list . $.Values.registry.existingSecretKey) | nindent 2 }}
{{- end }}
{{- if has "registry" .Values.proxy.components }}
{{- include "standin.proxyEnv" . }}
{{- end }}
{{- include "standin.storeEnv" . }}
{{- end }}
