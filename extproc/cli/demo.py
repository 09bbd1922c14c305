"""``extproc demo``: the whole system on a real Envoy, on loopback and without root."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import threading
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console

from extproc.config.problems import ConfigInvalid

EXIT_WRONG = 1
EXIT_CANNOT = 2
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
) -> None:
    """Show guarding, routing and metering at work. Exit 0: every row is as expected; 1: a row differs; 2: no start."""
    console = Console() if sys.stdout.isatty() else Console(width=PIPE_COLUMNS)
    try:
        with tempfile.TemporaryDirectory(prefix="llm-extproc-demo-") as scratch:
            directory = logs or Path(scratch)
            directory.mkdir(parents=True, exist_ok=True)
            code = _own_server(console, directory, upstream) if upstream else _tour(console, directory, serve)
    except ModuleNotFoundError as missing:
        _cannot(f"the demo needs {missing.name}: pip install 'llm-extproc[demo]'")
    except (ConfigInvalid, OSError, RuntimeError, ValueError) as error:
        _cannot(str(error))
    raise typer.Exit(code)


def _tour(console: Console, directory: Path, serve: bool) -> int:
    from extproc.demo.installation import Installation
    from extproc.demo.model_server import ModelServer
    from extproc.demo.rules import DEMO_RULES
    from extproc.demo.tour import Tour

    models = {name: ModelServer(name, rules=DEMO_RULES) for name in ("v1", "v2")}
    with ExitStack() as running:
        with console.status("Starting two model servers, the processor, and Envoy") as status:
            installation = running.enter_context(Installation(directory, models))
            stops = []
            for stop in Tour(installation).stops():
                stops.append(stop)
                status.update(f"On tour: {stop.title} done")
        wrong = _print(console, stops)
        if serve:
            _stay(console, installation)
    return EXIT_WRONG if wrong else 0


def _print(console: Console, stops: list[Any]) -> int:
    from extproc.demo.shown import print_stops

    print_stops(console, stops)
    wrong = [(stop.title, line) for stop in stops for line in stop.wrong]
    for title, line in wrong:
        console.print(f"{title}: {line}", markup=False, style="red")
    console.print(f"{len(stops) - len({title for title, _ in wrong})} of {len(stops)} stops are right.")
    return len(wrong)


def _own_server(console: Console, directory: Path, upstream: str) -> int:
    """The demo in front of the user's own server, which serves both versions."""
    from extproc.demo.installation import Installation

    url = urlsplit(upstream)
    if url.scheme != "http" or not url.hostname or url.path not in ("", "/", "/v1"):
        raise ValueError(f"--upstream {upstream}: write it as http://HOST:PORT")
    address = f"{url.hostname}:{url.port or 80}"
    served = _served_model(f"http://{address}/v1/models")

    def change(data: dict[str, Any]) -> None:
        for version in data["models"]["tiny-chat"]["versions"].values():
            version["endpoints"] = [address]
            version["served_model"] = served
        data["models"][served] = data["models"].pop("tiny-chat")

    with Installation(directory, {}, change=change) as installation:
        console.print(f"In front of {address}, which serves {served}.")
        _stay(console, installation)
    return 0


def _served_model(models_url: str) -> str:
    try:
        with urllib.request.urlopen(models_url, timeout=10) as answer:
            return str(json.load(answer)["data"][0]["id"])
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ValueError(
            f"{models_url} does not list a model ({error}): is an OpenAI-compatible server there?"
        ) from None


def _stay(console: Console, installation: Any) -> None:
    model = installation.config and json.loads(installation.config.read_text())["models"]
    console.print(f"Base URL   {installation.base_url}/v1   (model {', '.join(model)})")
    console.print(f"Metrics    {installation.metrics_url}")
    console.print(f"Logs       {installation.directory}")
    console.print("Press Ctrl-C to stop.")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()


def _cannot(problem: str) -> None:
    typer.echo(f"extproc demo: {problem}", err=True)
    raise typer.Exit(EXIT_CANNOT)
