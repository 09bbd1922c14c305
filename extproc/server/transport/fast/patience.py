"""How long a peer may keep a connection waiting: judged once in a while by one timer, never on the way of a message.

A connection that is silent is not at fault: Envoy keeps idle ones, and a model may think for minutes. At fault is a
peer that never was one, one that takes nothing of what waits for it, and one that gives no sign of life when asked for
one: a machine that has lost its power does not say goodbye.
"""

from __future__ import annotations

from typing import NamedTuple

from extproc.server.transport.h2.limits import SocketLimits

_SECOND_NS = 1_000_000_000
_FAR_APART = 10  # times as long as it should be


class Peer(NamedTuple):
    """What is seen of a peer at one look."""

    greeted: bool  # it has sent its preface and SETTINGS
    heard_ns: int  # when its last bytes came
    is_read: bool  # false while we do not read what it sends, or it has said that it sends no more
    taken_bytes: int  # of all that was written to it
    unsent_bytes: int  # of that, what it has not taken


class Patience:
    """Looks at one peer again and again. Times are of a clock that does not go back. [ns]

    A wait counts from a look that sees it; where looks are far apart it is we who stood still, and it counts anew.
    """

    __slots__ = ("_asked_ns", "_limits", "_looked_ns", "_made_ns", "_taken_bytes", "_waits_ns")

    def __init__(self, limits: SocketLimits, now_ns: int) -> None:
        self._limits = limits
        self._made_ns = self._looked_ns = now_ns
        self._taken_bytes = 0
        self._waits_ns = 0  # since when it takes nothing of what waits; 0 when nothing does
        self._asked_ns = 0  # when a sign of life was asked for; 0 when none is awaited

    def ends(self, now_ns: int, peer: Peer) -> str:
        """Why the connection has to end, or nothing."""
        if not peer.greeted and now_ns - self._made_ns > self._limits.preface_s_max * _SECOND_NS:
            return "the preface and SETTINGS did not come in time"
        if now_ns - self._looked_ns > _FAR_APART * self._limits.look_s * _SECOND_NS:
            self._waits_ns = self._asked_ns = 0
        self._looked_ns = now_ns
        if not peer.unsent_bytes or peer.taken_bytes != self._taken_bytes:
            self._waits_ns, self._taken_bytes = 0, peer.taken_bytes
        elif not self._waits_ns:
            self._waits_ns = now_ns
        elif now_ns - self._waits_ns > self._limits.unsent_s_max * _SECOND_NS:
            return "the peer takes nothing of what it is sent"
        if not peer.is_read or peer.heard_ns > self._asked_ns:
            self._asked_ns = 0
        elif now_ns - self._asked_ns > self._limits.answer_s_max * _SECOND_NS:
            return "the peer gives no sign of life"
        return ""

    def asks(self, now_ns: int, peer: Peer) -> bool:
        """Whether a sign of life is to be asked for now."""
        if self._asked_ns or not peer.is_read or now_ns - peer.heard_ns <= self._limits.silence_s_max * _SECOND_NS:
            return False
        self._asked_ns = now_ns
        return True
