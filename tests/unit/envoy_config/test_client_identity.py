"""What Envoy finds out about clients; ``e2e/test_identity.py`` asks a real one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from extproc.config.document import Document
from extproc.config.load import parse_document
from extproc.domain.contract import HOP_HEADER
from extproc.envoy_config.client_identity import (
    client_tls,
    forwarded_namespaces,
    jwks_clusters,
    jwt_filters,
    told_certificates,
)
from extproc.envoy_config.dynamic import resources
from extproc.envoy_config.generate import bootstrap
from tests.playbooks.callers import API_KEY, CERTIFICATE, HOP, HOPS, JWT
from tests.unit.config.conftest import MINIMAL


def document_of(identity: dict[str, Any] | None = None, **sections: Any) -> Document:
    """The smallest configuration, with callers."""
    more = {"identity": identity or {}, **sections}
    return parse_document(MINIMAL + "".join(f"{key}: {json.dumps(value)}\n" for key, value in more.items()), "c.yaml")


def processor_filter(manager: dict[str, Any]) -> dict[str, Any]:
    """The filter that calls the processor, inside of what may skip it."""
    found: dict[str, Any] = manager["http_filters"][-2]["typed_config"]["extension_config"]["typed_config"]
    return found


def managers(document: Document) -> dict[str, dict[str, Any]]:
    """The connection manager of each listener that is no internal one."""
    made = bootstrap(document)["static_resources"]["listeners"]
    return {one["name"]: one["filter_chains"][0]["filters"][0]["typed_config"] for one in made if "address" in one}


def test_without_sources_envoy_is_as_it_was() -> None:
    """No filter, no metadata, no certificate, no second listener."""
    document = document_of()
    assert (jwt_filters(document), jwks_clusters(document)) == ([], [])
    assert (forwarded_namespaces(document), client_tls(document), told_certificates(document)) == ({}, {}, {})
    assert list(managers(document)) == ["llm"]


def test_credentials_reach_the_processor_where_a_source_reads_them() -> None:
    """And nowhere else: else they stay away from it."""

    def withheld(*sources: dict[str, Any], **more: Any) -> set[str]:
        document = document_of({"sources": list(sources), **more})
        rules = processor_filter(managers(document)["llm"])["forward_rules"]["disallowed_headers"]["patterns"]
        return {one["exact"] for one in rules if "exact" in one}

    assert {"authorization", "x-api-key", "x-forwarded-client-cert"} <= withheld()
    assert not {"authorization", "x-api-key"} & withheld(API_KEY)
    assert "x-forwarded-client-cert" in withheld(API_KEY)
    assert "x-forwarded-client-cert" not in withheld(CERTIFICATE)
    assert {"authorization", "x-api-key"} <= withheld(CERTIFICATE)


def test_tokens_are_verified_before_the_processor() -> None:
    """What has the form of one; a failure is told, and refused there."""
    document = document_of({"sources": [API_KEY, JWT], "user_hash_key_file": "u"})
    first, second, _ = managers(document)["llm"]["http_filters"]
    assert (first["name"], second["name"]) == ("envoy.filters.http.jwt_authn", "llm.extproc")
    config = first["typed_config"]
    provider = config["providers"]["llm_issuer_1"]
    assert (provider["forward"], provider["payload_in_metadata"]) == (False, "llm_claims_1")
    assert provider["local_jwks"] == {"filename": "/etc/jwks.json"}
    (rule,) = config["rules"]
    assert rule["requires"]["requires_any"]["requirements"] == [
        {"provider_name": "llm_issuer_1"},
        {"allow_missing_or_failed": {}},
    ]
    options = processor_filter(managers(document)["llm"])["metadata_options"]
    assert options["forwarding_namespaces"] == {"untyped": ["envoy.filters.http.jwt_authn"]}


def test_keys_of_an_issuer_are_fetched_from_a_cluster() -> None:
    """With the certificate of its host checked, where the URL is an https one."""
    remote = {key: value for key, value in JWT.items() if key != "jwks_file"}
    document = document_of(
        {
            "sources": [
                {**remote, "jwks_uri": "https://login.example/keys"},
                {**remote, "jwks_uri": "http://127.0.0.1:9/keys"},
            ],
            "user_hash_key_file": "u",
        }
    )
    secure, plain = jwks_clusters(document)
    assert (secure["name"], secure["type"]) == ("llm_issuer_0", "STRICT_DNS")
    context = secure["transport_socket"]["typed_config"]
    assert context["sni"] == "login.example"
    assert context["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"] == [
        {"san_type": "DNS", "matcher": {"exact": "login.example"}}
    ]
    assert (plain["type"], "transport_socket" in plain) == ("STATIC", False)
    names = {one["name"] for one in bootstrap(document)["static_resources"]["clusters"]}
    assert {"llm_issuer_0", "llm_issuer_1"} <= names


def test_a_trusted_listener_says_who_it_is() -> None:
    """In the call of the processor, where no client can say it."""
    document = document_of({"sources": [HOP], "trusted_hops": HOPS, "user_hash_key_file": "u"})
    found = managers(document)
    assert list(found) == ["llm", "llm_hop_0"]
    stated = {
        name: {one["key"]: one["value"] for one in processor_filter(manager)["grpc_service"]["initial_metadata"]}
        for name, manager in found.items()
    }
    assert HOP_HEADER not in stated["llm"]
    assert stated["llm_hop_0"][HOP_HEADER] == "127.0.0.1:10001"
    mutations = [one["typed_config"] for one in found["llm_hop_0"]["early_header_mutation_extensions"]]
    assert mutations == [one["typed_config"] for one in found["llm"]["early_header_mutation_extensions"]]


def test_certificates_are_told_in_place_of_what_clients_say() -> None:
    """And asked for only where a CA is named."""
    tls = {"certificate_file": "/c.pem", "key_file": "/k.pem", "client_ca_file": "/ca.pem"}
    document = document_of({"sources": [CERTIFICATE]}, envoy={"tls": tls})
    manager = managers(document)["llm"]
    assert manager["forward_client_cert_details"] == "SANITIZE_SET"
    common = client_tls(document)["transport_socket"]["typed_config"]["common_tls_context"]
    assert common["validation_context"]["trusted_ca"] == {"filename": "/ca.pem"}
    without = document_of(envoy={"tls": {key: tls[key] for key in ("certificate_file", "key_file")}})
    assert "validation_context" not in client_tls(without)["transport_socket"]["typed_config"]["common_tls_context"]


def test_envoy_watches_what_belongs_to_callers(tmp_path: Path) -> None:
    """In the folder that it follows: the listeners of hops, and the clusters of issuers."""
    remote = {**{key: value for key, value in JWT.items() if key != "jwks_file"}, "jwks_uri": "https://a.example/keys"}
    document = document_of({"sources": [remote, HOP], "trusted_hops": HOPS, "user_hash_key_file": "u"})
    found = resources(document, tmp_path)
    assert "llm_hop_0" in found.internal
    assert "llm_issuer_0" in found.clusters
