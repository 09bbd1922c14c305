"""A child that is spoken to in lines, and every way in which it can fail."""

from __future__ import annotations

import os
import sys

import pytest

from extproc.children.json_child import ChildDied, JsonChild
from tests.unit.server.transport.fast.peers import on_both_loops

ECHO = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"


def program(text: str) -> tuple[str, ...]:
    """The command of a child."""
    return sys.executable, "-c", text


@on_both_loops
async def test_it_answers_line_by_line_and_ends_with_its_input() -> None:
    """Whatever is in a message."""
    child = await JsonChild.start(program(ECHO))
    for message in ({"text": "line\nline\u2028\0"}, {"text": "x" * 300_000}):
        assert await child.ask(message) == message
    child.tell({"number": 1})
    child.tell({"number": 2})
    assert [await child.hear(), await child.hear()] == [{"number": 1}, {"number": 2}]
    child.close_input()
    assert await child.wait() == 0


@on_both_loops
async def test_one_that_is_gone_raises_whatever_is_asked_of_it() -> None:
    """Each loop has errors of its own for a pipe that is closed."""
    child = await JsonChild.start(program(""))
    assert await child.wait() == 0
    for _ in range(3):
        with pytest.raises(ChildDied):
            await child.ask({})
    with pytest.raises(ChildDied):
        await child.hear()
    child.kill()
    child.close_input()


@pytest.mark.parametrize("written", ["", "{}", '{"half'])
@on_both_loops
async def test_half_a_line_is_none(written: str) -> None:
    """Its writer died in the midst of it."""
    child = await JsonChild.start(program(f"import sys; sys.stdout.write({written!r})"))
    with pytest.raises(ChildDied):
        await child.hear()
    assert await child.wait() == 0


@on_both_loops
async def test_one_whose_line_is_too_long_is_killed() -> None:
    """It would go on writing."""
    child = await JsonChild.start(program("print('x' * 1_000_000, flush=True); input()"), line_bytes_max=10_000)
    with pytest.raises(ChildDied):
        await child.hear()
    assert await child.wait() == -9


@on_both_loops
async def test_a_terminal_and_what_libraries_print_do_not_concern_it(capfd: pytest.CaptureFixture[str]) -> None:
    """It has a session of its own; its errors are shown only if that is asked for."""
    for shows_errors, shown in ((False, ""), (True, "quoted")):
        child = await JsonChild.start(
            program("import os, sys; sys.stderr.write('quoted'); sys.stderr.flush(); print(os.getsid(0), flush=True)"),
            shows_errors=shows_errors,
        )
        assert await child._output.readline() == b"%d\n" % child.pid  # only a number, so no message
        assert child.pid != os.getsid(0)
        assert await child.wait() == 0
        assert capfd.readouterr().err == shown
