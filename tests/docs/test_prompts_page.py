"""What the page about prompts shows is what the commands print, with the configuration and the prompt of the page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.config.prompt_files import parse_prompt_file
from tests.docs.pages import DOCS, blocks
from tests.docs.test_pages import TWO_VERSIONS, parts

PAGE = DOCS / "prompts.md"
SHOWN = re.findall(r"^```sh\n(extproc [^\n]+)\n```\n\n```\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's configuration, over that of two versions, and its prompt as both versions of it."""
    monkeypatch.chdir(tmp_path)
    example = blocks(PAGE, "yaml")[0]
    (tmp_path / "llm-extproc.yaml").write_text("".join((parts(TWO_VERSIONS) | parts(example)).values()))
    prompt = blocks(PAGE, "text")[0]
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "system-v1.md").write_text("Be brief.")
    (tmp_path / "prompts" / "system-v2.md").write_text(prompt)
    return tmp_path


@pytest.mark.parametrize(("line", "shown"), SHOWN, ids=[line for line, _ in SHOWN])
@pytest.mark.usefixtures("folder")
def test_what_is_shown_is_what_is_printed(line: str, shown: str) -> None:
    """Byte for byte."""
    assert CliRunner().invoke(app, shlex.split(line)[1:]).stdout == shown


@pytest.mark.usefixtures("folder")
def test_the_example_is_as_the_page_advises() -> None:
    """No warning: its variables stand last."""
    ran = CliRunner().invoke(app, ["check"])
    assert (ran.exit_code, ran.stderr) == (0, "")


def test_the_golden_tests_are_valid() -> None:
    """With the escapes of YAML and of patterns."""
    first, second = parse_prompt_file(blocks(PAGE, "text")[1], "page").front.tests
    assert first.expect.contains == "Oslo"
    assert second.expect.not_matches == r"(?i)\bwaves?\b"
