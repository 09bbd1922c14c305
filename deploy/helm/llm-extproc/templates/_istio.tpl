{{/* Full name of the processor's Service. */}}
{{- define "llm-extproc.serviceHost" -}}
{{ include "llm-extproc.fullname" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end }}

{{/* How long a stream may be silent, as the configuration says. */}}
{{- define "llm-extproc.idleTimeout" -}}
{{ printf "%gs" (divf (((.Values.config | default dict).envoy | default dict).stream_idle_ms | default 300000) 1000) }}
{{- end }}

{{/*
Changes the generated filter to what the values say. A gateway withholds headers that the configuration never reads:
those of identities, traces, routes and pins are sent, so with any of these nothing is withheld.
*/}}
{{- define "llm-extproc.filter" -}}
{{- $_ := set .filter "message_timeout" .Values.envoy.messageTimeout }}
{{- if or .Values.existingConfigMap (regexMatch `"(identity|otel|feedback|routes|sticky|pin_header)":` (toJson .Values.config)) }}
{{- $_ := unset .filter "forward_rules" }}
{{- end }}
{{- end }}

{{/* Folder of the Unix socket of an injected processor; empty: it listens on loopback. */}}
{{- define "llm-extproc.socketFolder" -}}
{{- $listen := ((.Values.config | default dict).server | default dict).listen | default "" }}
{{- if and (eq .Values.mode "sidecar") (regexMatch `^unix:/var/run/llm-extproc/[^/]+$` $listen) }}/var/run/llm-extproc{{ end }}
{{- end }}

{{/* A warning, where Istio injects nothing by the labels of the namespace. */}}
{{- define "llm-extproc.withoutInjection" -}}
{{- $labels := (.namespace.metadata | default dict).labels | default dict }}
{{- $isInjected := or (eq (get $labels "istio-injection") "enabled") (get $labels "istio.io/rev") (eq (get $labels "istio.io/dataplane-mode") "ambient") }}
{{- if and .namespace (not $isInjected) }}

NOTE: Istio injects nothing into the namespace {{ .Release.Namespace }}: it has neither istio-injection=enabled nor istio.io/rev.
{{- if eq .Values.mode "sidecar" }}
A pod without Istio's proxy is not guarded. Label the namespace, or each pod of a model server with sidecar.istio.io/inject=true:
{{- else }}
The gateway calls the processor without mTLS, and whoever reaches its port can forge what is metered. Label it, or set networkPolicy:
{{- end }}

    kubectl label namespace {{ .Release.Namespace }} istio-injection=enabled
{{- end }}
{{- end }}

{{/* What contradicts itself in a mesh. */}}
{{- define "llm-extproc.istioChecks" -}}
{{- $isSidecar := eq .Values.mode "sidecar" }}
{{- if eq .Values.mode "shared" }}
{{- fail "integration: istio has mTLS of its own between gateway and processor. Set mode gateway instead of shared" }}
{{- end }}
{{- if not .Values.envoy.selector }}
{{- fail (printf "envoy.selector: it is empty, and the EnvoyFilter would apply to every pod of the namespace. Name the labels of %s" (ternary "the model servers' pods" "the gateway's pods, such as { istio: ingressgateway }" $isSidecar)) }}
{{- end }}
{{- if and (not $isSidecar) (not .Values.envoy.hosts) }}
{{- fail "envoy.hosts: it is empty, so that no request would be guarded. Name the hosts of the gateway that lead to models, as your VirtualService or HTTPRoute has them" }}
{{- end }}
{{- with .Values.config }}
{{- $listen := (.server | default dict).listen | default "127.0.0.1:50051" }}
{{- if and $isSidecar (not (include "llm-extproc.socketFolder" $)) (not (regexMatch `^(127\.0\.0\.1|\[::1\]):[0-9]+$` $listen)) }}
{{- fail (printf "config.server.listen: it is %q, and Istio's proxy calls the processor in its pod, where nobody else may: who can, forges what is metered. Write \"127.0.0.1:50051\" or \"unix:/var/run/llm-extproc/extproc.sock\"" $listen) }}
{{- end }}
{{- if and (.server | default dict).tls (not $isSidecar) }}
{{- fail "config.server.tls: with integration istio the mesh's own mTLS is between gateway and processor. Remove it" }}
{{- end }}
{{- range (.identity | default dict).sources }}
{{- if has .source (list "jwt" "client_certificate") }}
{{- fail (printf "config.identity.sources: %s is verified by an Envoy that `extproc envoy-config` configures, and here istiod does. Use API keys, or a trusted hop with a signature" .source) }}
{{- end }}
{{- end }}
{{- range (.identity | default dict).trusted_hops }}
{{- if eq .hop "listener" }}
{{- fail "config.identity.trusted_hops: a mesh has no listener for one hop. Use `hop: signed`" }}
{{- end }}
{{- end }}
{{- if not $isSidecar }}
{{- $address := printf "%s:%d" (include "llm-extproc.serviceHost" $) (int $.Values.service.port) }}
{{- if ne (((.envoy | default dict).processor | default dict).address | default "") $address }}
{{- fail (printf "config.envoy.processor.address: routes and policies that `extproc envoy-config` prints must name the Service that the filter calls. Write %q" $address) }}
{{- end }}
{{- range concat (values .models) (.routes | default list) }}
{{- if .fallback }}
{{- fail "config: fallback needs listeners in the gateway that depend on your versions. Set integration: none, and apply what `extproc envoy-config --for istio-gateway` prints" }}
{{- end }}
{{- range .versions }}
{{- if kindIs "map" . }}
{{- if or .provider (eq (.pick | default "") "load") }}
{{- fail (printf "config.models: %s of a version cannot be done by a gateway of Istio (docs/istio.md, \"What a mesh cannot do\"). Set integration: none, with an Envoy of your own" (ternary "provider" "pick: load" (hasKey . "provider"))) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
