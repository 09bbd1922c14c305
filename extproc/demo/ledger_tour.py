"""The last stop of the tour: what the ledger has of all its requests is what the metrics counted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from extproc.demo.stop import Stop

if TYPE_CHECKING:
    from extproc.demo.tour import Tour

REPORT: Final = "extproc report --by team"
LEDGER_URL: Final = "sqlite:///ledger.db"
"""In the folder of the demo."""
_STORED_S_MAX: Final = 30.0
_POLL_S: Final = 0.05
_COUNTED: Final = {
    "prompt_tokens": "llm_prompt_tokens_total",
    "completion_tokens": "llm_completion_tokens_total",
    "cost_micro_usd": "llm_cost_micro_usd_total",
}
"""Figures of a report, and the metric that counts the same."""


def keep_ledger(data: dict[str, Any]) -> None:
    """A change of the demo's configuration: a ledger in the same folder, and feedback that it takes."""
    data["ledger"] = {"url": LEDGER_URL, "refused": True}
    data["feedback"] = {}


def visit_ledger(tour: Tour, stop: Stop) -> None:
    """Report on all exchanges of the tour, and compare the sums with those of the metrics."""
    deadline_s = time.monotonic() + _STORED_S_MAX
    count, report = _requests(tour), _reported(tour)
    while _entries(report) < count and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)
        report = _reported(tour)
    total = report["total"]
    teams = ", ".join(f"{', '.join(one['group'])} {one['figures']['exchanges']}" for one in report["groups"])
    tokens = total["prompt_tokens"] + total["completion_tokens"]
    stop.client_saw = f"{total['exchanges']} exchanges ({teams}), {total['cost_micro_usd']} micro-USD"
    stop.outcome = f"{tokens / 1_000:.0f}K tokens, ${total['cost_micro_usd'] / 1_000_000:.4f}"
    stop.model_saw = "nothing"
    stop.expect("entries of the ledger", _entries(report), count)
    for figure, metric in _COUNTED.items():
        stop.expect(f"{figure} in the ledger", total[figure], tour.metric(metric))
    stop.expect("that tokens were counted", tokens > 0, True)
    stop.measured = f"the same {count:g} requests, tokens and micro-USD"


def _entries(report: Mapping[str, Any]) -> int:
    return int(report["total"]["exchanges"] + report["total"]["refused"])


def _requests(tour: Tour) -> float:
    """How many had or wanted an answer of a model; lists of models and feedback have no entries."""
    return tour.metric("llm_requests_total") - tour.metric("llm_requests_total", outcome="answered")


def _reported(tour: Tour) -> dict[str, Any]:
    """What the command prints. Raises: RuntimeError with its own words."""
    command = [
        sys.executable,
        "-m",
        *REPORT.split(),
        "--json",
        "--from",
        "yesterday",
        "-c",
        str(tour.installation.config),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if ran.returncode:
        raise RuntimeError(f"`{REPORT}` ended with code {ran.returncode}: {ran.stderr}")
    printed: dict[str, Any] = json.loads(ran.stdout)
    return printed
