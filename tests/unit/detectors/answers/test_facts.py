"""Sentences that contradict a known fact, and sentences that only look so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.facts import parse_facts
from extproc.detectors.answers.facts import FactDetector
from extproc.filters.facts import detector_of

FACTS = r"""facts:
  - id: return-window
    statement: You may return an item within 30 days.
    subject: ['\breturn(s|ed|ing)?\b', '\b(item|order|product)s?\b']
    value: '([0-9]+) days?'
    right: ["30"]
  - id: pro-price
    statement: The Pro plan costs $1,299 a year.
    subject: ['\bpro plan\b', 'costs?|priced?']
    value: '\$ ?([0-9][0-9.,]*[0-9]|[0-9])'
    right: ["1299"]
  - id: founder
    statement: Acme was founded by Ada Jones.
    subject: ['\bAcme\b', '\bfounded\b']
    value: 'founded by ([A-Z]\w+ [A-Z]\w+)'
    right: ["Ada Jones"]
"""
DETECTOR = detector_of(parse_facts(FACTS, "f.yaml"))


@pytest.mark.parametrize(
    ("sentence", "contradicted"),
    [
        ("You can return your order within 30 days.", []),
        ("You can return your order within **14** days.", ["return-window"]),
        ("You have 30 days, not 14 days, to return an item.", []),
        ("Your order comes in 14 days.", []),
        ("Return the item.", []),
        ("The Pro plan costs $1299.00 per year.", []),
        ("The pro plan is priced at $1,199.", ["pro-price"]),
        ("Acme was founded by ada jones in 1990.", []),
        ("ACME was founded by Eva Smith.", ["founder"]),
        ("Acme, founded by Eva Smith, prices its Pro plan at $5.", ["founder", "pro-price"]),
        ("", []),
    ],
)
def test_a_sentence_contradicts_the_facts_it_is_about(sentence: str, contradicted: list[str]) -> None:
    """All of the subject, and no value that is right."""
    found = DETECTOR.find(sentence)
    assert sorted(finding.detail for finding in found) == contradicted
    assert {finding.kind for finding in found} <= {"FACT_CONTRADICTED"}


@pytest.mark.parametrize(
    ("before", "sentence", "contradicted"),
    [
        ("Our best is the Pro plan. ", "It costs $5.", ["pro-price"]),
        ("Our best is the Pro plan. ", "**It** costs $1,299.", []),
        ("Our best is the Pro plan. ", "Postage costs $5.", []),
        ("It costs $5. ", "This is the Pro plan.", []),
    ],
)
def test_a_sentence_may_go_on_about_the_one_before(before: str, sentence: str, contradicted: list[str]) -> None:
    """Where it begins with a word that refers back; values count only where they stand."""
    assert [finding.detail for finding in DETECTOR.find(sentence, before)] == contradicted


@given(st.text(max_size=200))
def test_any_sentence_can_be_judged(sentence: str) -> None:
    """Without facts nothing is contradicted."""
    assert FactDetector(()).find(sentence) == []
    assert all(finding.end == len(sentence) for finding in DETECTOR.find(sentence))
