"""``extproc rollout watch``: the picture at any size, live on a terminal, once in a pipe."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from sqlalchemy import delete, text, update
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from extproc.cli.exit_codes import ExitCode
from extproc.cli.rollout_output import status_data
from extproc.cli.rollout_shapes import TimeLeftJson, WatchedRolloutJson
from extproc.cli.rollout_watch_data import ENTRIES_MAX, WatchedRollout
from extproc.cli.rollout_watch_output import WatchState, gate_bar, left_in_words, screen, snapshot
from extproc.ledger.rollouts.tables import JOURNAL, ROLLOUTS
from extproc.ledger.store import LedgerStore
from extproc.rollout.decide import decide
from extproc.rollout.look import RolloutLook
from tests.thorough import examples
from tests.unit.cli.programs import ESCAPE, Program, started
from tests.unit.cli.samples import ROLLED_US, fill
from tests.unit.ledger.rollouts.samples import started as new_rollout
from tests.unit.rollout.samples import PLAN, look

COLORS = re.compile(r"\x1b\[[0-9;]*m")
OWN_SCREEN, OLD_SCREEN = f"{ESCAPE}[?1049h", f"{ESCAPE}[?1049l"
MINUTE_US = 60_000_000
LEFT: TimeLeftJson = {
    "when": "then",
    "seconds": 5_400.0,
    "waits_for": "refusal",
    "answers_per_hour": 1_234.5,
    "gates": [{"gate": "refusal", "when": "then", "seconds": 5_400.0}],
    "until_over_s": 864_000.0,
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LedgerStore]:
    """An empty one."""
    found = LedgerStore("sqlite:///ledger.db", tmp_path)
    yield found
    found.close()


def watched(store: LedgerStore, found: RolloutLook, left: TimeLeftJson | None = None) -> WatchedRolloutJson:
    """A rollout with a look of its own."""
    state = new_rollout(store, "r1")
    entry = {
        "number": 1,
        "at": "2026-01-05T08:00:00+00:00",
        "kind": "rolled_back",
        "by": "kim\x1b[31m",
        "note": "it\nis\x1b[0m slow",
        "reasons": [],
        "hash": "",
    }
    return {**status_data(state, found, decide(PLAN, found)), "time_left": left, "journal": [entry]}  # type: ignore[list-item]


# --- lines ---------------------------------------------------------------------------------------------------------


def bar(low: float | None, seen: float | None, high: float | None, harmful: str = "up", columns: int = 21) -> str:
    """Of a gate with a margin of 1."""
    gate: Any = {"low": low, "difference": seen, "high": high, "margin": 1.0, "harmful": harmful}
    return gate_bar(gate, columns)


def test_a_bar_shrinks() -> None:
    """Zero in the middle, the margin, the difference, and an interval that is cut off where it is too wide."""
    assert bar(None, None, None) == "<━━━━━━━━━┿━━━━╋━━━━>"
    assert bar(-9.0, 0.0, 9.0) == "<━━━━━━━━━●━━━━╋━━━━>"
    assert bar(-1.0, 0.2, 1.4) == "     ━━━━━┿●━━━╋━━   "
    assert bar(-0.2, 0.2, 0.6) == "         ━┿●━━ ┊     "
    assert bar(0.4, 0.6, 0.8) == "          │ ━●━┊     "
    assert bar(-0.2, 0.2, 0.6, "either") == "     ┊   ━┿●━━ ┊     "
    assert bar(-0.2, 0.2, 0.6, "down") == "     ┊   ━┿●━━       "
    assert bar(3.0, 4.0, 5.0) == "          │    ┊    >"


@given(
    st.floats(-1e6, 1e6),
    st.floats(0, 1e6),
    st.floats(0.01, 100),
    st.sampled_from(["up", "down", "either"]),
    st.integers(5, 30).map(lambda half: 2 * half + 1),
)
def test_a_bar_has_its_width(seen: float, width: float, margin: float, harmful: str, columns: int) -> None:
    """Whatever is seen: zero, or the mark over it, and the difference are in it."""
    gate: Any = {
        "low": seen - width,
        "difference": seen,
        "high": seen + width,
        "margin": margin,
        "harmful": harmful,
    }
    line = gate_bar(gate, columns)
    assert cell_len(line) == columns
    assert line[columns // 2] in "│┿●"
    assert "●" in line or line[0] == "<" or line[-1] == ">"


def test_what_is_worse_is_told_before_what_is_well(store: LedgerStore) -> None:
    """A screen of twelve lines has room for the gate that is worse, and says how many it leaves out."""
    shown = watched(store, look([2_000], {"refusal": 0.08}), LEFT)
    lines = [line.plain for line in screen(shown, WatchState("12:00:00 UTC"), 80, 12)]
    assert lines[0].endswith("running  12:00:00 UTC")
    assert [line.split()[0] for line in lines if line.endswith(("worse", "ok", "open"))] == ["refusal"]
    assert "and 4 more" in [line.strip() for line in lines]
    assert any(line.startswith("refusal is worse: +6 points") for line in lines)


@given(columns=st.integers(1, 200), rows=st.integers(1, 60))
@settings(max_examples=examples(30))
def test_any_size_is_filled(columns: int, rows: int) -> None:
    """So many lines, none longer than the screen, none with a character that moves the cursor."""
    for shown in SHOWN:
        lines = screen(shown, WatchState("12:00:00 UTC", "the store does not answer"), columns, rows)
        assert len(lines) == rows
        assert all(line.cell_len <= columns for line in lines)
        assert all(part.isprintable() for line in lines for part in line.plain)


def _shown() -> list[WatchedRolloutJson]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        store = LedgerStore("sqlite:///ledger.db", Path(folder))
        found = [watched(store, look([2_000], {"refusal": 0.08}), LEFT)]
        store.close()
        return [*found, {**found[0], "gates": [], "time_left": None, "journal": []}]


SHOWN = _shown()


def test_it_fits_the_smallest_terminal(store: LedgerStore) -> None:
    """All measured gates, the reason, the last entry and the key, in 80 columns and 24 lines."""
    lines = [line.plain for line in screen(watched(store, look([2_000]), LEFT), WatchState(), 80, 24)]
    assert lines[1] == "steps [5] 25 50 100  5 % canary, since 2027-01-15T08:00:00+00:00"
    assert lines[2] == "units: 200 canary, 3,800 stable; 1,234 answers an hour of the canary"
    assert lines[3] == "next step: in about 90 min, refusal is the slowest; inconclusive in 10.0 d"
    table = [line.split()[0] for line in lines if line.endswith((" ok", " open", " state"))]
    assert table == ["gate", "error", "refusal", "truncated", "length", "token_time"]
    assert any(line.startswith("2026-01-05T08:00:00  rolled back by kim") for line in lines)
    assert lines[-1].startswith("q quit")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "next step: in about 90 min, refusal is the slowest; inconclusive in 10.0 d"),
        ({"waits_for": ""}, "next step: now; inconclusive in 10.0 d"),
        ({"waits_for": "time"}, "next step: in about 90 min, the least time at this share; inconclusive in 10.0 d"),
        (
            {"when": "never", "seconds": None},
            "next step: not by today's traffic, refusal is the slowest; inconclusive in 10.0 d",
        ),
        (
            {"when": "too_early", "seconds": None, "until_over_s": 60.0},
            "next step: too early to tell, refusal is the slowest; inconclusive in 60.0 s",
        ),
    ],
)
def test_the_time_left_in_words(changed: Any, words: str) -> None:
    """What takes longest, and what happens if that is too long."""
    assert left_in_words({**LEFT, **changed}) == words


# --- what is read --------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The samples."""
    return fill(tmp_path / "samples")


def ran(folder: Path, *arguments: str) -> Result:
    """A command of the group, in a pipe of 80 columns."""
    whole = ["rollout", *arguments, "-c", str(folder / "config.yaml")]
    return CliRunner().invoke(app, whole, env={"COLUMNS": "80"})


def test_a_pipe_gets_one_snapshot(folder: Path) -> None:
    """Whole, in plain text."""
    result = ran(folder, "watch", "tiny-chat")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "tiny-chat-v2  tiny-chat: v1 to v2  running"
    assert [line.split()[0] for line in lines if line.endswith((" ok", " open"))] == ["error", "refusal", "truncated"]
    assert [line for line in lines if line.startswith("no values: abort")] != []
    assert lines[-1].startswith("2026-01-05T08:01:00  looked by extproc  truncated is not decided")
    assert ESCAPE not in result.stdout


def test_without_a_name_it_is_the_last_that_runs(folder: Path) -> None:
    """Or is paused: the one that changed last. If none runs the last that did."""
    assert ran(folder, "watch").stdout.startswith("tiny-chat-v2")
    assert ran(folder, "resume", "other-chat").exit_code == 0
    assert ran(folder, "watch").stdout.startswith("other-chat-v2")
    assert ran(folder, "rollback", "other-chat").exit_code == 0
    assert ran(folder, "watch").stdout.startswith("tiny-chat-v2")
    assert ran(folder, "promote", "tiny-chat").exit_code == 0
    assert ran(folder, "watch").stdout.startswith("tiny-chat-v2  tiny-chat: v1 to v2  promoted")


def test_one_that_is_over_is_shown_as_it_ended(folder: Path) -> None:
    """With the numbers of its last entry: what was added later is not what it was decided by."""
    assert ran(folder, "rollback", "tiny-chat", "--by", "kim", "--note", "it is slow").exit_code == 0
    shown = json.loads(ran(folder, "watch", "tiny-chat", "--json").stdout)["rollout"]
    assert (shown["phase"], shown["action"], shown["reasons"], shown["time_left"]) == ("rolled_back", None, [], None)
    assert {gate["gate"]: gate["canary_answers"] for gate in shown["gates"]}["refusal"] == 4_000
    assert (shown["journal"][-1]["by"], shown["journal"][-1]["note"]) == ("kim", "it is slow")


def test_only_what_is_new_of_a_journal_is_read(folder: Path) -> None:
    """What was read may be gone; the last entries stay, and no more of them."""
    store = LedgerStore("sqlite:///ledger.db", folder)
    one = WatchedRollout("tiny-chat")
    with store.reading() as connection:
        first = one.read(connection, ROLLED_US + MINUTE_US)
    assert [entry["kind"] for entry in first["journal"]] == ["started", "looked"]
    with store.writing() as connection:
        connection.execute(delete(JOURNAL).where(JOURNAL.c.number == 1))
    for number in range(ENTRIES_MAX):
        assert ran(folder, "pause" if number % 2 == 0 else "resume", "tiny-chat").exit_code == 0
    with store.reading() as connection:
        later = one.read(connection, ROLLED_US + 2 * MINUTE_US)
    assert [entry["number"] for entry in later["journal"]] == list(range(3, 3 + ENTRIES_MAX))
    store.close()


def test_a_damaged_journal_is_a_sentence(folder: Path) -> None:
    """That says which command finds the place."""
    store = LedgerStore("sqlite:///ledger.db", folder)
    with store.writing() as connection:
        connection.execute(update(JOURNAL).where(JOURNAL.c.number == 2).values(content="{}"))
    store.close()
    result = ran(folder, "watch", "tiny-chat")
    assert (result.exit_code, result.stdout, result.stderr) == (
        ExitCode.UNUSABLE,
        "",
        "extproc rollout: its plan or journal is of another release, or damaged; "
        "`extproc rollout explain` says where\n",
    )


def test_a_snapshot_has_every_gate(store: LedgerStore) -> None:
    """However many there are."""
    lines = [line.plain for line in snapshot(watched(store, look([2_000])), 10_000)]
    assert max(map(len, lines)) < 200
    assert [line for line in lines if "more" in line.split()] == []


# --- live ----------------------------------------------------------------------------------------------------------


@contextmanager
def watching(folder: Path, *options: str) -> Iterator[Program]:
    """The command on a terminal, once it has drawn."""
    config = folder / "config.yaml"
    with started("rollout", "watch", *options, "-c", config, "--interval", "0.1", on_terminal=True) as program:
        program.until("q quit")
        yield program


def last_screen(program: Program) -> str:
    """What was drawn last, whole, without its colors."""
    return COLORS.sub("", program.output.rpartition("q quit")[0].rpartition(f"{ESCAPE}[H")[2])


def drawn_with(program: Program, text: str) -> None:
    """Wait until the screen shows a text."""
    program.until(lambda: text in last_screen(program))


def test_it_follows_what_happens(folder: Path) -> None:
    """A person pauses it elsewhere; a journal that is damaged meanwhile is told, and the picture stays."""
    with watching(folder, "tiny-chat") as program:
        drawn_with(program, "v2  running")
        assert ran(folder, "pause", "tiny-chat", "--by", "kim", "--note", "lunch").exit_code == 0
        drawn_with(program, "v2  paused")
        drawn_with(program, "paused by kim  lunch")
        store = LedgerStore("sqlite:///ledger.db", folder)
        with store.writing() as connection:
            connection.execute(update(ROLLOUTS).where(ROLLOUTS.c.id == "r1").values(plan="{}"))
        drawn_with(program, "its plan or journal is of another release")
        assert "truncated" in last_screen(program)
        store.close()
        program.type("q")
        assert program.ended() == 0


def test_a_store_that_fails_and_comes_again(folder: Path) -> None:
    """It is told meanwhile, over the last picture; then the picture is of now."""
    store = LedgerStore("sqlite:///ledger.db", folder)
    with watching(folder, "tiny-chat") as program:
        with store.writing() as connection:
            connection.execute(text("ALTER TABLE rollouts RENAME TO gone"))
        drawn_with(program, "the store does not answer (")
        assert "v2  running" in last_screen(program)
        with store.writing() as connection:
            connection.execute(text("ALTER TABLE gone RENAME TO rollouts"))
        program.until(lambda: "the store does not answer" not in last_screen(program))
        program.type("q")
        assert program.ended() == 0
    store.close()


def test_another_size_is_another_screen(folder: Path) -> None:
    """A person makes the window smaller."""
    with watching(folder, "tiny-chat") as program:
        drawn_with(program, "no values: ")
        program.resize(8, 60)
        program.until(lambda: "no values: " not in last_screen(program))
        program.type("q")
        assert program.ended() == 0


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda program: program.type("q"), ExitCode.OK),
        (Program.ctrl_c, ExitCode.INTERRUPTED),
        (lambda program: os.kill(program.process.pid, signal.SIGTERM), ExitCode.TERMINATED),
    ],
    ids=["q", "ctrl-c", "sigterm"],
)
def test_the_terminal_is_as_it_was(folder: Path, end: Any, code: ExitCode) -> None:
    """Its modes, its cursor and what was on it, whatever ends the command."""
    config = folder / "config.yaml"
    with started("rollout", "watch", "-c", config, "--interval", "0.1", on_terminal=True) as program:
        before = program.modes()
        program.until("q quit")
        assert program.modes() != before
        end(program)
        assert program.ended() == code, program.output
        assert program.modes() == before
    assert program.output.index(OWN_SCREEN) < program.output.rindex(OLD_SCREEN)
    assert program.output.rindex(f"{ESCAPE}[?25h") > program.output.rindex(f"{ESCAPE}[?25l")
    assert "Traceback" not in program.output


def test_a_terminal_that_cannot_move_its_cursor_gets_a_snapshot(folder: Path) -> None:
    """Without an escape."""
    config = folder / "config.yaml"
    with started("rollout", "watch", "tiny-chat", "-c", config, on_terminal=True, TERM="dumb") as program:
        assert program.ended() == 0
    assert ESCAPE not in program.output
    assert "truncated" in program.output
