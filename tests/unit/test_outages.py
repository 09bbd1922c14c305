"""What `make outages` calls wrong."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.demo.outage import Outage
from extproc.demo.steady_clients import Received
from tests.e2e.breakable_servers import BROKEN, KILLED, SPARE
from tests.tools.outages import wrong_in

FIRST = Received(200, BROKEN, streamed=True, complete=True, seconds=0.01)
SECOND = FIRST._replace(version=SPARE)
BILLED = {BROKEN: 1, SPARE: 1}


def cut(one: Received) -> Received:
    """The same, broken off."""
    return one._replace(complete=False)


@pytest.mark.parametrize(
    ("failure", "received", "wrong"),
    [
        ("reset", [FIRST, SECOND], []),
        (KILLED, [cut(FIRST), SECOND], []),
        (KILLED, [FIRST, cut(SECOND)], ["answers cut that a fallback saves: 1"]),
        ("reset", [cut(FIRST), SECOND], ["answers cut that a fallback saves: 1"]),
        ("silent", [FIRST._replace(status=504), SECOND], ["errors: 1"]),
        ("reset", [FIRST, FIRST], [f"answers are {{'{BROKEN}': 2}}, billed are {BILLED}"]),
    ],
)
def test_what_is_wrong_is_said(failure: str, received: list[Received], wrong: list[str]) -> None:
    """Only the streams of a server that is killed may end early."""
    billed: dict[str, Any] = BILLED
    assert wrong_in(failure, Outage(received, 1.0), billed) == wrong
