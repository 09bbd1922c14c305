{{- define "llm-extproc.name" -}}
{{ .Values.nameOverride | default "llm-extproc" }}
{{- end }}

{{/* At most 50 letters: suffixes, such as -dashboards and those of pods, must fit in 63. */}}
{{- define "llm-extproc.fullname" -}}
{{- $name := include "llm-extproc.name" . }}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride }}
{{- else if contains $name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "llm-extproc.selector" -}}
app.kubernetes.io/name: {{ include "llm-extproc.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "llm-extproc.labels" -}}
{{ include "llm-extproc.selector" . }}
app.kubernetes.io/component: processor
app.kubernetes.io/part-of: llm
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "llm-extproc.image" -}}
{{- $repository := required "image.repository: the name of the image in your registry; build and push it first (deploy/README.md, \"Try it\")" .Values.image.repository }}
{{- if .Values.image.digest }}{{ $repository }}@{{ .Values.image.digest }}
{{- else }}{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* The program in a running pod, which has prompts and secrets, too. */}}
{{- define "llm-extproc.exec" -}}
kubectl -n {{ .Release.Namespace }} exec {{ ternary "statefulset" "deploy" .Values.persistence.enabled }}/{{ include "llm-extproc.fullname" . }} -- /opt/llm-extproc/bin/extproc
{{- end }}

{{- define "llm-extproc.configMap" -}}
{{- .Values.existingConfigMap | default (printf "%s-config" (include "llm-extproc.fullname" .)) }}
{{- end }}

{{- define "llm-extproc.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "llm-extproc.fullname" .) }}
{{- else }}{{ .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{/* The container of the processor; a list item. */}}
{{- define "llm-extproc.container" -}}
- name: llm-extproc
  {{- if eq .Values.mode "sidecar" }}
  restartPolicy: Always
  {{- end }}
  image: {{ include "llm-extproc.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [serve, --config, /etc/llm-extproc/config.yaml]
  {{- with .Values.env }}
  env: {{- toYaml . | nindent 2 }}
  {{- end }}
  ports:
  {{- if ne .Values.mode "sidecar" }}
  - { name: grpc-extproc, containerPort: {{ .Values.service.port }} }
  {{- end }}
  - { name: metrics, containerPort: 9464 }
  # On the page's port: the kubelet speaks no mTLS, and does not reach loopback.
  startupProbe:
    httpGet: { path: /readyz, port: metrics }
    periodSeconds: 1
    failureThreshold: 30
  readinessProbe:
    httpGet: { path: /readyz, port: metrics }
    periodSeconds: 5
  livenessProbe:
    httpGet: { path: /livez, port: metrics }
    periodSeconds: 10
    timeoutSeconds: 5
  {{- if ne .Values.mode "sidecar" }}
  lifecycle:
    # Envoys must have stopped opening streams here before it drains.
    preStop: { sleep: { seconds: {{ .Values.preStopSeconds }} } }
  {{- end }}
  resources: {{- toYaml .Values.resources | nindent 4 }}
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities: { drop: [ALL] }
    {{- if eq .Values.mode "sidecar" }}
    # Its pod may say otherwise for the model server, root even. Not 1337: what Envoy's user sends goes past Envoy.
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    seccompProfile: { type: RuntimeDefault }
    {{- end }}
  volumeMounts:
  - { name: llm-extproc-config, mountPath: /etc/llm-extproc, readOnly: true }
  - { name: llm-extproc-data, mountPath: /var/lib/llm-extproc }
  - { name: llm-extproc-tmp, mountPath: /tmp }
  {{- with include "llm-extproc.socketFolder" . }}
  - { name: llm-extproc-socket, mountPath: {{ . }} }
  {{- end }}
  {{- if .Values.apiToken }}
  - { name: llm-extproc-token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true }
  {{- end }}
{{- end }}

{{/* Its volumes, but for that of a StatefulSet; a list. */}}
{{- define "llm-extproc.volumes" -}}
# One folder of several objects, swapped at once: prompts may belong to other people than the configuration does.
- name: llm-extproc-config
  projected:
    sources:
    - configMap:
        name: {{ include "llm-extproc.configMap" . }}
        items: [{ key: config.yaml, path: config.yaml }]
    {{- if .Values.prompts }}
    - configMap:
        name: {{ include "llm-extproc.fullname" . }}-prompts
        items:
        {{- range $name, $_ := .Values.prompts }}
        - { key: {{ $name | quote }}, path: {{ printf "prompts/%s" $name | quote }} }
        {{- end }}
    {{- end }}
    {{- range .Values.promptConfigMaps }}
    - configMap:
        name: {{ .name }}
        items:
        {{- range .keys }}
        - { key: {{ . | quote }}, path: {{ printf "prompts/%s" . | quote }} }
        {{- end }}
    {{- end }}
    {{- range .Values.secretFiles }}
    - secret:
        name: {{ .name }}
        items:
        {{- range .items }}
        - { key: {{ .key | quote }}, path: {{ printf "secrets/%s" .path | quote }} }
        {{- end }}
    {{- end }}
    {{- if .Values.tls.secretName }}
    - secret:
        name: {{ .Values.tls.secretName }}
        items:
        {{- range list "tls.crt" "tls.key" "ca.crt" }}
        - { key: {{ . }}, path: tls/{{ . }} }
        {{- end }}
    {{- end }}
{{- if not (and .Values.persistence.enabled (ne .Values.mode "sidecar")) }}
- name: llm-extproc-data
  emptyDir: { sizeLimit: {{ .Values.spoolSizeLimit }} }
{{- end }}
- name: llm-extproc-tmp
  emptyDir: { medium: Memory, sizeLimit: 16Mi }
{{- if .Values.apiToken }}
- name: llm-extproc-token
  projected:
    defaultMode: 0440
    sources:
    - serviceAccountToken: { path: token, expirationSeconds: 3600 }
    - configMap:
        name: kube-root-ca.crt
        items: [{ key: ca.crt, path: ca.crt }]
    - downwardAPI:
        items: [{ path: namespace, fieldRef: { fieldPath: metadata.namespace } }]
{{- end }}
{{- end }}
