"""``extproc versions``: what each version is, what differs, and a lock that a pipeline checks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from tests.unit.cli.samples import fill


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, in the current folder."""
    monkeypatch.chdir(fill(tmp_path))
    monkeypatch.setenv("LLM_EXTPROC_CONFIG", "prompted.yaml")
    return tmp_path


def run(*words: str) -> Result:
    """A command as a pipe gets it."""
    return CliRunner().invoke(app, words, env={"COLUMNS": "200"})


def test_a_list_has_a_line_for_each_version() -> None:
    """With its share and its prompt."""
    lines = [line.split() for line in run("versions", "list").stdout.splitlines()]
    assert lines[0] == ["model", "version", "share", "fingerprint", "served", "model", "prompt"]
    assert [[*line[:3], *line[4:]] for line in lines[1:]] == [
        ["tiny-chat", "v1", "50%", "tiny-chat", "system-v1.md"],
        ["tiny-chat", "v2", "50%", "tiny-chat", "system-v2.md"],
    ]
    assert lines[1][3] != lines[2][3]


def test_a_share_is_that_of_the_rollout_in_force() -> None:
    """The weight is the one of the file."""
    lines = [line.split()[:3] for line in run("versions", "list", "-c", "rolled.yaml").stdout.splitlines()]
    assert lines[1:] == [["tiny-chat", "v1", "95%"], ["tiny-chat", "v2", "5%"]]
    assert "1 (5% of its model)" in run("versions", "show", "tiny-chat/v2", "-c", "rolled.yaml").stdout


def test_a_version_is_shown_with_its_prompt() -> None:
    """Every part of the fingerprint, and the text."""
    shown = run("versions", "show", "tiny-chat/v1").stdout
    assert "price.completion_micro_usd_per_mtok  600000\n" in shown
    assert shown.endswith("\n\nYou help customers.\nBe brief.\n")


def test_a_fallback_is_shown_with_the_versions_in_turn() -> None:
    """Beginning with the one that is shown; a list has the others, as the file names them."""
    lines = run("versions", "list", "-c", "fallback.yaml").stdout.splitlines()
    assert [line.split()[-1] for line in lines] == ["fallback", "v2", "v1"]
    assert "fallback" not in run("versions", "list").stdout
    shown = run("versions", "show", "tiny-chat/v2", "-c", "fallback.yaml").stdout.splitlines()
    assert [" ".join(line.split()) for line in shown if line.startswith("fall")] == [
        "fallback tiny-chat/v2, then tiny-chat/v1 (up to 32,768 tokens)",
        "falls back on timeout (3,000 ms; unstreamed: no limit), rate_limit",
    ]
    first = json.loads(run("versions", "show", "tiny-chat/v1", "-c", "fallback.yaml", "--json").stdout)
    assert first["version"]["fallback"] == {
        "chain": [
            {"version": "tiny-chat/v1", "served_model": "tiny-chat", "provider": None, "context_tokens_max": 32768},
            {"version": "tiny-chat/v2", "served_model": "tiny-chat", "provider": None, "context_tokens_max": None},
        ],
        "on": ["timeout", "rate_limit"],
        "first_byte_ms": 3000,
        "unstreamed_first_byte_ms": None,
    }


@pytest.mark.parametrize("name", ["tiny-chat/v9", "nobody/v1", "v1", "/", ""])
def test_a_version_that_there_is_not_is_an_error(name: str) -> None:
    """The names that there are."""
    for words in (("show", name), ("diff", "tiny-chat/v1", name), ("diff", name, "tiny-chat/v1")):
        ran = run("versions", *words)
        assert (ran.exit_code, ran.stdout) == (2, "")
        assert ran.stderr.startswith(f"There is no version {name}. ")
        assert "tiny-chat/v" in ran.stderr


def test_two_versions_of_a_configuration_are_compared() -> None:
    """Prompts line by line."""
    lines = run("versions", "diff", "tiny-chat/v1", "tiny-chat/v2").stdout.splitlines()
    assert lines[1] == "  prompt.name: system-v2.md instead of system-v1.md"
    assert lines[-4:] == [" You help customers.", "-Be brief.", "+Be very brief.", "+Answer in English."]
    assert run("versions", "diff", "tiny-chat/v1", "tiny-chat/v1").stdout == "Nothing differs.\n"


def test_two_configurations_are_compared() -> None:
    """``--config`` names the older one; weights are told too, though they are no part of a version."""
    Path("heavier.yaml").write_text(Path("prompted.yaml").read_text().replace("weight: 1", "weight: 3", 1))
    found = json.loads(run("versions", "diff", "--config", "config.yaml", "prompted.yaml", "--json").stdout)
    assert [(one["before"], one["after"]) for one in found["versions"]] == [
        ("tiny-chat/v1", "tiny-chat/v1"),
        (None, "tiny-chat/v2"),
    ]
    told = run("versions", "diff", "--config", "prompted.yaml", "heavier.yaml").stdout.splitlines()
    assert (len(told), told[1]) == (2, "  weight: 3 instead of 1")


def test_a_locked_version_that_changes_fails_the_pipeline() -> None:
    """Until it is accepted by a new lock. A weight may move."""
    assert run("check", "prompted.yaml", "--locked").stderr.endswith(
        "prompted.lock does not exist. `extproc versions lock` writes it.\n"
    )
    assert run("versions", "lock").stdout == "prompted.lock: 2 versions locked. Commit it.\n"
    Path("prompted.yaml").write_text(Path("prompted.yaml").read_text().replace("weight: 1", "weight: 3", 1))
    assert run("check", "prompted.yaml", "--locked").exit_code == 0
    Path("system-v2.md").write_text("Be rude.")
    checked = run("check", "prompted.yaml", "--locked")
    assert checked.exit_code == 1
    assert checked.stderr.splitlines()[-1] == (
        "prompted.yaml: tiny-chat/v2 changed under its name: prompt.text. Give the new version a name of its own, or"
        " accept it with `extproc versions lock`."
    )
    assert json.loads(run("check", "prompted.yaml", "--locked", "--json").stdout)["unlocked"] == [
        {"version": "tiny-chat/v2", "problem": "changed", "changed": ["prompt.text"]}
    ]
    assert run("versions", "lock").stdout.splitlines()[:2] == ["tiny-chat/v2 changed:", "  prompt.text"]
    assert run("check", "prompted.yaml", "--locked").exit_code == 0


def test_a_version_that_is_not_locked_fails_the_pipeline() -> None:
    """Else it could change later, and nobody would see it."""
    run("versions", "lock", "-c", "config.yaml")
    Path("config.yaml").write_text(Path("config.yaml").read_text().replace("v1:", "v2:"))
    checked = run("check", "config.yaml", "--locked")
    assert checked.exit_code == 1
    assert checked.stderr == (
        "config.yaml: tiny-chat/v2 is not in the lock file. Add it with `extproc versions lock`.\n"
    )


def test_a_note_that_may_be_a_secret_is_in_no_output() -> None:
    """Neither printed nor committed; that it changes is seen."""
    secret = "sk-" + "a1" * 20
    noted = Path("config.yaml").read_text().replace("weight: 1", f"weight: 1\n        serving: {{ api_key: {secret} }}")
    Path("noted.yaml").write_text(noted)
    Path("other.yaml").write_text(noted.replace(secret, secret[::-1]))
    outputs = [
        run("versions", "show", "tiny-chat/v1", "-c", "noted.yaml").output,
        run("versions", "lock", "-c", "noted.yaml").output + Path("noted.lock").read_text(),
        run("versions", "diff", "--config", "noted.yaml", "other.yaml").output,
    ]
    assert not [output for output in outputs if secret in output or secret[::-1] in output]
    assert "serving.api_key" in outputs[2]


def test_a_lock_file_that_is_none_is_not_overwritten() -> None:
    """It may be somebody's."""
    Path("prompted.lock").write_text("mine")
    ran = run("versions", "lock")
    assert (ran.exit_code, Path("prompted.lock").read_text()) == (2, "mine")
    assert ran.stderr.endswith("is no lock file. `extproc versions lock` writes one. Remove it to write a new one.\n")
