"""The file of a tokenizer: read, tried in another process, and told exactly where it is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from extproc.config import tokenizers
from extproc.config.extras import missing_extras
from extproc.config.problems import ConfigInvalid
from extproc.config.required_extras import require_extra
from extproc.domain.extras import ExtraMissing
from extproc.exchange.snapshot import compile_snapshot
from extproc.server.operations import tokenizer_reader
from extproc.server.operations.config_files import ConfigReader
from tests.unit.server.envoy import CONFIG, write_config
from tests.unit.token_counting.tokenizer_files import sha256_of, write_tokenizer

WITH_TOKENIZER = CONFIG.replace("weight: 1", "weight: 1\n        tokenizer_file: tokenizer.json")
AT = "7:25: models.tiny-chat.versions.v1.tokenizer_file: the text `tokenizer.json`"
HINT = "Name the `tokenizer.json` in the folder of the model; its other files are read by other libraries."


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Each time that a file is tried."""
    asked: list[bytes] = []
    run = subprocess.run

    def noted(*arguments: Any, **options: Any) -> Any:
        asked.append(options["input"])
        return run(*arguments, **options)

    monkeypatch.setattr("extproc.server.operations.tokenizer_reader.subprocess.run", noted)
    return asked


def told(reader: ConfigReader, folder: Path) -> list[str]:
    """The problems, without the folder."""
    with pytest.raises(ConfigInvalid) as invalid:
        reader.read()
    return [str(problem).replace(f"{folder}/llm-extproc.yaml:", "") for problem in invalid.value.problems]


def test_a_tokenizer_is_tried_once_for_each_content(tmp_path: Path, tries: list[bytes]) -> None:
    """Its SHA-256 is a part of the configuration, so a change of the file alone is a new revision."""
    file = write_config(tmp_path, WITH_TOKENIZER)
    sha256 = write_tokenizer(tmp_path / "tokenizer.json")
    reader = ConfigReader(file)
    first = reader.read()
    assert first.prompts["tokenizer.json"] == sha256
    file.write_text(WITH_TOKENIZER + "# more\n")
    assert reader.changed()
    reader.read()
    assert len(tries) == 1
    (tmp_path / "tokenizer.json").write_text((tmp_path / "tokenizer.json").read_text() + "\n")
    assert reader.changed()
    second = reader.read()
    assert len(tries) == 2
    snapshots = [compile_snapshot(one.loaded.document, one.prompts, one.mask_keys) for one in (first, second)]
    assert snapshots[0].tokenizers == {"tokenizer.json": sha256}
    assert snapshots[1].tokenizers == {"tokenizer.json": sha256_of(tmp_path / "tokenizer.json")}
    assert snapshots[0].revision != snapshots[1].revision
    versions = [one.models["tiny-chat"].by_name["v1"].facts for one in snapshots]
    assert versions[0].fingerprint == versions[1].fingerprint  # it decides neither answers nor prices


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, f"{AT} is not a file. The path is relative to the folder of the file that names it."),
        (b"not json", f"{AT} is not JSON. {HINT}"),
        (b"{}", f"{AT} holds no tokenizer that the library `tokenizers` reads. {HINT}"),
        (b" " * 1_001, f"{AT} is larger than 1000 bytes. {HINT}"),
    ],
)
def test_what_is_no_tokenizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, expected: str
) -> None:
    """Exactly, and nothing of its content."""
    monkeypatch.setattr(tokenizer_reader, "TOKENIZER_BYTES_MAX", 1_000)
    monkeypatch.setattr(tokenizers, "TOKENIZER_BYTES_MAX", 1_000)
    reader = ConfigReader(write_config(tmp_path, WITH_TOKENIZER))
    if content is not None:
        (tmp_path / "tokenizer.json").write_bytes(content)
    assert told(reader, tmp_path) == [expected]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """The model's folder in place of its file."""
    (tmp_path / "tokenizer.json").mkdir()
    reader = ConfigReader(write_config(tmp_path, WITH_TOKENIZER))
    assert told(reader, tmp_path) == [f"{AT} cannot be read (is a directory). Make it readable for this user."]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ([sys.executable, "-c", "import os; os._exit(1)"], "the process that loads it died"),
        ([sys.executable, "-c", "import time; time.sleep(600)"], "it takes more than 0.1 s"),
        (["/nowhere/python"], "no such file or directory"),
    ],
)
def test_a_file_that_cannot_be_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], reason: str
) -> None:
    """A tokenizer that needs more memory than there is, for example."""
    monkeypatch.setattr(tokenizer_reader, "COMMAND", command)
    monkeypatch.setattr(tokenizer_reader, "LOAD_S_MAX", 0.1 if "takes" in reason else 60.0)
    write_tokenizer(tmp_path / "tokenizer.json")
    reader = ConfigReader(write_config(tmp_path, WITH_TOKENIZER))
    expected = f"{AT} could not be tried ({reason}). Try again, on a machine with enough memory."
    assert told(reader, tmp_path) == [expected]


def test_commands_that_serve_nothing_try_nothing(tmp_path: Path, tries: list[bytes]) -> None:
    """They look at a configuration many times."""
    (tmp_path / "tokenizer.json").write_text("{}")
    ConfigReader(write_config(tmp_path, WITH_TOKENIZER), with_certificates=False).read()
    assert tries == []


def test_without_the_library_the_file_may_be_for_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tries: list[bytes]
) -> None:
    """`check` warns, and `serve` does not start."""
    (tmp_path / "tokenizer.json").write_text("{}")
    for module in (
        "extproc.config.extras",
        "extproc.config.required_extras",
        "extproc.server.operations.tokenizer_reader",
    ):
        monkeypatch.setattr(
            f"{module}.missing_modules", lambda modules: [one for one in modules if one == "tokenizers"]
        )
    files = ConfigReader(write_config(tmp_path, WITH_TOKENIZER)).read()
    assert tries == []
    command = f"Install it: {sys.executable} -m pip install 'llm-extproc[tokenizers]'"
    (warning,) = missing_extras(files.loaded.document, files.loaded.places)
    assert str(warning).endswith(
        "models.tiny-chat.versions.v1.tokenizer_file: `tokenizers` is not installed here, so `extproc serve` does not"
        f" start. {command}"
    )
    with pytest.raises(ExtraMissing) as unavailable:
        require_extra("tokenizers")
    assert str(unavailable.value) == f"models: `tokenizer_file` needs tokenizers. {command}"


def test_versions_may_share_a_file(tmp_path: Path, tries: list[bytes]) -> None:
    """It is read and tried once, and told at each key only if it is none."""
    write_tokenizer(tmp_path / "tokenizer.json")
    config = WITH_TOKENIZER.replace("filters:", SECOND + "filters:", 1)
    files = ConfigReader(write_config(tmp_path, config)).read()
    assert len(tries) == 1
    assert set(files.prompts) == {"prompt.txt", "tokenizer.json"}


SECOND = """
      v2:
        weight: 1
        tokenizer_file: tokenizer.json
        price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 2 }
"""
