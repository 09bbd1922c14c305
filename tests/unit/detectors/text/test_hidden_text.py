"""What is encoded, escaped or turned in a text is read; what only looks so costs little and yields nothing."""

from __future__ import annotations

import base64
import codecs
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.text.hidden_text import (
    HIDDEN_TEXTS_MAX,
    hidden_texts,
    lacks_vowels,
    looks_backwards,
    may_hide,
)

SECRET = "Meet me behind the old mill at noon."

HIDDEN = {
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "percent": "".join(f"%{byte:02x}" for byte in SECRET.encode()),
    "entities": "".join(f"&#x{byte:x};" for byte in SECRET.encode()),
    "escapes": "".join(f"\\u{byte:04x}" for byte in SECRET.encode()),
    "tags": SECRET.replace("o", "<b>o</b>"),
    "hex": SECRET.encode().hex(),
    "quoted-printable": "".join(f"={byte:02X}" for byte in SECRET.encode()),
    "terminal": "".join(f"\x1b[3{place % 8}m{letter}" for place, letter in enumerate(SECRET)),
    "binary": " ".join(f"{byte:08b}" for byte in SECRET.encode()),
    "decimal": ", ".join(str(byte) for byte in SECRET.encode()),
    "upside-down": SECRET[::-1].translate(str.maketrans("abdehmnt", "ɐqpǝɥɯuʇ")),
}


@pytest.mark.parametrize(("how", "text"), HIDDEN.items(), ids=HIDDEN.keys())
@pytest.mark.parametrize("around", ["{}", "Please read {} aloud.", "日本語 {} –"])
def test_a_hidden_text_is_read(how: str, text: str, around: str) -> None:
    """Alone and among other words."""
    whole = around.format(text)
    assert may_hide(whole)
    assert any(found == how and SECRET in hidden for found, hidden in hidden_texts(whole, False, False))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("\\ud83d\\ude00", "\U0001f600"),
        ("\\ud83d and \\ude00", " and "),
        ("\\U0001f600", "\U0001f600"),
        ("\\u{1f600}", "\U0001f600"),
        ("\\u0061bc", "abc"),
        ("\\u{61}bc", "abc"),
    ],
)
def test_escapes_are_read_as_javascript_reads_them(written: str, read: str) -> None:
    """Two halves are one character, half of one is none (real-vllm F1), and an escape has no more digits than four."""
    text = "It was \\u0061 \\u0062 \\u0063 good, " + written
    assert ("escapes", f"It was a b c good, {read}") in hidden_texts(text, False, False)


@pytest.mark.parametrize("apart", [" ", "\n", ",", ":", "-"])
def test_bytes_may_stand_apart(apart: str) -> None:
    """As dumps of memory have them."""
    assert ("hex", SECRET) in hidden_texts(SECRET.encode().hex(apart), False, False)


def test_what_is_hidden_twice_is_read_twice() -> None:
    """Base64 of hexadecimal; deeper is not looked."""
    twice = base64.b64encode(SECRET.encode().hex().encode()).decode()
    thrice = base64.b64encode(twice.encode()).decode()
    assert ("hex", SECRET) in hidden_texts(twice, False, False)
    assert all(SECRET not in hidden for _, hidden in hidden_texts(thrice, False, False))


def test_turned_texts_are_read_where_one_says_so() -> None:
    """Rotated, backwards, and each word backwards."""
    assert ("rot13", SECRET) in hidden_texts(codecs.encode(SECRET, "rot13"), True, False)
    assert ("reversed", SECRET) in hidden_texts(SECRET[::-1], False, True)
    words = " ".join(word[::-1] for word in SECRET.split())
    assert ("reversed", SECRET) in hidden_texts(words, False, True)


@pytest.mark.parametrize(
    "language", ["we often walk along the river to the old mill", "la mia vicina abita vicino al mulino"]
)
def test_a_rotated_text_lacks_vowels(language: str) -> None:
    """And an honest one does not."""
    assert not lacks_vowels(language.encode())
    assert lacks_vowels(codecs.encode(language, "rot13").encode())


def test_a_text_that_begins_with_its_end_looks_backwards() -> None:
    """Its first sign closes a sentence, or its last letter is a capital; word by word too."""
    assert looks_backwards(SECRET[::-1])
    assert looks_backwards("Read the rules"[::-1])
    assert looks_backwards("daeR eht selur")
    assert not looks_backwards(SECRET)
    assert not looks_backwards("Send it to NASA")
    assert not looks_backwards("")


@pytest.mark.parametrize(
    "text",
    [
        "Revenue grew by 12 %, costs by 3 %; see R&D.",
        "if a < b and c > d: print('\\n')",
        "deadbeef cafe 0x1f",
        "commit 3a75992b08428d3bde6c51f2d53591c8d6",
        "2024-01-05 10:30:00",
        "AT&T &c. &amp;",
    ],
)
def test_honest_text_hides_nothing(text: str) -> None:
    """Signs of an encoding are common, encodings are not."""
    assert hidden_texts(text, False, False) == []


@given(st.text("aeiouyxz e1,é\n", max_size=400))
def test_vowels_are_counted_among_letters(text: str) -> None:
    """Of the first 256 bytes, as one counts by hand."""
    beginning = text.encode()[:256].decode("ascii", "ignore")
    letters = sum(map(str.isalpha, beginning))
    vowels = sum(character in "aeiou" for character in beginning)
    assert lacks_vowels(text.encode()) == (letters >= 12 and 100 * vowels < 29 * letters)


@given(st.binary(min_size=12, max_size=40), st.data())
def test_bytes_as_digits_may_hide_a_text(hidden: bytes, data: st.DataObject) -> None:
    """However they are set apart, and with or without a sign before each."""
    text = ""
    for byte in hidden:
        text += data.draw(st.sampled_from(("", "0x"))) + f"{byte:02x}" + data.draw(st.sampled_from(" \n:,-"))
    assert may_hide(f"see {text}.")
    assert may_hide("see " + " ".join(f"{byte:08b}" for byte in hidden) + " .")


@given(st.text(max_size=400) | st.text("4fE0x1g \n:,-+/_=%", max_size=200), st.booleans())
def test_any_text_is_read(text: str, turned: bool) -> None:
    """No text raises, and what ``may_hide`` denies is not there."""
    found = hidden_texts(text, turned, turned)
    assert len(found) <= HIDDEN_TEXTS_MAX + 4
    if not turned and not may_hide(text):
        assert found == []


@given(st.text(st.characters(max_codepoint=0x17F, categories=("L", "N", "P")), min_size=12, max_size=60))
def test_what_is_quoted_for_a_url_is_unquoted(text: str) -> None:
    """Whatever stands in it, if enough is quoted to be noticed."""
    quoted = quote(text, safe="")
    if quoted.count("%") >= 4:
        assert ("percent", text) in hidden_texts(quoted, False, False)


@pytest.mark.parametrize(
    "unit", ["%", "&#", "\\u", "<!--", "a<b>", "QUJD", "00 ", "0x41 ", "<" * 50 + "a", "%41", "&lt;", "\\u0041"]
)
def test_a_hostile_megabyte_yields_few_and_bounded_texts(unit: str) -> None:
    """Neither their number nor their sum grows beyond the limits."""
    text = (unit * (1_000_000 // len(unit) + 1))[:1_000_000]
    found = hidden_texts(text, True, True)
    assert len(found) <= HIDDEN_TEXTS_MAX + 4
    assert sum(len(hidden) for _, hidden in found) <= 10 * len(text)
