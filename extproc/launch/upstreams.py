"""Model servers as they are named on the command line, and the models that they say they serve."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from extproc.domain.contract import MODELS_PATH

ANSWER_S_MAX: Final = 10.0
ANSWER_BYTES_MAX: Final = 1_048_576
MODELS_MAX: Final = 100
_WRITTEN: Final = re.compile(r"(?:(?P<name>[a-zA-Z0-9][a-zA-Z0-9._-]{0,62})=)?(?P<url>[^@]+)(?:@(?P<weight>[^@]*))?\Z")
_FORM: Final = "write it as http://HOST:PORT, or as NAME=http://HOST:PORT@WEIGHT for a version of a model"
_PORT_OF_HTTP: Final = 80


class UpstreamProblem(Exception):
    """What a person has to change: the message says what, where, and how."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A model server. ``name``: of the version that it serves; empty: none was given."""

    address: str
    name: str = ""
    weight: int = 1

    @property
    def url(self) -> str:
        """Where it is, without a path."""
        return f"http://{self.address}"


def parse_upstream(written: str) -> Upstream:
    """Parse ``[NAME=]http://HOST:PORT[@WEIGHT]``. Raises: UpstreamProblem."""
    match = _WRITTEN.match(written)
    if match is None:
        raise UpstreamProblem(f"{written}: {_FORM}.")
    url = match["url"] if "://" in match["url"] else f"http://{match['url']}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORT_OF_HTTP
    except ValueError as error:
        raise UpstreamProblem(f"{written}: {error}; {_FORM}.") from None
    if parts.scheme == "https":
        raise UpstreamProblem(f"{written}: Envoy would speak HTTP without TLS to it; {_FORM}.")
    if parts.scheme != "http" or not host or parts.query or parts.path.rstrip("/") not in ("", "/v1"):
        raise UpstreamProblem(f"{written}: {_FORM}.")
    weight = match["weight"] or "1"
    if not weight.isdecimal() or int(weight) > 1_000_000:
        raise UpstreamProblem(f"{written}: the weight `{weight[:20]}` is no number from 0 to 1000000.")
    host = f"[{host}]" if ":" in host else host
    return Upstream(f"{host}:{port}", match["name"] or "", int(weight))


def served_models(upstream: Upstream) -> list[str]:
    """The names that a server lists, in its order. Raises: UpstreamProblem, with what to do."""
    url = f"{upstream.url}{MODELS_PATH}"
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S_MAX) as answer:
            content = answer.read(ANSWER_BYTES_MAX)
        names = [str(entry["id"]) for entry in json.loads(content)["data"]][:MODELS_MAX]
    except urllib.error.HTTPError as error:
        raise UpstreamProblem(
            f"{url} answers with status {error.code}: is this an OpenAI-compatible server, without an API key?"
        ) from None
    except (TimeoutError, urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise UpstreamProblem(
            f"{upstream.url} does not answer ({_said(reason)}). Start the model server, for example: vllm serve MODEL"
            f" --port {upstream.address.rpartition(':')[2]}. Or name its model, and start it later: --model NAME"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise UpstreamProblem(f"{url} does not list models: is this an OpenAI-compatible server?") from None
    if not names:
        raise UpstreamProblem(f"{url} lists no models. Load one, or name it: --model NAME")
    return names


def _said(reason: Any) -> str:
    if isinstance(reason, TimeoutError):
        return f"no answer in {ANSWER_S_MAX:g} s"
    return str(getattr(reason, "strerror", None) or reason).lower()


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """One version of a model, at one server or at several alike."""

    name: str
    weight: int
    served_model: str
    endpoints: tuple[str, ...]


def grouped(served: Sequence[tuple[Upstream, Sequence[str]]]) -> dict[str, list[ServedVersion]]:
    """The versions of each model, by the name that clients use.

    Servers with a name are versions of one model, which is called as the first one calls it. Others are replicas of
    one version where they serve the same model.

    Args: served: each server with the models that it lists.
    Raises: UpstreamProblem.
    """
    named = [bool(upstream.name) for upstream, _ in served]
    if any(named) and not all(named):
        raise UpstreamProblem("Some servers have a name and others have none. Name all versions, or none.")
    if all(named):
        return _versions(served)
    models: dict[str, list[str]] = {}
    for upstream, names in served:
        for name in names:
            models.setdefault(name, []).append(upstream.address)
    return {name: [ServedVersion("v1", 1, name, tuple(dict.fromkeys(at)))] for name, at in models.items()}


def _versions(served: Sequence[tuple[Upstream, Sequence[str]]]) -> dict[str, list[ServedVersion]]:
    model = served[0][1][0]
    versions: dict[str, ServedVersion] = {}
    for upstream, names in served:
        known = versions.get(upstream.name)
        mine = ServedVersion(upstream.name, upstream.weight, names[0], (upstream.address,))
        if known is not None and (known.served_model, known.weight) != (mine.served_model, mine.weight):
            raise UpstreamProblem(
                f"{upstream.name}: its servers differ. Those of one version serve one model, with one weight."
            )
        endpoints = (*known.endpoints, upstream.address) if known else mine.endpoints
        versions[upstream.name] = ServedVersion(mine.name, mine.weight, mine.served_model, endpoints)
    if not any(version.weight for version in versions.values()):
        raise UpstreamProblem("Every weight is 0, so no version gets traffic. Give one of them a weight.")
    return {model: list(versions.values())}
