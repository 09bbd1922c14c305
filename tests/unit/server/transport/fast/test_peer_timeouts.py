"""How long a peer is waited for, look by look, by a clock of the test's own; on sockets: ``test_connection.py``."""

from __future__ import annotations

from extproc.server.transport.fast.peer_timeouts import Peer, PeerTimeouts
from extproc.server.transport.h2.limits import SocketLimits

LIMITS = SocketLimits(silence_s_max=60, answer_s_max=30, unsent_s_max=60, preface_s_max=10, look_s=1)
START_S = 1_000


class Looks:
    """A peer that is looked at once a second."""

    def __init__(self) -> None:
        self.now_s = START_S
        self.heard_s = START_S
        self.is_read = True
        self.taken_bytes = self.unsent_bytes = 0
        self.asked_at_s: list[int] = []
        self._timeouts = PeerTimeouts(LIMITS, START_S * 10**9)

    def go_on(self, seconds: int) -> str:
        """Look until it has to end, for so long at most. Returns: why it ends, or nothing."""
        for _ in range(seconds):
            self.now_s += 1
            now_ns = self.now_s * 10**9
            peer = Peer(True, self.heard_s * 10**9, self.is_read, self.taken_bytes, self.unsent_bytes)
            if reason := self._timeouts.ends(now_ns, peer):
                return reason
            if self._timeouts.ping_is_due(now_ns, peer):
                self.asked_at_s.append(self.now_s - START_S)
        return ""


def test_a_silent_peer_is_asked_once_and_then_left() -> None:
    """After 60 s it is asked, and after 30 s more it is gone."""
    looks = Looks()
    assert looks.go_on(1_000) == "the peer does not reply to the keepalive"
    assert looks.asked_at_s == [61]
    assert looks.now_s - START_S == 92


def test_a_peer_that_answers_is_asked_again_after_the_next_silence() -> None:
    """Any bytes are an answer."""
    looks = Looks()
    for _ in range(3):
        assert looks.go_on(64) == ""
        assert looks.asked_at_s[-1] == looks.heard_s - START_S + 61
        looks.heard_s = looks.now_s


def test_a_peer_that_we_do_not_read_is_not_asked() -> None:
    """It may have said anything; nor is it left for a question that came before."""
    looks = Looks()
    looks.go_on(70)
    assert looks.asked_at_s == [61]
    looks.is_read = False
    assert looks.go_on(10_000) == ""
    assert looks.asked_at_s == [61]


def test_a_peer_that_takes_a_byte_in_a_minute_is_waited_for() -> None:
    """It is slow; one that takes nothing is left after a minute, however much there is to take."""
    looks = Looks()
    looks.is_read, looks.unsent_bytes = False, 1_000
    for _ in range(10):
        assert looks.go_on(59) == ""
        looks.taken_bytes += 1
    assert looks.go_on(63) == "the peer takes nothing of what it is sent"


def test_a_wait_counts_from_its_beginning() -> None:
    """A connection on which nothing waited for hours has its whole minute when something does."""
    looks = Looks()
    looks.is_read = False
    looks.go_on(10_000)
    looks.unsent_bytes = 1
    assert looks.go_on(60) == ""
    assert looks.go_on(2) == "the peer takes nothing of what it is sent"


def test_our_own_standstill_is_nobodys_fault() -> None:
    """A process that was stopped for an hour asks its peers again, and waits for them again."""
    looks = Looks()
    looks.unsent_bytes = 1
    looks.go_on(62)
    looks.taken_bytes += 1
    assert looks.go_on(20) == ""
    looks.now_s += 3_600
    assert looks.go_on(25) == ""
    assert [at > 3_600 for at in looks.asked_at_s] == [False, True]
