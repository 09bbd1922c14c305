"""``extproc health``: whether a processor is ready, as an exit code, for what cannot ask by HTTP itself.

It imports as little as it can: a probe may run it each second.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Annotated, Final

import typer

from extproc.cli.exit_codes import ExitCode
from extproc.cli.output import AsJson, print_json, refuse
from extproc.cli.running_shapes import HealthJson
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file
from extproc.server.sockets.address import reason_of

_PAGES: Final = {False: "readyz", True: "livez"}

app = typer.Typer(add_completion=False)


@app.command("health")
def health_command(
    file: ConfigArgument = None,
    config: ConfigOption = None,
    url: Annotated[str, typer.Option(metavar="URL", help="Where its pages are, such as http://llm-extproc:9464.")] = "",
    live: Annotated[bool, typer.Option("--live", help="Ask whether it is alive, ready or not.")] = False,
    as_json: AsJson = False,
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.1, max=60.0, help="How long to wait [s].")] = 2.0,
) -> None:
    """Say by the exit code whether a processor is ready.

    Without --url, the configuration says where its pages are. Exit 0: it is; 1: it is not, or is not there; 2: bad
    configuration or argument.
    """
    if url and not url.startswith(("http://", "https://")):
        refuse(f"extproc health: {url[:100]} is no address of pages; write http://HOST:PORT")
    if not url:
        from extproc.cli.operations_pages import url_of

        url = url_of(config_file(config, file))
    page = f"{url.rstrip('/')}/{_PAGES[live]}"
    problem = _problem_of(page, timeout_s)
    if as_json:
        found: HealthJson = {"page": page, "ok": problem is None, "problem": problem}
        print_json(found)
        raise typer.Exit(ExitCode.OK if problem is None else ExitCode.FAILED)
    if problem is not None:
        refuse(f"{page} {problem}", code=ExitCode.FAILED)
    print("alive" if live else "ready")


def _problem_of(page: str, timeout_s: float) -> str | None:
    """What a page says or does not say; None: all is well."""
    try:
        with urllib.request.urlopen(page, timeout=timeout_s):
            return None
    except urllib.error.HTTPError as error:
        return f"says {error.code}: it is not ready"
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        return (
            f"does not answer ({reason_of(reason) if isinstance(reason, OSError) and reason.errno else 'it broke off'})"
        )
