"""What `extproc rollout start` takes, and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extproc.cli import _app as app
from tests.unit.cli.samples import fill

DECLARED = """\
rollouts:
  - { name: mine, model: tiny-chat, stable: v1, canary: v2, steps: [{ percent: 10 }, { percent: 100 }] }
"""
SIGNALS = "  - filter: meter\n  - filter: signals\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, in the current folder, and a configuration that declares a rollout."""
    monkeypatch.chdir(fill(tmp_path))
    text = (tmp_path / "rolling.yaml").read_text()
    if "filter: signals" not in text:
        text = text.replace("  - filter: meter\n", SIGNALS)
    (tmp_path / "declared.yaml").write_text(text + DECLARED)
    return tmp_path


def start(config: str, *more: str) -> tuple[int, str]:
    """Its exit code, and what it prints."""
    ran = CliRunner().invoke(app, ["rollout", "start", "tiny-chat", "--to", "v2", "-c", config, *more])
    return ran.exit_code, ran.stdout + ran.stderr


@pytest.mark.usefixtures("folder")
def test_a_plan_of_the_command_line() -> None:
    """What is not given has its default; the other version with most weight is the stable one."""
    code, printed = start("rolling.yaml", "--steps", "1,10,100", "--minutes", "5", "--json", "--by", "ann")
    assert code == 0, printed
    found = json.loads(printed[printed.index("{") :])["rollout"]
    assert (found["name"], found["stable"], found["steps"], found["share_percent"]) == (
        "tiny-chat-v2",
        "v1",
        [1, 10, 100],
        1.0,
    )


@pytest.mark.usefixtures("folder")
def test_a_plan_of_the_configuration() -> None:
    """It is started as it is, and nothing of it can be given as well: an option would be lost without a word."""
    code, printed = start("declared.yaml", "--steps", "5,100", "--alpha", "0.05")
    assert (code, printed) == (
        2,
        "extproc rollout: tiny-chat to v2 is declared in `rollouts` as mine; change its plan there, or leave out "
        "`--steps`, `--alpha`\n",
    )
    code, printed = start("declared.yaml")
    assert code == 0, printed
    assert "mine began: 10 % of tiny-chat go to v2." in printed


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ["--steps", "5,x"],
            "extproc rollout: --steps are whole numbers with commas between them, such as 5,25,50,100",
        ),
        (["--steps", "5,3,100"], "extproc rollout: steps[1].percent: 3 % after 5 %. Each step has a larger share than"),
        (
            ["--steps", "5,25"],
            "extproc rollout: steps: the last step has 25 %. The last one is 100: then the canary has",
        ),
        (["--steps", "100"], "extproc rollout: not possible: `steps`; `rollouts` in the reference says what is"),
        (["--alpha", "0"], "extproc rollout: not possible: `alpha`; `rollouts` in the reference says what is"),
        (
            ["--from", "v2"],
            "extproc rollout: canary: `v2` is the stable version too. Name the version that is to replace",
        ),
        (["--from", "v9"], "extproc rollout: stable: unknown version `v9`. Known versions: `v1`, `v2`."),
    ],
)
def test_plans_that_cannot_be(options: list[str], told: str) -> None:
    """Nothing is stored, and the message says what to write."""
    code, printed = start("rolling.yaml", *options)
    assert code == 2
    assert printed.startswith(told)
