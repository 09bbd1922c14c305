"""``extproc test``: a table, JUnit and JSON, proposals, and a run at each change."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from extproc.cli.review_cases import cases_of
from extproc.sinks.review.entries import Label, ReviewLabel, Stored
from tests.unit.cli.programs import ESCAPE, PROGRAM, environment, started
from tests.unit.cli.samples import CASES, fill
from tests.unit.sinks.review.samples import entry

DOCS = Path(__file__).parents[3] / "docs" / "cases"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, in the current folder."""
    monkeypatch.chdir(fill(tmp_path))
    return tmp_path


def ran(*arguments: str) -> Result:
    """The command."""
    return CliRunner().invoke(app, ["test", *arguments], env={"COLUMNS": "200"})


@pytest.mark.usefixtures("folder")
def test_a_table_says_what_differs() -> None:
    """PASS and FAIL, each difference, and a sum; exit 1."""
    result = ran("cases.yaml")
    assert result.exit_code == 1
    assert result.output.splitlines()[:-1] == [
        "PASS  masked",
        "FAIL  refused  cases.yaml:7",
        "      blocked_by",
        "        expected pii",
        "        got      none",
    ]
    assert re.fullmatch(r"1 passed, 1 failed in \d+\.\d\d s", result.output.splitlines()[-1])
    assert "PASS" not in ran("cases.yaml", "--failed").output


def test_a_good_file_is_zero(folder: Path) -> None:
    """And the configuration of the command line comes before that of the file."""
    (folder / "good.yaml").write_text(CASES.partition("  - name: refused")[0])
    assert ran("good.yaml").exit_code == 0
    (folder / "other.yaml").write_text((folder / "config.yaml").read_text().replace("on: both", "on: response"))
    assert ran("good.yaml", "-c", "other.yaml").exit_code == 1


def test_junit_is_what_a_server_reads(folder: Path) -> None:
    """Suites, cases, failures, places; also with characters that XML does not allow."""
    odd = '  - { name: "odd \\x01 <&", request: Hi, expect: { passes: false } }\n'
    (folder / "odd.yaml").write_text(CASES + odd)
    ran("cases.yaml", "odd.yaml", "--junit", "report.xml")
    suites = ElementTree.parse(folder / "report.xml").getroot().findall("testsuite")
    assert [(one.get("name"), one.get("tests"), one.get("failures")) for one in suites] == [
        ("cases.yaml", "2", "1"),
        ("odd.yaml", "3", "2"),
    ]
    (failure,) = suites[0].findall("testcase/failure")
    assert failure.get("message") == "blocked_by: expected pii, got none"
    assert [one.get("line") for one in suites[0].findall("testcase")] == ["3", "7"]


@pytest.mark.usefixtures("folder")
def test_a_proposal_is_a_patch_that_applies() -> None:
    """With ``--write`` it is applied, and all pass."""
    patch = ran("cases.yaml", "--update")
    assert "-    expect: { blocked_by: pii }\n+    expect:\n+      blocked_by: none\n" in patch.output
    applied = subprocess.run(["patch", "-p0", "--dry-run"], input=patch.output, text=True, capture_output=True)
    assert applied.returncode == 0, applied.stdout
    assert ran("cases.yaml", "--update", "--write").exit_code == 1
    assert ran("cases.yaml").exit_code == 0


def test_a_change_runs_the_cases_again(folder: Path) -> None:
    """Of the cases, of the configuration, and a mistake in between; Ctrl-C ends it."""
    with started("test", "cases.yaml", "-w", on_terminal=True) as program:
        program.until("1 passed, 1 failed")
        program.until("Waiting for a change")
        (folder / "cases.yaml").write_text(CASES.replace("blocked_by: pii", "passes: true"))
        program.until("2 passed, 0 failed")
        (folder / "cases.yaml").write_text(CASES.replace("request:", "reqest:"))
        program.until("Did you mean `request`?")
        (folder / "cases.yaml").write_text(CASES.replace("blocked_by: pii", "passes: true"))
        config = (folder / "config.yaml").read_text()
        (folder / "config.yaml").write_text(config.replace("on: both", "action: flag"))
        program.until("I am ann@example.org")
        program.ctrl_c()
        assert program.ended() == 130
    assert ESCAPE in program.output


@pytest.mark.usefixtures("folder")
def test_the_schema_is_printed() -> None:
    """For editors."""
    assert json.loads(ran("--schema").output)["title"] == "llm-extproc cases"


def test_the_example_of_the_docs_passes() -> None:
    """As a person runs it."""
    shown = subprocess.run(
        [*PROGRAM, "test", str(DOCS / "cases.yaml")], capture_output=True, text=True, env=environment()
    )
    assert (shown.returncode, shown.stderr) == (0, ""), shown.stdout
    assert shown.stdout.count("PASS") >= 12


# --- cases from the review queue -----------------------------------------------------------------------------------

CONFIRMED = Label(ReviewLabel.CONFIRM, "ann", 1, "")
REJECTED = Label(ReviewLabel.REJECT, "ann", 1, "")


def test_labels_become_cases() -> None:
    """What was right must be found, a false alarm must not; a mask cannot be tried again."""
    words = {"guard": "banned", "kind": "BANNED", "excerpt": "about nightfall now", "found_start": 6, "found_end": 15}
    found = [
        (Stored(1, entry(**words), ReviewLabel.CONFIRM), CONFIRMED),
        (Stored(2, entry(**{**words, "speaker": "tool", "team": "search"}), ReviewLabel.REJECT), REJECTED),
        (Stored(3, entry(**{**words, "direction": "response"}), None), None),
        (Stored(4, entry(excerpt="to <EMAIL> now", found_start=3, found_end=10), None), CONFIRMED),
        (Stored(5, entry(excerpt=""), None), CONFIRMED),
    ]
    made = cases_of(found, "x-team")
    assert made.left_out == 2
    first, second = yaml.safe_load(made.text)["cases"]
    assert (first["name"], first["expect"]) == ("finding 1: banned/BANNED", {"found": "banned/BANNED"})
    assert second["request"] == {"speaker": "tool", "text": "about nightfall now"}
    assert (second["headers"], second["expect"]) == ({"x-team": "search"}, {"not_found": "banned/BANNED"})


def test_exported_cases_run(folder: Path) -> None:
    """The file is one of cases; what cannot be tried is told on standard error."""
    exported = CliRunner().invoke(app, ["review", "export", "-c", "config.yaml", "--as-tests"])
    assert exported.exit_code == 0
    (folder / "reviewed.yaml").write_text(exported.stdout)
    assert exported.stderr == "1 labeled findings cannot be tried again: their excerpt is masked, or was not kept.\n"
