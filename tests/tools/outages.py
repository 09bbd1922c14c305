"""A model server fails in each way that a fallback is for, while clients ask through a real Envoy: what do they notice?

Every failure has an installation of its own. The server fails after a quarter of the time, for half of it. Exits 1 if a
client got an error, if an answer was cut that the server had not begun before it was killed, or if an answer was billed
to another version than the one that gave it.

    python -m tests.tools.outages --rate 200 --seconds 20
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from extproc.demo.outage import Outage
from extproc.demo.steady_clients import SteadyClients
from tests.e2e.breakable_servers import BROKEN, FAILURES, KILLED, SPARE, BreakableServers, with_fallback
from tests.e2e.harness import Stack, wait_until

CLIENTS = 80
ROW = "{:12} {:>8} {:>7} {:>5} {:>6} {:>6} {:>10} {:>8} {:>7} {:>7} {:>8}"
HEADS = ("failure", "requests", "errors", "cut", "by v1", "by v2", "fell back", "v1 back", "p50", "p99", "slowest")


def main() -> int:
    """Fail in each way, print what clients received."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rate", type=int, default=200, help="requests a second, half of them streams (default: 200)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each failure (default: 20)")
    parser.add_argument("--failures", nargs="+", default=FAILURES, choices=FAILURES, metavar="NAME", help="only these")
    asked = parser.parse_args()
    print(f"{asked.rate} requests a second, half of them streams; a failure lasts {asked.seconds / 2:g} s")
    print(ROW.format(*HEADS))
    wrong = [line for failure in asked.failures for line in _fail(failure, asked.rate, int(asked.rate * asked.seconds))]
    print("\n".join(wrong) or "Each answer was billed to the version that gave it.")
    return 1 if wrong else 0


def _fail(failure: str, rate: int, total: int) -> list[str]:
    """Returns: what is wrong."""
    models = BreakableServers()
    with (
        tempfile.TemporaryDirectory(prefix="llm-outages-") as folder,
        Stack(Path(folder), models=models.servers, change=with_fallback) as stack,
    ):
        with SteadyClients(stack.base_url, rate, CLIENTS) as clients:
            back_s = models.fail_and_restore(clients, failure, before=total // 4, during=total // 2)
            clients.finish(total)
        outage = Outage(clients.received, back_s)
        wait_until(lambda: stack.metric("llm_requests_total") >= len(outage.received), "each request is counted")
        billed = {version: stack.metric("llm_requests_total", version=_name(version)) for version in outage.by_version}
        fallen = stack.metric("llm_fallback_total", **{"from": BROKEN, "to": SPARE})
    _print(failure, outage, fallen)
    return [f"{failure}: {line}" for line in wrong_in(failure, outage, billed)]


def _print(failure: str, outage: Outage, fallen: float) -> None:
    answers, waits_ms = outage.by_version, sorted(one.seconds * 1_000 for one in outage.received)
    counts = (len(outage.received), outage.errors, len(outage.cut), answers[BROKEN], answers[SPARE])
    ranks = [waits_ms[int(share * (len(waits_ms) - 1))] for share in (0.5, 0.99, 1)]
    print(ROW.format(failure, *counts, f"{fallen:g}", f"{outage.back_s:.1f} s", *(f"{one:.0f} ms" for one in ranks)))


def wrong_in(failure: str, outage: Outage, billed: dict[str, float]) -> list[str]:
    """What clients must not notice, and bills that are not those of the answers."""
    found = []
    if outage.errors:
        found.append(f"errors: {outage.errors}")
    if lost := [one for one in outage.cut if failure != KILLED or one.version != BROKEN]:
        found.append(f"answers cut that a fallback saves: {len(lost)}")
    if billed != dict(outage.by_version):
        found.append(f"answers are {dict(outage.by_version)}, billed are {billed}")
    return found


def _name(version: str) -> str:
    return version.partition("/")[2]


if __name__ == "__main__":
    sys.exit(main())
