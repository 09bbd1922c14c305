"""Draws the pictures of ``docs/dashboards.md``: ``python -m tests.tools.dashboards.pictures``.

It serves the demo's kinds of traffic through a real Envoy for three minutes, with an outage and a new prompt in them,
lets a real Prometheus read the processor, and draws what that answers.
"""

from __future__ import annotations

import contextlib
import http.client
import math
import re
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from extproc.demo.installation import Installation
from extproc.demo.model_server import ModelServer
from extproc.demo.rules import DEMO_RULES
from tests.deploy.monitoring import RULES, with_everything_chosen
from tests.tools.dashboards.__main__ import DASHBOARDS
from tests.tools.dashboards.drawing import Line, drawn
from tests.tools.dashboards.grafana import Dashboard, Panel
from tests.tools.dashboards.traffic import ask, complete, judge, odd, usual
from tests.tools.prometheus import Prometheus, prometheus

FOLDER: Final = Path(__file__).parents[3] / "docs" / "dashboards"
SHOWN_S: Final = 180.0
_STEP_S: Final = 4.0
_WINDOWS: Final = {"__rate_interval": "16s", "__range": f"{SHOWN_S:g}s"}
_CLIENTS: Final = 3
_OUTAGE_S: Final = (70.0, 95.0)
_NEW_PROMPT_S: Final = 120.0
CAPTION: Final = (
    "Drawn by `python -m tests.tools.dashboards.pictures` from three minutes of traffic of the demo's kinds; Grafana"
    " draws the same queries in its own way."
)


def picture_of(dashboard: Dashboard) -> Path:
    """Where its picture is committed."""
    return FOLDER / f"{dashboard.name}.svg"


def answered(reader: Prometheus, panel: Panel, start_s: float, end_s: float) -> list[Line]:
    """What each query of a panel has, with the names that the panel gives."""
    lines = []
    times = [start_s + number * _STEP_S for number in range(round((end_s - start_s) / _STEP_S) + 1)]
    for query in panel.queries:
        expr = with_everything_chosen(query.expr, _WINDOWS)
        if panel.kind != "timeseries":
            found = [{"metric": one["metric"], "values": [one["value"]]} for one in reader.query(expr)]
            lines += [_line(query.legend, one, [float(one["values"][0][0])]) for one in found]
        else:
            lines += [_line(query.legend, one, times) for one in reader.query_range(expr, start_s, end_s, _STEP_S)]
    return lines


def _line(legend: str, one: dict[str, Any], times: Sequence[float]) -> Line:
    labels = {name: value for name, value in one["metric"].items() if name != "__name__"}
    name = re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend).strip()
    values = {round(float(at), 1): float(value) for at, value in one["values"]}
    numbers = [values.get(round(at, 1)) for at in times]
    return Line(name, labels, [None if value is None or math.isnan(value) else value for value in numbers])


def _client(installation: Installation, number: int, ends: threading.Event) -> None:
    """Asks as people do: in waves, and now and then what is refused."""
    turn = 0
    while not ends.is_set():
        asked = usual() + (odd() if (turn + number) % 4 == 0 else [])
        for one in asked:
            with contextlib.suppress(http.client.IncompleteRead):  # the server of its answer died
                ask(installation.base_url, [one])
            if ends.wait(0.08 + 0.06 * math.sin(time.monotonic() / 15 + number)):
                return
        turn += 1


def _happenings(installation: Installation, started_s: float) -> None:
    """An outage of a model server, and a new prompt."""
    server, prompt = installation.models["v1"], installation.prompts / "v1.txt"
    time.sleep(_OUTAGE_S[0])
    server.stop()
    time.sleep(_OUTAGE_S[1] - _OUTAGE_S[0])
    server.start()
    time.sleep(started_s + _NEW_PROMPT_S - time.monotonic())
    prompt.write_text("You answer in one short sentence.")
    time.sleep(started_s + SHOWN_S - time.monotonic())


def main() -> None:
    """Serve, read, draw."""
    models = {name: ModelServer(name, rules=DEMO_RULES, speed=4) for name in ("v1", "v2")}
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, judge() as url:
        folder = Path(scratch)
        with Installation(folder, models, change=complete(url)) as installation:
            target = installation.metrics_url.removeprefix("http://").removesuffix("/metrics")
            with prometheus(folder, target, [RULES]) as reader:
                started_s, ends = time.monotonic(), threading.Event()
                clients = [
                    threading.Thread(target=_client, args=(installation, number, ends)) for number in range(_CLIENTS)
                ]
                for client in clients:
                    client.start()
                try:
                    _happenings(installation, started_s)
                finally:
                    ends.set()
                    for client in clients:
                        client.join()
                now_s = time.time()
                for dashboard in DASHBOARDS:
                    lines = [answered(reader, one, now_s - SHOWN_S, now_s) for one in dashboard.panels]
                    picture_of(dashboard).write_text(drawn(dashboard, lines, CAPTION))


if __name__ == "__main__":
    main()
