"""What `envoy-config` says when Envoy and the processor do not agree about TLS (errors for all: tests/config/bad)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from extproc.config.checks import check_for_envoy
from extproc.config.load import load

TLS = "server:\n  listen: 0.0.0.0:50051\n  tls: { certificate_file: a, key_file: b }\n"
MTLS = TLS.replace("b }", "b, client_ca_file: c }")
CA = "envoy:\n  processor:\n    ca_file: /ca\n"
PAIR = "    certificate_file: /crt\n    key_file: /key\n"


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ("", []),
        (TLS + CA, []),
        (TLS + CA + PAIR, []),
        (MTLS + CA + PAIR, []),
        (
            TLS,
            [
                "envoy.processor.ca_file: missing: the processor uses TLS (`server.tls`)."
                " Write the path of the CA of its certificate on Envoy's machine."
            ],
        ),
        (
            MTLS + CA,
            [
                f"envoy.processor.{key}: missing: the processor requires a certificate from Envoy"
                " (`server.tls.client_ca_file`). Write its path on Envoy's machine."
                for key in ("certificate_file", "key_file")
            ],
        ),
        (
            TLS + CA + "    key_file: /key\n",
            [
                "envoy.processor.certificate_file: missing: Envoy needs both a certificate and its key, or neither."
                " Write its path on Envoy's machine."
            ],
        ),
        (
            "envoy: { processor: { sds_folder: /sds } }\n",
            ["envoy.processor.sds_folder: the processor does not use TLS. Remove it, or add `server.tls`."],
        ),
        (CA, ["envoy.processor.ca_file: the processor does not use TLS. Remove it, or add `server.tls`."]),
    ],
    ids=[
        "no TLS",
        "TLS",
        "TLS with a certificate",
        "mTLS",
        "no CA",
        "no pair",
        "half a pair",
        "no TLS, but SDS",
        "TLS on one side",
    ],
)
def test_envoy_and_the_processor_must_agree(before: str, told: list[str], changed: Callable[[str, str], str]) -> None:
    """Else every request would end with 503; `serve` and `check` do not need to know Envoy's files."""
    loaded = load(before + changed("weight: 1", "weight: 1"), "c.yaml")
    problems = sorted(check_for_envoy(loaded.document, loaded.places), key=lambda problem: problem.path)
    assert [str(problem).split(": ", 1)[1] for problem in problems] == told
