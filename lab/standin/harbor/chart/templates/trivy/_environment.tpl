{{/* What upstream's scanner adapter reads; the stand-in scans nothing. */}}
{{- define "standin.scannerEnv" -}}
{{- $name := include "standin.part" (list . "trivy") -}}
{{- $values := .Values.trivy -}}
{{- range $key, $value := dict
  "SCANNER_LOG_LEVEL" .Values.logLevel
  "SCANNER_API_SERVER_ADDR" ":8080"
  "SCANNER_TRIVY_CACHE_DIR" "/home/scanner/.cache/trivy"
  "SCANNER_TRIVY_REPORTS_DIR" "/home/scanner/.cache/reports"
  "SCANNER_TRIVY_DEBUG_MODE" $values.debugMode
  "SCANNER_TRIVY_VULN_TYPE" $values.vulnType
  "SCANNER_TRIVY_TIMEOUT" $values.timeout
  "SCANNER_TRIVY_SEVERITY" $values.severity
  "SCANNER_TRIVY_IGNORE_UNFIXED" $values.ignoreUnfixed
  "SCANNER_TRIVY_SKIP_UPDATE" $values.skipUpdate
  "SCANNER_TRIVY_SKIP_JAVA_DB_UPDATE" $values.skipJavaDBUpdate
  "SCANNER_TRIVY_DB_REPOSITORY" ($values.dbRepository | join ",")
  "SCANNER_TRIVY_JAVA_DB_REPOSITORY" ($values.javaDBRepository | join ",")
  "SCANNER_TRIVY_OFFLINE_SCAN" $values.offlineScan
  "SCANNER_TRIVY_SECURITY_CHECKS" $values.securityCheck
  "SCANNER_TRIVY_INSECURE" $values.insecure
}}
- {name: {{ $key }}, value: {{ $value | quote }}}
{{- end }}
- name: SCANNER_TRIVY_GITHUB_TOKEN
  {{- include "standin.from" (list $name "gitHubToken") | nindent 2 }}
{{- range list "SCANNER_REDIS_URL" "SCANNER_STORE_REDIS_URL" "SCANNER_JOB_QUEUE_REDIS_URL" }}
- name: {{ . }}
  {{- include "standin.from" (list $name "redisURL") | nindent 2 }}
{{- end }}
{{- end }}
