"""Timeouts of a connection's peer: checked periodically by one timer, never per message.

Silence alone is no fault: Envoy keeps idle connections, and a model may think for minutes. Faults are a peer that never
completes the handshake, one that does not read its output, and one that does not respond to a keepalive: a machine that
lost power does not close its connections.
"""

from __future__ import annotations

from typing import NamedTuple

from extproc.server.transport.h2.limits import SocketLimits

_SECOND_NS = 1_000_000_000
_FAR_APART = 10  # factor over the expected interval


class Peer(NamedTuple):
    """The state of a peer at one check."""

    greeted: bool  # preface and SETTINGS received
    heard_ns: int  # time of the last received bytes
    is_read: bool  # false while reading is paused, or after a half-close by the peer
    taken_bytes: int  # total bytes written
    unsent_bytes: int  # of these, bytes not read by the peer


class PeerTimeouts:
    """Checks one peer periodically. Times are monotonic. [ns]

    A wait starts at the first check that sees it; if checks are far apart, our own process was stalled, and it
    starts again.
    """

    __slots__ = ("_asked_ns", "_limits", "_looked_ns", "_made_ns", "_taken_bytes", "_waits_ns")

    def __init__(self, limits: SocketLimits, now_ns: int) -> None:
        self._limits = limits
        self._made_ns = self._looked_ns = now_ns
        self._taken_bytes = 0
        self._waits_ns = 0  # since when the peer has read no pending output; 0 if there is none
        self._asked_ns = 0  # when the keepalive was sent; 0 if none is pending

    def ends(self, now_ns: int, peer: Peer) -> str:
        """Why the connection must end, or an empty string."""
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
            return "the peer does not reply to the keepalive"
        return ""

    def ping_is_due(self, now_ns: int, peer: Peer) -> bool:
        """Whether to send a keepalive now."""
        if self._asked_ns or not peer.is_read or now_ns - peer.heard_ns <= self._limits.silence_s_max * _SECOND_NS:
            return False
        self._asked_ns = now_ns
        return True
