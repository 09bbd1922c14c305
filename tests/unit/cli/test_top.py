"""``extproc top``: rates of a running processor on a terminal of any size, in a pipe, and as JSON."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from extproc.cli.exit_codes import ExitCode
from extproc.cli.operations_pages import samples_of
from extproc.cli.rates import RateWindow, counters_of
from extproc.cli.shapes import SHAPES
from extproc.cli.top_data import Look, SortColumn, top_of
from extproc.cli.top_output import SORT_ORDER, State, money, number, percent, screen, seconds, snapshot
from extproc.cli.top_shapes import TopJson
from tests.docs.json_shapes import keys_of
from tests.quiet_server import QuietServer
from tests.unit.cli.programs import ESCAPE, ROOT, Program, started
from tests.unit.cli.shape_check import paths_of
from tests.unit.config.conftest import MINIMAL

OWN_SCREEN, OLD_SCREEN = f"{ESCAPE}[?1049h", f"{ESCAPE}[?1049l"
READY: dict[str, Any] = {
    "ready": True,
    "draining": False,
    "revision": "abc123",
    "config_error": "",
    "restart_needed": [],
}
OTHERS = """\
# TYPE llm_guard_verdicts_total counter
llm_guard_verdicts_total{action="mask",direction="response",guard="pii",policy="p"} 5
# TYPE llm_fallback_total counter
llm_fallback_total{from="m/v1",reason="connect",to="m/v2"} 3
# TYPE llm_extproc_rate_limit_refused_total counter
llm_extproc_rate_limit_refused_total{limit="minute"} 2
# TYPE llm_extproc_rate_limit_shadow_refused_total counter
llm_extproc_rate_limit_shadow_refused_total{limit="day"} 1
# TYPE llm_inflight_exchanges gauge
llm_inflight_exchanges 7
# TYPE llm_extproc_budget_spent_percent gauge
llm_extproc_budget_spent_percent{budget="monthly"} 83.4
# TYPE llm_quality_drift gauge
llm_quality_drift{model="m",signal="length",version="v1"} 0.1
llm_quality_drift{model="m",signal="asks_back",version="v2"} -0.3
# TYPE llm_quality_drift_alarm gauge
llm_quality_drift_alarm{model="m",signal="length",version="v1"} 1
"""


def metrics_page(*served: tuple[str, str, str, int]) -> str:
    """A page of exchanges: team, version, outcome, how many. Each takes 10 tokens, 2 of the answer, 500 micro-USD."""
    lines = ["# TYPE llm_requests_total counter"]
    for team, version, outcome, times in served:
        labels = f'team="{team}",model="m",version="{version}"'
        lines += [
            f'llm_requests_total{{{labels},outcome="{outcome}"}} {times}',
            f"llm_prompt_tokens_total{{{labels}}} {10 * times}",
            f"llm_completion_tokens_total{{{labels}}} {2 * times}",
            f"llm_cost_micro_usd_total{{{labels}}} {500 * times}",
        ]
        for name in ("llm_request_duration_seconds", "llm_time_to_first_token_seconds"):
            of_version = f'model="m",version="{version}"'
            lines += [f'{name}_bucket{{{of_version},le="{bound}"}} {times}' for bound in ("1.0", "+Inf")]
    return "\n".join(lines) + f"\n{OTHERS}"


def top(before: str, after: str, look: Look | None = None, after_s: float = 2.0) -> TopJson:
    """Of two pages."""
    window = RateWindow()
    for at_s, page in ((0.0, before), (after_s, after)):
        window.add(at_s, counters_of(samples_of(page)))
    return top_of("http://x", READY, samples_of(after), window, look or Look())


BEFORE = metrics_page(("search", "v1", "completed", 100), ("hr", "v2", "completed", 10))
AFTER = metrics_page(("search", "v1", "completed", 104), ("hr", "v2", "completed", 30), ("new", "v2", "failed", 2))


# --- numbers -------------------------------------------------------------------------------------------------------


def test_rates_are_of_what_happened_between() -> None:
    """Requests, tokens, money an hour, how many failed; latency of the answers between."""
    found = top(BEFORE, AFTER)
    by_team = {row["team"]: row for row in found["teams"]}
    assert {team: row["requests_per_s"] for team, row in by_team.items()} == {"hr": 10.0, "search": 2.0, "new": 1.0}
    assert (by_team["hr"]["prompt_tokens_per_s"], by_team["hr"]["completion_tokens_per_s"]) == (100.0, 20.0)
    assert by_team["hr"]["cost_usd_per_hour"] == pytest.approx(10 * 500 * 3_600 / 1e6)
    assert (by_team["new"]["failed_share"], by_team["hr"]["failed_share"]) == (1.0, 0.0)
    assert (by_team["search"]["requests"], by_team["search"]["cost_micro_usd"]) == (104, 52_000)
    assert [row["version"] for row in found["versions"]] == ["v2", "v1"]
    assert found["versions"][1]["duration_p50_s"] == pytest.approx(0.5)
    assert found["all"]["requests_per_s"] == 13.0


@given(
    *(
        st.lists(
            st.tuples(
                st.sampled_from(["a", "b"]),
                st.sampled_from(["v1", "v2"]),
                st.sampled_from(["completed", "failed", "cut"]),
                st.integers(0, 1_000),
            ),
            max_size=6,
        ).map(lambda served: metrics_page(*served))
        for _ in range(2)
    ),
    st.floats(0.1, 60),
)
def test_no_number_is_negative(before: str, after: str, after_s: float) -> None:
    """Of any two pages: a processor may have begun again, a series may be gone, or twice on a page."""
    found = top(before, after, after_s=after_s)
    for row in [found["all"], *found["teams"], *found["versions"]]:
        values = [value for value in row.values() if isinstance(value, float | int)]
        assert min(values, default=0) >= 0
        assert all(share is None or share <= 1 for share in (row["failed_share"], row["refused_share"]))
    assert all(hit["per_s"] >= 0 for name in ("guards", "fallbacks", "limits") for hit in found[name])


def test_a_restart_is_no_loss() -> None:
    """The counters begin again: what they show is what has happened since."""
    restarted = metrics_page(("search", "v1", "completed", 6))
    (row,) = top(BEFORE, restarted)["teams"]
    assert (row["team"], row["requests_per_s"]) == ("search", 3.0)


def test_before_the_second_page_there_are_sums() -> None:
    """And no rates."""
    window = RateWindow()
    window.add(0.0, counters_of(samples_of(AFTER)))
    found = top_of("http://x", READY, samples_of(AFTER), window, Look())
    assert found["seconds"] == 0
    assert {row["requests_per_s"] for row in found["teams"]} == {0.0}
    assert found["all"]["requests"] == 136
    assert "no rates yet" in str(screen(found, Look(), State(), 80, 24)[1])


def test_teams_and_models_are_chosen_by_a_part_of_their_name() -> None:
    """Both tables and the sum are of what is left; the latency of one team is not known."""
    found = top(BEFORE, AFTER, Look(team="SEA"))
    assert [row["team"] for row in found["teams"]] == ["search"]
    assert [(row["version"], row["duration_p50_s"]) for row in found["versions"]] == [("v1", None)]
    assert found["all"]["requests_per_s"] == 2.0
    found = top(BEFORE, AFTER, Look(model="m/v2"))
    assert [row["team"] for row in found["teams"]] == ["hr", "new"]
    assert [one["signal"] for one in found["drift"]] == ["asks_back"]
    assert top(BEFORE, AFTER, Look(team="nobody"))["all"]["requests"] == 0


@pytest.mark.parametrize(
    ("sort", "turned", "teams"),
    [
        (SortColumn.REQUESTS, False, ["hr", "search", "new"]),
        (SortColumn.REQUESTS, True, ["new", "search", "hr"]),
        (SortColumn.NAME, False, ["hr", "new", "search"]),
        (SortColumn.NAME, True, ["search", "new", "hr"]),
        (SortColumn.FAILED, False, ["new", "hr", "search"]),
        (SortColumn.P95, False, ["hr", "search", "new"]),
    ],
)
def test_rows_are_sorted_by_any_column(sort: SortColumn, turned: bool, teams: list[str]) -> None:
    """Those that are alike by their requests; a table without the column likewise."""
    assert [row["team"] for row in top(BEFORE, AFTER, Look(sort=sort, turned=turned))["teams"]] == teams


# --- the screen ----------------------------------------------------------------------------------------------------


@given(st.integers(1, 200), st.integers(1, 60), st.sampled_from(SORT_ORDER), st.text(max_size=9))
def test_a_screen_of_any_size_is_filled_and_not_exceeded(columns: int, rows: int, sort: SortColumn, team: str) -> None:
    """The terminal never scrolls or folds a line."""
    served = [(f"team-{number}", f"v{number % 9}", "completed", number) for number in range(40)]
    lines = screen(top(BEFORE, metrics_page(*served)), Look(team, sort=sort), State("12:00:00"), columns, rows)
    assert len(lines) == rows
    assert max(line.cell_len for line in lines) <= columns


def test_eighty_columns_have_all_columns() -> None:
    """And a smaller screen the important ones; what does not fit is counted."""
    served = [(f"team-{number}", "v1", "completed", number) for number in range(1, 40)]
    found = top(BEFORE, metrics_page(*served))
    wide, narrow = ([str(line) for line in screen(found, Look(), State(), width, 24)] for width in (80, 40))
    assert wide[2].split() == ["version", "req/s▼", "err%", "ref%", "in/s", "out/s", "USD/h", "ttft95", "p50", "p95"]
    assert narrow[2].split() == ["version", "req/s▼", "err%", "USD/h", "p95"]
    assert any(line.startswith("and ") and line.endswith(" more") for line in wide)
    assert wide[-1].startswith("q quit")


def test_a_snapshot_has_every_row_whole() -> None:
    """For a pipe."""
    served = [("a" * 90, "v1", "completed", 4), *((f"t{number}", "v1", "completed", 1) for number in range(99))]
    lines = [str(line) for line in snapshot(top(BEFORE, metrics_page(*served)), Look(), 10_000)]
    assert sum(line.startswith("t") for line in lines) == 100
    assert any(line.startswith("a" * 90) for line in lines)
    assert "guards    pii response mask 5" in lines
    assert "fallbacks m/v1 to m/v2 connect 3" in lines
    assert "limits    minute refused 2, day would refuse 1" in lines
    assert "budgets   monthly 83 %" in lines
    assert "drift     ! m/v1 length +0.10, m/v2 asks_back -0.30" in lines


def test_names_move_no_cursor() -> None:
    """A client may send any name of a team."""
    page = metrics_page(("evil\x1b[2J", "v1", "completed", 4))
    assert all(ESCAPE not in str(line) for line in screen(top(BEFORE, page), Look(), State(), 80, 24))


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (number(0), "0"),
        (number(0.254), "0.25"),
        (number(12.34), "12.3"),
        (number(999.4), "999"),
        (number(1_234), "1.2k"),
        (number(34_567), "35k"),
        (number(5_600_000), "5.6M"),
        (percent(None), "-"),
        (percent(0.0123), "1.2"),
        (money(0.5), "0.50"),
        (money(6_800.0), "6.8k"),
        (seconds(0.123), "0.12"),
        (seconds(None), "-"),
    ],
)
def test_numbers_are_short(shown: str, text: str) -> None:
    """As a person reads them."""
    assert shown == text


@given(st.floats(0, 1e12))
def test_any_number_fits_its_column(value: float) -> None:
    """Six characters."""
    assert len(number(value)) <= 6


# --- the command ---------------------------------------------------------------------------------------------------


class Processor:
    """The pages of a processor: each reading of metrics shows one exchange more. Attributes: ready: to be changed."""

    def __init__(self) -> None:
        self.ready = dict(READY)
        self.served = 100
        self.port = 0

    def metrics(self) -> str:
        """The page."""
        self.served += 1
        return metrics_page(("search", "v1", "completed", self.served), ("hr", "v2", "failed", 2))


class Pages(BaseHTTPRequestHandler):
    """Its server."""

    def __init__(self, processor: Processor, *arguments: Any) -> None:
        self._processor = processor
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """One of both."""
        body = (self._processor.metrics() if self.path == "/metrics" else json.dumps(self._processor.ready)).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def served(processor: Processor) -> Iterator[None]:
    """While it runs; it may run again at the same port."""
    with QuietServer(("127.0.0.1", processor.port), partial(Pages, processor)) as server:
        processor.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield
        server.shutdown()


@pytest.fixture
def processor() -> Processor:
    """One that can be started."""
    return Processor()


@pytest.fixture
def config(tmp_path: Path, processor: Processor) -> Iterator[Path]:
    """The configuration of a processor that runs."""
    with served(processor):
        yield written(tmp_path, processor)


def written(folder: Path, processor: Processor) -> Path:
    """A configuration with its address."""
    file = folder / "config.yaml"
    file.write_text(f"{MINIMAL}server: {{ metrics: '127.0.0.1:{processor.port}' }}\n")
    return file


def ran(config: Path, *options: str) -> Result:
    """The command in a pipe."""
    return CliRunner().invoke(app, ["top", str(config), "--interval", "0.1", *options], env={"COLUMNS": "80"})


def test_a_pipe_gets_one_snapshot(config: Path) -> None:
    """Whole, in plain text of 80 columns."""
    result = ran(config)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert "  ready  revision abc123" in lines[0]
    assert [line.split()[0] for line in lines if line.startswith(("m/", "search", "hr"))] == [
        "m/v1",
        "m/v2",
        "search",
        "hr",
    ]
    assert ESCAPE not in result.stdout
    assert max(map(cell_len, lines)) <= 80
    assert [line for line in lines if line != line.rstrip()] == []


def test_it_is_json_for_who_asks(config: Path, processor: Processor) -> None:
    """Of the documented shape."""
    processor.ready["restart_needed"] = ["log"]
    result = ran(config, "--json", "--sort", "name")
    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert paths_of(printed, SHAPES["top"]) == {key.path for key in keys_of(SHAPES["top"])}
    assert [row["team"] for row in printed["teams"]] == ["hr", "search"]
    assert printed["teams"][1]["requests_per_s"] == pytest.approx(1 / printed["seconds"], rel=0.01)
    assert printed["problems"] == ["restart: needed for log"]


def test_another_program_is_none(tmp_path: Path, processor: Processor) -> None:
    """With the words of ``status``."""
    processor.ready = {"status": "fine"}
    with served(processor):
        result = ran(written(tmp_path, processor))
    assert (result.exit_code, result.stdout) == (ExitCode.FAILED, "")
    assert "does not answer (no page of llm-extproc)" in result.stderr


# --- live ----------------------------------------------------------------------------------------------------------


@contextmanager
def watching(config: Path, *options: str) -> Iterator[Program]:
    """The command on a terminal, once it has shown rates."""
    with started("top", config, "--interval", "0.1", *options, on_terminal=True) as program:
        program.until(" s)")
        yield program


def last_screen(program: Program) -> str:
    """What was drawn last, whole."""
    return program.output.rpartition("q quit")[0].rpartition(f"{ESCAPE}[H")[2]


def drawn_with(program: Program, text: str) -> None:
    """Wait until the screen shows a text."""
    program.until(lambda: text in last_screen(program))


def test_keys_sort_reverse_and_choose(config: Path) -> None:
    """The column is marked; a filter is a line, in which `q` is a letter."""
    with watching(config) as program:
        drawn_with(program, "req/s▼")
        program.type(">")
        drawn_with(program, "err%▼")
        program.type("r")
        drawn_with(program, "err%▲")
        program.type("<")
        drawn_with(program, "req/s▲")
        program.type("t")
        program.until("team (empty: all): ")
        program.type("qu\n")
        drawn_with(program, "only team: qu")
        drawn_with(program, "no exchange yet")
        program.type("t")
        program.until(lambda: program.output.count("team (empty: all): ") == 2)
        program.type("\n")
        drawn_with(program, "search")
        program.type("m")
        program.until("model or version (empty: all): ")
        program.type("v2\n")
        drawn_with(program, "only model: v2")
        program.type("q")
        assert program.ended() == 0


def test_pause_stops_the_numbers(config: Path, processor: Processor) -> None:
    """Nothing is read meanwhile; the rates that follow are of all the time."""
    with watching(config) as program:
        program.type("p")
        drawn_with(program, "paused")
        before = processor.served
        program.type(">")
        drawn_with(program, "err%▼")
        assert processor.served <= before + 1  # one may have been on its way
        program.type("p")
        program.until(lambda: processor.served > before + 3)
        drawn_with(program, "ready")
        program.type("q")
        assert program.ended() == 0
    assert "-" not in last_screen(program).partition("req/s")[0]


def test_a_processor_that_ends_and_comes_again(tmp_path: Path, processor: Processor) -> None:
    """It is told while it is away; then the rates go on, and none is negative."""
    with served(processor):
        config = written(tmp_path, processor)
    with served(processor), started("top", config, "--interval", "0.1", on_terminal=True) as program:
        program.until(" s)")
        processor.ready["config_error"] = "x.yaml:1:1: bad"
        drawn_with(program, "an earlier one is in force: x.yaml:1:1: bad")
        processor.ready = {}
        drawn_with(program, "does not answer (no page of llm-extproc)")
        processor.ready, processor.served = dict(READY), 0
        drawn_with(program, "ready")
        drawn_with(program, "search")
        program.type("q")
        assert program.ended() == 0


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda program: program.type("q"), ExitCode.OK),
        (lambda program: program.type("\x04"), ExitCode.OK),
        (Program.ctrl_c, ExitCode.INTERRUPTED),
        (lambda program: os.kill(program.process.pid, signal.SIGTERM), ExitCode.TERMINATED),
        (lambda program: os.kill(program.process.pid, signal.SIGHUP), ExitCode.HUNG_UP),
    ],
    ids=["q", "ctrl-d", "ctrl-c", "sigterm", "sighup"],
)
def test_the_terminal_is_as_it_was(config: Path, end: Any, code: ExitCode) -> None:
    """Its modes, its cursor and what was on it, whatever ends the command."""
    with started("top", config, "--interval", "0.1", on_terminal=True) as program:
        before = program.modes()
        program.until("t team  m model")
        assert program.modes() != before
        end(program)
        assert program.ended() == code, program.output
        assert program.modes() == before
    assert program.output.index(OWN_SCREEN) < program.output.rindex(OLD_SCREEN)
    assert program.output.rindex(f"{ESCAPE}[?25h") > program.output.rindex(f"{ESCAPE}[?25l")
    assert "Traceback" not in program.output


def test_ctrl_z_does_not_leave_the_shell_with_our_screen(config: Path) -> None:
    """It is ignored."""
    with watching(config) as program:
        program.type("\x1a")
        program.type("r")
        drawn_with(program, "req/s▲")
        program.type("q")
        assert program.ended() == 0


def test_another_size_is_another_screen(config: Path) -> None:
    """A person makes the window smaller."""
    with watching(config) as program:
        drawn_with(program, "ttft95")
        program.resize(10, 40)
        program.until(lambda: "ttft95" not in last_screen(program) and "p95" in last_screen(program))
        program.type("q")
        assert program.ended() == 0


def test_a_terminal_that_cannot_move_its_cursor_gets_a_snapshot(config: Path) -> None:
    """Without an escape."""
    with started("top", config, "--interval", "0.1", on_terminal=True, TERM="dumb") as program:
        assert program.ended() == 0
    assert ESCAPE not in program.output
    assert "search" in program.output


# --- what it reads -------------------------------------------------------------------------------------------------


def test_every_metric_that_it_reads_is_one() -> None:
    """A metric that gets another name would leave a column empty."""
    source = (ROOT / "extproc" / "cli" / "top_data.py").read_text()
    named = {name for name in re.findall(r"\bllm_[a-z_]+[a-z]\b", source) if not name.endswith("_limit")}
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    known = set(re.findall(r"^\| `(llm_[a-z_]+)`", page, re.MULTILINE))
    assert named <= known
    assert len(named) > 8
