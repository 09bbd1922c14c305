"""A Unix socket whose file is removed is noticed, told of, and made again while what runs goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.server.operations.socket_files import SocketFiles
from extproc.server.sockets.address import bound
from tests.unit.server.clients import exchange, say
from tests.unit.server.envoy import request_headers, unstreamed_chat
from tests.unit.server.loops import in_loop, until
from tests.unit.server.processes import Process, short_folder, start

ONE, TWO = {"workers": 1}, {"workers": 2}
ONE_BY_GRPC, TWO_BY_GRPC = ONE | {"transport": "grpc"}, TWO | {"transport": "grpc"}


@pytest.fixture(scope="module")
def process(request: pytest.FixtureRequest) -> Iterator[Process]:
    """A process that is ready, for tests one after the other; ends as it should."""
    with short_folder() as folder:
        process = start(folder, server=request.param)
        try:
            yield process
            assert process.processor.stop() == 0
        finally:
            process.processor.kill()


def file_of(process: Process) -> tuple[Path, str]:
    """The socket of the first worker, and how it differs from the one that is configured."""
    suffix = "" if process.socket.exists() else ".0"
    return Path(f"{process.socket}{suffix}"), suffix


async def chat(process: Process, suffix: str) -> int:
    """How many replies a whole exchange on a new connection gets."""
    async with process.channel(suffix) as channel:
        return len(await say(exchange(channel), *unstreamed_chat()))


@pytest.mark.parametrize("process", [ONE, TWO, TWO_BY_GRPC], indirect=True)
@in_loop
async def test_a_removed_socket_is_made_again_and_running_exchanges_go_on(process: Process) -> None:
    """real-vllm F7: a new Envoy got 503 for ever, and ``/readyz`` said 200."""
    file, suffix = file_of(process)
    async with process.channel(suffix) as before:
        running = exchange(before)
        (first, *rest) = unstreamed_chat()
        await say(running, first)
        file.unlink()
        await until(lambda: file.is_socket())
        assert await chat(process, suffix) == 4
        assert len(await say(running, *rest)) == 3
    await until(lambda: process.readiness()[0] == 200)
    await until(lambda: process.lines("socket file was gone and has been recreated"))


@pytest.mark.parametrize("process", [ONE_BY_GRPC], indirect=True)
@in_loop
async def test_where_it_cannot_be_made_again_readiness_says_what_to_do(process: Process) -> None:
    """The grpc library binds at its start alone. What it has goes on."""
    async with process.channel() as channel:
        await say(exchange(channel), request_headers())
        process.socket.unlink()
        status, detail = await asyncio.to_thread(process.readiness)
        assert (status, detail["ready"]) == (503, False)
        assert str(process.socket) in detail["listen_error"]
        assert "restart the process" in detail["listen_error"]
        assert len(await say(exchange(channel), request_headers())) == 1


@pytest.mark.parametrize("process", [ONE, TWO], indirect=True)
@in_loop
async def test_a_socket_of_somebody_else_is_not_taken_away(process: Process) -> None:
    """Where another process listens in the meantime, that is told, and this one is not ready."""
    file, _ = file_of(process)
    file.unlink()
    other = bound("server.listen", f"unix:{file}")
    other.listen()
    await until(lambda: process.lines("socket file gone and not recreated"))
    (line,) = process.lines("socket file gone and not recreated")
    assert "another process listens there" in line["problem"]
    status, detail = await asyncio.to_thread(process.readiness)
    assert (status, detail["ready"]) == (503, False)
    assert file.is_socket()
    other.close()


@given(st.lists(st.sampled_from(["bind", "remove", "replace", "folder"]), max_size=6))
def test_what_is_gone_is_what_differs_from_what_was_bound(steps: list[str]) -> None:
    """Whatever happened to the file since."""
    with short_folder() as folder:
        address, file = f"unix:{folder}/x/s", folder / "x" / "s"
        made = [bound("server.listen", address)]
        files = SocketFiles(address, "127.0.0.1:1")
        gone = False
        for step in steps:
            if step == "bind":
                made.append(bound("server.listen", address)) if not file.exists() or file.is_socket() else file.unlink()
                gone = True
                if file.is_socket():
                    files.note(address)
                    gone = False
            elif step == "folder":
                file.unlink(missing_ok=True)
                file.parent.rmdir()
                file.parent.mkdir()
                gone = True
            else:
                file.unlink(missing_ok=True)
                gone = True
                if step == "replace":
                    file.touch()
            assert files.gone() == ([address] if gone else [])
            assert bool(files.problem()) is gone
        for each in made:
            each.close()
