"""`make deploy-check` runs every test of deployment, each once."""

from __future__ import annotations

from pathlib import Path

from tests.tools.deploy_check import NAMED, TOOLS, parts, version_of


def test_every_file_has_its_line() -> None:
    """None is named twice, none is missing, and what nobody named is in the last part."""
    folder = Path(__file__).parent
    here = {f"tests/deploy/{each.name}" for each in (*folder.glob("test_*.py"), folder / "image")}
    named = [each for part in NAMED for each in part.arguments]
    assert len(named) == len(set(named))
    assert set(named) <= here
    rest = parts()[-1].arguments
    assert (rest[0], {each.removeprefix("--ignore=") for each in rest[1:]}) == ("tests/deploy", set(named))


def test_a_program_says_its_version() -> None:
    """Or that it is missing."""
    assert version_of("sh", ("-c", "echo 1.2; echo more")) == "1.2"
    assert "is skipped" in version_of("no-such-program", ())
    assert {"helm", "kubectl", "promtool"} <= set(TOOLS)
