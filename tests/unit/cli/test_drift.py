"""What ``extproc drift`` prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extproc.cli.drift import app
from tests.unit.cli.samples import fill


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, as the working directory."""
    monkeypatch.chdir(fill(tmp_path))
    return tmp_path


def printed(*arguments: str, columns: str = "100") -> str:
    """Its output."""
    ran = CliRunner().invoke(app, [*arguments, "config.yaml"], env={"COLUMNS": columns})
    assert ran.exit_code == 0, ran.stderr
    return ran.stdout


def test_the_table() -> None:
    """A line for each signal in the order of the page; what drifts says since when and where."""
    assert printed().splitlines() == [
        "tiny-chat/v1",
        "signal         now  reference  effect  evidence  state",
        "refused      4.2 %        2 %  +110 %     170 %  DRIFT since 2026-01-05T05:13:20+00:00 in night a",
        "                                                 team with a name that is too long for its column",
        "length        96.4        118   -18 %      81 %",
        "first_token      -          -       -         -  no reference",
    ]


def test_as_data() -> None:
    """All that is known, with units."""
    (version,) = json.loads(printed("--json"))["versions"]
    assert {name: version[name] for name in ("model", "version", "fingerprint")} == {
        "model": "tiny-chat",
        "version": "v1",
        "fingerprint": "f1",
    }
    refused, length, first_token = version["signals"]
    assert (refused["signal"], refused["unit"], refused["effect"], refused["alarm"]) == ("refused", "1", 1.1, True)
    assert (refused["since"], refused["effect_since"], refused["low"]) == ("2026-01-05T05:13:20+00:00", 1.2, 0.4)
    assert (length["signal"], length["unit"], length["since"], length["stratum"]) == ("length", "{token}", None, "")
    assert (first_token["unit"], first_token["now"], first_token["reference"]) == ("s", None, "empty")


def test_a_version_that_nobody_asked(folder: Path) -> None:
    """It is listed, and nothing was seen."""
    text = (folder / "config.yaml").read_text().replace("tiny-chat:", "other-chat:")
    (folder / "config.yaml").write_text(text)
    assert printed() == "other-chat/v1\nNo answers were seen.\n"
    assert json.loads(printed("--json")) == {
        "versions": [{"model": "other-chat", "version": "v1", "fingerprint": "", "signals": []}]
    }
