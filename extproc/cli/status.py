"""``extproc status``: what a running processor says of itself, from its readiness and metrics pages."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.exit_codes import ExitCode
from extproc.cli.operations_pages import Samples, page_of, problems_of, ready_of, refuse_absent, samples_of, url_of
from extproc.cli.output import AsJson, print_json, refuse
from extproc.cli.progress import progress
from extproc.cli.rates import increase
from extproc.cli.running_shapes import CountJson, GuardStatusJson, StatusJson, VersionStatusJson
from extproc.cli.tables import print_table, result_console
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file

WATCH_S: Final = 2.0

app = typer.Typer(add_completion=False)


@app.command("status")
def status_command(
    file: ConfigArgument = None,
    config: ConfigOption = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Ask again every two seconds, and show rates.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a running processor does: readiness, traffic, findings. Exit 0: ready; 1: not ready, or not there."""
    url = url_of(config_file(config, file))
    if watch and as_json:
        refuse("--watch prints for a person; ask with --json once, or scrape /metrics.")
    status = _asked(url)
    if as_json:
        print_json(status)
    else:
        console = result_console()
        show(console, status, None)
        while watch:
            before, asked_s = status, time.monotonic()
            time.sleep(WATCH_S)
            status = _asked(url)
            if console.is_terminal:
                console.clear()
            show(console, status, Earlier(before, time.monotonic() - asked_s))
    raise typer.Exit(ExitCode.OK if status["ready"] else ExitCode.FAILED)


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier status, and how long ago that was. [s]"""

    status: StatusJson
    seconds: float


def _asked(url: str) -> StatusJson:
    """Both pages; without them the command ends."""
    try:
        with progress(f"Asking {url}"):
            return status_of(url, ready_of(url), page_of(f"{url}/metrics"))
    except (OSError, ValueError) as error:
        refuse_absent(url, error)


def status_of(url: str, ready: dict[str, Any], metrics: str) -> StatusJson:
    """What both pages say. Raises: ValueError if the second one is another program's."""
    samples = samples_of(metrics)
    return {
        "url": url,
        "ready": bool(ready["ready"]),
        "draining": bool(ready["draining"]),
        "revision": str(ready["revision"]),
        "identity": str(ready.get("identity", "")),
        "config_error": str(ready["config_error"]),
        "prompt_store_error": str(ready.get("prompt_store_error", "")),
        "ledger_error": str(ready.get("ledger_error", "")),
        "restart_needed": [str(key) for key in ready["restart_needed"]],
        "envoy_stale": [str(key) for key in ready.get("envoy_stale", ())],
        "in_flight": int(sum(value for _, value in samples.get("llm_inflight_exchanges", ()))),
        "versions": _versions(samples),
        "guards": _guards(samples),
        "failures": _counts(_summed(samples.get("llm_extproc_failures_total", ()), "reason")),
    }


def _versions(samples: Samples) -> list[VersionStatusJson]:
    outcomes = _summed(samples.get("llm_requests_total", ()), "model", "version", "outcome")
    sums = {
        name: _summed(samples.get(f"llm_{name}_total", ()), "model", "version")
        for name in ("prompt_tokens", "completion_tokens", "cost_micro_usd")
    }
    return [
        {
            "model": model,
            "version": version,
            "outcomes": _counts(
                Counter({key[2]: count for key, count in outcomes.items() if key[:2] == (model, version)})
            ),
            "prompt_tokens": sums["prompt_tokens"][model, version],
            "completion_tokens": sums["completion_tokens"][model, version],
            "cost_micro_usd": sums["cost_micro_usd"][model, version],
        }
        for model, version in sorted({key[:2] for key in outcomes})
    ]


def _guards(samples: Samples) -> list[GuardStatusJson]:
    actions = _summed(samples.get("llm_guard_verdicts_total", ()), "guard", "direction", "action")
    kinds = _summed(samples.get("llm_guard_findings_total", ()), "guard", "direction", "kind")
    return [
        {
            "guard": guard,
            "direction": direction,
            "actions": _counts(_below(actions, guard, direction)),
            "kinds": _counts(_below(kinds, guard, direction)),
        }
        for guard, direction in sorted({key[:2] for key in (*actions, *kinds)})
    ]


def _summed(samples: Any, *labels: str) -> Counter[Any]:
    """Samples by some of their labels, those that are zero left out."""
    summed: Counter[Any] = Counter()
    for found, value in samples:
        key = tuple(found.get(label, "") for label in labels)
        summed[key if len(labels) > 1 else key[0]] += int(value)
    return +summed


def _below(counter: Counter[Any], *first: str) -> Counter[str]:
    """The last labels of those that begin with ``first``."""
    return Counter({key[-1]: times for key, times in counter.items() if key[:-1] == first})


def _counts(counter: Counter[str]) -> list[CountJson]:
    return [{"name": name, "times": times} for name, times in counter.most_common()]


# --- for people ----------------------------------------------------------------------------------------------------


def show(console: Console, status: StatusJson, since: Earlier | None) -> None:
    """Print a status; with an earlier one, what happened since."""
    for name, value, style in _lines(status, since):
        console.print(Text.assemble(f"{name:<10}", (value, style)), soft_wrap=True)
    if status["versions"]:
        console.print()
        print_table(console, _version_table(status))
    if status["guards"]:
        console.print()
        print_table(console, _guard_table(status))


def _lines(status: StatusJson, since: Earlier | None) -> list[tuple[str, str, str]]:
    state = "draining" if status["draining"] else "yes" if status["ready"] else "no"
    total = _exchanges(status)
    traffic = f"{total} exchanges, {status['in_flight']} in flight"
    if since is not None:
        traffic += f", {increase(_exchanges(since.status), total) / since.seconds:.1f} a second"
    told = [*problems_of({**status}), *([("failures", _listed(status["failures"]))] if status["failures"] else [])]
    ready = f"{state} ({status['url']}, revision {status['revision']})"
    return [
        ("ready", ready, "green" if state == "yes" else "bold red"),
        *((name, what, "red") for name, what in told),
        ("traffic", traffic, ""),
        *([("callers", status["identity"], "")] if status["identity"] else []),
    ]


def _exchanges(status: StatusJson) -> int:
    return sum(count["times"] for version in status["versions"] for count in version["outcomes"])


def _version_table(status: StatusJson) -> Table:
    table = _table("version", "exchanges", "refused", "cut", "failed", "tokens in", "out", "micro-USD")
    for one in status["versions"]:
        times = {count["name"]: count["times"] for count in one["outcomes"]}
        counts = (sum(times.values()), *(times.get(name, 0) for name in ("rejected", "cut", "failed")))
        sums = (one["prompt_tokens"], one["completion_tokens"], one["cost_micro_usd"])
        table.add_row(Text(f"{one['model']}/{one['version']}"), *map(str, (*counts, *sums)))
    return table


def _guard_table(status: StatusJson) -> Table:
    table = _table("guard", "in", "did", "found")
    for column in table.columns[1:]:
        column.justify = "left"
    for one in status["guards"]:
        where = "request" if one["direction"] == "request" else "answer"
        table.add_row(Text(one["guard"]), where, _listed(one["actions"]), _listed(one["kinds"]))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _listed(counts: list[CountJson]) -> str:
    return ", ".join(f"{count['name']} {count['times']}" for count in counts)
