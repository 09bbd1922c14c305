"""``make guard-report``: names that can be looked up, and targets that are those of figures."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.tools import grounding_report, refusal_report
from tests.tools.guard_report import TARGETS, Target, flat, reached, report_of, target_of


def test_names_begin_with_their_task_and_have_no_blanks() -> None:
    """However a task's own report writes them."""
    assert flat("pii", {"pii.pii_nano.EMAIL.f1": 1, "pii_us": 2, "code secrets": 3}) == {
        "pii.pii_nano.EMAIL.f1": 1.0,
        "pii.us": 2.0,
        "pii.code_secrets": 3.0,
    }
    assert flat("rules", {"banned/recall/zero width": 1}) == {"rules.banned.recall.zero_width": 1.0}


@pytest.mark.parametrize(
    ("value", "at_least", "good"), [(0.5, True, True), (0.49, True, False), (0.5, False, True), (0.51, False, False)]
)
def test_a_target_is_a_least_or_a_greatest_value(value: float, at_least: bool, good: bool) -> None:
    """The bound itself is good."""
    assert reached(value, Target("x", 0.5, at_least)) is good


def test_a_star_stands_for_any_source() -> None:
    """Each source is held to the same."""
    assert target_of("pii.some_source.EMAIL.f1") == Target("pii.*.EMAIL.f1", 0.97)
    assert target_of("pii.some_source.EMAIL.recall") is None


def test_every_target_of_a_quick_report_is_of_a_figure() -> None:
    """A figure that is renamed does not lose its target; the tasks that train or ask a model are left out here."""
    quick: dict[str, dict[str, Any]] = {"pii": {}, "refusal": {"every": 40}, "holdback": {"every": 20}}
    names = [name for task, keys in quick.items() for name in report_of(task, **keys)]
    wanted = [target for target in TARGETS if target.name.split(".")[0] in quick]
    assert [target for target in wanted if not any(target_of(name) == target for name in names)] == []


def test_answers_held_against_documents_are_measured_by_a_model_too(tmp_path: Path) -> None:
    """Of some rows: of all it takes minutes."""
    for package in ("onnxruntime", "tokenizers", "llm_extproc_models"):
        pytest.importorskip(package, reason="the extra `packaged` is not installed")
    for file in grounding_report.FOLDER.glob("*.jsonl.gz"):
        some = gzip.decompress(file.read_bytes()).splitlines()[:20]
        (tmp_path / file.name).write_bytes(gzip.compress(b"\n".join(some)))
    figures = grounding_report.report(tmp_path)
    assert {target_of(name) for name in figures} == {None, Target("grounding.*.similarity.auc", 0.85)}
    assert figures["grounding.all.similarity.auc"] > 0.75


def test_a_single_source_has_no_threshold_of_others(tmp_path: Path) -> None:
    """Its area under the curve is told all the same, and what is found by default."""
    rows = [
        {"text": "The museum opens at nine.", "context": "The museum opens at nine o'clock.", "label": 0},
        {"text": "A lion escaped from Berlin.", "context": "The museum opens at nine o'clock.", "label": 1},
    ]
    (tmp_path / "own.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    figures = grounding_report.report(tmp_path, with_model=False)
    assert figures["grounding.own.novel_words.auc"] == 1.0
    assert "grounding.own.novel_words.recall" not in figures
    assert not [name for name in figures if name.startswith("grounding.left_out")]


def test_answers_of_others_are_counted_by_language(tmp_path: Path) -> None:
    """Those that are not in this repository."""
    rows = [
        {"lang": "de", "kind": "declines", "text": "Es tut mir leid, aber dabei kann ich nicht helfen."},
        {"lang": "de", "kind": "none", "text": "Gerne. Das Museum öffnet um neun."},
        {"lang": "fr", "kind": "declines", "text": "Le musée ouvre à neuf heures."},
    ]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert refusal_report.of_folder(tmp_path) == {
        "de": {"answers": 2, "decline": 1, "found": 1, "wrongly": 0},
        "fr": {"answers": 1, "decline": 1, "found": 0, "wrongly": 0},
    }


def test_the_packaged_classifier_is_measured_as_it_is_configured() -> None:
    """With every key that its section has, whichever comes to it."""
    for package in ("onnxruntime", "tokenizers", "llm_extproc_models"):
        pytest.importorskip(package, reason="the extra `packaged` is not installed")
    figures = report_of("classifier")
    assert {"classifier.packaged.short_us", "classifier.packaged.worker_mib"} <= figures.keys()
