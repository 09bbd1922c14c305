"""The README is an entrance: short, with a configuration that runs as it is, and a way to every other page."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from extproc.cli import _app as app
from tests.docs.pages import BESIDE, DOCS, INDEX, README, blocks, links

LINES_MAX = 250


def test_it_is_short() -> None:
    """What is longer belongs on a page below docs/."""
    assert len(README.read_text().splitlines()) <= LINES_MAX


def test_it_leads_to_every_page() -> None:
    """By itself or by the index, and to those that stand beside what they are about."""
    led = {target for target, _ in links(README)}
    assert INDEX in led
    assert set(BESIDE) <= led
    assert {DOCS / "getting-started.md", DOCS / "concepts.md", DOCS / "guards.md", DOCS / "operations.md"} <= led


def test_the_first_configuration_runs_as_it_is(tmp_path: Path) -> None:
    """It names no file, and the commands under it take it: `check` and `envoy-config`."""
    (example,) = blocks(README, "yaml")
    file = tmp_path / "llm-extproc.yaml"
    file.write_text(example)
    envoy = tmp_path / "envoy.yaml"
    for arguments in (["check", str(file)], ["envoy-config", str(file), "--output", str(envoy)]):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
    assert "127.0.0.1" in envoy.read_text()
