"""Coverage adds up texts; pieces of a stream have times."""

from __future__ import annotations

from extproc.domain.record import Coverage, ExchangeRecord


def test_coverage_is_counted_by_texts() -> None:
    """Of each guard and direction; none is no entry."""
    record = ExchangeRecord("id", "revision", 0)
    for texts in (2, 1, 0):
        record.note_coverage("pii", "request", Coverage.CHECKED, texts)
    record.note_coverage("pii", "response", Coverage.FAILED_OPEN, 1)
    record.note_coverage("refusal", "response", Coverage.CHECKED, 0)
    assert record.coverage == {("pii", "request", Coverage.CHECKED): 3, ("pii", "response", Coverage.FAILED_OPEN): 1}


def test_the_first_and_the_last_piece_have_times() -> None:
    """Between them is how long a model took to write."""
    record = ExchangeRecord("id", "revision", 0)
    for now_ns in (5, 7, 11):
        record.note_piece(now_ns)
    assert (record.pieces, record.first_text_ns, record.last_text_ns) == (3, 5, 11)
