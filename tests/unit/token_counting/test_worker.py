"""The process that counts: real tokenizers, files that are none, and texts that the library refuses."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.token_counting import worker
from extproc.token_counting.process import COMMAND
from tests.thorough import examples
from tests.unit.token_counting.tokenizer_files import SAID, sha256_of, tokens_of, write_tokenizer


def lines(*questions: dict[str, Any]) -> bytes:
    """As they are sent."""
    return b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in questions)


def asked(*questions: dict[str, Any]) -> list[dict[str, Any]]:
    """The replies, of which each is one line."""
    answers = io.BytesIO()
    worker.serve(
        io.BytesIO(b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in questions)), answers
    )
    return [orjson.loads(line) for line in answers.getvalue().splitlines()]


def loading(file: Path) -> dict[str, Any]:
    """The question that loads a file as it is."""
    return {"load": str(file), "sha256": sha256_of(file)}


@pytest.mark.parametrize("truncated", [False, True])
def test_texts_are_counted_whole_list_by_list(tmp_path: Path, truncated: bool) -> None:
    """Also if the file says that a model reads only the first tokens, or pads."""
    file = tmp_path / "tokenizer.json"
    write_tokenizer(file, truncated)
    texts = [[SAID, "ships"], [], ["你好 🙂\x00", ""]]
    assert asked(loading(file), {"count": str(file), "texts": texts}) == [
        {"done": True},
        {"tokens": [tokens_of(SAID, "ships"), 0, tokens_of("你好 🙂\x00")]},
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", worker.NOT_JSON),
        (b"not json", worker.NOT_JSON),
        (b"\xff\xfe{}", worker.NOT_JSON),
        (b"[" * 100_000, worker.NOT_JSON),
        (b"{}", worker.NO_TOKENIZER),
        (b"[1]", worker.NO_TOKENIZER),
        (b'{"model": {"type": "BPE"}}', worker.NO_TOKENIZER),
        (b'{"version": "1.0", "model": {"type": "Secret words", "vocab": {}}}', worker.NO_TOKENIZER),
    ],
)
def test_what_is_no_tokenizer_is_told_in_our_words(tmp_path: Path, content: bytes, reason: str) -> None:
    """The library's words may quote the file."""
    file = tmp_path / "tokenizer.json"
    file.write_bytes(content)
    assert asked(loading(file)) == [{"error": reason}]


@given(st.binary(max_size=200))
@settings(max_examples=examples(60), deadline=None)
def test_any_bytes_are_refused_and_the_process_goes_on(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Nothing of them ends it."""
    file = tmp_path_factory.mktemp("any") / "tokenizer.json"
    file.write_bytes(content)
    first, second = asked(loading(file), {"forget": str(file)})
    assert first["error"] in (worker.NOT_JSON, worker.NO_TOKENIZER)
    assert second == {"done": True}


def test_a_file_that_changed_meanwhile_is_not_loaded(tmp_path: Path) -> None:
    """Its new content was checked by nobody."""
    file = tmp_path / "tokenizer.json"
    write_tokenizer(file)
    assert asked({"load": str(file), "sha256": "0" * 64}) == [{"error": worker.CHANGED}]
    assert asked({"load": str(tmp_path / "gone.json"), "sha256": ""}) == [{"error": "no such file or directory"}]


def test_errors_quote_no_text(tmp_path: Path) -> None:
    """A text that the library refuses, a tokenizer that was not loaded, a line that is no question."""
    file = tmp_path / "tokenizer.json"
    write_tokenizer(file)
    bad: list[dict[str, Any]] = [
        {"count": str(file), "texts": [[7]]},
        {"count": "unknown", "texts": [["secret words"]]},
        {"texts": []},
    ]
    _, *answers = asked(loading(file), *bad)
    assert answers == [{"error": "TypeError"}, {"error": "KeyError"}, {"error": "KeyError"}]


def test_a_missing_library_is_told_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of every extra."""
    file = tmp_path / "tokenizer.json"
    write_tokenizer(file)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    (answer,) = asked(loading(file))
    assert answer["error"] == (
        f"tokenizers is not installed. Install it: {sys.executable} -m pip install 'llm-extproc[tokenizers]'"
    )


def test_the_process_itself(tmp_path: Path) -> None:
    """It ends when its input closes, and says nothing else."""
    file = tmp_path / "tokenizer.json"
    write_tokenizer(file)
    asks = lines(loading(file), {"count": str(file), "texts": [[SAID]]})
    ran = subprocess.run(COMMAND, input=asks, capture_output=True, check=True, cwd=Path(__file__).parents[3])
    assert [orjson.loads(line) for line in ran.stdout.splitlines()] == [{"done": True}, {"tokens": [tokens_of(SAID)]}]
    assert ran.stderr == b""


def test_the_process_imports_no_more_than_it_needs() -> None:
    """It is one more for each process that serves."""
    code = "import sys, extproc.token_counting.worker; print(sorted(m for m in sys.modules if m.startswith('extproc')))"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, cwd=Path(__file__).parents[3]
    )
    assert "extproc.config" not in ran.stdout
    assert "pydantic" not in ran.stdout
