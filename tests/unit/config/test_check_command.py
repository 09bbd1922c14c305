"""``extproc check`` as a person uses it: what it prints, and its exit code."""

from __future__ import annotations

import io
import json
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from extproc.cli.check import check, check_command
from extproc.config.classifiers import Classifier
from extproc.config.extras import EXTRA_OF_ADAPTER
from extproc.config.yaml_nodes import CONFIG_BYTES_MAX

Changed = Callable[[str, str], str]


@pytest.fixture
def console() -> Console:
    """A pipe of 80 columns."""
    return Console(file=io.StringIO(), width=80)


def printed(console: Console) -> str:
    """What went into the pipe."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def written(folder: Path, text: str) -> Path:
    """A configuration file in the folder."""
    file = folder / "llm-extproc.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_good_file_is_ok(tmp_path: Path, minimal: str, console: Console) -> None:
    """One line says that the file can be used, and what is in it."""
    file = written(tmp_path, minimal)
    assert check(file, False, console) == 0
    (line,) = printed(console).splitlines()
    assert line.startswith(f"{file}: ok (revision ")
    assert line.endswith(", 1 model, 3 filters, 1 policy)")


def test_a_bad_file_is_told_without_wrapping(tmp_path: Path, changed: Changed, console: Console) -> None:
    """FILE:LINE comes first and a message is one line, however narrow the pipe, so that editors can jump to it."""
    file = written(tmp_path, changed("weight: 1", "wieght: 1"))
    assert check(file, False, console) == 2
    assert printed(console).splitlines() == [
        f"{file}:4:7: models.tiny-chat.versions.v1.weight: missing, expected a whole number from 0 to 1000000:"
        " share of exchanges, relative to the other versions.",
        f"{file}:5:9: models.tiny-chat.versions.v1.wieght: unknown key. Did you mean `weight`?",
        f"{file}: 2 errors",
    ]


def test_square_brackets_are_printed_as_they_are(tmp_path: Path, changed: Changed, console: Console) -> None:
    """Key paths such as guards[pii] are no markup."""
    file = written(tmp_path, changed("on: both", "on: bold"))
    assert check(file, False, console) == 2
    assert f"{file}:16:13: policies[default].guards[pii].on: found the text `bold`" in printed(console)


def test_warnings_leave_a_file_usable(tmp_path: Path, changed: Changed, console: Console) -> None:
    """Advice is printed; the exit code stays 0."""
    file = written(tmp_path, changed("  - filter: meter\n", ""))
    assert check(file, False, console) == 0
    warning, ok = printed(console).splitlines()
    assert warning.startswith(f"{file}:8:1: warning: filters: ")
    assert ": ok (" in ok


def test_the_result_is_json_for_who_asks(tmp_path: Path, changed: Changed, console: Console) -> None:
    """One object, for a good file and for a bad one, with the same exit codes."""
    file = written(tmp_path, changed("weight: 1", "wieght: 1"))
    assert check(file, False, console, as_json=True) == 2
    told = json.loads(printed(console))
    assert (told["file"], told["ok"], told["revision"]) == (str(file), False, None)
    assert told["problems"][1] == {
        "severity": "error",
        "file": str(file),
        "line": 5,
        "column": 9,
        "path": "models.tiny-chat.versions.v1.wieght",
        "found": "unknown key",
        "expected": "",
        "hint": "Did you mean `weight`?",
    }


def test_warnings_are_json_too(tmp_path: Path, changed: Changed, console: Console) -> None:
    """Of a file that can be used."""
    file = written(tmp_path, changed("  - filter: meter\n", ""))
    assert check(file, False, console, as_json=True) == 0
    told = json.loads(printed(console))
    assert told["ok"]
    assert told["revision"]
    assert [problem["severity"] for problem in told["problems"]] == ["warning"]


def test_prompts_are_read_beside_the_file(tmp_path: Path, changed: Changed, console: Console) -> None:
    """A prompt's path is relative to the configuration file; a prompt that is not there is an error at its line."""
    text = changed("weight: 1", "weight: 1\n        prompt: { file: prompts/p.txt }")
    file = written(tmp_path, text.replace("  - filter: meter", "  - filter: prompt\n  - filter: meter"))
    assert check(file, False, console) == 2
    assert printed(console).startswith(f"{file}:6:25: models.tiny-chat.versions.v1.prompt.file: the text")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "p.txt").write_text("Be brief.", encoding="utf-8")
    assert check(file, False, console) == 0


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_file_that_cannot_be_read(name: str, tmp_path: Path, console: Console) -> None:
    """A missing file or a folder is a problem like any other."""
    assert check(tmp_path / name, False, console) == 2
    assert "the file cannot be read (" in printed(console)


def test_a_file_of_another_encoding(tmp_path: Path, console: Console) -> None:
    """Bytes that are not UTF-8 are told, not thrown."""
    file = tmp_path / "llm-extproc.yaml"
    file.write_bytes("role: route".encode("utf-16"))
    assert check(file, False, console) == 2
    assert printed(console).startswith(f"{file}:1:1: bytes that are not UTF-8.")


def test_the_schema_is_printed_as_json(console: Console) -> None:
    """`--schema` writes nothing but the schema, so that it can go into a file."""
    assert check(None, True, console) == 0
    assert json.loads(printed(console))["title"] == "llm-extproc configuration"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [(["--schema"], 0, '"$schema"'), ([], 2, "Which configuration?"), (["absent.yaml"], 2, "absent.yaml:1:1: ")],
)
def test_the_command(arguments: list[str], code: int, said: str) -> None:
    """The command ends with the code of the check."""
    app = typer.Typer()
    app.command()(check_command)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code
    assert said in result.output


def test_a_file_over_the_limit_is_told_as_that(tmp_path: Path, console: Console) -> None:
    """A limit that falls inside a character is still the limit, not a wrong encoding."""
    file = written(tmp_path, "#" + "é" * CONFIG_BYTES_MAX)
    assert check(file, False, console) == 2
    assert printed(console).startswith(f"{file}:1:1: more than {CONFIG_BYTES_MAX} bytes.")


PARTS = """\
review: { url: %s }
classifiers:
  unsafe: { adapter: onnx, path: /models/guard, labels: [unsafe] }
"""
USE = "      - { guard: classifier, classifier: unsafe, action: flag }\n"


def test_missing_packages_are_told(
    tmp_path: Path, minimal: str, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what it means for `serve`, and the command that installs them; the file may be for another machine."""
    file = written(tmp_path, minimal + USE + PARTS % "sqlite:///review.db")
    assert check(file, False, console) == 0
    monkeypatch.setattr("extproc.domain.extras.find_spec", lambda _: None)
    assert check(file, False, console) == 0
    about_review, about_classifier = printed(console).splitlines()[1:3]
    assert about_review == (
        f"{file}:18:1: warning: review: `sqlalchemy` is not installed here, so `extproc serve` does not start."
        f" Install it: {sys.executable} -m pip install 'llm-extproc[review]'"
    )
    assert about_classifier == (
        f"{file}:20:3: warning: classifiers.unsafe: `numpy`, `onnxruntime`, `tokenizers` are not installed here, so"
        f" this classifier judges nothing. Install it: {sys.executable} -m pip install 'llm-extproc[onnx]'"
    )


def test_a_store_on_a_server_needs_its_driver(
    tmp_path: Path, minimal: str, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which a file does not."""
    file = written(tmp_path, minimal + "review: { url: 'postgresql://reviewer@db/review' }\n")
    monkeypatch.setattr("extproc.domain.extras.find_spec", lambda module: None if module == "psycopg" else module)
    assert check(file, False, console) == 0
    assert "review: `psycopg` is not installed here" in printed(console)


def test_parquet_files_need_their_package(
    tmp_path: Path, minimal: str, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the section that asks for them."""
    file = written(tmp_path, minimal + "ledger:\n  parquet: { folder: entries }\n")
    monkeypatch.setattr("extproc.domain.extras.find_spec", lambda module: None if module == "pyarrow" else module)
    assert check(file, False, console) == 0
    assert printed(console).splitlines()[0] == (
        f"{file}:18:3: warning: ledger.parquet: `pyarrow` is not installed here, so `extproc serve` does not start."
        f" Install it: {sys.executable} -m pip install 'llm-extproc[parquet]'"
    )


def test_the_weights_of_a_mesh_need_the_client_of_kubernetes(
    tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the rollout whose traffic it shares."""
    text = """\
        role: guard
        guard_version: tiny/v1
        models:
          tiny:
            versions:
              v1: &version
                weight: 1
                price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 2 }
              v2: *version
        filters: [{ filter: meter }, { filter: signals }]
        ledger: { url: "postgresql://ledger@db/ledger" }
        rollouts:
          - name: v2
            model: tiny
            stable: v1
            canary: v2
            traffic: { kind: HTTPRoute, namespace: llm, name: chat, stable: vllm-v1, canary: vllm-v2 }
        """
    file = written(tmp_path, textwrap.dedent(text))
    assert check(file, False, console) == 0
    assert "warning" not in printed(console)
    monkeypatch.setattr("extproc.domain.extras.find_spec", lambda module: None if module == "kubernetes" else module)
    assert check(file, False, console) == 0
    assert (
        f"{file}:17:5: warning: rollouts[0].traffic: `kubernetes` is not installed here, so `extproc serve` does not "
        f"start. Install it: {sys.executable} -m pip install 'llm-extproc[kubernetes]'" in printed(console)
    )


def test_opentelemetry_needs_its_packages(
    tmp_path: Path, minimal: str, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the section that asks for them."""
    file = written(tmp_path, minimal + "otel: { endpoint: 'http://127.0.0.1:4317' }\n")
    monkeypatch.setattr("extproc.domain.extras.find_spec", lambda module: None if "grpc" in module else module)
    assert check(file, False, console) == 0
    assert printed(console).splitlines()[0] == (
        f"{file}:17:1: warning: otel: `opentelemetry.exporter.otlp.proto.grpc` is not installed here, so"
        f" `extproc serve` does not start. Install it: {sys.executable} -m pip install 'llm-extproc[otel]'"
    )


def test_every_adapter_names_its_extra() -> None:
    """A new one is noticed."""
    adapters = {get_args(one.model_fields["adapter"].annotation)[0] for one in get_args(get_args(Classifier)[0])}
    assert set(EXTRA_OF_ADAPTER) == adapters
