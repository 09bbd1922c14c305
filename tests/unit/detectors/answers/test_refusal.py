"""Refusals are told from apologies and modesty, in seventeen languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extproc.detectors.answers.refusal import RefusalDetector

OWN = Path(__file__).resolve().parents[3] / "corpus" / "refusal" / "own.jsonl"

detector = RefusalDetector()


@pytest.mark.parametrize(
    "row", [json.loads(line) for line in OWN.read_text(encoding="utf-8").splitlines()], ids=lambda row: row["text"][:40]
)
def test_own_lines_are_judged_as_labelled(row: dict[str, object]) -> None:
    """Each line of ``tests/corpus/refusal/own.jsonl``."""
    finding = detector.find(str(row["text"]))
    assert (None if finding is None else finding.kind) == ("REFUSAL" if row["label"] else None)


def test_the_span_is_the_phrase() -> None:
    """Also behind characters that the plain form changes."""
    text = "Hm… I’m sorry, but I can’t help with that."
    finding = detector.find(text)
    assert finding is not None
    assert (finding.kind, finding.detector) == ("REFUSAL", "refusal.phrases")
    assert (
        text[finding.start : finding.end].startswith("I’m sorry") or "can’t help" in text[finding.start : finding.end]
    )


def test_a_beginning_may_be_cut_anywhere() -> None:
    """A prefix of a text never raises, and an answer without a refusal has none in any prefix."""
    answer = (
        "As an AI I cannot predict the price, but here is how analysts think about it: first, they read the filings."
    )
    for end in range(len(answer) + 1):
        assert detector.find(answer[:end]) is None


def test_case_and_apostrophe_do_not_matter() -> None:
    """Models write both."""
    for text in ("i'm sorry, but i can't assist with that", "I’M SORRY, BUT I CAN’T ASSIST WITH THAT"):
        assert detector.find(text) is not None


def test_a_lone_surrogate_is_no_error() -> None:
    """JSON can hold one."""
    assert detector.find("\ud800 I cannot help you with that.") is not None


def test_a_refusal_without_a_refusing_phrase_is_told_by_the_model() -> None:
    """Its evidence is everywhere, so the span is all of the beginning."""
    text = (
        "I must emphasize that hacking into an account is unethical. It is important to respect the privacy of others."
    )
    finding = detector.find(text)
    assert finding is not None
    assert (finding.start, finding.end, finding.detector) == (0, len(text), "refusal.ngrams")
    assert 0.5 <= finding.score < 1.0


def test_the_model_does_not_judge_a_few_words() -> None:
    """Too little to tell by."""
    for text in ("I must emphasize that it is illegal", "As an AI", "Unethical."):
        assert detector.find(text) is None
