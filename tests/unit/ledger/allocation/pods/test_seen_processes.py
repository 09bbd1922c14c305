"""A server's samples show when another process has its address."""

from __future__ import annotations

from extproc.allocation.server_samples import UNKNOWN, ServerSample
from extproc.ledger.allocation.pods.seen_processes import PROCESSES_MAX, SeenProcesses
from extproc.ledger.allocation.stored_samples import ServerProcess


def processes(*samples: tuple[int, int], silent: tuple[int, ...] = ()) -> SeenProcesses:
    """Args: samples: when, and the start. silent: times before which the server said nothing."""
    found = SeenProcesses()
    for at_us, start_us in samples:
        found.see(ServerSample(at_us, start_us), was_silent=at_us in silent)
    return found


def test_the_first_one_may_have_run_for_long() -> None:
    """What it had before its first sample is not known from it."""
    assert list(processes((1_000, 10), (1_100, 10)).seen) == [ServerProcess((10, 0), 1_000, 10)]


def test_a_start_between_two_samples_is_when_it_began() -> None:
    """It held its GPUs while it started up."""
    seen = processes((1_000, 10), (1_100, 1_050)).seen
    assert [one.since_us for one in seen] == [1_000, 1_050]


def test_clocks_that_differ() -> None:
    """A start that cannot be is the first sample; of two processes none is before the other."""
    for start_us in (990, 1_200):
        assert processes((1_000, 10), (1_100, start_us)).seen[-1].since_us == 1_100


def test_a_server_that_does_not_say_when_it_started() -> None:
    """It may be another one after it was away."""
    assert len(processes((1_000, UNKNOWN), (1_100, UNKNOWN)).seen) == 1
    seen = processes((1_000, UNKNOWN), (1_100, UNKNOWN), silent=(1_100,)).seen
    assert [one.since_us for one in seen] == [1_000, 1_100]
    assert len(processes((1_000, 10), (1_100, 10), silent=(1_100,)).seen) == 1


def test_those_that_ended_are_forgotten_when_all_of_them_is_stored() -> None:
    """The last one stays, and there is a bound."""
    seen = processes((1_000, 10), (1_100, 1_050), (1_200, 1_150))
    seen.forget_before(1_100)
    assert [one.start_us for one in seen.seen] == [1_050, 1_150]
    seen.forget_before(9_000)
    assert [one.start_us for one in seen.seen] == [1_150]
    assert len(processes(*((at_us, at_us) for at_us in range(1, 40))).seen) == PROCESSES_MAX
