"""Masking by cells: the same text comes out, and the same is found, for every cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii.custom_recognizer import CustomRecognizer
from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.kinds import ENTITIES
from extproc.detectors.text.cells import CELL_CHARS_MAX, JOINED_CHARS_MAX, cells, word_chars_max
from extproc.detectors.text.folding import folded
from extproc.domain.finding import Finding
from extproc.filters.span_detectors import SpanDetector
from extproc.filters.spans import HoldLimit, SpanStage
from tests.unit.filters.cutting import cut, through

PII = PiiDetector(ENTITIES, [CustomRecognizer("TICKET", r"TICKET[ -][0-9]{4}", ["issue"])])
CUED = ("password: Qr7!dke#39", "NHS 943 476 5919", "born on 30 June 1923", "issue TICKET 1234")
"""Values that are found because of the word before them, which is another cell."""
WORDS = (
    "bob@example.org",
    "4111 1111 1111 1111",
    "GB29 NWBK 6016 1331 9268 19",
    "+49 30 901820",
    "078-05-1120",
    "192.0.2.44",
    "2001:db8::1",
    "00:1b:44:11:3a:b7",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed ",
    "ftp://bob:s3cr3tPw@host",
    "passport",
    "Z12803456",
    "phone",
    "call me at",
    "5552671234 is my",
    " number.",
    "555 2671 x12 (",
    "mobile)",
    "是我的手机",
    "AB",
    "1",
    "(",
    "é",
    "中",
    "4111\u20111111\u20111111\u20111111",
    "GB29\u202fNWBK\u202f6016\u202f1331\u202f9268\u202f19",
    "４１１１&nbsp;1111&nbsp;1111&nbsp;1111",
    "4\u200b111\u00ad1111 1111\u2060 1111",
    "bob%40example.org",
    "%2B%34%39 %33%30 &#57;01820",
    "4111%201111%201111%201111",
    "bob&#64;example&period;org",
    r"bob\@example\.org",
    r"078\u201105\u20111120",
)
"""In the end ways to write values that are folded, and escapes that a cut may divide."""
CHARACTERS = " \u00a0\n,.-@03Aa\\u2&#;%\u2009\u200b\uff11"
SHORT = st.lists(
    st.sampled_from(WORDS + CUED) | st.sampled_from(CHARACTERS) | st.text(max_size=3),
    max_size=14,
).map("".join)
RUNS = st.builds(
    lambda unit, chars: (unit * chars)[:chars],
    st.sampled_from(
        [
            "x",
            "4111 ",
            "a.b@c.de/",
            "4111111111111111 ",
            "0",
            "+49 30 901820 ",
            "1\u200b",
            "1&nbsp;",
            "a\\.",
            r"1\u2009",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed ",
        ]
    ),
    st.integers(1_000, 4_500),
)
TEXTS = st.lists(SHORT | SHORT | RUNS, max_size=3).map("".join)


class Digits:
    """Finds each run of ``9``; notes how much it was asked to look at."""

    def __init__(self) -> None:
        self.seen_chars = 0

    def might_match(self, text: str) -> bool:
        """Whether a text has any."""
        self.seen_chars += len(text)
        return "9" in text

    def find(self, text: str, start: int = 0) -> list[Finding]:
        """Each run."""
        self.seen_chars += len(text)
        found = []
        position = start
        while (first := text.find("9", position)) >= 0:
            position = first
            while position < len(text) and text[position] == "9":
                position += 1
            found.append(Finding("NINES", first, position, 1.0, "test.nines"))
        return found


def run(detector: SpanDetector, pieces: list[str], blocks: bool = False) -> tuple[str, list[str], bool]:
    """What comes out, what was found, and whether it was rejected."""
    found: list[str] = []
    stage = SpanStage(
        detector, None if blocks else lambda one, _: f"<{one.kind}>", lambda finding: found.append(finding.kind)
    )
    return through(stage, pieces), found, stage.rejected


@pytest.mark.parametrize("blocks", [False, True])
@given(pieces=cut(TEXTS))
def test_masking_does_not_depend_on_cuts(blocks: bool, pieces: list[str]) -> None:
    """Text, findings and rejection are those of the text in one piece, cells of any length included."""
    assert run(PII, pieces, blocks) == run(PII, ["".join(pieces)], blocks)


@given(cut(st.text("9 a\u00a0,A", max_size=40) | st.integers(1_000, 5_000).map(lambda chars: ("a9" * chars)[:chars])))
def test_whatever_a_detector_finds_in_cells(pieces: list[str]) -> None:
    """The stage needs no more of a detector than that it judges a cell by itself and what stands before it."""
    assert run(Digits(), pieces) == run(Digits(), ["".join(pieces)])


@given(cut(TEXTS))
def test_what_is_given_out_and_what_is_held_are_all_that_was_fed(pieces: list[str]) -> None:
    """A stage that finds nothing loses nothing and doubles nothing at any time."""
    stage = SpanStage(PiiDetector(("IN_PAN",)), lambda *_: "", lambda _: None)
    fed = released = ""
    for piece in pieces:
        fed += piece
        released += stage.feed(piece)
        assert released + stage.held() == fed


def limited(pieces: list[str], blocks: bool, mask: str | None, hold_chars_max: int) -> tuple[str, list[str], bool]:
    """What comes out, what was found, the limit included, and whether it was rejected."""
    found: list[str] = []
    limit = HoldLimit(lambda: found.append("LIMIT"), word_chars_max(hold_chars_max), mask)
    write = None if blocks else lambda one, _: f"<{one.kind}>"
    stage = SpanStage(PII, write, lambda finding: found.append(finding.kind), limit=limit)
    released = ""
    for piece in pieces:
        released += stage.feed(piece)
        if stage.rejected:
            return released, found, True
        assert len(stage.held()) <= hold_chars_max
    return released + stage.close(), found, stage.rejected


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("mask", [None, "<LIMIT>"])
@given(pieces=cut(TEXTS), hold_chars_max=st.sampled_from([160, 300, CELL_CHARS_MAX]))
def test_the_limit_does_not_depend_on_cuts(
    blocks: bool, mask: str | None, pieces: list[str], hold_chars_max: int
) -> None:
    """No more than the limit is held at any time; what becomes of a long word is decided by the text alone."""
    whole = limited(["".join(pieces)], blocks, mask, hold_chars_max)
    assert limited(pieces, blocks, mask, hold_chars_max) == whole


@given(st.integers(1, 400), st.sampled_from(["", " 4111 1111 ", " A", " b"]), st.data())
def test_no_character_of_a_word_that_is_masked_for_its_length_goes_out(
    chars: int, follows: str, data: st.DataObject
) -> None:
    """Nor of what is joined to it, which may be the rest of the same value."""
    text = f"see {'x' * chars}4{follows}, end"
    pieces = data.draw(cut(st.just(text)))
    released, found, _ = limited(pieces, False, "<LIMIT>", 160)
    if chars + 1 > word_chars_max(160):
        rest = follows if follows == " b" else " " if follows.endswith(" ") else ""
        assert (released, found) == (f"see <LIMIT>{rest}, end", ["LIMIT"])
    else:
        assert (released, found) == (text, [])


def test_a_long_word_is_told_of_once() -> None:
    """However many windows it takes."""
    word = "x" * 10_000
    assert limited([f"{word} and {word}"], False, None, 160)[1] == ["LIMIT", "LIMIT"]


@given(st.sampled_from(WORDS), st.sampled_from(["", " ", ", ", "x", " 1", " B", " b"]), st.data())
def test_giving_up_with_a_mask_releases_no_character_of_the_value(word: str, follows: str, data: st.DataObject) -> None:
    """Wherever in it the model stalls, a mask stands for all of it, and for what is joined to it."""
    text = f"to {word}{follows}; end"
    stalls = data.draw(st.integers(4, 3 + len(word)))
    pieces = data.draw(cut(st.just(text[stalls:])))
    stage = SpanStage(
        PII, lambda one, _: f"<{one.kind}>", lambda _: None, limit=HoldLimit(lambda: None, mask="<LIMIT>")
    )
    released = stage.feed(text[:stalls])
    held = stage.held()
    gave_up = stage.give_up()
    released += gave_up + through(stage, pieces)
    if not gave_up:
        assert released == run(PII, [text])[0]
        return
    before, *between, after = released.split("<LIMIT>")
    assert not "".join(between).strip()
    begin = stalls - len(held)
    _, end = list(cells(folded(text[begin:])))[len(between)]
    end += begin
    assert before == run(PII, [text[:begin]])[0]
    assert run(PII, [text[:end]])[0] + after == run(PII, [text])[0]


def test_giving_up_on_a_number_that_awaits_its_cue_masks_both() -> None:
    """The number, and the word behind it that has only begun."""
    limit = HoldLimit(lambda: None, mask="<LIMIT>")
    stage = SpanStage(PII, lambda one, _: f"<{one.kind}>", lambda _: None, limit=limit)
    assert stage.feed("to 5552671234 i") == "to "
    assert stage.give_up() == "<LIMIT> <LIMIT>"
    assert stage.feed("s my; end") + stage.close() == " my; end"


def test_giving_up_without_a_mask_judges_what_is_there() -> None:
    """What follows is judged as another word: a value may be missed, and the limit is told of it."""
    found: list[str] = []
    limit = HoldLimit(lambda: found.append("LIMIT"))
    stage = SpanStage(PII, lambda one, _: f"<{one.kind}>", lambda finding: found.append(finding.kind), limit=limit)
    assert stage.feed("to bob@example.org") == "to "
    assert stage.give_up() == "<EMAIL>"
    assert stage.feed(" now or eve@exam") == " now or "
    assert stage.give_up() == "eve@exam"
    assert stage.feed("ple.org ") == "ple.org "
    assert stage.give_up() == ""
    assert found == ["LIMIT", "EMAIL", "LIMIT"]


def test_giving_up_rejects_where_findings_reject() -> None:
    """A blocking guard that may not wait and may not release ends the text."""
    stage = SpanStage(PII, None, lambda _: None, limit=HoldLimit(lambda: None, mask="<LIMIT>"))
    assert stage.feed("to bob@exam") == "to "
    assert stage.give_up() == ""
    assert stage.rejected


def test_a_row_of_numbers_is_given_out_as_it_comes() -> None:
    """Though every two of them are joined: only as much is held as one value may have."""
    stage = SpanStage(PII, lambda one, _: f"<{one.kind}>", lambda _: None)
    row = "12 7.5 1834 " * 200
    released = ""
    for number in range(0, len(row), 3):
        released += stage.feed(row[number : number + 3])
        assert len(stage.held()) <= 2 * JOINED_CHARS_MAX + 12
    released += stage.feed("4111 1111 1111 1111 12 13") + stage.close()
    assert released == f"{row}<CREDIT_CARD> 12 13"


def test_a_stage_looks_at_each_character_a_bounded_number_of_times() -> None:
    """The cost of an event does not grow with what came before it."""
    costs = []
    for events in (100, 200):
        detector = Digits()
        stage = SpanStage(detector, lambda *_: "", lambda _: None)
        for number in range(events):
            stage.feed(f"word{number % 10} and 9 more, ")
        costs.append(detector.seen_chars)
    assert costs[1] <= 2.1 * costs[0]


def test_a_long_cell_is_looked_at_a_bounded_number_of_times() -> None:
    """A megabyte without a blank costs in proportion to its length, in one piece or in many."""
    text = "ab9" * 100_000
    for pieces in ([text], [text[at : at + 500] for at in range(0, len(text), 500)]):
        detector = Digits()
        assert run(detector, pieces)[0] == text.replace("9", "<NINES>")
        assert detector.seen_chars <= 4 * len(text)


def test_no_more_than_a_cell_is_held() -> None:
    """Memory is bounded, whatever the model writes."""
    stage = SpanStage(Digits(), lambda *_: "", lambda _: None)
    for _ in range(100):
        stage.feed("a" * 777)
        assert len(stage.held()) <= CELL_CHARS_MAX


def test_a_blocking_stage_gives_out_what_stands_before_its_finding() -> None:
    """And nothing after it."""
    assert run(PII, ["Write to bob@example.org or c@d.org"], blocks=True) == ("Write to ", ["EMAIL"], True)


def test_a_fork_tells_what_would_come_and_leaves_no_trace() -> None:
    """Asking is not judging: nothing is counted, and the stage goes on where it was."""
    found: list[str] = []
    stage = SpanStage(PII, None, lambda finding: found.append(finding.kind))
    stage.feed("mail bob@example.org")
    fork = stage.fork()
    assert fork.close() == ""
    assert fork.rejected
    assert (stage.rejected, found, stage.held()) == (False, [], "bob@example.org")


def test_a_second_text_is_judged_with_the_first_as_its_context_only() -> None:
    """Two texts of one channel never make one number."""
    found: list[str] = []
    stage = SpanStage(PII, lambda one, _: f"<{one.kind}>", lambda finding: found.append(finding.kind))
    first = stage.feed("4111 1111 ") + stage.close()
    second = stage.feed("1111 1111") + stage.close()
    assert (first + second, found) == ("4111 1111 1111 1111", [])
