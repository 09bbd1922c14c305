"""What the page about trying and testing shows is what the commands print, with the configuration of `extproc init`."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extproc.cli import _app as app
from tests.docs.pages import DOCS, blocks
from tests.playbooks.driver import chat_answer

PAGE = DOCS / "testing.md"
SHOWN = re.findall(r"^```sh\n(extproc [^\n]+)\n```\n\n```\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A first configuration, and a request and an answer."""
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["init", "--model", "llama"]).exit_code == 0
    body = {"model": "llama", "messages": [{"role": "user", "content": "Good morning"}]}
    (tmp_path / "request.json").write_text(json.dumps(body))
    (tmp_path / "answer.http").write_bytes(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + chat_answer("Good morning to you")
    )
    return tmp_path


def ran(line: str) -> tuple[int, str]:
    """A command of the page, wide enough that no line is folded."""
    result = CliRunner().invoke(app, shlex.split(line)[1:], env={"COLUMNS": "400"})
    return result.exit_code, result.output


@pytest.mark.parametrize(("line", "shown"), SHOWN, ids=[line for line, _ in SHOWN])
@pytest.mark.usefixtures("folder")
def test_what_is_shown_is_what_is_printed(line: str, shown: str) -> None:
    """Line by line; the page may leave lines out."""
    printed = ran(line)[1].splitlines()
    assert [one for one in shown.splitlines() if one not in printed] == []


@pytest.mark.usefixtures("folder")
def test_every_command_of_the_page_runs() -> None:
    """None of them is refused for how it is written."""
    lines = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
    assert {line: ran(line)[0] for line in lines if ran(line)[0] > 1} == {}
    assert len(SHOWN) >= 2
