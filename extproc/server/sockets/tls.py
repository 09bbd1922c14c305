"""TLS on the processor's address, for both transports; new connections use the certificates of the last reload.

asyncio and uvloop use one context for the lifetime of a server, and a context cannot forget a CA. So theirs is a front
that passes each connection to the current context, which is rebuilt for new certificates.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from extproc.server.sockets.certificates import ALPN, Certificates, server_context

HANDSHAKE_S_MAX = 10.0
"""Timeout of a connection's handshake."""

SHUTDOWN_S_MAX = 5.0
"""Timeout of a TLS shutdown."""

OnRefused = Callable[[str], None]


class Tls:
    """TLS for new connections. Raises: ssl.SSLError for untested certificates."""

    def __init__(self, certificates: Certificates) -> None:
        self.certificates = certificates
        self.context = _context(certificates)

    def use(self, certificates: Certificates) -> bool:
        """Replace the certificates for new connections. Returns: whether they differ.

        Raises: ssl.SSLError, without any change.
        """
        if certificates == self.certificates:
            return False
        self.context, self.certificates = _context(certificates), certificates
        return True

    def front(self, on_refused: OnRefused) -> ssl.SSLContext:
        """The context for an event loop's server.

        Args: on_refused: called with the reason of a failed handshake, mostly in OpenSSL's words.
        """
        front = _Front(ssl.PROTOCOL_TLS_SERVER)
        front.tls, front.on_refused = self, on_refused
        return front


class _Front(ssl.SSLContext):
    """A context without certificates of its own."""

    tls: Tls
    on_refused: OnRefused

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        connection = self.tls.context.wrap_bio(*arguments, **options)
        assert isinstance(connection, _Handshake)
        connection.on_refused = self.on_refused
        return connection


class _Handshake(ssl.SSLObject):
    """One connection. The handshake succeeds only if the client offers HTTP/2, so no other protocol is ever read."""

    on_refused: OnRefused

    def do_handshake(self) -> None:
        """Raises: ssl.SSLError, also when more input is needed."""
        try:
            super().do_handshake()
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", None) or (error.reason or "no TLS").lower().replace("_", " ")
            self.on_refused(reason)
            raise
        if self.selected_alpn_protocol() != ALPN:
            self.on_refused(f"the client did not agree to {ALPN} (ALPN)")
            raise ssl.SSLError(f"no {ALPN}")


def _context(certificates: Certificates) -> ssl.SSLContext:
    context = server_context(certificates)
    context.sslobject_class = _Handshake
    return context
