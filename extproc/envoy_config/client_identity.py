"""What Envoy finds out about a client for ``identity``: verified tokens, certificates, and through which listener.

Tokens are verified before the processor is called. A wrong one is not refused there: the filter tells why in its
metadata, and the processor refuses it, in the shape of the client's API, and counts it. A bearer token without the form
of a JWT is not looked at: it may be an API key.

Source: Envoy's filter ``jwt_authn``; measured on 1.40.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from extproc.config.document import Document
from extproc.config.identity import AUTHORIZATION, CertificateSection, JwtSection, ListenerHop
from extproc.domain.contract import JWT_CLAIMS, JWT_FAILURE, JWT_NAMESPACE
from extproc.envoy_config.addresses import is_ip

_EXTENSIONS: Final = "type.googleapis.com/envoy.extensions"
_JWT_FORM: Final = r"(?i)bearer +[^.]*\.[^.]*\.[^.]*"
_PREFIXES: Final = ("Bearer ", "bearer ", "BEARER ")
"""The word has any case (RFC 7235), and this filter compares its letters."""
_FETCH_TIMEOUT: Final = "5s"
_CACHED: Final = "300s"


def jwt_filters(document: Document) -> list[dict[str, Any]]:
    """The filter that verifies tokens, before the processor's; none without a source ``jwt``."""
    sources = _jwt_sources(document)
    if not sources:
        return []
    any_of = [*({"provider_name": _name(number)} for number in sources), {"allow_missing_or_failed": {}}]
    form = {"name": AUTHORIZATION, "string_match": {"safe_regex": {"regex": _JWT_FORM}}}
    typed = {
        "@type": f"{_EXTENSIONS}.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {_name(number): _provider(number, source) for number, source in sources.items()},
        "rules": [
            {"match": {"prefix": "/", "headers": [form]}, "requires": {"requires_any": {"requirements": any_of}}}
        ],
    }
    return [{"name": JWT_NAMESPACE, "typed_config": typed}]


def forwarded_namespaces(document: Document) -> dict[str, Any]:
    """The part of the processor's ``MetadataOptions`` that brings it what is known of tokens."""
    return {"forwarding_namespaces": {"untyped": [JWT_NAMESPACE]}} if _jwt_sources(document) else {}


def jwks_clusters(document: Document) -> list[dict[str, Any]]:
    """Clusters of the servers from which the public keys of issuers are fetched."""
    return [
        _jwks_cluster(number, source.jwks_uri, source.ca_file)
        for number, source in _jwt_sources(document).items()
        if source.jwks_uri is not None
    ]


def client_tls(document: Document) -> dict[str, Any]:
    """The part of a filter chain that speaks TLS with clients. A certificate of theirs is checked, and not required."""
    tls = document.envoy.tls
    if tls is None:
        return {}
    ca = {} if tls.client_ca_file is None else {"validation_context": {"trusted_ca": {"filename": tls.client_ca_file}}}
    context = {
        "@type": f"{_EXTENSIONS}.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificates": [
                {"certificate_chain": {"filename": tls.certificate_file}, "private_key": {"filename": tls.key_file}}
            ],
            **ca,
        },
    }
    return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}}


def told_certificates(document: Document) -> dict[str, Any]:
    """The part of a connection manager that tells a client's certificate, in place of what the client says of it."""
    if not any(isinstance(one, CertificateSection) for one in document.identity.sources):
        return {}
    return {
        "forward_client_cert_details": "SANITIZE_SET",
        "set_current_client_cert_details": {"uri": True, "dns": True},
    }


def trusted_listeners(document: Document) -> list[str]:
    """Addresses of the listeners that only trusted hops reach."""
    return [hop.listen for hop in document.identity.trusted_hops if isinstance(hop, ListenerHop)]


def _jwt_sources(document: Document) -> dict[int, JwtSection]:
    sources = document.identity.sources
    return {number: source for number, source in enumerate(sources) if isinstance(source, JwtSection)}


def _name(number: int) -> str:
    return f"llm_issuer_{number}"


def _provider(number: int, source: JwtSection) -> dict[str, Any]:
    if source.jwks_uri is None:
        keys: dict[str, Any] = {"local_jwks": {"filename": source.jwks_file}}
    else:
        uri = {"uri": source.jwks_uri, "cluster": _name(number), "timeout": _FETCH_TIMEOUT}
        keys = {"remote_jwks": {"http_uri": uri, "cache_duration": _CACHED, "async_fetch": {"fast_listener": True}}}
    return {
        "issuer": source.issuer,
        "audiences": list(source.audiences),
        **keys,
        "from_headers": [{"name": AUTHORIZATION, "value_prefix": prefix} for prefix in _PREFIXES],
        "require_expiration": True,
        "forward": False,
        "payload_in_metadata": f"{JWT_CLAIMS}{number}",
        "failed_status_in_metadata": f"{JWT_FAILURE}{number}",
    }


def _jwks_cluster(number: int, uri: str, ca_file: str) -> dict[str, Any]:
    parts = urlsplit(uri)
    host, is_secure = parts.hostname or "", parts.scheme == "https"
    address = {"address": host, "port_value": parts.port or (443 if is_secure else 80)}
    endpoint = {"endpoint": {"address": {"socket_address": address}}}
    cluster = {
        "name": _name(number),
        "type": "STATIC" if is_ip(host) else "STRICT_DNS",
        "connect_timeout": "3s",
        "load_assignment": {"cluster_name": _name(number), "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    if not is_secure:
        return cluster
    san = {"san_type": "IP_ADDRESS" if is_ip(host) else "DNS", "matcher": {"exact": host}}
    context = {
        "@type": f"{_EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext",
        **({} if is_ip(host) else {"sni": host}),
        "common_tls_context": {
            "validation_context": {"trusted_ca": {"filename": ca_file}, "match_typed_subject_alt_names": [san]}
        },
    }
    return {**cluster, "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}}
