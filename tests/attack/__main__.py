"""Looks for what breaks the promises of SECURITY.md, for a given time, and prints what was tried: ``make attack``.

Each campaign is a process of its own and has a share of the time; one that finds something says how to repeat it, and
the run fails when all have ended.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAWS = ("tests/playbooks/test_law.py", "tests/playbooks/test_law_of_rules.py", "tests/stream/test_generated_answers.py")

OUTAGE = ("-m", "pytest", "-q", "-s", "tests/e2e/test_outage.py")


@dataclass(frozen=True)
class Campaign:
    """One way of attacking.

    Attributes:
        share: of the whole time.
        command: Python's arguments; ``{seconds}`` is its time.
        repeats: it ends by itself, and is begun again as long as there is time.
    """

    name: str
    share: float
    command: tuple[str, ...]
    repeats: bool = False
    environment: dict[str, str] = field(default_factory=dict)


CAMPAIGNS = (
    Campaign("HTTP/2 sessions", 0.1, ("-m", "tests.tools.fuzz_h2", "--seconds", "{seconds}")),
    Campaign("requests, by coverage", 0.15, ("-m", "tests.attack.fuzz", "requests", "{seconds}")),
    Campaign("answers, by coverage", 0.15, ("-m", "tests.attack.fuzz", "answers", "{seconds}")),
    Campaign("streams, by coverage", 0.15, ("-m", "tests.attack.fuzz", "streams", "{seconds}")),
    Campaign("texts before every guard", 0.15, ("-m", "tests.attack.texts", "{seconds}")),
    Campaign("what texts cost", 0.1, ("-m", "tests.attack.costs", "{seconds}")),
    Campaign(
        "laws of answers, cut at random",
        0.15,
        ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "3600", *LAWS),
        repeats=True,
        environment={"HYPOTHESIS_PROFILE": "local", "CI": ""},
    ),
    Campaign("one client against many", 0.05, OUTAGE, environment={"EXTPROC_ATTACK": "1"}),
    Campaign(
        "one client against many, on grpc.aio",
        0.05,
        OUTAGE,
        environment={"EXTPROC_ATTACK": "1", "EXTPROC_DEMO_TRANSPORT": "grpc"},
    ),
)


def main() -> int:
    """Exits 1 if any campaign found something."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", action="append", help="part of a campaign's name; may be given several times")
    asked = parser.parse_args()
    chosen = [one for one in CAMPAIGNS if not asked.only or any(part in one.name for part in asked.only)]
    whole = sum(one.share for one in chosen)
    failed = [one.name for one in chosen if not _run(one, 60 * asked.minutes * one.share / whole)]
    print(f"\n{len(chosen)} campaigns, {len(failed)} found something" + "".join(f"\n  {name}" for name in failed))
    return bool(failed)


def _run(campaign: Campaign, seconds: float) -> bool:
    """Run a campaign for so long. Returns: whether it found nothing."""
    print(f"\n== {campaign.name}: {seconds:.0f} s", flush=True)
    command = [sys.executable, *(part.format(seconds=f"{seconds:.0f}") for part in campaign.command)]
    environment = os.environ | campaign.environment
    end_s = time.monotonic() + seconds
    while True:
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
            return False
        if not campaign.repeats or time.monotonic() > end_s:
            return True


if __name__ == "__main__":
    sys.exit(main())
