"""No guard fails on a text, whatever strict JSON can carry, and however that is written once more within it."""

from __future__ import annotations

import base64
import gzip
import html
import json
import random
import sys
import unicodedata
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.thorough import share_of
from tests.unit.filters.judging import JUDGED, judge_everywhere, judge_in_turn

ORDINARY = Path(__file__).parents[2] / "corpus" / "ordinary"
EMOJI = "The delivery was quick and the parcel was in good order. I have used it for two \\ud83d\\ude00\\ud83d\\ude00"
BLOCK_CHARACTERS = 2_048
SURROGATES = range(0xD800, 0xE000)

# --- strings of strict JSON: every character but lone surrogates, which it cannot carry ----------------------------

AROUND = "The parcel was in good order, and this is what the tool said of it: "
ESCAPES = st.sampled_from(["\\u{:04x}", "\\u{{{:x}}}", "\\U{:08x}", "&#{};", "&#x{:x};"])
CODE_UNITS = st.lists(st.integers(0, 0xFFFF) | st.sampled_from([0, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xFFFE, 0xFFFF]))
BYTES = st.binary(min_size=4, max_size=60)
MARKS = st.sampled_from(
    ["\u0301", "\u20dd", "\u200d", "\u202e", "\ufe0f", "\U000e0061", "\0", "\x1b[1m", "\b", "\ufffe"]
)
TEXTS = st.text(max_size=60) | st.lists(MARKS | st.sampled_from("aA1 .@\u00e9\u5b57"), max_size=60).map("".join)


def in_base64(text: str) -> str:
    """As mails and data URLs have it."""
    return base64.b64encode(text.encode()).decode()


def escaped(units: list[int], form: str) -> str:
    """Code units as escapes of JSON, JavaScript, Python or HTML."""
    return "".join(form.format(unit) for unit in units)


WRITTEN = {
    "plain": TEXTS,
    "escapes": st.builds(escaped, CODE_UNITS, ESCAPES),
    "percent": st.builds(lambda some: "".join(f"%{byte:02X}" for byte in some), BYTES),
    "quoted-printable": st.builds(lambda some: "".join(f"={byte:02X}" for byte in some), BYTES),
    "base64": st.builds(lambda some: base64.b64encode(some).decode(), BYTES),
    "hex": st.builds(bytes.hex, BYTES),
    "binary": st.builds(lambda some: " ".join(f"{byte:08b}" for byte in some), BYTES),
    "escapes in base64": st.builds(escaped, CODE_UNITS, ESCAPES).map(in_base64),
    "percent of text": TEXTS.map(quote),
    "entities of text": TEXTS.map(html.escape),
    "JSON of text": TEXTS.map(json.dumps),
}  # fmt: skip


@pytest.mark.parametrize("how", WRITTEN)
def test_no_guard_fails_on_any_string(how: str) -> None:
    """In a request and in an answer, as text, as a tool's result and as arguments."""

    @given(st.sampled_from(JUDGED), WRITTEN[how], st.booleans())
    def judged(name: str, text: str, among_words: bool) -> None:
        judge_everywhere(name, AROUND + text if among_words else text)

    judged()


@pytest.mark.parametrize("name", JUDGED)
def test_two_escaped_emoji_fail_no_guard(name: str) -> None:
    """What ``json.dumps`` makes of an emoji stands in many tool results (real-vllm F1)."""
    judge_everywhere(name, EMOJI)


@cache
def blocks() -> list[str]:
    """Every assigned character, and those around them, a block at a time."""
    pages = [range(first, first + BLOCK_CHARACTERS) for first in range(0, sys.maxunicode + 1, BLOCK_CHARACTERS)]
    texts = ["".join(chr(code) for code in page if code not in SURROGATES) for page in pages]
    assigned = [
        text for text in texts if any(unicodedata.category(character) not in ("Cn", "Co") for character in text)
    ]
    return [*assigned, "".join(text[:8] for text in texts)]


@pytest.mark.parametrize("name", JUDGED)
def test_no_guard_fails_on_any_block_of_unicode(name: str) -> None:
    """As it stands, in words of a few characters, and as escapes; each block in one place of a chat."""
    chance = random.Random(name)
    for turn, block in enumerate(blocks(), start=JUDGED.index(name)):
        words = [block[start : start + 7] for start in range(0, len(block), 7)]
        judge_in_turn(name, " ".join(words), turn)
        judge_in_turn(name, json.dumps("".join(chance.sample(block, min(40, len(block))))), turn)


# --- what is ordinary ----------------------------------------------------------------------------------------------


@cache
def ordinary_texts() -> list[str]:
    """Code files, tools' results, logs and mails."""
    texts: list[str] = []
    for path in sorted(ORDINARY.glob("*.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            texts += [json.loads(line)["text"] for line in lines]
    return texts


@pytest.mark.parametrize("name", JUDGED)
def test_no_guard_fails_on_ordinary_texts(name: str) -> None:
    """A few thousand; as they are or as the value of a tool's result, in which ``json.dumps`` escapes them."""
    texts = ordinary_texts()
    assert len(texts) > 2_000
    starts = share_of(range(0, len(texts), 40), 2, JUDGED.index(name))
    for turn, start in enumerate(starts, start=JUDGED.index(name) // 2):
        judge_in_turn(name, "\n".join(texts[start : start + 40]), turn)  # what is between two texts is a text too
