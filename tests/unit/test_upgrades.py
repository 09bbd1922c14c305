"""What ``make upgrade-check`` makes of answers, and what it calls wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from extproc.demo.steady_clients import Received
from tests.upgrades.__main__ import wrong_in
from tests.upgrades.answers import GUARDED, OTHER, REFUSED, UNGUARDED, Moment, Noticed, judge
from tests.upgrades.installations import Crash, NodeDrain, Upgrade

GOOD = Received(200, "tiny-chat/v1", streamed=False, complete=True, seconds=0.1, begun_s=10.0, judged=GUARDED)
FAILED = GOOD._replace(status=503, judged=REFUSED)
MOMENTS = (Moment(5.0, 6.0), Moment(12.0, 12.5))
ERROR = {"message": "m", "type": "t", "param": None, "code": "c"}


@pytest.mark.parametrize(
    ("status", "body", "judged"),
    [
        (200, b"Write to <EMAIL> today.", GUARDED),
        (200, b"Write to bob@example.com today.", UNGUARDED),
        (200, b'{"content": "bob@exa"} {"content": "mple.com"}', UNGUARDED),
        (200, b"<EMAIL> and mple.com", UNGUARDED),
        (503, b"mple.com", UNGUARDED),
        (200, b"Write to", OTHER),
        (503, json.dumps({"error": ERROR}).encode(), REFUSED),
        (500, json.dumps({"error": ERROR}).encode(), OTHER),
        (503, json.dumps({"error": {"message": "m"}}).encode(), OTHER),
        (504, b"upstream request timeout", OTHER),
        (504, b"[]", OTHER),
    ],
)
def test_answers(status: int, body: bytes, judged: str) -> None:
    """Half of an address is as bad as a whole one."""
    assert judge(status, body) == judged


@pytest.mark.parametrize(
    ("one", "in_flight", "late"),
    [
        (GOOD, 0, []),
        (FAILED._replace(begun_s=4.95), 1, []),  # it ends when it begins
        (FAILED._replace(begun_s=1.0, seconds=60), 1, []),
        (FAILED._replace(begun_s=5.9), 1, []),
        (FAILED._replace(begun_s=6.04), 1, []),  # Envoy has not learned of it
        (FAILED._replace(begun_s=8.0), 0, [2.0]),
        (GOOD._replace(begun_s=14.5, complete=False), 0, [2.0]),
        (FAILED._replace(begun_s=11.0, seconds=2.0), 1, []),
    ],
)
def test_what_was_in_flight_is_no_later_failure(one: Received, in_flight: int, late: list[float]) -> None:
    """The time since the last moment counts for the others."""
    noticed = Noticed([one], MOMENTS)
    assert (len(noticed.in_flight), noticed.late) == (in_flight, late)


@pytest.mark.parametrize(
    ("kind", "received", "wrong"),
    [
        (Crash, [GOOD, FAILED._replace(begun_s=7.9)], []),
        (Crash, [GOOD._replace(complete=False, judged=OTHER, begun_s=5.5)], []),  # cut before the first mask
        (Crash, [FAILED._replace(begun_s=8.5)], ["requests that began 2.5 s after a crash failed"]),
        (Crash, [GOOD._replace(judged=UNGUARDED)], ["unguarded answers: 1"]),
        (Crash, [GOOD._replace(judged=OTHER)], ["answers without the API's shape: 1"]),
        (NodeDrain, [GOOD], []),
        (NodeDrain, [GOOD, FAILED._replace(begun_s=5.5)], ["requests that failed: 1"]),
        (NodeDrain, [GOOD._replace(complete=False)], ["requests that failed: 1"]),
    ],
)
def test_what_is_wrong_is_said(kind: type[Upgrade], received: Sequence[Received], wrong: list[str]) -> None:
    """Nobody may notice a graceful upgrade; after a crash requests may fail for two seconds."""
    assert wrong_in(kind, Noticed(received, MOMENTS)) == wrong
