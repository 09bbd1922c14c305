"""``extproc serve`` with a tokenizer: from a stream that its client leaves to an entry with counted tokens."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from grpc import aio

from extproc.cli.serve import serve_command
from extproc.ledger.entry import EntryOutcome, TokenSource
from tests.unit.server.clients import exchange, say
from tests.unit.server.envoy import CONFIG, PROMPT, request_body, request_headers, response_headers, stream_chunk
from tests.unit.server.loops import in_loop
from tests.unit.server.processes import Process, later, short_folder
from tests.unit.test_ledger_served import stored
from tests.unit.token_counting.tokenizer_files import SAID, tokens_of, write_tokenizer

ASKED = "Which ships carry books?"
ANSWERED = f"{SAID} {SAID}"
EXPECTED = tokens_of(PROMPT) + tokens_of(ASKED) + 3 * 4, tokens_of(ANSWERED)


@pytest.fixture
def folder() -> Iterator[Path]:
    """For the process's socket and files."""
    with short_folder() as folder:
        yield folder


def made(folder: Path, **server: Any) -> Process:
    """A process with a tokenizer and a ledger, not started yet."""
    write_tokenizer(folder / "tokenizer.json")
    process = Process(folder, ledger={"url": "sqlite:///ledger.db"}, server=server)
    process.file.write_text(process.config.replace("weight: 1", "weight: 1\n        tokenizer_file: tokenizer.json"))
    return process


async def left(channel: aio.Channel) -> None:
    """A stream whose client leaves after two pieces."""
    call = exchange(channel)
    half = len(SAID)
    pieces = [stream_chunk(ANSWERED[:half]), stream_chunk(ANSWERED[half:])]
    await say(call, request_headers(), request_body(ASKED, stream=True), response_headers("text/event-stream"), *pieces)
    call.cancel()


def counting_processes(pid: int) -> list[int]:
    """The children of a process that count."""
    ran = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid=,args="], capture_output=True, text=True, check=False)
    return [int(line.split()[0]) for line in ran.stdout.splitlines() if "token_counting" in line]


@pytest.mark.parametrize("workers", [1, 2])
@in_loop
async def test_a_stream_that_was_left_has_the_tokens_of_its_texts(folder: Path, workers: int) -> None:
    """In the ledger and on the page alike, and no text of it anywhere; the counting process ends with the server."""
    process = made(folder, workers=workers)
    await asyncio.to_thread(process.processor.start)
    for suffix in [""] if workers == 1 else [".0", ".1"]:
        async with process.channel(suffix) as channel:
            await left(channel)
    await later(lambda: process.metric("llm_extproc_ledger_stored_total") == workers)
    assert process.metric("llm_tokenizer_exchanges_total", result="counted") == workers
    assert process.metric("llm_prompt_tokens_total") == workers * EXPECTED[0]
    assert process.metric("llm_completion_tokens_total") == workers * EXPECTED[1]
    counting = counting_processes(process.processor.pid)
    assert await asyncio.to_thread(process.processor.stop) == 0
    for entry in stored(folder):
        assert (entry.prompt_tokens, entry.completion_tokens) == EXPECTED
        assert entry.outcome is EntryOutcome.ABORTED
        assert entry.prompt_tokens_source is entry.completion_tokens_source is TokenSource.ESTIMATED
        assert entry.cost_micro_usd == EXPECTED[0] + 2 * EXPECTED[1]
        assert SAID not in repr(entry)
    assert SAID not in process.log.read_text()
    assert all(not Path(f"/proc/{pid}").exists() for pid in counting)


@in_loop
async def test_what_waits_is_counted_before_the_process_ends(folder: Path) -> None:
    """None of them is lost, counted or not."""
    process = made(folder)
    await asyncio.to_thread(process.processor.start)
    async with process.channel() as channel:
        for _ in range(10):
            await left(channel)
    assert await asyncio.to_thread(process.processor.stop) == 0
    assert len(stored(folder)) == 10


@in_loop
async def test_a_reload_refuses_a_file_that_is_none_and_takes_one_that_is(folder: Path) -> None:
    """The last good tokenizer stays in force; a tokenizer may be added to a process that serves."""
    process = made(folder)
    with_tokenizer = process.file.read_text()
    process.file.write_text(process.config)
    await asyncio.to_thread(process.processor.start)
    assert counting_processes(process.processor.pid) == []
    process.file.write_text(with_tokenizer)
    await later(lambda: process.lines("configuration loaded"))
    good = (folder / "tokenizer.json").read_text()
    async with process.channel() as channel:
        await left(channel)
        await later(lambda: process.metric("llm_tokenizer_exchanges_total", result="counted") == 1)
        (folder / "tokenizer.json").write_text("{}")
        await later(lambda: process.lines("configuration rejected, the last good one stays in force"))
        await left(channel)
        await later(lambda: process.metric("llm_tokenizer_exchanges_total", result="counted") == 2)
    (folder / "tokenizer.json").write_text(good)
    await later(lambda: process.readiness()[1]["config_error"] == "")
    process.file.write_text(process.config)
    await later(lambda: counting_processes(process.processor.pid) == [])
    assert await asyncio.to_thread(process.processor.stop) == 0


@in_loop
async def test_a_counting_process_that_is_killed_loses_no_record(folder: Path) -> None:
    """Learned rates estimate what it had, and another process counts what follows."""
    process = made(folder)
    await asyncio.to_thread(process.processor.start)
    async with process.channel() as channel:
        await left(channel)
        await later(lambda: process.metric("llm_tokenizer_exchanges_total") == 1)
        (pid,) = counting_processes(process.processor.pid)
        os.kill(pid, 9)
        asked = [1]
        while process.metric("llm_tokenizer_exchanges_total", result="counted") < 2:
            await left(channel)
            asked.append(1)
            await later(lambda: process.metric("llm_tokenizer_exchanges_total") == len(asked))
    assert await asyncio.to_thread(process.processor.stop) == 0
    assert len(stored(folder)) == len(asked)


def test_a_library_that_is_not_installed_is_told_at_the_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, and what to do."""
    write_tokenizer(folder / "tokenizer.json")
    process = Process(folder)
    process.file.write_text(CONFIG.replace("weight: 1", "weight: 1\n        tokenizer_file: tokenizer.json"))
    monkeypatch.setattr("extproc.domain.extras.find_spec", lambda _: None)
    with pytest.raises(typer.Exit) as ended:
        serve_command(process.file)
    assert ended.value.exit_code == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "models: `tokenizer_file` needs tokenizers. Install it: " in told
    assert "-m pip install 'llm-extproc[tokenizers]'" in told
