"""Files are read once, whole, and every way in which they change is noticed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from extproc.config.load import revision_of
from extproc.config.problems import ConfigInvalid
from extproc.exchange.snapshot import compile_snapshot
from extproc.server.operations.config_files import ConfigReader
from extproc.server.operations.config_in_force import ConfigInForce
from tests.unit.server.envoy import CONFIG, PROMPT, write_config


def replaced(file: Path, text: str) -> None:
    """What an editor does: write beside, then rename."""
    beside = file.with_suffix(".new")
    beside.write_text(text)
    os.replace(beside, file)


def mounted(folder: Path, name: str, config: str = CONFIG, prompt: str = PROMPT) -> None:
    """A ConfigMap's new content, swapped in by one rename of ``..data``."""
    content = folder / name
    content.mkdir()
    write_config(content, config, prompt)
    (folder / "..data.new").symlink_to(name)
    os.replace(folder / "..data.new", folder / "..data")


def test_what_was_read_is_not_changed(tmp_path: Path) -> None:
    """Nothing to do, until something is written."""
    reader = ConfigReader(write_config(tmp_path))
    assert reader.read().prompts == {"prompt.txt": PROMPT}
    assert not reader.changed()


@pytest.mark.parametrize("name", ["llm-extproc.yaml", "prompt.txt"])
@pytest.mark.parametrize("how", ["edited", "replaced", "deleted"])
def test_every_change_of_either_file_is_noticed(tmp_path: Path, name: str, how: str) -> None:
    """In place, by a rename as editors do, or gone."""
    reader = ConfigReader(write_config(tmp_path))
    reader.read()
    file = tmp_path / name
    if how == "edited":
        file.write_text(file.read_text() + "# more\n")
    elif how == "replaced":
        replaced(file, file.read_text())
    else:
        file.unlink()
    assert reader.changed()


def test_a_configmaps_swap_is_noticed(tmp_path: Path) -> None:
    """Kubernetes renames one symbolic link: the files' own names lead elsewhere, and have the same size."""
    mounted(tmp_path, "..2026_01", prompt="first")
    for name in ("llm-extproc.yaml", "prompt.txt"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    reader = ConfigReader(tmp_path / "llm-extproc.yaml")
    assert reader.read().prompts == {"prompt.txt": "first"}
    assert not reader.changed()
    mounted(tmp_path, "..2026_02", prompt="other")
    assert reader.changed()
    assert reader.read().prompts == {"prompt.txt": "other"}
    assert not reader.changed()


def test_a_bad_file_is_told_once(tmp_path: Path) -> None:
    """It is looked at again when it has changed."""
    reader = ConfigReader(write_config(tmp_path, config="models: ["))
    with pytest.raises(ConfigInvalid):
        reader.read()
    assert not reader.changed()
    write_config(tmp_path)
    assert reader.changed()


def test_a_prompt_that_comes_later_than_its_configuration_is_noticed(tmp_path: Path) -> None:
    """It mends the configuration that names it, which itself does not change any more."""
    reader = ConfigReader(write_config(tmp_path))
    reader.read()
    replaced(tmp_path / "llm-extproc.yaml", CONFIG.replace("prompt.txt", "later.txt"))
    with pytest.raises(ConfigInvalid, match=r"later\.txt"):
        reader.read()
    assert not reader.changed()
    (tmp_path / "later.txt").write_text("Be late.")
    assert reader.changed()
    assert reader.read().prompts == {"later.txt": "Be late."}


def test_a_change_during_the_reading_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read again: what was opened is not what is there afterwards."""
    file = write_config(tmp_path)
    status_of = os.fstat

    def changes_now(descriptor: int) -> os.stat_result:
        status = status_of(descriptor)
        monkeypatch.undo()
        replaced(file, CONFIG.replace("weight: 1", "weight: 7", 1))
        return status

    reader = ConfigReader(file)
    monkeypatch.setattr(os, "fstat", changes_now)
    (model,) = reader.read().loaded.document.models.values()
    assert 7 in [version.weight for version in model.versions.values()]
    assert not reader.changed()


FACTS = """facts:
  - { id: opening, statement: We open at nine., subject: [open], value: "at ([a-z]+)", right: [nine] }
"""
WITH_FACTS = """
policies:
  - name: default
    guards:
      - { guard: facts, file: facts.yaml }
"""


def config_with_facts() -> str:
    """The configuration with a guard that names a file of facts."""
    return CONFIG.replace("  - filter: prompt\n", "  - filter: guards\n  - filter: prompt\n") + WITH_FACTS


def test_facts_are_read_and_watched_as_prompts_are(tmp_path: Path) -> None:
    """A file that comes later, or changes, is worth another reading."""
    reader = ConfigReader(write_config(tmp_path, config_with_facts()))
    with pytest.raises(ConfigInvalid, match=r"guards\[facts\]\.file: the text `facts\.yaml` is not a file"):
        reader.read()
    (tmp_path / "facts.yaml").write_text(FACTS)
    assert reader.changed()
    assert reader.read().prompts["facts.yaml"] == FACTS
    assert not reader.changed()
    replaced(tmp_path / "facts.yaml", FACTS.replace("nine", "ten"))
    assert reader.changed()


def test_a_mistake_in_the_facts_is_told_at_its_own_line(tmp_path: Path) -> None:
    """In the file of facts, not where the configuration names it."""
    (tmp_path / "facts.yaml").write_text(FACTS.replace("[nine]", "[ten]"))
    with pytest.raises(ConfigInvalid, match=r"facts\.yaml:2:\d+: facts\[opening\]\.right: the value of the statement"):
        ConfigReader(write_config(tmp_path, config_with_facts())).read()


IDENTITY = """
identity:
  sources: [{ source: api_key, file: keys.yaml }]
  user_field: true
  user_hash_key_file: users.key
"""
KEYS = f"keys: {{ search: 'sha256:{'0' * 64}' }}\n"


def test_api_keys_are_read_and_watched_where_something_is_served(tmp_path: Path) -> None:
    """Each change is noticed, and the revision stays: it says how exchanges are treated, not who may begin one."""
    file = write_config(tmp_path, CONFIG + IDENTITY)
    with pytest.raises(ConfigInvalid) as missing:
        ConfigReader(file).read()
    assert [problem.path for problem in missing.value.problems] == [
        "identity.sources[0].file",
        "identity.user_hash_key_file",
    ]
    assert missing.value.problems[0].hint.endswith("`extproc keys add --team TEAM` makes one.")
    assert ConfigReader(file, with_certificates=False).read().mask_keys.keys() == {"", "users.key"}
    (tmp_path / "keys.yaml").write_text(KEYS)
    (tmp_path / "users.key").write_bytes(b"k" * 32)
    reader = ConfigReader(file)
    files = reader.read()
    assert (files.mask_keys["keys.yaml"], files.mask_keys["users.key"]) == (KEYS.encode(), b"k" * 32)
    replaced(tmp_path / "keys.yaml", KEYS.replace("0" * 64, "1" * 64))
    assert reader.changed()
    again = reader.read()
    assert revision_of(again.loaded.document, again.prompts) == revision_of(files.loaded.document, files.prompts)
    replaced(tmp_path / "keys.yaml", KEYS.replace("search", "=1+1"))
    with pytest.raises(ConfigInvalid, match=r"keys\.yaml:1:9: .*expected the name of a team"):
        reader.read()


def test_a_key_of_an_unknown_team_is_told(tmp_path: Path) -> None:
    """It is taken, and counts as `other`, as the team of a header would."""
    (tmp_path / "keys.yaml").write_text(KEYS)
    (tmp_path / "users.key").write_bytes(b"k" * 32)
    file = write_config(tmp_path, CONFIG + IDENTITY + "  teams: [serach]\n")
    (warning,) = [one for one in ConfigReader(file).read().loaded.warnings if one.path == "identity.sources[0].file"]
    assert (warning.found, warning.hint) == (
        "teams of keys count as `other`: `search`",
        "Add them to `identity.teams`.",
    )


def test_api_keys_reach_the_workers(tmp_path: Path) -> None:
    """As they are in the file."""
    (tmp_path / "keys.yaml").write_text(KEYS)
    (tmp_path / "users.key").write_bytes(bytes(range(200, 232)))
    files = ConfigReader(write_config(tmp_path, CONFIG + IDENTITY)).read()
    sent = ConfigInForce(files.loaded.document, files.prompts, None, files.mask_keys).to_message()
    taken = ConfigInForce.of_message(json.loads(json.dumps(sent)))
    assert taken.mask_keys == files.mask_keys
    snapshot = compile_snapshot(taken.document, taken.prompts, taken.mask_keys)
    assert snapshot.callers is not None


WITH_PHRASES = """
policies:
  - name: default
    guards:
      - { guard: banned, phrases: { file: words.txt } }
"""


def test_phrases_are_read_and_watched(tmp_path: Path) -> None:
    """As facts are; a mistake is told in the file itself, by its path from where `check` was called."""
    config = CONFIG.replace("  - filter: prompt\n", "  - filter: guards\n  - filter: prompt\n") + WITH_PHRASES
    reader = ConfigReader(write_config(tmp_path, config))
    with pytest.raises(ConfigInvalid, match=r"guards\[banned\]\.phrases\.file: the text `words\.txt` is not a file"):
        reader.read()
    (tmp_path / "words.txt").write_text("gold\n")
    assert reader.changed()
    first = reader.read()
    assert first.prompts["words.txt"] == "gold\n"
    replaced(tmp_path / "words.txt", "gold\nsilver\n")
    assert reader.changed()
    second = reader.read()
    assert revision_of(first.loaded.document, first.prompts) != revision_of(second.loaded.document, second.prompts)
    replaced(tmp_path / "words.txt", "gold\n++\n")
    with pytest.raises(ConfigInvalid) as refused:
        reader.read()
    assert str(refused.value).startswith(f"{tmp_path}/words.txt:2:1: found the text `++`")


def test_the_environment_is_read_once(tmp_path: Path) -> None:
    """As it was at the start, which is what a process can know; a file that it names is called by what names it."""
    config = CONFIG.replace("  - filter: prompt\n", "  - filter: guards\n  - filter: prompt\n")
    file = write_config(tmp_path, config + WITH_PHRASES.replace("words.txt", '"${WORDS}"'))
    environment = {"WORDS": "ours.txt"}
    reader = ConfigReader(file, environment=environment)
    (tmp_path / "ours.txt").write_text("gold\n")
    assert reader.read().prompts["ours.txt"] == "gold\n"
    environment["WORDS"] = "theirs.txt"
    (tmp_path / "ours.txt").write_text("++\n")
    assert reader.changed()
    with pytest.raises(ConfigInvalid) as refused:
        reader.read()
    assert str(refused.value).startswith("${WORDS}:1:1: found the text `++`")


def test_included_files_are_watched(tmp_path: Path) -> None:
    """Each change of one, and one that comes later; a prompt that it names is read beside it."""
    models, rest = CONFIG.partition("filters:")[0], CONFIG[CONFIG.index("filters:") :]
    (tmp_path / "models").mkdir()
    file = write_config(tmp_path, f"include: [models/all.yaml]\n{rest}")
    reader = ConfigReader(file)
    with pytest.raises(ConfigInvalid, match=r"1:11: include: `models/all\.yaml` is not a file"):
        reader.read()
    assert not reader.changed()
    (tmp_path / "models" / "all.yaml").write_text(models)
    assert reader.changed()
    with pytest.raises(ConfigInvalid, match=r"models/all\.yaml:\d+:\d+: models\.\S+\.file: the text `prompt\.txt`"):
        reader.read()
    (tmp_path / "models" / "prompt.txt").write_text("Be brief.")
    assert reader.read().prompts == {"models/prompt.txt": "Be brief."}
    replaced(tmp_path / "models" / "all.yaml", models + "# more\n")
    assert reader.changed()
