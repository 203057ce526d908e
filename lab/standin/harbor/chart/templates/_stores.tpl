{{/* Where the database and Redis are: inside, or what the values say. */}}
{{- define "standin.database" -}}
{{- $outside := .Values.database.external -}}
{{- $inside := dict "host" (include "standin.part" (list . "database")) "port" "5432" "username" "postgres" -}}
{{- $inside = merge $inside (dict "coreDatabase" "registry" "sslmode" "disable") -}}
{{- toYaml (ternary $inside $outside (eq .Values.database.type "internal")) -}}
{{- end }}

{{- define "standin.databasePassword" -}}
{{- if eq .Values.database.type "internal" -}}
{{- $name := include "standin.part" (list . "database") -}}
{{- $live := (lookup "v1" "Secret" .Release.Namespace $name).data | default dict -}}
{{- .Values.database.internal.password | default ($live.POSTGRES_PASSWORD | default "" | b64dec) -}}
{{- else -}}
{{- .Values.database.external.password -}}
{{- end -}}
{{- end }}

{{- define "standin.redisAddress" -}}
{{- $inside := printf "%s:6379" (include "standin.part" (list . "redis")) -}}
{{- ternary $inside .Values.redis.external.addr (eq .Values.redis.type "internal") -}}
{{- end }}

{{/* User and password as a map; from a secret they are read at each render, so `helm template` has none. */}}
{{- define "standin.redisLogin" -}}
{{- $outside := .Values.redis.external -}}
{{- $user := ""}}{{ $password := "" -}}
{{- if eq .Values.redis.type "internal" -}}
{{- else if $outside.existingSecret -}}
{{- $live := (lookup "v1" "Secret" .Release.Namespace $outside.existingSecret).data | default dict -}}
{{- $user = $live.REDIS_USERNAME | default "" | b64dec | trim -}}
{{- $password = $live.REDIS_PASSWORD | default "" | b64dec | trim -}}
{{- else -}}
{{- $user = $outside.username | default "" }}{{ $password = $outside.password | default "" -}}
{{- end -}}
{{- dict "user" $user "password" $password | toYaml -}}
{{- end }}

{{- define "standin.redisScheme" -}}
{{- if eq .Values.redis.type "internal" -}}
redis
{{- else -}}
{{- ternary "rediss" "redis" .Values.redis.external.tlsOptions.enable -}}
{{- if .Values.redis.external.sentinelMasterSet }}+sentinel{{ end -}}
{{- end -}}
{{- end }}

{{/* (list $ "jobserviceDatabaseIndex"): a number of redis.internal or redis.external; core's inside is 0. */}}
{{- define "standin.redisIndex" -}}
{{- $redis := (first .).Values.redis -}}
{{- $inside := merge (dict "coreDatabaseIndex" "0") $redis.internal -}}
{{- index (ternary $inside $redis.external (eq $redis.type "internal")) (last .) | default "" -}}
{{- end }}

{{/* (list $ "jobserviceDatabaseIndex"): address, login and number in one. */}}
{{- define "standin.redisURL" -}}
{{- $redis := (first .).Values.redis -}}
{{- $login := include "standin.redisLogin" (first .) | fromYaml -}}
{{- include "standin.redisScheme" (first .) }}://
{{- if and (eq $redis.type "external") (or $redis.external.existingSecret $redis.external.password) -}}
{{- printf "%s:%s@" ($login.user | urlquery) ($login.password | urlquery) -}}
{{- end -}}
{{- include "standin.redisAddress" (first .) -}}
{{- if and (eq $redis.type "external") $redis.external.sentinelMasterSet }}/{{ $redis.external.sentinelMasterSet }}{{ end -}}
/{{ include "standin.redisIndex" . -}}
{{- end }}
