"""Gates spare most texts the search for personal data, and never hide what the search would find.

They see the new text alone, so the words that must stand before a value are put into the context here.
"""

from __future__ import annotations

import gzip
import itertools
import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.detectors.pii import detector as pii
from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.gates import GateFamily, Gates
from extproc.detectors.pii.kind import PiiKind
from extproc.detectors.pii.kinds import BEHIND_NATIONAL_IDS, KINDS
from extproc.detectors.pii.national_ids import GATE, NATIONAL_ID_KINDS, NUMBERS, NationalIds
from extproc.detectors.pii.recognizer import CandidateFinder
from extproc.detectors.pii.secret_patterns import SECRET_PATTERNS
from extproc.detectors.text import folding
from extproc.detectors.text.latin1 import latin1_bytes, latin1_pattern
from tests.thorough import THOROUGH
from tests.unit.detectors.pii.regex_samples import RegexSampler

CORPUS = Path(__file__).resolve().parents[3] / "corpus" / "shared"
SAMPLES = 10_000 if THOROUGH else 1_000


def gate_of(pattern: str, family: GateFamily = GateFamily.ALONE) -> Gates:
    """A gate as the detector has it."""
    return gates_of([(pattern, family)])


def gates_of(patterns: Iterable[tuple[str, GateFamily]]) -> Gates:
    """All the gates of one kind."""
    gates = Gates()
    for pattern, family in patterns:
        gates.add(pattern, family)
    gates.compile()
    return gates


def finder_of(kind: PiiKind) -> CandidateFinder:
    """What all its recognizers find."""
    return lambda subject, text, begin: itertools.chain.from_iterable(
        one.candidates(subject, text, begin) for one in kind.recognizers
    )


FINDERS: dict[str, tuple[Gates, CandidateFinder]] = {
    kind.name: (gates_of((one.gate, one.family) for one in kind.recognizers), finder_of(kind)) for kind in KINDS
}
FINDERS["NATIONAL_ID"] = gate_of(GATE, GateFamily.SHAPES), NationalIds(frozenset(NATIONAL_ID_KINDS)).candidates

CUES = ("", "password: ", "api_key = ", "Bearer ", "token ", "born on ", "passport ", "id number ", "nif ", "my nino ")
CHARACTERS = st.sampled_from([*"0123456789", *"aAzZkbQ", *"-_.:/=+$!%@~#?é\u0434\u20ac", " ", "\u00a0", ",", "\n"])
VALUES = st.lists(
    CHARACTERS | st.text("0123456789", min_size=2, max_size=9) | st.text("abcXYZ", min_size=2, max_size=8), max_size=12
).map("".join)


def assert_open_where_found(text: str, begin: int = 0) -> int:
    """How many kinds find something in ``text[begin:]``; the gate of each is open."""
    subject = latin1_bytes(text)
    kinds = 0
    for kind, (gate, candidates) in FINDERS.items():
        if next(candidates(subject, text, begin), None) is not None:
            kinds += 1
            assert gate.opened(subject[begin:]), kind
    return kinds


@pytest.mark.parametrize("letter", "aZ")
@pytest.mark.parametrize("digit", "07")
def test_the_gate_of_ids_is_open_for_every_shape(letter: str, digit: str) -> None:
    """In either case where it stands without blanks; a long hunt found a passport in lower case that was hidden."""
    gate, _ = FINDERS["NATIONAL_ID"]
    shapes = {shape for number in NUMBERS for shape in number.shapes if letter.isupper() or " " not in shape}
    hidden = [shape for shape in shapes if not gate.opened(shape.replace("A", letter).replace("9", digit).encode())]
    assert hidden == []


# --- no gate hides a finding ---------------------------------------------------------------------------------------


@given(st.sampled_from(CUES), VALUES)
@example("password: ", "Abcdef1$")
@example("password=", "x=Abcdef1$")
@example("secret ", "a1b2c3d4e5f6g7h8")
@example("token ", "1234567890abcdef")
@example("passport ", "a-1234567")
def test_a_gate_is_open_where_something_is_found(cue: str, value: str) -> None:
    """Whatever characters a value is of."""
    assert_open_where_found(cue + value, len(cue))


def test_a_gate_is_open_for_every_vendors_token() -> None:
    """At the beginning of a word, and behind another part of it."""
    for pattern in SECRET_PATTERNS:
        sampler = RegexSampler(pattern.pattern.decode(), random.Random(7))
        values = [before + sampler.sample() for _ in range(SAMPLES // 10) for before in ("", "a/")]
        assert sum(assert_open_where_found(value) > 0 for value in values) > len(values) // 4


def shapes() -> Iterator[str]:
    """Every number that a country may write, with ones for digits and capitals for letters."""
    for number in NUMBERS:
        for shape in number.shapes:
            yield shape.replace("9", "1")


@pytest.mark.parametrize("number", sorted(set(shapes())))
def test_the_gate_is_open_for_every_shape_of_a_number(number: str) -> None:
    """In capitals, with any blanks; without blanks small letters will do, but in one kind of passport."""
    gate = latin1_pattern(GATE)
    assert gate.search(number.encode())
    assert gate.search(number.replace(" ", "\xa0").encode("latin-1"))
    assert gate.search(number.lower().encode()) or " " in number or number == "11AA11111"


@pytest.mark.parametrize("folder", ["pii", "injection", "refusal"])
def test_no_gate_hides_what_the_corpora_hold(folder: str) -> None:
    """Every word of every text, with what stands before it."""
    for path in sorted((CORPUS / folder).glob("*.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                assert_open_where_found(json.loads(line)["text"])


# --- what is spared ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "a 32-page book",
        "for $5/hour, $12/day or $12.50",
        "a 30-minute walk, 24-hour shifts",
        "the 3rd, the 20th",
        "from 100 200 to 1,200 or 150000 people",
        "a 10-year-old, 1/2 of 3/4 at 10:30am",
    ],
)
def test_numbers_in_honest_prose_open_no_gate(text: str) -> None:
    """Else one of them would have every word around it judged."""
    assert not PiiDetector(FINDERS.keys() - {"DATE_OF_BIRTH"}).might_match(text)


# --- short texts ---------------------------------------------------------------------------------------------------


CONDITION = gate_of(pii.LONG_NUMBERS)
CONDITIONAL = [gate_of(GATE, GateFamily.SHAPES)] + [
    gate_of(one.gate, one.family)
    for kind in KINDS
    for one in kind.recognizers
    if one.family in (GateFamily.NUMBERS, GateFamily.SHAPES, GateFamily.VARIETY)
]


def assert_shown_where_open(subject: bytes) -> int:
    """How many gates are open; the condition under which they are tried holds."""
    opened = sum(gate.opened(subject) != [] for gate in CONDITIONAL)
    if opened:
        assert CONDITION.opened(subject), subject
        assert len(subject) >= pii._NUMBER_CHARS_MIN
    return opened


@given(st.text("11122aA.-/+() \xa0,x", max_size=24))
@example("1 2 3 4 5 6 7")
@example("1.  2.  3.  4.  5.  6.  7")
@example("AB 12 34 56 C")
@example("AB 123456 C")
def test_a_gate_that_is_tried_under_a_condition_is_open_under_no_other(text: str) -> None:
    """Numbers in one word, and in several."""
    assert_shown_where_open(text.encode("latin-1"))


@pytest.mark.parametrize(
    "pattern",
    [GATE, *[one.gate for kind in BEHIND_NATIONAL_IDS for one in kind.recognizers if one.family is GateFamily.NUMBERS]],
)
def test_the_condition_holds_for_all_that_a_gate_may_mean(pattern: str) -> None:
    """Drawn from the gate itself, with other characters around it."""
    sampler = RegexSampler(pattern, random.Random(7))
    subjects = [f"{around}{sampler.sample()}{around}".encode("latin-1") for _ in range(SAMPLES) for around in ("", " ")]
    assert sum(assert_shown_where_open(subject) > 0 for subject in subjects) > len(subjects) // 2


SHORT_SIGNS = "1a@:.-&#;%\\\u200b\uff1a"


def test_a_short_text_that_no_gate_is_shown_holds_nothing() -> None:
    """All texts of up to four of the signs of values and escapes, as they are written and as they are read."""
    detector = PiiDetector(FINDERS.keys() - {"DATE_OF_BIRTH"})
    held = 0
    for chars in range(5):
        for signs in itertools.product(SHORT_SIGNS, repeat=chars):
            text = "".join(signs)
            held += detector.might_match(text)
            assert detector.might_match(text) or not any(
                found_by_any(detector, one) for one in (text, folding.read(text))
            )
    assert held


@given(st.text(SHORT_SIGNS + "2bZ/ +3f", max_size=20))
@example("a@b.cd")
@example("::1")
@example("&#58;:1")
def test_a_text_that_may_hold_nothing_holds_nothing(text: str) -> None:
    """Of any length around those from which on a gate is shown it."""
    detector = PiiDetector(FINDERS.keys() - {"DATE_OF_BIRTH"})
    assert detector.might_match(text) or not any(found_by_any(detector, one) for one in (text, folding.read(text)))


def found_by_any(detector: PiiDetector, text: str) -> bool:
    """Whether any kind finds something, whatever its gate says."""
    subject = latin1_bytes(text)
    return any(next(finder(subject, text, 0), None) is not None for finder in detector._finders)


SHOWN_VALUES = [
    "ann@example.com",
    "4111 1111 1111 1111",
    "+49 30 901820",
    "fe80::1",
    "10.0.0.7",
    "a\u200bnn@example.com",
]
LONG_CHARS = 3 * pii._STRETCH_CHARS_MIN


@given(
    st.lists(st.sampled_from([*SHOWN_VALUES, "word ", "Word ", "12 ", "\n", " by ", "x" * 300, " "]), max_size=40),
    st.data(),
)
def test_a_long_text_may_hold_what_its_cells_hold(pieces: list[str], data: st.DataObject) -> None:
    """It is prefiltered by stretches; no value is between two of them."""
    text = "".join(pieces)
    prose = "the museum opens at nine and " * (LONG_CHARS // 29)
    place = data.draw(st.integers(0, len(prose)))
    long = prose[:place] + text + prose[place:]
    detector = PiiDetector(FINDERS.keys() - {"DATE_OF_BIRTH"})
    assert detector.might_match(long) or not any(found_by_any(detector, one) for one in (long, folding.read(long)))


@pytest.mark.parametrize("value", SHOWN_VALUES)
def test_a_value_is_seen_wherever_it_stands_in_a_long_text(value: str) -> None:
    """Around the end of a stretch, and at the end of the text."""
    detector = PiiDetector(FINDERS.keys())
    prose = "the museum opens at nine and " * (LONG_CHARS // 29)
    for place in range(pii._STRETCH_CHARS_MIN - 40, pii._STRETCH_CHARS_MIN + 40):
        assert detector.might_match(f"{prose[:place]} {value} {prose[place:]}")
    assert detector.might_match(f"{prose}{value}")
    assert not detector.might_match(prose)
