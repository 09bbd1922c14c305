"""Fuzzes the exchange by coverage: ``python -m tests.attack.fuzz requests|answers|streams SECONDS``.

Begins with the recorded bytes of a real vLLM and keeps what reaches code that nothing has reached before (atheris). A
request is refused or goes on, an answer is read or withheld, and neither with an error of ours; no e-mail address comes
through that the guard was to mask; and cutting a stream changes nothing. What breaks a law is printed, and kept in a
file that ``python -m tests.attack.fuzz TARGET FILE`` tries again.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["extproc.payload", "extproc.exchange"]):
    from extproc.exchange.events import ImmediateResponse, RequestBody, ResponseBody
    from tests.playbooks.driver import METER, PII, SSE, Conversation, request_headers, response_headers, snapshot_of

from extproc.demo.catalog import shipped
from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.text.folding import read
from extproc.payload.dialect import UnreadableResponse
from extproc.payload.encoding import BadEncoding
from extproc.payload.endpoints import ENDPOINTS
from extproc.payload.sse import EventTooLarge
from tests.json_strings import strings_of
from tests.stream.recorded import Recorded, recorded

PATHS = sorted(path for path, dialect in ENDPOINTS.items() if dialect.reads_responses)
MASKED = snapshot_of({**PII, "entities": ["EMAIL"]}, METER)
MAILS = PiiDetector(["EMAIL"])
NOT_OURS = (UnreadableResponse, BadEncoding, EventTooLarge)
"""What is wrong with an answer, rather than with us."""


def path_of(choice: int) -> str:
    """The path that a first byte chooses."""
    return PATHS[choice % len(PATHS)]


def assert_masked(document: Any) -> None:
    """No address is in it, as a guard reads it: behind an escaped blank, `git@` begins a repository and no address."""
    for text in strings_of(document):
        assert not MAILS.find(read(text)), "an address came through"


def assert_not_ours(talk: Conversation) -> None:
    """Nothing of ours failed."""
    for error in talk.errors:
        assert isinstance(error, NOT_OURS), type(error).__name__


def asked(path: str, streamed: bool) -> Conversation:
    """An exchange whose request has gone on."""
    body = {"model": "tiny", "stream": streamed, "max_tokens": 9}
    key = {"responses": "input", "completions": "prompt", "rerank": "query"}.get(ENDPOINTS[path].name, "messages")
    if key == "query":
        body["documents"] = ["Hi"]
    body[key] = [{"role": "user", "content": "Hi"}] if key == "messages" else "Hi"
    talk = Conversation(MASKED)
    talk.hears(request_headers(path))
    talk.hears(RequestBody(json.dumps(body).encode()))
    assert talk.server is not None
    return talk


def try_request(octets: bytes) -> None:
    """The first byte says which API."""
    if not octets:
        return
    talk = Conversation(MASKED)
    talk.hears(request_headers(path_of(octets[0])))
    [action] = talk.hears(RequestBody(octets[1:]))
    assert_not_ours(talk)
    if isinstance(action, ImmediateResponse):
        assert 400 <= action.status < 500
        return
    document = json.loads(talk.server or b"")
    for key in ("messages", "system", "prompt", "input", "instructions", "query", "documents", "instruction", "tools"):
        assert_masked(document.get(key))


def try_answer(octets: bytes) -> None:
    """The same for a whole answer."""
    if not octets:
        return
    talk = asked(path_of(octets[0]), streamed=False)
    talk.hears(response_headers())
    talk.hears(ResponseBody(octets[1:], True))
    assert_not_ours(talk)
    assert_masked(json.loads(talk.client))


def try_stream(octets: bytes) -> None:
    """The same for a stream, whole and in pieces."""
    if not octets or not ENDPOINTS[path_of(octets[0])].generates:
        return

    def heard(pieces: list[bytes]) -> bytes:
        talk = asked(path_of(octets[0]), streamed=True)
        talk.hears(response_headers(SSE))
        talk.hears_all([ResponseBody(piece, number == len(pieces) - 1) for number, piece in enumerate(pieces)])
        assert_not_ours(talk)
        return talk.client

    stream = octets[1:]
    chance = random.Random(len(stream))
    places = sorted(chance.randrange(len(stream) + 1) for _ in range(5))
    whole = heard([stream])
    pieces = [stream[first:last] for first, last in zip([0, *places], [*places, len(stream)], strict=True)]
    assert whole == heard(pieces), "a cut tells"
    for line in whole.split(b"\n"):
        if line.startswith(b"data:") and line[5:].strip() not in (b"", b"[DONE]"):
            assert_masked(json.loads(line[5:]))


def seeds(body: Callable[[Recorded], bytes | None]) -> Iterator[bytes]:
    """Recorded bytes, with the byte before them that chooses their API."""
    for name in shipped().names:
        one = recorded(name)
        octets = None if one is None or not one.dialect.reads_responses else body(one)
        if one is not None and octets:
            path = next(path for path in PATHS if ENDPOINTS[path] is one.dialect)
            yield bytes([PATHS.index(path)]) + octets


TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[Recorded], bytes | None]]] = {
    "requests": (try_request, lambda one: one.request),
    "answers": (try_answer, lambda one: None if one.streamed else one.answer),
    "streams": (try_stream, lambda one: one.answer[:20_000] if one.streamed else None),
}


def main(target: str, seconds_or_file: str) -> None:
    """Fuzz, or try one file again. Ends with libFuzzer's exit code."""
    attempt, body = TARGETS[target]
    if os.path.exists(seconds_or_file):
        attempt(Path(seconds_or_file).read_bytes())
        return
    corpus = Path(tempfile.mkdtemp(prefix=f"fuzz-{target}-"))
    for number, octets in enumerate(seeds(body)):
        (corpus / str(number)).write_bytes(octets)
    words = ("messages", "content", "choices", "delta", "text", "jane@example.com", "[DONE]", "data: ", "\\u0040")
    dictionary = corpus.with_suffix(".dict")
    dictionary.write_text("".join(f"{json.dumps(word)}\n" for word in words))
    options = [f"-max_total_time={seconds_or_file}", f"-dict={dictionary}", "-max_len=20000", "-verbosity=0"]
    options += ["-print_final_stats=1", f"-artifact_prefix={corpus}."]
    atheris.Setup([sys.argv[0], *options, str(corpus)], attempt)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
