"""Postal addresses: found in pieces as in one, held no longer than they must be, and nothing else is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.postal_addresses import ADDRESS_CHARS_MAX, may_hold_address
from extproc.detectors.text.cells import CELL_CHARS_MAX
from extproc.domain.finding import Finding
from extproc.filters.in_turn import PassingStage
from extproc.filters.postal_addresses import PostalAddressStage
from extproc.filters.spans import NO_LIMIT, HoldLimit, SpanStage
from tests.unit.detectors.pii.address_examples import FOUND, PIECES, unmarked
from tests.unit.filters.cutting import cut, through

TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
VALUES = PiiDetector(("EMAIL", "PHONE"))
ADDRESS = "Hauptstra\xdfe 12, 10115 Berlin"


def mask_of(one: Finding, _: str = "") -> str:
    """A truncated one says so."""
    return f"<{one.kind}{'...' if one.begun else ''}>"


def stage_of(found: list[tuple[str, str]], blocks: bool = False, limit: HoldLimit = NO_LIMIT) -> PostalAddressStage:
    """A stage around one for spans; both report kinds, and it reports texts."""
    shown: list[str] = []
    mask = None if blocks else mask_of

    def tell(one: Finding) -> None:
        found.append((one.kind, shown.pop()[one.start : one.end]))

    spans = SpanStage(VALUES, mask, lambda one: found.append((one.kind, "")))
    return PostalAddressStage(spans, mask, tell, limit=limit, on_text=lambda text, _: shown.append(text))


def run(pieces: list[str], blocks: bool = False) -> tuple[str, list[tuple[str, str]], bool]:
    """What comes out, what was found, whether it was rejected."""
    found: list[tuple[str, str]] = []
    stage = stage_of(found, blocks)
    return through(stage, pieces), found, stage.rejected


@pytest.mark.parametrize("marked", FOUND)
def test_an_address_is_masked_whole_wherever_it_is_cut(marked: str) -> None:
    """Character by character, in two, and in one piece."""
    text, address = unmarked(marked)
    expected = text.replace(address, "<POSTAL_ADDRESS>")
    assert run([text])[0] == expected
    assert run(list(text)) == run([text])
    middle = text.index(address) + len(address) // 2
    assert run([text[:middle], text[middle:]]) == run([text])


@pytest.mark.parametrize("blocks", [False, True])
@given(pieces=cut(TEXTS))
def test_it_does_not_matter_how_the_text_is_cut(blocks: bool, pieces: list[str]) -> None:
    """Text, findings and rejection are those of the text in one piece; other values are found around addresses."""
    assert run(pieces, blocks) == run(["".join(pieces)], blocks)


@given(cut(TEXTS))
def test_the_end_of_a_cut_off_text_does_not_depend_on_cuts_either(pieces: list[str]) -> None:
    """What may be the beginning of an address is masked alike."""

    def ended(texts: list[str]) -> str:
        stage = stage_of([])
        return "".join(map(stage.feed, texts)) + stage.close_cut()

    assert ended(pieces) == ended(["".join(pieces)])


@given(cut(TEXTS))
def test_little_is_held_and_a_fork_leaves_no_trace(pieces: list[str]) -> None:
    """Memory is bounded; asking what would come changes nothing."""
    found: list[tuple[str, str]] = []
    stage = stage_of(found)
    for piece in pieces:
        stage.feed(piece)
        assert len(stage.held()) < ADDRESS_CHARS_MAX + CELL_CHARS_MAX
        before, count = stage.held(), len(found)
        stage.fork().close()
        assert (stage.held(), len(found)) == (before, count)


@given(cut(TEXTS.filter(lambda text: not may_hold_address(text))))
def test_nothing_is_found_without_a_number_and_a_name(pieces: list[str]) -> None:
    """So that most texts need no stage."""
    spans = SpanStage(VALUES, mask_of, lambda _: None)
    assert run(pieces)[0] == through(spans, pieces)


def test_a_finding_is_told_with_the_text_around_it_and_whether_that_begins_the_text() -> None:
    """Who reviews it sees the words for an address."""
    shown: list[tuple[str, bool]] = []
    spans = SpanStage(VALUES, mask_of, lambda _: None)
    stage = PostalAddressStage(spans, mask_of, lambda _: None, on_text=lambda *text: shown.append(text))
    through(stage, [f"At {ADDRESS}. ", "And a few other words that say nothing of it, ", f"then {ADDRESS}."])
    before = "\xdfe 12, 10115 Berlin. And a few other words that say nothing of it, "
    assert shown == [(f"At {ADDRESS}. ", True), (f"{before[-48:]}then {ADDRESS}.", False)]


def test_at_most_the_limit_is_held() -> None:
    """A row of names, or a name, that never ends is let go."""
    for piece in ("Oak ", "5 Oak ", "O"):
        stage = PostalAddressStage(PassingStage(), mask_of, lambda _: None)
        assert stage.feed("5 ") == ""
        for _ in range(100):
            stage.feed(3 * piece)
            assert len(stage.held()) < ADDRESS_CHARS_MAX


def test_a_value_directly_before_an_address_is_masked_before_it() -> None:
    """A number waits for more of it, until the address begins."""
    assert run([f"+49 30 901820 {ADDRESS} it is"])[0] == "<PHONE> <POSTAL_ADDRESS> it is"


def test_prose_is_held_for_a_word_or_two() -> None:
    """Only names and numbers may begin an address."""
    stage = stage_of([])
    assert stage.feed("We walk to the ") == "We walk to the "
    assert stage.held() == ""
    stage.feed("Old ")
    assert stage.held() == "Old "
    stage.feed("town ")
    assert stage.held() == ""


def test_a_cut_off_address_is_masked_from_its_house_number_on() -> None:
    """In any mask type it reveals nothing: clients choose where it is cut."""
    for end in ("I am at 12 Oak Street", "I am at 12 Oak Street, Bos", "I am at 12 Oak Street, Boston, MA 02110"):
        stage = stage_of([])
        assert stage.feed(end) + stage.close_cut() == "I am at <POSTAL_ADDRESS...>"
    stage = stage_of([])
    assert stage.feed("I am at 12 Oak") + stage.close_cut() == "I am at 12 Oak"


def test_words_for_an_address_reach_into_the_next_text() -> None:
    """The key of an argument is a text of its own: ``{"address": "12 Oak Street"}``."""
    stage = stage_of([])
    assert stage.feed("address") + stage.close() == "address"
    assert stage.feed("12 Oak Street") + stage.close() == "<POSTAL_ADDRESS>"


def test_blocking_gives_out_what_stands_before() -> None:
    """And nothing of the address."""
    assert run([f"It is {ADDRESS} in Mitte"], blocks=True) == ("It is ", [("POSTAL_ADDRESS", ADDRESS)], True)


def test_a_value_before_an_address_that_blocks_ends_the_text() -> None:
    """The address is not reported then."""
    text, found, rejected = run([f"Mail a@example.com {ADDRESS}"], blocks=True)
    assert (text, [kind for kind, _ in found], rejected) == ("Mail ", ["EMAIL"], True)


@pytest.mark.parametrize(
    ("mask", "released"), [(None, "with 12 Oak Street"), ("<HOLD_LIMIT>", "with <HOLD_LIMIT>")], ids=["release", "mask"]
)
def test_giving_up_releases_or_masks_what_is_held(mask: str | None, released: str) -> None:
    """A model may stall behind the number of a house."""
    limits: list[int] = []
    stage = stage_of([], limit=HoldLimit(lambda: limits.append(1), mask=mask))
    assert stage.feed("with 12 Oak Street") + stage.give_up() == released
    assert (stage.held(), limits) == ("", [1])


def test_giving_up_finds_an_address_that_is_there() -> None:
    """It only waited for more of it."""
    stage = stage_of([], limit=replace(NO_LIMIT))
    assert stage.feed(f"at {ADDRESS}") + stage.give_up() == "at <POSTAL_ADDRESS>"


def test_giving_up_rejects_where_masks_reject() -> None:
    """What is held may be an address."""
    stage = stage_of([], blocks=True, limit=HoldLimit(lambda: None, mask="<HOLD_LIMIT>"))
    assert stage.feed("with 12 Oak Street") + stage.give_up() == "with "
    assert stage.rejected


def test_nothing_of_an_address_follows_its_mask() -> None:
    """What comes later of it is dropped, and what turns out to be none is shown from there on."""
    masks = HoldLimit(lambda: None, mask="<HOLD_LIMIT>")
    for later, released in ([" Str", "eet, Boston, MA 02110, and"], ", and"), ([" on."], " on."):
        stage = stage_of([], limit=masks)
        text = "".join([stage.feed(piece) + stage.give_up() for piece in ("with 12 Oak", *later)])
        assert text == f"with <HOLD_LIMIT>{released}"
    stage = stage_of([], limit=masks)
    assert stage.feed("with 12 Oak") + stage.give_up() == "with <HOLD_LIMIT>"
    assert (stage.feed(" Street") + stage.close_cut(), stage.held()) == ("", "")
