{{/* What pods of `helm test` share. */}}
{{- define "llm-extproc.testMetadata" -}}
labels:
  {{- include "llm-extproc.labels" . | replace "component: processor" "component: test" | nindent 2 }}
  {{- with .Values.test.labels }}{{ toYaml . | nindent 2 }}{{ end }}
annotations:
  helm.sh/hook: test
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- define "llm-extproc.testPod" -}}
restartPolicy: Never
automountServiceAccountToken: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 0 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "llm-extproc.testVolumes" -}}
{{- include "llm-extproc.volumes" (mustMergeOverwrite (deepCopy .) (dict "Values" (dict "persistence" (dict "enabled" false) "apiToken" false))) }}
{{- end }}

{{/* Not empty where the doctor has something to look into. */}}
{{- define "llm-extproc.doctorAsks" -}}
{{- with .Values.test.doctor }}{{ if or .admin .probe .direct .files.configMap }}yes{{ end }}{{ end }}
{{- end }}
