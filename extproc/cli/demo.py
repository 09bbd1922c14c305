"""``extproc demo``: the whole system on a real Envoy, on loopback and without root."""

from __future__ import annotations

import json
import signal
import tempfile
import threading
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import urlsplit

import typer
from rich.console import Console

from extproc.cli.exit_codes import ExitCode
from extproc.cli.output import print_json, refuse, result_console, said
from extproc.cli.progress import progress
from extproc.cli.shapes import DemoJson, RunningJson
from extproc.cli.signals import unwound_by_signals
from extproc.config.problems import ConfigInvalid
from extproc.domain.extras import how_to_install

PIPE_COLUMNS = 150


app = typer.Typer(add_completion=False)


@app.command("demo")
def demo_command(
    serve: Annotated[
        bool, typer.Option("--serve", help="Keep running after the tour, for a client of your own.")
    ] = False,
    upstream: Annotated[
        str | None,
        typer.Option("--upstream", help="http://HOST:PORT of your own model server, instead of the recorded ones."),
    ] = None,
    logs: Annotated[Path | None, typer.Option("--logs", help="Keep configurations and logs in this directory.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Show guarding, routing and metering at work. Exit 0: every row is as expected; 1: a row differs; 2: no start."""
    console = None if as_json else result_console(PIPE_COLUMNS)
    try:
        with unwound_by_signals(), tempfile.TemporaryDirectory(prefix="llm-extproc-demo-") as scratch:
            directory = logs or Path(scratch)
            directory.mkdir(parents=True, exist_ok=True)
            code = _own_server(console, directory, upstream) if upstream else _tour(console, directory, serve)
    except ModuleNotFoundError as missing:
        _cannot(f"the demo needs {missing.name}. {how_to_install('demo')}")
    except (ConfigInvalid, OSError, RuntimeError, ValueError) as error:
        _cannot(said(error))
    raise typer.Exit(code)


def _tour(console: Console | None, directory: Path, serve: bool) -> ExitCode:
    """Show the tour, as JSON without a console."""
    from extproc.demo.installation import Installation
    from extproc.demo.model_server import ModelServer
    from extproc.demo.rules import DEMO_RULES
    from extproc.demo.tour import Tour

    models = {name: ModelServer(name, rules=DEMO_RULES) for name in ("v1", "v2")}
    with ExitStack() as running:
        stops = []
        with progress("Starting two model servers, the processor, and Envoy") as line:
            installation = running.enter_context(Installation(directory, models))
            for stop in Tour(installation).stops():
                stops.append(stop)
                line.say(f"On tour: {stop.title} done")
        if console is None:
            print_json(_as_data(stops, installation if serve else None))
        else:
            _print(console, stops)
        if serve:
            _stay(console, installation)
    return ExitCode.FAILED if any(stop.wrong for stop in stops) else ExitCode.OK


def _as_data(stops: list[Any], running: Any) -> DemoJson:
    return {
        "ok": not any(stop.wrong for stop in stops),
        "stops": [
            {
                "title": stop.title,
                "ok": not stop.wrong,
                "sent": stop.sent,
                "client_saw": stop.client_saw,
                "model_saw": stop.model_saw,
                "measured": stop.measured,
                "wrong": stop.wrong,
            }
            for stop in stops
        ],
        "running": None if running is None else _reached_at(running),
    }


def _reached_at(installation: Any) -> RunningJson:
    return {
        "base_url": f"{installation.base_url}/v1",
        "models": list(json.loads(installation.config.read_text())["models"]),
        "metrics": installation.metrics_url,
        "logs": str(installation.directory),
    }


def _print(console: Console, stops: list[Any]) -> None:
    from extproc.demo.shown import print_stops

    print_stops(console, stops)
    wrong = [(stop.title, line) for stop in stops for line in stop.wrong]
    for title, line in wrong:
        console.print(f"{title}: {line}", markup=False, style="red")
    console.print(f"{len(stops) - len({title for title, _ in wrong})} of {len(stops)} stops are right.")


def _own_server(console: Console | None, directory: Path, upstream: str) -> ExitCode:
    """The demo in front of the user's own server, which serves both versions."""
    from extproc.demo.installation import Installation

    url = urlsplit(upstream)
    if url.scheme != "http" or not url.hostname or url.path not in ("", "/", "/v1"):
        raise ValueError(f"--upstream {upstream}: write it as http://HOST:PORT")
    address = f"{url.hostname}:{url.port or 80}"
    with progress(f"Asking {address} for its model"):
        served = _served_model(f"http://{address}/v1/models")

    def change(data: dict[str, Any]) -> None:
        for version in data["models"]["tiny-chat"]["versions"].values():
            version["endpoints"] = [address]
            version["served_model"] = served
        data["models"][served] = data["models"].pop("tiny-chat")

    with ExitStack() as running:
        with progress("Starting the processor and Envoy"):
            installation = running.enter_context(Installation(directory, {}, change=change))
        if console is None:
            print_json(_as_data([], installation))
        else:
            console.print(f"In front of {address}, which serves {served}.")
        _stay(console, installation)
    return ExitCode.OK


def _served_model(models_url: str) -> str:
    try:
        with urllib.request.urlopen(models_url, timeout=10) as answer:
            return str(json.load(answer)["data"][0]["id"])
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ValueError(
            f"{models_url} does not list a model ({error}): is an OpenAI-compatible server there?"
        ) from None


def _stay(console: Console | None, installation: Any) -> None:
    """Wait for a signal; further ones are ignored, as everything is then being ended."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    if console is not None:
        reached = _reached_at(installation)
        console.print(f"Base URL   {reached['base_url']}   (model {', '.join(reached['models'])})")
        console.print(f"Metrics    {reached['metrics']}")
        console.print(f"Logs       {reached['logs']}")
        console.print("Press Ctrl-C to stop.")
    ended.wait()


def _cannot(problem: str) -> NoReturn:
    refuse(f"extproc demo: {problem}")
