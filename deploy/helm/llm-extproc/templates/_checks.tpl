{{/* Values that contradict each other: what is wrong, and how to fix it. Helm shows the first one. */}}
{{- define "llm-extproc.checks" -}}
{{- $config := .Values.config }}
{{- $isSidecar := eq .Values.mode "sidecar" }}
{{- if and (not $config) (not .Values.existingConfigMap) }}
{{- fail "config: it is empty. Put llm-extproc's configuration there (`extproc init` writes one), or name a ConfigMap in existingConfigMap" }}
{{- end }}
{{- if and $config .Values.existingConfigMap }}
{{- fail "config and existingConfigMap: both are set. Keep one of them" }}
{{- end }}
{{- if $config }}
{{- $role := $config.role | default "route" }}
{{- if and $isSidecar (ne $role "guard") }}
{{- fail (printf "config.role: it is %s, and mode sidecar needs guard: next to a model server there is no version left to choose" $role) }}
{{- end }}
{{- if and (not $isSidecar) (eq $role "guard") }}
{{- fail (printf "config.role: it is guard, which is for mode sidecar. For mode %s remove it" .Values.mode) }}
{{- end }}
{{- $listen := ($config.server | default dict).listen | default "" }}
{{- if and (not $isSidecar) (ne $listen (printf "0.0.0.0:%v" .Values.service.port)) (ne $listen (printf "[::]:%v" .Values.service.port)) }}
{{- fail (printf "config.server.listen: it is %q, where no Envoy of another pod reaches it. For mode %s write \"0.0.0.0:%v\", the port of service.port" $listen .Values.mode .Values.service.port) }}
{{- end }}
{{- $metrics := ($config.server | default dict).metrics | default "" }}
{{- if not (hasSuffix ":9464" $metrics) }}
{{- fail (printf "config.server.metrics: it is %q, and probes and monitors ask port 9464. Write \"0.0.0.0:9464\"" $metrics) }}
{{- end }}
{{- $limits := $config.limits | default dict }}
{{- $largest := max ($limits.request_body_bytes_max | default 0 | int64) ($limits.response_body_bytes_max | default 0 | int64) }}
{{- if and (ne .Values.integration "none") (ge $largest (int64 .Values.envoy.bufferBytes)) }}
{{- fail (printf "envoy.bufferBytes: it is %d, and config.limits allows bodies of %d bytes, which Envoy would refuse with 413. Set it to %d" (int64 .Values.envoy.bufferBytes) $largest (add $largest 65536)) }}
{{- end }}
{{- $pods := ternary (int .Values.autoscaling.maxReplicas) (int .Values.replicas) .Values.autoscaling.enabled }}
{{- with $config.rate_limits }}
{{- if and (not $isSidecar) (gt $pods 1) (not .store) (ne (int (.replicas | default 1)) $pods) }}
{{- fail (printf "config.rate_limits: up to %d pods count by themselves, so that everybody has a multiple of a limit. Set rate_limits.store, the URL of a Valkey, or rate_limits.replicas: %d" $pods $pods) }}
{{- end }}
{{- end }}
{{- with $config.ledger }}
{{- if not (hasPrefix "/var/lib/llm-extproc/" (.spool | default "")) }}
{{- fail (printf "config.ledger.spool: it is %q, and only /var/lib/llm-extproc can be written. Write \"/var/lib/llm-extproc/spool\"" (.spool | default "")) }}
{{- end }}
{{- if hasPrefix "sqlite:" (.url | default "") }}
{{- if or (gt (int $.Values.replicas) 1) $.Values.autoscaling.enabled }}
{{- fail "config.ledger.url: each pod would have a SQLite database of its own. Use postgresql://, or replicas: 1 without autoscaling" }}
{{- end }}
{{- if and (not $isSidecar) (not $.Values.persistence.enabled) }}
{{- fail "config.ledger.url: a SQLite database would be lost with its pod. Set persistence.enabled, or use postgresql://" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (eq .Values.mode "shared") (not .Values.tls.secretName) }}
{{- fail "tls.secretName: mode shared is for Envoys of other pods, and a client that reaches the processor can forge what is metered. Name a Secret with tls.crt, tls.key and ca.crt; in a mesh that does mTLS use mode gateway" }}
{{- end }}
{{- if and .Values.networkPolicy.enabled (not $isSidecar) (not .Values.networkPolicy.envoys) }}
{{- fail "networkPolicy.envoys: it is empty, so that no Envoy would reach the processor. Name the pods, such as [{ podSelector: { matchLabels: { app: gateway } } }]" }}
{{- end }}
{{- if and $isSidecar .Values.persistence.enabled }}
{{- fail "persistence.enabled: a sidecar has the volumes of its pod. Use postgresql:// for the ledger; what it has not shipped is lost with the pod" }}
{{- end }}
{{- with .Values.test.doctor }}
{{- if ne (empty .files.configMap) (empty .files.keys) }}
{{- fail "test.doctor.files: it needs both, a configMap and its keys, such as { configMap: envoy, keys: [envoy.yaml] }" }}
{{- end }}
{{- if and .admin .files.configMap }}
{{- fail "test.doctor: admin and files are both set, and the doctor looks into one Envoy. Keep one of them" }}
{{- end }}
{{- if and .headers (not .probe) (not .direct) }}
{{- fail "test.doctor.headers: they go with probes. Set probe or direct" }}
{{- end }}
{{- end }}
{{- if and .Values.initCheck.enabled (not (and $isSidecar (eq .Values.integration "istio"))) }}
{{- fail "initCheck.enabled: it looks at the Envoy in the pod of a model server, which only mode sidecar with integration istio has. For a gateway set test.doctor" }}
{{- end }}
{{- if eq .Values.integration "istio" }}
{{- include "llm-extproc.istioChecks" . }}
{{- end }}
{{- if and (eq .Values.integration "envoyGateway") (or (ne .Values.mode "gateway") (not .Values.envoy.gateway)) }}
{{- fail "integration: envoyGateway needs mode gateway, and envoy.gateway, the name of the Gateway" }}
{{- end }}
{{- range list (list "istio" "networking.istio.io/v1alpha3/EnvoyFilter" "Istio") (list "envoyGateway" "gateway.envoyproxy.io/v1alpha1/EnvoyExtensionPolicy" "Envoy Gateway") }}
{{- if and (eq $.Values.integration (index . 0)) (not ($.Capabilities.APIVersions.Has (index . 1))) }}
{{- fail (printf "integration: the cluster does not know %s. Install %s first; for `helm template` add --api-versions %s" (index . 1) (index . 2) (index . 1)) }}
{{- end }}
{{- end }}
{{- end }}
