"""Does each upgrade and each fault again and again under load, and prints what clients noticed.

Exits 1 if a client got an unguarded answer or an error without the API's shape, if somebody noticed a graceful upgrade,
or if requests still failed two seconds after a crash.

    python -m tests.upgrades --rate 200 --seconds 60
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
import time
from pathlib import Path

from extproc.demo.steady_clients import SteadyClients
from tests.bench.sizing import machine
from tests.upgrades.answers import LONG_EACH, LONG_S, Noticed, judge
from tests.upgrades.installations import UPGRADES, Upgrade
from tests.upgrades.report import row_of, write_report

CLIENTS = 250
BACK_S_MAX = 2.0
_PAUSE_S = 1.0
_ROW = "{:32} {:>6} {:>8} {:>6} {:>9} {:>5} {:>9} {:>9} {:>8}"
_HEADS = ("what is done", "times", "requests", "failed", "in flight", "later", "unguarded", "shapeless", "slowest")


def main() -> int:
    """Do them, and print a row for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rate", type=int, default=200, help="requests a second, half of them streams (default: 200)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each (default: 60)")
    names = [upgrade.__name__ for upgrade in UPGRADES]
    parser.add_argument("--only", nargs="+", default=names, choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--record", action="store_true", help="write report.json, from which docs/upgrades.md is")
    asked = parser.parse_args()
    print(f"{asked.rate} requests a second, half of them streams, one in {LONG_EACH} of which lasts {LONG_S:g} s")
    print(_ROW.format(*_HEADS))
    rows, wrong = [], []
    for kind in UPGRADES:
        if kind.__name__ in asked.only:
            noticed = watch(kind, asked.rate, asked.seconds)
            rows.append(row_of(kind.name, noticed))
            _print(kind, noticed)
            wrong += [f"{kind.name}: {line}" for line in wrong_in(kind, noticed)]
    if asked.record:
        write_report(str(datetime.datetime.now(datetime.UTC).date()), machine(), asked.rate, asked.seconds, rows)
    print("\n".join(wrong) or "Nobody got an unguarded answer, and graceful upgrades were not noticed.")
    return 1 if wrong else 0


def watch(kind: type[Upgrade], rate: int, seconds: float) -> Noticed:
    """Do it again and again, a second after it was done. Returns: what clients noticed."""
    with (
        tempfile.TemporaryDirectory(prefix="llm-upgrades-") as folder,
        kind(Path(folder)) as upgrade,
        SteadyClients(upgrade.base_url, rate, CLIENTS, judge=judge) as clients,
    ):
        begun_s = time.monotonic()
        while time.monotonic() < begun_s + seconds:
            clients.until_answered(int(rate * _PAUSE_S))
            upgrade.act()
        clients.until_answered(int(rate * (_PAUSE_S + LONG_S)))
    return Noticed(clients.received, upgrade.moments)


def wrong_in(kind: type[Upgrade], noticed: Noticed) -> list[str]:
    """What must not be."""
    found = []
    if noticed.unguarded:
        found.append(f"unguarded answers: {noticed.unguarded}")
    if noticed.shapeless:
        found.append(f"answers without the API's shape: {noticed.shapeless}")
    if kind.is_graceful and noticed.failed:
        found.append(f"requests that failed: {len(noticed.failed)}")
    if not kind.is_graceful and max(noticed.late, default=0.0) > BACK_S_MAX:
        found.append(f"requests that began {max(noticed.late):.1f} s after a crash failed")
    return found


def _print(kind: type[Upgrade], noticed: Noticed) -> None:
    failed = (len(noticed.failed), len(noticed.in_flight), len(noticed.late))
    rest = (noticed.unguarded, noticed.shapeless, f"{noticed.slowest_s:.2f} s")
    print(_ROW.format(kind.name, len(noticed.moments), len(noticed.received), *failed, *rest), flush=True)


if __name__ == "__main__":
    sys.exit(main())
