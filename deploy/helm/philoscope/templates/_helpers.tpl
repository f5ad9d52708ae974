{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{- define "philoscope.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "philoscope.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := include "philoscope.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "philoscope.selector" -}}
app.kubernetes.io/name: {{ include "philoscope.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "philoscope.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "philoscope.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "philoscope.image" -}}
{{- with .Values.image }}
{{- $name := ternary (printf "%s/%s" .registry .repository) .repository (ne .registry "") }}
{{- if .digest }}{{ $name }}@{{ .digest }}
{{- else }}{{ $name }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{- define "philoscope.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "philoscope.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "philoscope.priorityClass" -}}
{{- .Values.priorityClass.name | default (ternary (include "philoscope.fullname" .) "" .Values.priorityClass.create) }}
{{- end }}

{{/* A file of the chart, with the metrics' first word as it is set. */}}
{{- define "philoscope.file" -}}
{{- .root.Files.Get .path | replace "philotes_" (printf "%s_" .root.Values.metrics.namespace) }}
{{- end }}

{{/* One endpoint of a PodMonitor or ServiceMonitor. The series name their own pod, which goes before that of the observer. */}}
{{- define "philoscope.endpoint" -}}
port: metrics
path: {{ .root.Values.metrics.path }}
scheme: {{ lower .root.Values.web.scheme }}
interval: {{ .monitor.interval }}
scrapeTimeout: {{ .monitor.scrapeTimeout }}
honorLabels: true
relabelings:
  - sourceLabels: [__meta_kubernetes_pod_node_name]
    targetLabel: node
{{- with .monitor.endpoint }}
{{ toYaml . }}
{{- end }}
{{- end }}
