"""What the detectors for answers reach on public answers: the figures of ``tests/tools/answers_report.py``."""

from __future__ import annotations

from tests.tools.answers_report import report


def test_the_figures_hold() -> None:
    """Hardly ever on ordinary answers, nearly always on what was made to be found."""
    figures = report()
    assert figures["prompt_leak.false_share"] <= 0.002
    assert figures["prompt_leak.recall_in_other_layout"] >= 0.99
    assert figures["degenerate.made_loops.recall"] >= 0.99
    for source in ("faithdial_audit", "halueval_qa", "self_instruct_answers"):
        assert figures[f"degenerate.{source}.loop_share"] <= 0.005
        assert figures[f"degenerate.{source}.not_english_share"] <= 0.03
    for language in ("de", "fr", "ru", "zh"):
        assert figures[f"degenerate.english_where_{language}_was_expected.recall"] >= 0.95
