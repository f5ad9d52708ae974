{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{- define "philoscope.args" -}}
- --web.listen-address=:{{ .Values.metrics.port }}
- --web.telemetry-path={{ .Values.metrics.path }}
{{- if .Values.web.configSecret }}
- --web.config.file=/etc/philoscope/web-config.yml
{{- end }}
- --state.dir={{ ternary (printf "/sys/fs/bpf/%s" .Values.state.folder) "none" .Values.state.enabled }}
{{- if .Values.state.enabled }}
- --state.on-stop={{ .Values.state.onStop }}
{{- end }}
- --identity.ttl={{ .Values.identity.ttl }}
- --metrics.namespace={{ .Values.metrics.namespace }}
- --metrics.max-series={{ int .Values.metrics.maxSeries }}
{{- range $family, $on := .Values.collectors }}
{{- if not $on }}
- --no-collector.{{ $family }}
{{- end }}
{{- end }}
- --log.level={{ .Values.log.level }}
- --log.format={{ .Values.log.format }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{- define "philoscope.probe" -}}
httpGet:
  path: {{ .path }}
  port: metrics
  scheme: {{ .root.Values.web.scheme }}
  {{- with .root.Values.web.probeHeaders }}
  httpHeaders:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "philoscope.probes" -}}
# Before the first look at all processes of the node is over, it is alive, not ready.
startupProbe:
  {{- include "philoscope.probe" (dict "root" . "path" "/-/healthy") | nindent 2 }}
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  {{- include "philoscope.probe" (dict "root" . "path" "/-/healthy") | nindent 2 }}
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 4
readinessProbe:
  {{- include "philoscope.probe" (dict "root" . "path" "/-/ready") | nindent 2 }}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}

{{- define "philoscope.securityContext" -}}
readOnlyRootFilesystem: true
runAsUser: 0
{{- if .Values.privileged }}
privileged: true
{{- else }}
privileged: false
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
  add:
    - BPF # maps and programs
    - PERFMON # programs that read memory; uprobes
    - SYS_PTRACE # /proc/PID/exe, maps and memory of other users' processes
    - DAC_READ_SEARCH # executables that only their user may read
    {{- range .Values.extraCapabilities }}
    - {{ . }}
    {{- end }}
seccompProfile:
  {{- toYaml .Values.seccompProfile | nindent 2 }}
{{- with .Values.appArmorProfile }}
appArmorProfile:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "philoscope.mounts" -}}
{{- if .Values.state.enabled }}
- name: bpffs
  mountPath: /sys/fs/bpf
  # A bpffs that the host mounts later is seen, too.
  mountPropagation: HostToContainer
{{- end }}
{{- if .Values.identity.podLogs }}
- name: pods
  mountPath: /var/log/pods
  readOnly: true
- name: containers
  mountPath: /var/log/containers
  readOnly: true
{{- end }}
{{- if .Values.identity.runtime.enabled }}
- name: runtime
  mountPath: {{ .Values.identity.runtime.hostPath }}
  readOnly: true
{{- end }}
{{- if .Values.web.configSecret }}
- name: web
  mountPath: /etc/philoscope
  readOnly: true
{{- end }}
{{- end }}

{{- define "philoscope.hostPath" -}}
- name: {{ .name }}
  hostPath:
    path: {{ .path }}
    type: {{ .type | default "Directory" }}
{{- end }}

{{- define "philoscope.volumes" -}}
{{- if .Values.state.enabled }}
{{ include "philoscope.hostPath" (dict "name" "bpffs" "path" .Values.state.hostPath) }}
{{- end }}
{{- if .Values.identity.podLogs }}
{{ include "philoscope.hostPath" (dict "name" "pods" "path" "/var/log/pods") }}
{{ include "philoscope.hostPath" (dict "name" "containers" "path" "/var/log/containers") }}
{{- end }}
{{- if .Values.identity.runtime.enabled }}
{{ include "philoscope.hostPath" (dict "name" "runtime" "path" .Values.identity.runtime.hostPath) }}
{{- end }}
{{- with .Values.web.configSecret }}
- name: web
  secret:
    secretName: {{ . }}
    defaultMode: 0400
{{- end }}
{{- end }}
