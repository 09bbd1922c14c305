"""What an answer says that its context does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.answers.grounding import Tally, context_of
from extproc.detectors.text.sentences import sentences_of
from tests.tools.grounding_report import auc, report

CONTEXT = (
    "Ada Jones founded Acme Tools in 1987 in Dublin, Ireland. In 2023 it sold 1,250 machines for 3.5 million euros; "
    "see https://acme.example/report and Smith (2019). The warranty lasts 24 months."
)


def tally(answer: str, *texts: str, documents: int = 2) -> Tally:
    """An answer's counts."""
    counted = Tally()
    counted.add(answer, context_of(texts or (CONTEXT,), (), documents))
    return counted


@pytest.mark.parametrize(
    ("answer", "items", "unsupported"),
    [
        ("It sold 1250 machines.", 1, 0),
        ("It sold 1.250 machines, 3,5 million.", 2, 0),
        ("It sold 1,350 machines.", 1, 1),
        ("Founded on 1987-05-12.", 3, 2),
        ("It has 3 shops.", 0, 0),
        ("12. It sold machines.", 0, 0),
        ("See https://acme.example/report.", 1, 0),
        ("See https://acme.example/other/1234.", 1, 1),
        ("As in [2] and [3].", 2, 1),
        ("So it is (Smith 2019), not so (Miller et al., 2019).", 2, 1),
        ("Founded by Ada Jones of Acme Tools.", 2, 0),
        ("Founded by Eva Miller, says the BBC.", 2, 2),
        ("", 0, 0),
    ],
)
def test_items_are_supported_by_what_the_context_has(answer: str, items: int, unsupported: int) -> None:
    """Numbers by their value, dates by their numbers, names by their words; small numbers and lists do not count."""
    counted = tally(answer)
    assert (counted.items, counted.unsupported) == (items, unsupported)


def test_another_ending_is_no_new_word() -> None:
    """Words are compared by how they begin; short and very frequent ones do not count."""
    counted = tally("The machine that was sold with warranties impressed everybody.")
    assert (counted.words, counted.novel) == (5, 2.5)  # the warranty stands in another sentence


def test_names_and_numbers_count_twice() -> None:
    """A wrong one is worse than a wrong word."""
    plain, named = tally("It sold kettles."), tally("It sold Beta.")
    assert (plain.novel, named.novel) == (1, 2)
    assert tally("It sold 777 machines.").novel == 2


def test_what_an_answer_says_of_itself_is_new() -> None:
    """Documents do not say it, unless one does."""
    assert tally("I sold machines.").novel == 1
    assert tally("I sold machines.", f"{CONTEXT} I said so.").novel == 0


def test_a_word_that_stands_elsewhere_is_half_new() -> None:
    """Not so where the user has said it."""
    answer = "It sold machines in Ireland."
    assert tally(answer).novel == 0.5
    asked = Tally()
    asked.add(answer, context_of([CONTEXT], ["What about Ireland?"], 1))
    assert asked.novel == 0


def test_a_sentence_that_says_otherwise_is_counted() -> None:
    """Of those that restate one of a document."""
    counted = tally("The warranty lasts 12 months.", "The warranty always lasts 24 months.", "The museum is open.")
    assert (counted.sentences, counted.contradicting, counted.contradicting_share) == (1, 1, 1.0)
    assert tally("Nothing of this is known.").contradicting_share == 0.0


def test_few_new_words_weigh_little() -> None:
    """One of one is not yet all of an answer."""
    assert tally("Nonsense.").novel_share == pytest.approx(1 / 4)


def test_scripts_without_spaces_are_judged_by_characters() -> None:
    """Each is a word."""
    counted = tally("博物馆关门", "博物馆九点开门")
    assert (counted.words, counted.novel) == (5, 1)


@given(st.text(max_size=200), st.text(max_size=200))
def test_shares_are_shares(answer: str, context: str) -> None:
    """Whatever the texts are; and what repeats its context word by word has nothing new."""
    counted = tally(answer, context)
    assert 0 <= counted.unsupported <= counted.items
    assert 0 <= counted.novel <= counted.words
    assert 0 <= counted.novel_share <= 1
    for sentence in sentences_of(context):
        repeated = tally(sentence, context)
        assert (repeated.novel, repeated.contradicting) == (0, 0)


def test_one_of_two_values_is_no_contradiction() -> None:
    """Nobody knows which of two sentences is restated."""
    plans = "Plan A costs 12 euros a month. Plan B costs 24 euros a month."
    assert tally("Plan B costs 24 euros a month.", plans).contradicting == 0
    assert tally("Plan C costs 36 euros a month.", plans).contradicting == 1


def test_a_context_is_bounded_by_its_own_words() -> None:
    """Repeating a text adds nothing."""
    once, often = context_of([CONTEXT], [], 1), context_of([CONTEXT] * 50, [CONTEXT] * 50, 1)
    assert (once.stems, once.numbers, once.addresses) == (often.stems, often.numbers, often.addresses)
    assert len(once.sources) == len(often.sources)


def test_signals_tell_unsupported_answers_on_every_corpus() -> None:
    """Nothing is trained on any of them; see ``tests/tools/grounding_report.py`` for the figures."""
    figures = report(with_model=False)
    for source in ("faithdial_audit", "halueval_qa", "in_view"):
        assert figures[f"grounding.{source}.novel_words.auc"] >= 0.87
        assert figures[f"grounding.{source}.new_and_contradicted.auc"] >= 0.88
    for source in ("faithdial_audit", "halueval_qa"):
        assert figures[f"grounding.{source}.contradicted.default_fpr"] <= 0.005
    assert figures["grounding.halueval_qa.contradicted.default_recall"] >= 0.15
    assert figures["grounding.faithdial_audit.novel_words.default_fpr"] <= 0.08
    for kind in ("number", "day", "month", "name", "negation"):
        assert figures[f"grounding.twins.{kind}.recall"] >= 0.75
        assert figures[f"grounding.twins.{kind}.fpr"] == 0.0


def test_the_reports_area_is_the_share_of_pairs_in_order() -> None:
    """Ties count half."""
    assert auc([(0.1, 0), (0.5, 0), (0.5, 1), (0.9, 1)]) == pytest.approx(3.5 / 4)
