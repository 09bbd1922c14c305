"""Harmless requests through an Envoy, and what arrives: no configuration proves that a request is guarded.

No request names a model that exists, so it is refused: by llm-extproc, or in role guard by the model server behind it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from extproc.domain.contract import (
    ENDPOINT_PATHS,
    EXCHANGE_ID_HEADER,
    INTERNAL_HEADER_PREFIX,
    MODEL_HEADER,
    MODELS_PATH,
    VERSION_HEADER,
)
from extproc.envoy_config.doctor.asking import HttpAnswer, UnanswerableError, ask, origin_of
from extproc.envoy_config.doctor.blocks import mapping, named
from extproc.envoy_config.doctor.check import Probe, ProbeKind

NO_SUCH_MODEL: Final = "llm-extproc-doctor-no-such-model"
FORGED: Final = "llm-extproc-doctor-forged"
PROBE_BYTES_MAX: Final = 1 << 20
_PROBE_S_MAX: Final = 5.0
_ENVOYS_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""That of an answer of Envoy itself, which the processor has not seen: see ``local_replies``."""
_BODY: Final = json.dumps(
    {"model": NO_SUCH_MODEL, "messages": [{"role": "user", "content": "ping"}], "max_tokens": 1}
).encode()


def probe(url: str, headers: Mapping[str, str], version: tuple[str, str]) -> list[Probe]:
    """Send requests through an Envoy.

    Args:
        headers: to be sent too, such as a credential.
        version: model and version that a client must not be able to choose.
    """
    forged = {MODEL_HEADER: version[0], VERSION_HEADER: version[1], EXCHANGE_ID_HEADER: FORGED}
    return [
        _chat(ProbeKind.UNKNOWN_MODEL, url, headers),
        _chat(ProbeKind.FORGED_VERSION, url, {**headers, **forged}),
    ]


def probe_directly(url: str) -> Probe:
    """Ask a model server at its own address for its models, as somebody without a credential."""
    return _asked(ProbeKind.DIRECT, url, "GET", MODELS_PATH, {}, None)


def _chat(kind: ProbeKind, url: str, headers: Mapping[str, str]) -> Probe:
    return _asked(kind, url, "POST", ENDPOINT_PATHS["chat"], {**headers, "content-type": "application/json"}, _BODY)


def _asked(kind: ProbeKind, url: str, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Probe:
    where = f"{origin_of(url)}{path}"
    try:
        answer = ask(
            url,
            path,
            method=method,
            headers=headers,
            body=body,
            bytes_max=PROBE_BYTES_MAX,
            seconds_max=_PROBE_S_MAX,
        )
    except UnanswerableError as error:
        return Probe(kind, where, problem=str(error))
    exchange = answer.headers.get(EXCHANGE_ID_HEADER, "")
    return Probe(
        kind,
        where,
        status=answer.status,
        code=_error_code(answer),
        is_ours=bool(exchange) and exchange != FORGED and not _ENVOYS_ID.fullmatch(exchange),
        told=tuple(sorted(name for name in answer.headers if name.startswith(INTERNAL_HEADER_PREFIX))),
    )


def _error_code(answer: HttpAnswer) -> str:
    """`error.code` of an answer in the shape of the API; empty if it is none."""
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    return named(mapping(mapping(data).get("error")), "code")
