"""``extproc demo``: the whole system on a real Envoy, on loopback and without root."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from extproc.cli.exit_codes import ExitCode
from extproc.cli.output import AsJson, print_json, refuse, said
from extproc.cli.progress import progress
from extproc.cli.running_shapes import DemoJson, RunningJson
from extproc.cli.signals import SIGNAL_WAIT_S_MAX, unwound_by_signals
from extproc.cli.tables import result_console
from extproc.config.problems import ConfigInvalid
from extproc.demo.hints import how_to_ask, how_to_report, how_to_watch, next_steps
from extproc.demo.lines import legend, print_heading, print_stop
from extproc.demo.stop import Stop
from extproc.domain.extras import how_to_install

PIPE_COLUMNS = 150


DEFAULT_PORT = 10_000
"""Where ``--serve`` can be asked, if nothing else listens there: Envoy's port in all examples."""
_INTRODUCTION = (
    "A real Envoy, llm-extproc, and two model servers that replay what a vLLM said.",
    "Each line: a request by the openai client, checked at client, model and metrics.",
)
_RECORDINGS = (
    "The answers are recordings: they show what the guards do, whatever else you ask.",
    "A question that is not below gets the answer to `What is Envoy?`.",
)

app = typer.Typer(add_completion=False)


@app.command("demo")
def demo_command(
    serve: Annotated[
        bool, typer.Option("--serve", help="Keep running after the tour, for a client of your own.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print a table of all that each side saw, and what was measured.")
    ] = False,
    logs: Annotated[
        Path | None,
        typer.Option("--logs", help="Keep configurations, logs, and reports of rollouts in this directory."),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            "--page", help="Write the page of its traffic there; default: a new file in the temporary folder."
        ),
    ] = None,
    rollouts: Annotated[
        bool, typer.Option("--rollouts/--no-rollouts", help="Roll out versions under load, for half a minute.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Show guarding, routing and metering at work. Exit 0: every stop is right; 1: one is not; 2: no start."""
    console = None if as_json else result_console(*([PIPE_COLUMNS] if verbose else []))
    try:
        with unwound_by_signals(), tempfile.TemporaryDirectory(prefix="llm-extproc-demo-") as scratch:
            directory = logs or Path(scratch)
            directory.mkdir(parents=True, exist_ok=True)
            code = _tour(console, directory, (serve, verbose, rollouts, logs is not None), page)
    except ModuleNotFoundError as missing:
        _cannot(f"the demo needs {missing.name}. {how_to_install('demo')}")
    except (ConfigInvalid, OSError, RuntimeError, ValueError) as error:
        _cannot(said(error))
    raise typer.Exit(code)


def _tour(
    console: Console | None, directory: Path, asked: tuple[bool, bool, bool, bool], page: Path | None
) -> ExitCode:
    """Show the tour, as JSON without a console.

    Args: asked: to serve, for all that was seen, for rollouts, to keep the directory.
    """
    serve, verbose, rollouts, keeps = asked
    from extproc.cli.demo_page import write_demo_page, write_rollout_reports
    from extproc.demo.installation import SPEED_VARIABLE, Installation
    from extproc.demo.ledger_tour import keep_ledger
    from extproc.demo.model_server import ModelServer
    from extproc.demo.rules import DEMO_RULES
    from extproc.demo.tour import Tour, planned
    from extproc.server.sockets.free_ports import claimed_port

    speed = float(os.environ.get(SPEED_VARIABLE, 1))
    models = {name: ModelServer(name, rules=DEMO_RULES, speed=speed) for name in ("v1", "v2")}
    with ExitStack() as running:
        stops: list[Stop] = []
        with progress("Starting two model servers, the processor, and Envoy") as line:
            port = running.enter_context(claimed_port(DEFAULT_PORT)) if serve else None
            installation = running.enter_context(Installation(directory, models, change=keep_ledger, port=port))
            count = len(planned(rollouts))
            if console is not None and not verbose:
                line.above(partial(print_beginning, console))
            for stop in Tour(installation, rollouts).stops(
                lambda stop: line.say(f"Stop {len(stops) + 1} of {count}: {stop.title}")
            ):
                stops.append(stop)
                if console is not None and not verbose:
                    line.above(partial(print_stop, console, stop))
            line.say("Writing the page of its traffic")
            page = write_demo_page(page, directory, stops)
            reports = write_rollout_reports(directory) if keeps and rollouts else []
        if console is None:
            print_json(_as_data(stops, page, installation if serve else None))
        elif verbose:
            _print_table(console, stops)
        else:
            print_end(console, stops)
        if console is not None:
            _say(console, f"Its traffic as plots: {page}")
            _say(console, *(f"A rollout as plots: {report}" for report in reports))
        if serve:
            _stay(console, installation)
        elif console is not None:
            _say(console, "", "Next:", "", *next_steps())
    return ExitCode.FAILED if any(stop.wrong for stop in stops) else ExitCode.OK


def _as_data(stops: list[Stop], page: Path, running: Any) -> DemoJson:
    return {
        "ok": not any(stop.wrong for stop in stops),
        "stops": [
            {
                "title": stop.title,
                "ok": not stop.wrong,
                "why": stop.why,
                "sent": stop.sent,
                "outcome": stop.came_of_it,
                "found": [
                    {"guard": one.guard, "direction": one.direction, "kind": one.kind, "times": one.times}
                    for one in stop.found
                ],
                "client_saw": stop.client_saw,
                "model_saw": stop.model_saw,
                "measured": stop.measured,
                "wrong": stop.wrong,
            }
            for stop in stops
        ],
        "page": str(page),
        "running": None if running is None else _reached_at(running),
    }


def _reached_at(installation: Any) -> RunningJson:
    return {
        "base_url": f"{installation.base_url}/v1",
        "models": list(json.loads(installation.config.read_text())["models"]),
        "metrics": installation.metrics_url,
        "logs": str(installation.directory),
        "config": str(installation.config),
    }


def print_beginning(console: Console) -> None:
    """What runs, and what the lines of the stops are."""
    _say(console, *_INTRODUCTION, "")
    print_heading(console)


def print_end(console: Console, stops: Sequence[Stop]) -> None:
    """What the colors mean, and how many stops are right."""
    _say(console, "")
    if console.color_system:
        console.print("In color, what a guard found:", legend(), end=".\n")
    _print_count(console, stops)


def _print_table(console: Console, stops: Sequence[Stop]) -> None:
    from extproc.demo.shown import print_stops

    print_stops(console, stops)
    for stop in stops:
        for line in stop.wrong:
            console.print(f"{stop.title}: {line}", markup=False, style="red")
    _print_count(console, stops)


def _print_count(console: Console, stops: Sequence[Stop]) -> None:
    right = sum(not stop.wrong for stop in stops)
    _say(console, f"{right} of {len(stops)} stops are right.")


def _say(console: Console, *lines: str) -> None:
    """Print lines as they are."""
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _stay(console: Console | None, installation: Any) -> None:
    """Wait for a signal; further ones are ignored, as everything is then being ended."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    if console is not None:
        _print_reached(console, installation)
    while not ended.wait(SIGNAL_WAIT_S_MAX):
        pass


def _print_reached(console: Console, installation: Any) -> None:
    """Where it is, and how to ask it."""
    reached = _reached_at(installation)
    taken = [f"Port {DEFAULT_PORT} is taken, so Envoy listens on another one."] if not installation.has_port else []
    _say(
        console,
        "",
        *_RECORDINGS,
        "",
        *taken,
        f"Base URL   {reached['base_url']}   (model {', '.join(reached['models'])})",
        f"Metrics    {reached['metrics']}",
        f"Logs       {reached['logs']}   (processor.log: a line for each exchange)",
        f"Watch      {how_to_watch(reached['config'])}",
        f"Ledger     {how_to_report(reached['config'])}",
        "",
        *how_to_ask(reached["base_url"], reached["models"][-1]),
        "",
        "Press Ctrl-C to stop.",
    )


def _cannot(problem: str) -> NoReturn:
    refuse(f"extproc demo: {problem}")
