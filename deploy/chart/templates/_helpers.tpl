{{- define "agent.labels" -}}
app.kubernetes.io/name: otel-interrogator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "agent.chartLabels" -}}
{{ include "agent.labels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "agent.name" -}}
{{- if contains "otel-interrogator" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-otel-interrogator{{ end }}
{{- end }}

{{- /* Objects of the whole cluster: two releases must not share them. */ -}}
{{- define "agent.clusterName" -}}
{{- if eq .Release.Namespace "otel-interrogator" }}{{ include "agent.name" . }}{{ else }}{{ .Release.Namespace }}-{{ include "agent.name" . }}{{ end }}
{{- end }}

{{- define "agent.file" -}}
{{- if .Values.processExporter.enabled }}process-exporter.yaml{{ else }}agent.yaml{{ end }}
{{- end }}

{{- define "agent.config" -}}
{{- if .Values.processExporter.enabled -}}
{{- with .Values.processExporter.config }}{{ toYaml . }}{{ else }}{{ .Files.Get "files/process-exporter.yaml" }}{{ end }}
{{- else if .Values.config -}}
{{ toYaml .Values.config }}
{{- else if .Values.openshift.enabled -}}
{{ .Files.Get "files/process-interrogator.yaml" }}
{{- end }}
{{- end }}

{{- define "agent.collectorConfig" -}}
{{- with .Values.collector.config }}{{ toYaml . }}{{ else }}{{ .Files.Get "files/collector.yaml" }}{{ end }}
{{- end }}

{{- define "agent.capabilities" -}}
SYS_PTRACE, DAC_READ_SEARCH{{ if .Values.perf.enabled }}, {{ .Values.perf.capability }}{{ end }}{{ if include "agent.user" . }}, SETUID, SETGID{{ end }}
{{- end }}

{{- /* The user that the agent becomes after its start as root. */ -}}
{{- define "agent.user" -}}
{{- if and .Values.capabilities.enabled .Values.capabilities.user }}{{ int64 .Values.capabilities.user }}{{ end }}
{{- end }}

{{- /* Names of the runtime take its socket, which is reached with SYS_PTRACE and belongs to root. */ -}}
{{- define "agent.usesRuntime" -}}
{{- if and .Values.capabilities.enabled (not .Values.capabilities.user) (eq .Values.names.from "runtime") (not .Values.processExporter.enabled) }}yes{{ end }}
{{- end }}

{{- define "agent.check" -}}
{{- if not (has .Values.names.from (list "runtime" "api-server" "kubelet" "none")) }}
{{- fail (printf "names.from is %q: runtime, api-server, kubelet or none" .Values.names.from) }}
{{- end }}
{{- if not (has .Values.dashboards.naming (list "classic" "otel")) }}
{{- fail (printf "dashboards.naming is %q: classic or otel" .Values.dashboards.naming) }}
{{- end }}
{{- if and .Values.perf.enabled (not .Values.capabilities.enabled) }}
{{- fail "perf.enabled needs capabilities.enabled" }}
{{- end }}
{{- end }}
