"""Stored requests sent to one version of a model: what would be sent, and what its answer is like.

A request goes through the configured filters and guards, as traffic does, but with one version alone and no routes,
limits or budgets. So a version gets its own prompt and name, and nothing that production would refuse or mask.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from extproc.config.document import Document
from extproc.config.filters import SignalsSection
from extproc.domain.contract import ENDPOINT_PATHS
from extproc.domain.signals import (
    ASKS_BACK,
    BAD_CALL,
    EMPTY,
    LOOPED,
    OTHER_LANGUAGE,
    REFUSED,
    TOKEN_LIMIT,
    UNSTRUCTURED,
)
from extproc.domain.text import Direction, Kind
from extproc.dryrun.compiled import compile_dry
from extproc.dryrun.driver import dry_run
from extproc.dryrun.message import AnswerMessage, RequestMessage, read_request
from extproc.dryrun.outcome import DryRun
from extproc.exchange.answer_memory import AnswerMemory
from extproc.exchange.snapshot import Snapshot

CHAT: Final = ENDPOINT_PATHS["chat"]
OF_ANSWERS: Final = (EMPTY, TOKEN_LIMIT, LOOPED, ASKS_BACK, OTHER_LANGUAGE, UNSTRUCTURED, BAD_CALL, REFUSED)
"""The rates that say something of one answer alone, by their places."""
_STREAMED: Final = ("stream", "stream_options")
_JSON: Final = {":status": "200", "content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A chat completion. Attributes: name: for people; body: as a client sent it."""

    name: str
    body: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredRequests:
    """What a file has. Attributes: left_out: lines that are no chat completion, or have no text."""

    requests: tuple[StoredRequest, ...]
    left_out: int


def read_stored(content: bytes) -> StoredRequests:
    """Read JSON Lines: bodies of chat completions, lines of OpenAI's batches, or of ``extproc review export``.

    Raises: ValueError for a line that is no JSON object.
    """
    found, left_out = list[StoredRequest](), 0
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            tree = json.loads(line)
        except (ValueError, RecursionError):
            tree = None
        if not isinstance(tree, dict):
            raise ValueError(
                f"line {number}: expected a JSON object: a chat completion, or a line of a batch or an export"
            )
        request = _request_of(tree, number)
        if request is None:
            left_out += 1
        else:
            found.append(request)
    return StoredRequests(tuple(found), left_out)


def _request_of(tree: Mapping[str, Any], number: int) -> StoredRequest | None:
    if isinstance(tree.get("messages"), list):
        return StoredRequest(f"line {number}", tree)
    body = tree.get("body")
    if isinstance(body, dict) and isinstance(body.get("messages"), list):
        return StoredRequest(str(tree.get("custom_id") or f"line {number}")[:80], body)
    if isinstance(tree.get("text"), str) and isinstance(tree.get("direction"), str):
        return request_of_finding(f"finding {tree.get('id', number)}", tree["text"], tree["direction"])
    return None


def request_of_finding(name: str, excerpt: str, direction: str) -> StoredRequest | None:
    """An excerpt of a request as a request of its own; None for one without a text, or of an answer."""
    if not excerpt.strip() or direction != Direction.REQUEST:
        return None
    return StoredRequest(name, {"messages": [{"role": "user", "content": excerpt}]})


@dataclass(frozen=True, slots=True)
class AnswerSeen:
    """An answer of a version.

    Attributes:
        text: what the model said, before guards.
        tokens: of the answer; None: the server did not count.
        rates: by the place of the rate: how many of its choices have it, and of how many that were judged.
        findings: of all guards in it.
        words: hashes of its first words.
    """

    text: str
    tokens: int | None
    rates: Mapping[int, tuple[int, int]]
    findings: int
    words: frozenset[int]


class ReplayedVersion:
    """One version of one model, alone.

    Args: as those of ``compile_dry``.
    Raises: KeyError, if there is no such version.
    """

    def __init__(
        self, document: Document, model: str, version: str, prompts: Mapping[str, str], mask_keys: Mapping[str, bytes]
    ) -> None:
        self.model = model
        self.name = f"{model}/{version}"
        self.terms = document.models[model].versions[version]
        self._snapshot = _alone(document, model, version, prompts, mask_keys)

    def sent(self, request: StoredRequest) -> DryRun:
        """What the version would be sent, or why it would not."""
        return dry_run(self._snapshot, self._message(request), exchange_id=request.name)

    def seen(self, request: StoredRequest, answer: bytes) -> AnswerSeen:
        """What an answer to it is like. Raises: ValueError: it is no chat completion.

        Args: answer: the body of a whole response.
        """
        message = AnswerMessage({**_JSON}, answer, CHAT)
        run = dry_run(self._snapshot, self._message(request), message, exchange_id=request.name)
        record = run.record
        AnswerMemory().complete(record)
        signals, usage = record.signals, record.usage
        if signals is None or not signals.judged[EMPTY]:
            raise ValueError("the answer has no choice")
        said = [one.text for one in run.texts(Direction.RESPONSE) if one.source.kind in (Kind.CONTENT, Kind.REFUSAL)]
        return AnswerSeen(
            text="".join(said),
            tokens=None if usage is None or usage.estimated else usage.completion,
            rates={place: (signals.hits[place], signals.judged[place]) for place in OF_ANSWERS},
            findings=sum(one.direction is Direction.RESPONSE for one in run.found),
            words=signals.words,
        )

    def _message(self, request: StoredRequest) -> RequestMessage:
        tree = {key: value for key, value in request.body.items() if key not in _STREAMED}
        return read_request(json.dumps({**tree, "model": self.model}).encode(), CHAT)


def similarity(one: AnswerSeen, other: AnswerSeen) -> float | None:
    """The share of first words in common; None where an answer has none."""
    if not (one.words and other.words):
        return None
    return len(one.words & other.words) / len(one.words | other.words)


def _alone(
    document: Document, model: str, version: str, prompts: Mapping[str, str], mask_keys: Mapping[str, bytes]
) -> Snapshot:
    one = document.models[model].versions[version].model_copy(update={"weight": 1})
    models = {model: document.models[model].model_copy(update={"versions": {version: one}, "fallback": None})}
    filters = [section for section in document.filters if section.filter != "signals"]
    changes = {
        "models": models,
        "routes": (),
        "route_tests": (),
        "rate_limits": None,
        "budgets": (),
        "filters": (*filters, SignalsSection(filter="signals", sample=1.0)),
    }
    return compile_dry(document.model_copy(update=changes), prompts, mask_keys)


def share_of(answers: Iterable[AnswerSeen], place: int) -> tuple[int, int]:
    """How many of all choices have a rate, and of how many that were judged."""
    hits = judged = 0
    for one in answers:
        has_it, of = one.rates.get(place, (0, 0))
        hits, judged = hits + has_it, judged + of
    return hits, judged
