"""Ways round the injection guard, each with the fate it meets: ``tests/corpus/evasions.txt`` is the honest list.

A line is ``id | how | fate | what is sent``. Fates: ``blocked`` (by the guard), ``flagged`` (reported, and passed on),
``refused CODE`` (as bad input, before any guard), ``passes: known gap``, ``passes: honest``, ``passes: trusted`` (the
application's own words, which are not judged). What is sent is a JSON string (the text of the user's message; ``{{N}}``
in it stands for N characters of honest text), a body as it is, ``POST PATH BODY``, or ``hex:`` and the bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from extproc.exchange.events import ImmediateResponse, RequestBody
from tests.playbooks.driver import CHAT, INJECTION, VERSION, Conversation, request_headers, snapshot_of

FILE = Path(__file__).resolve().parents[1] / "corpus" / "evasions.txt"
FILLER = "The museum opens at nine and closes when the last visitor has left the garden. "
GUARDED = snapshot_of(VERSION, INJECTION)


class Evasion(NamedTuple):
    """One line of the list."""

    name: str
    how: str
    fate: str
    sent: str

    def request(self) -> tuple[str, bytes]:
        """Path and body."""
        if self.sent.startswith("hex:"):
            return CHAT, bytes.fromhex(self.sent.removeprefix("hex:"))
        if self.sent.startswith("POST "):
            _, path, body = self.sent.split(" ", 2)
            return path, body.encode()
        if not self.sent.startswith('"'):
            return CHAT, self.sent.encode()
        text = json.loads(self.sent)
        for characters in (4_000, 50_000):
            text = text.replace(f"{{{{{characters}}}}}", (FILLER * 1_000)[:characters])
        return CHAT, json.dumps({"model": "tiny", "messages": [{"role": "user", "content": text}]}).encode()


def evasions() -> list[Evasion]:
    """All lines but the comments."""
    lines = FILE.read_text(encoding="utf-8").split("\n")
    return [Evasion(*line.split(" | ", 3)) for line in lines if line and not line.startswith("#")]


def fate_of(evasion: Evasion) -> str:
    """What becomes of the request: ``blocked``, ``flagged``, ``refused CODE`` or ``passes``."""
    path, body = evasion.request()
    talk = Conversation(GUARDED)
    talk.hears(request_headers(path))
    action = talk.hears(RequestBody(body))[0]
    assert talk.errors == []
    if isinstance(action, ImmediateResponse):
        code = talk.record.reason
        return "blocked" if code == "prompt_injection" else f"refused {code}"
    return "flagged" if talk.exchange.record.findings else "passes"


@pytest.mark.parametrize("evasion", evasions(), ids=lambda evasion: evasion.name)
def test_an_evasion_meets_the_fate_that_is_stated(evasion: Evasion) -> None:
    """A gap that closes fails here too: the list must be honest in both directions."""
    assert fate_of(evasion) == evasion.fate.split(":")[0]


def test_the_list_is_long_and_every_fate_is_known() -> None:
    """Names are unique, and who adds a line says which kind of passing it is."""
    known = {"blocked", "flagged", "passes: known gap", "passes: honest", "passes: trusted"}
    listed = evasions()
    assert len(listed) >= 150
    assert len({evasion.name for evasion in listed}) == len(listed)
    assert {evasion.fate for evasion in listed if not evasion.fate.startswith("refused ")} <= known
