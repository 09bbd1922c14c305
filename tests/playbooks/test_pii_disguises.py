"""Ways to write personal data, each with the fate it meets: ``tests/corpus/pii_disguises.txt`` is the honest list.

A line is ``id | how | fate | what is sent``; the file says what the fates are. ``how`` is a row of the table in
``docs/guards/pii.md``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.playbooks.driver import (
    DONE,
    METER,
    PII,
    Conversation,
    answered,
    chat_answer,
    chat_chunk,
    request_body,
    request_headers,
    snapshot_of,
    text_of,
)

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "tests" / "corpus" / "pii_disguises.txt"
GUARDED = snapshot_of(PII, METER)


class Line(NamedTuple):
    """One line of the list."""

    name: str
    how: str
    fate: str
    sent: str

    @property
    def text(self) -> str:
        """What is sent."""
        return "".join(json.loads(self.sent))

    def is_met_by(self, came: str) -> bool:
        """Whether this is what comes out: a mask in exactly the value's place, the text as it was, or a part of it."""
        before, _, behind = json.loads(self.sent)
        masked = f"{before}<{self.fate.removeprefix('masked ')}>{behind}"
        return came == masked if "masked" in self.fate else (came == self.text) == (self.fate == "passes")


def listed() -> list[Line]:
    """All lines but the comments."""
    lines = FILE.read_text(encoding="utf-8").split("\n")
    return [Line(*line.split(" | ", 3)) for line in lines if line and not line.startswith("#")]


by_name = pytest.mark.parametrize("line", listed(), ids=lambda line: line.name)


@by_name
def test_in_a_request(line: Line) -> None:
    """attack 3, real-vllm F7. A gap that closes fails here too: the list must be honest in both directions."""
    talk = Conversation(GUARDED)
    talk.hears(request_headers())
    talk.hears(request_body(messages=[{"role": "user", "content": line.text}]))
    sent = json.loads(talk.server or talk.sent)
    assert line.is_met_by(sent["messages"][0]["content"])


@by_name
def test_in_an_answer(line: Line) -> None:
    """attack 3: whole."""
    talk = answered(GUARDED, chat_answer(line.text))
    assert line.is_met_by(talk.client_json["choices"][0]["message"]["content"])


@by_name
@pytest.mark.parametrize("chars", [1, 3, 7])
def test_in_a_streamed_answer(line: Line, chars: int) -> None:
    """The same in pieces, whatever they divide: an escape, a pair of digits."""
    said = b"".join(chat_chunk(line.text[at : at + chars]) for at in range(0, len(line.text), chars))
    talk = answered(GUARDED, said + chat_chunk(finish="stop") + DONE, stream=True)
    assert line.is_met_by(text_of(talk.client_events))


def test_the_documentation_lists_every_way_and_no_other() -> None:
    """Each row of its table is tried here, on the side where it stands."""
    page = (ROOT / "docs" / "guards" / "pii.md").read_text(encoding="utf-8")
    rows = page.partition("| as it is written | seen |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()
    told = {tuple(row.strip("| ").rsplit(" | ", 1)) for row in rows}
    tried = {(line.how, "yes" if "masked" in line.fate else "no") for line in listed()}
    assert {(how.partition(": ")[0], seen) for how, seen in told} == tried


SPELLINGS = (
    "jane.doe@example.com",
    "jane.doe%40example.com",
    "jane\u00ad.doe\uff20example\uff0ecom",
    "jane.doe&#64;example.com",
)


@pytest.mark.parametrize("style", ["numbered", "hash"])
def test_one_value_has_one_mask_in_all_spellings(style: str) -> None:
    """What is numbered and hashed is what is said, not how."""
    talk = answered(snapshot_of({**PII, "masking": {"type": style}}, METER), chat_answer(" and ".join(SPELLINGS)))
    masks = talk.client_json["choices"][0]["message"]["content"].split(" and ")
    assert len(masks) == len(SPELLINGS)
    assert len(set(masks)) == 1
    assert masks[0].startswith("<EMAIL_")


def test_a_partial_mask_shows_no_more_of_a_disguised_value() -> None:
    """An address without a plain ``@`` would be taken for a domain, which is shown."""
    talk = answered(snapshot_of({**PII, "masking": {"type": "partial"}}, METER), chat_answer(" and ".join(SPELLINGS)))
    assert talk.client_json["choices"][0]["message"]["content"] == " and ".join(["j***@example.com"] * len(SPELLINGS))


def test_a_reversible_mask_gives_back_what_was_written() -> None:
    """Character for character."""
    said = [{"role": "user", "content": f"Mail {SPELLINGS[1]}"}]
    guarded = snapshot_of({**PII, "masking": {"type": "reversible"}}, METER)
    talk = answered(guarded, chat_answer("To <EMAIL_1>."), messages=said)
    assert talk.server_json["messages"][0]["content"] == "Mail <EMAIL_1>"
    assert talk.client_json["choices"][0]["message"]["content"] == f"To {SPELLINGS[1]}."


def test_a_recognizer_of_ones_own_reads_the_same() -> None:
    """attack 3: the configuration's patterns are written in ASCII, texts need not be."""
    guard = {**PII, "recognizers": [{"name": "EMPLOYEE", "pattern": r"\bEMP-\d{6}\b"}]}
    said = "EMP\u2011123456, \uff25\uff2d\uff30\uff0d\uff11\uff12\uff13456, EMP\\-12\u200b3456"
    talk = answered(snapshot_of(guard, METER), chat_answer(said))
    assert talk.client_json["choices"][0]["message"]["content"] == "<EMPLOYEE>, <EMPLOYEE>, <EMPLOYEE>"


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("at\\u0020git@code.example.com", "at\\u0020git@code.example.com"),
        ("at\\u0020jo@code.example.com", "at\\u0020<EMAIL>"),
    ],
)
def test_an_escaped_blank_ends_a_word(text: str, sent: str) -> None:
    """What follows it is what it is behind a blank: the user of a repository is no address, anyone else is."""
    talk = Conversation(GUARDED)
    talk.hears(request_headers())
    talk.hears(request_body(messages=[{"role": "user", "content": text}]))
    assert json.loads(talk.server or talk.sent)["messages"][0]["content"] == sent
