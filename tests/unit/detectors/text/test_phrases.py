"""Phrases: what is an occurrence, what the plain form undoes, and that no cut changes what is found."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.detectors.text.phrases import GAP_CHARS_MAX, SPAN_CHARS_MAX, Match, PhraseBook, PhraseScan
from tests.unit.filters.cutting import cut

PHRASES = ("project falcon", "falcon nine", "invest*", "a b c", "b", "fi le", "秘密計画", "2 kg", "12", "1")
ATOMS = st.sampled_from([
    "project", "falcon", "nine", "investments", "a", "b", "c", "fi", "ﬁ", "le", "秘密", "計画", "½", "㎏", "⑿", "é",
    "f", "al", "con", "\u200b", "\u0301", " ", " ", "-", "\n", ", ", "........", ".........", "ｆ", "р", "`", "’", "x",
])  # fmt: skip
TEXTS = st.lists(ATOMS, max_size=14).map("".join) | st.text(max_size=12)


def spans(book: PhraseBook, text: str) -> list[str]:
    """What stands where phrases were found."""
    return [text[match.start : match.end] for match in book.find(text)]


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("falcon", "The FALCON flies", ["FALCON"]),
        ("falcon", "falconry, falcons, gyrfalcon", []),
        ("falcon*", "falconry and gyrfalcon", ["falconry"]),
        ("falcon", "fal\u200bcon and f\u0301alcon", ["fal\u200bcon", "f\u0301alcon"]),
        ("falcon", "ｆａｌｃｏｎ fаlсоn", ["ｆａｌｃｏｎ", "fаlсоn"]),
        ("project falcon", "Project-Falcon, project\nfalcon", ["Project-Falcon", "project\nfalcon"]),
        ("project falcon", "projectfalcon project a falcon", []),
        ("straße 9", "STRASSE 9", ["STRASSE 9"]),
        ("秘密", "これは秘密です", ["秘密"]),
        ("don't tell", "don’t tell", ["don’t tell"]),
        ("b", "a_b_c", ["b"]),
    ],
)
def test_an_occurrence_is_whole_words_in_any_disguise(phrase: str, text: str, found: list[str]) -> None:
    """Case, invisible characters, marks, look-alikes and full width make no difference; parts of words are none."""
    assert spans(PhraseBook([phrase]), text) == found


@pytest.mark.parametrize(("gap", "found"), [(1, 1), (GAP_CHARS_MAX, 1), (GAP_CHARS_MAX + 1, 0)])
def test_what_stands_between_words_may_be_so_long(gap: int, found: int) -> None:
    """Up to ``GAP_CHARS_MAX`` characters."""
    assert len(PhraseBook(["project falcon"]).find("project" + "." * gap + "falcon")) == found


@pytest.mark.parametrize(("hidden", "found"), [(100, 1), (SPAN_CHARS_MAX, 0)])
def test_an_occurrence_takes_up_no_more_than_its_bound(hidden: int, found: int) -> None:
    """What must be kept has to end somewhere."""
    assert len(PhraseBook(["falcon"]).find("fal" + "\u200b" * hidden + "con")) == found


def test_from_the_left_the_first_complete_phrase_counts() -> None:
    """Occurrences do not overlap; with ``every`` they may."""
    text = "project falcon nine"
    assert spans(PhraseBook(["project falcon", "falcon nine", "project"]), text) == ["project", "falcon nine"]
    every = PhraseBook(["project falcon", "falcon nine", "project"], every=True)
    assert [match.phrase for match in every.find(text)] == [2, 0, 1]


def test_a_character_that_is_several_words_is_masked_once() -> None:
    """As whole as it is: what else it holds is gone with it."""
    assert spans(PhraseBook(["1", "2"]), "½") == ["½"]


def test_a_phrase_without_letter_or_digit_is_a_mistake() -> None:
    """It would never be found."""
    with pytest.raises(ValueError, match="no letter"):
        PhraseBook(["--"])


@given(TEXTS)
def test_the_look_before_misses_nothing(text: str) -> None:
    """What a scan finds may be held."""
    book = PhraseBook(PHRASES)
    if PhraseScan(book).push(text, closing=True).found:
        assert book.might_match(text)


@given(cut(TEXTS), st.booleans())
@example(["秘密計画", "\u200b"], False)
@example(["fal\u200b", "con\u200b", " nine"], False)
@example(["x", "b"], False)
@example(["x", "b"], True)
@example(["x½ ", "kg"], False)
def test_no_cut_changes_what_is_found(pieces: list[str], every: bool) -> None:
    """The same places as in the whole text; with ``every`` what is undecided may be told of twice."""
    text = "".join(pieces)
    book = PhraseBook(PHRASES, every=every)
    scan, base, found = PhraseScan(book), 0, []
    for number, piece in enumerate([*pieces, ""]):
        scanned = scan.push(piece, closing=number == len(pieces))
        found += [Match(base + start, base + end, phrase) for start, end, phrase in scanned.found]
        base += scanned.settled
    whole = PhraseScan(book).push(text, closing=True).found
    assert (sorted(set(found)), base) == (sorted(set(whole)), len(text))
    assert every or found == whole


@given(st.integers(1, 40), st.sampled_from(["a ", "a b ", "invest", "project\u200b", "project ", "z", "1", "秘密"]))
def test_what_is_undecided_stays_bounded(pieces: int, piece: str) -> None:
    """However long a text goes on being the beginning of a phrase."""
    scan = PhraseScan(PhraseBook(PHRASES))
    for _ in range(pieces):
        scan.push(piece * 50)
        assert len(scan.undecided) <= SPAN_CHARS_MAX


@pytest.mark.parametrize(
    ("text", "held"),
    [("it was pro", "pro"), ("it was prop", ""), ("a project ", "project "), ("project was", ""), ("xpro", "")],
)
def test_only_the_beginning_of_a_phrase_is_undecided(text: str, held: str) -> None:
    """All else is settled as soon as it comes."""
    scan = PhraseScan(PhraseBook(["project falcon"]))
    scan.push(text)
    assert scan.undecided == held
