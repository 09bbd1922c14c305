"""TLS between Envoy and the processor: the expected CA and name, and Envoy's own certificate.

Envoy reads files named in its bootstrap configuration only at startup. Files of a *secret* (SDS, from a service or a
file) are reloaded when their folder changes.
"""

from __future__ import annotations

import posixpath
from typing import Any

from extproc.config.document import Server, ServerTls
from extproc.config.envoy import EnvoyProcessor
from extproc.envoy_config.addresses import is_ip, reachable_address, socket_address
from extproc.envoy_config.errors import EnvoyConfigError

CA_SECRET = "llm_extproc_ca"
IDENTITY_SECRET = "llm_extproc_identity"

_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"


def transport_socket(server: Server, found_at: EnvoyProcessor) -> dict[str, Any] | None:
    """``TransportSocket`` of the processor's cluster, or None without TLS.

    Raises: EnvoyConfigError if a file that ``server.tls`` requires is missing.
    """
    if server.tls is None:
        return None
    _check(server.tls, found_at)
    name = _expected_name(server, found_at)
    common: dict[str, Any] = {
        # Envoy does not offer h2 by default, and the processor closes connections without it
        "alpn_protocols": ["h2"],
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
    }
    folder = found_at.sds_folder
    if found_at.certificate_file is not None:
        if folder is None:
            common["tls_certificates"] = [_identity(found_at)]
        else:
            common["tls_certificate_sds_secret_configs"] = [_from_file(folder, IDENTITY_SECRET)]
    if folder is None:
        common["validation_context"] = _validation(found_at, name)
    else:
        common["validation_context_sds_secret_config"] = _from_file(folder, CA_SECRET)
    context = {
        "@type": f"{_TLS}.UpstreamTlsContext",
        # SNI may contain a name, but not an address
        **({} if is_ip(name) else {"sni": name}),
        "common_tls_context": common,
    }
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def secrets(server: Server, found_at: EnvoyProcessor) -> dict[str, dict[str, Any]]:
    """Content of the files in ``envoy.processor.sds_folder``, by name; empty without such a folder.

    Raises: EnvoyConfigError, as above.
    """
    if server.tls is None or found_at.sds_folder is None:
        return {}
    _check(server.tls, found_at)
    validation = _validation(found_at, _expected_name(server, found_at))
    made = {CA_SECRET: {"validation_context": _watched(validation, found_at.ca_file)}}
    if found_at.certificate_file is not None:
        made[IDENTITY_SECRET] = {"tls_certificate": _watched(_identity(found_at), found_at.certificate_file)}
    return {
        _file(secret): {"resources": [{"@type": f"{_TLS}.Secret", "name": secret, **content}]}
        for secret, content in made.items()
    }


def _expected_name(server: Server, found_at: EnvoyProcessor) -> str:
    """The name or IP address that the processor's certificate must contain."""
    address = reachable_address(server.listen) if found_at.address is None else socket_address(found_at.address)
    return found_at.server_name or str(address["socket_address"]["address"])


def _check(tls: ServerTls, found_at: EnvoyProcessor) -> None:
    if found_at.ca_file is None:
        at = "envoy.processor.ca_file"
        raise EnvoyConfigError(f"{at}: the processor uses TLS, so Envoy needs the CA of its certificate")
    pair = (found_at.certificate_file is not None, found_at.key_file is not None)
    if pair[0] != pair[1] or (tls.client_ca_file is not None and not pair[0]):
        raise EnvoyConfigError(
            "envoy.processor: certificate_file and key_file go together, and server.tls.client_ca_file needs them"
        )


def _validation(found_at: EnvoyProcessor, name: str) -> dict[str, Any]:
    """Without it, Envoy would send requests to any server at the address."""
    kind = "IP_ADDRESS" if is_ip(name) else "DNS"
    return {
        "trusted_ca": {"filename": found_at.ca_file},
        "match_typed_subject_alt_names": [{"san_type": kind, "matcher": {"exact": name}}],
    }


def _identity(found_at: EnvoyProcessor) -> dict[str, Any]:
    return {
        "certificate_chain": {"filename": found_at.certificate_file},
        "private_key": {"filename": found_at.key_file},
    }


def _watched(content: dict[str, Any], file: str | None) -> dict[str, Any]:
    """Reload when a file is renamed in the folder, which is how the kubelet renews a Secret."""
    return {**content, "watched_directory": {"path": posixpath.dirname(file or "") or "."}}


def _from_file(folder: str, secret: str) -> dict[str, Any]:
    path = {"path": posixpath.join(folder, _file(secret))}
    return {"name": secret, "sds_config": {"path_config_source": path, "resource_api_version": "V3"}}


def _file(secret: str) -> str:
    return f"{secret}.yaml"
