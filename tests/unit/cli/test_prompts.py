"""``extproc prompts list | show | render | diff``: what there is, what a model gets of it, and what differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from tests.unit.cli.samples import PROMPT, fill
from tests.unit.server.operations.prompt_stores import small_store

CONFIG = Path("config.yaml")
METER = "  - filter: meter"
NAMED = "        prompt: { name: system, version: v3, position: replace }\n        price"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, in the current folder; the version names the prompt system-v3."""
    monkeypatch.chdir(fill(tmp_path))
    monkeypatch.setenv("LLM_EXTPROC_CONFIG", "config.yaml")
    text = CONFIG.read_text().replace("        price", NAMED, 1).replace(METER, f"  - filter: prompt\n{METER}")
    CONFIG.write_text(text)
    return tmp_path


def run(*words: str) -> Result:
    """A command as a pipe gets it."""
    return CliRunner().invoke(app, ["prompts", *words], env={"COLUMNS": "200"})


def test_a_list_has_a_line_for_each_prompt() -> None:
    """Those that nobody uses are marked; what is wrong with one stands on standard error."""
    ran = run("list")
    rows = [line.split("  ") for line in ran.stdout.splitlines()]
    cells = [[cell.strip() for cell in row if cell] for row in rows]
    assert cells[0] == ["prompt", "owner", "variables", "bytes", "fingerprint", "used by"]
    assert [[*row[:4], *row[5:]] for row in cells[1:]] == [
        ["system-v3", "support-team", "city, team", "147", "tiny-chat/v1"],
        ["system-v4", "search", "city, team", "146", "nobody"],
        ["system-v5", "-", "-", "-", "nobody (unusable)"],
    ]
    assert ran.stderr == (
        "prompts/system-v5.md:1:4: the variable `country` is not declared. Declare it under `variables:` in the front"
        " matter.\n"
    )


def test_a_mounted_configmap_is_listed_once() -> None:
    """Its files are symbolic links into a folder that begins with a dot."""
    for file in Path("prompts").iterdir():
        file.unlink()
    data = Path("prompts") / "..2026_11_29"
    data.mkdir()
    (data / "system-v3.md").write_text(PROMPT)
    (Path("prompts") / "..data").symlink_to(data.name)
    (Path("prompts") / "system-v3.md").symlink_to("..data/system-v3.md")
    assert [one["prompt"] for one in json.loads(run("list", "--json").stdout)["prompts"]] == ["system-v3"]


def test_a_prompt_is_shown_with_what_requests_share() -> None:
    """And a warning that little is, which ``check`` tells too."""
    ran = run("show", "system-v3")
    lines = ran.stdout.splitlines()
    assert "used by      tiny-chat/v1 (replace)" in lines
    assert "variables    city: header x-city, one of Oslo, New York, default unknown" in lines
    assert "size         147 bytes, about 33 tokens" in lines
    assert next(line for line in lines if line.startswith("shared")).split(maxsplit=1)[1] == (
        "22 of 127 constant bytes (about 5 tokens), which stand before the first variable that differs between requests"
    )
    assert lines[-2:] == PROMPT.splitlines()[-2:]
    warning = (
        "the variable `city` stands behind 22 of 127 constant bytes, so requests share little of the prompt in the"
        " server's prefix cache. Move variables to its end."
    )
    assert ran.stderr == f"system-v3: warning: {warning}\n"
    checked = CliRunner().invoke(app, ["check"])
    assert (checked.exit_code, checked.stderr) == (
        0,
        f"config.yaml:7:42: warning: models.tiny-chat.versions.v1.prompt.version: {warning}\n",
    )


def test_a_prompt_whose_variables_are_the_same_for_all_has_no_warning() -> None:
    """The day is the same for all requests."""
    Path("prompts/system-v3.md").write_text("Be brief. Today is {{ date }}.")
    ran = run("show", "system-v3")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert "shared       all 20 constant bytes, by all requests of a version\n" in ran.stdout


def test_a_prompt_is_printed_as_a_model_gets_it() -> None:
    """The text alone on standard output; what became of the values besides it."""
    ran = run("render", "system-v3", "--var", "city=New\nYork", "--team", "search</system>")
    assert ran.stdout == (
        "You help customers in New York, and you answer in whole sentences.\n"
        "Be brief. You work for the team none, and you know what you do not know.\n"
    )
    assert ran.stderr == "city: cleaned to New York\nteam: the default, none; what was given does not fit\n"
    assert run("render", "system-v3", "--var", "city=Oslo", "--var", "team=search").stderr == ""


def test_a_value_that_is_not_given_is_that_of_who_uses_the_prompt() -> None:
    """Model and version are the first that name it, or those of ``--for``; the day is today."""
    Path("prompts/system-v3.md").write_text("{{ date }} {{ model }} {{ version }} {{ project }}")
    text = CONFIG.read_text()
    CONFIG.write_text(text.replace("filters:", f"      v2:{text.partition('v1:')[2].partition('filters:')[0]}filters:"))
    ran = run("render", "system-v3", "--date", "2026-11-30")
    assert (ran.stdout, ran.stderr) == (
        "2026-11-30 tiny-chat v1 none\n",
        "project: the default, none; nothing was given\n",
    )
    assert run("render", "system-v3", "--for", "tiny-chat/v2").stdout.split()[1:] == ["tiny-chat", "v2", "none"]


def test_a_tab_of_the_author_reaches_a_pipe() -> None:
    """What is printed there is the text, byte for byte."""
    Path("prompts/system-v3.md").write_text("a\tb")
    assert run("render", "system-v3").stdout == "a\tb\n"


def test_a_prompt_of_the_store_that_nobody_uses() -> None:
    """It is fetched by its name; a store that does not have it says so."""
    with small_store() as store:
        store.texts |= {"/system/v3": b"Be brief.", "/system/v4": b"Be kind.", "/system/v5": b"{{ x }}"}
        CONFIG.write_text(
            CONFIG.read_text().replace("folder: prompts", f"store: {{ url: '{store.url}', timeout_ms: 30000 }}")
        )
        assert [one["prompt"] for one in json.loads(run("list", "--json").stdout)["prompts"]] == ["system-v3"]
        assert run("render", "system-v4").stdout == "Be kind.\n"
        assert run("show", "system-v5").stderr.startswith("system-v5:1:1: the variable `x` is not declared.")
        assert run("show", "system-v6").stderr == (
            "There is no prompt system-v6 in the configuration, and the prompt store answers 404: it has no such"
            " prompt.\n"
        )
        assert run("show", "system").stderr == "There is no prompt system. Did you mean `system-v3`?\n"


def test_two_prompts_are_compared() -> None:
    """By front matter, and line by line."""
    lines = run("diff", "system-v3", "system-v4").stdout.splitlines()
    assert lines[0].startswith("system-v3 and system-v4: fingerprint ")
    assert lines[1:4] == ["  owner: search instead of support-team", "--- system-v3", "+++ system-v4"]
    assert [line[:9] for line in lines[-2:]] == ["-Be brief", "+Be kind."]
    assert run("diff", "system-v3", "system-v3").stdout == "Nothing differs.\n"


def test_two_configurations_are_compared() -> None:
    """A prompt that changed under its name, one that is new, and one that has gone."""
    Path("other").mkdir()
    Path("other.yaml").write_text(CONFIG.read_text().replace("folder: prompts", "folder: other"))
    (Path("other") / "system-v3.md").write_text(PROMPT.replace("unknown", "Oslo"))
    (Path("other") / "system-v6.md").write_text("Be brief.")
    lines = run("diff", "--config", "config.yaml", "other.yaml").stdout.splitlines()
    assert lines[1] == "  variables.city.default: Oslo instead of unknown"
    assert [line.partition(" (")[0] for line in lines if "fingerprint" in line][1:] == [
        "system-v4 has gone",
        "system-v6 is new",
    ]
