{{/*
Objects have fixed names: there is one kroguard in a cluster, and its webhook configurations are named kroguard.
*/}}

{{- define "kroguard.selector" -}}
app.kubernetes.io/name: kroguard
app.kubernetes.io/component: webhook
{{- end }}

{{- define "kroguard.labels" -}}
app.kubernetes.io/name: kroguard
app.kubernetes.io/component: webhook
app.kubernetes.io/part-of: kroguard
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "kroguard.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* The Pods' own address before a port. */}}
{{- define "kroguard.listen" -}}
{{ .root.Values.bindAddress }}:{{ .port }}
{{- end }}

{{/*
Nine tenths of the memory limit in bytes, for the garbage collector to work harder before the limit ends the process.
*/}}
{{- define "kroguard.memoryLimit" -}}
{{- $text := toString . -}}
{{- $units := dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "k" 1000 "M" 1000000 "G" 1000000000 -}}
{{- $number := regexFind "^[0-9]+(\\.[0-9]+)?" $text -}}
{{- $unit := regexReplaceAll "^[0-9]+(\\.[0-9]+)?" $text "" -}}
{{- if or (not $number) (and $unit (not (hasKey $units $unit))) -}}
{{- fail (printf "resources.limits.memory: %q is no quantity such as 1Gi or 900Mi" $text) -}}
{{- end -}}
{{- mulf (float64 $number) (ternary (get $units $unit) 1 (ne $unit "")) 0.9 | floor | int64 -}}
{{- end }}
