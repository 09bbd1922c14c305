"""TLS on the processor's own address, for both transports; new connections use the certificates of the last reload.

asyncio and uvloop take one context for the whole life of a server, and a context forgets no CA that it was once given.
So theirs is a front: it hands each connection to the context in force, which is made anew for new certificates.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from extproc.server.sockets.certificates import ALPN, Certificates, server_context

HANDSHAKE_S_MAX = 10.0
"""How long a peer may take until the connection is made."""

SHUTDOWN_S_MAX = 5.0
"""How long a peer may take to agree to the end of a connection."""

OnRefused = Callable[[str], None]


class Tls:
    """What new connections are served with. Raises: ssl.SSLError for certificates that have not been tried."""

    def __init__(self, certificates: Certificates) -> None:
        self.certificates = certificates
        self.context = _context(certificates)

    def use(self, certificates: Certificates) -> bool:
        """Take others for connections that come from now on. Returns: whether they are others.

        Raises: ssl.SSLError, and nothing has changed.
        """
        if certificates == self.certificates:
            return False
        self.context, self.certificates = _context(certificates), certificates
        return True

    def front(self, on_refused: OnRefused) -> ssl.SSLContext:
        """The context to give to an event loop's server.

        Args: on_refused: is told why a handshake came to nothing, mostly in OpenSSL's words.
        """
        front = _Front(ssl.PROTOCOL_TLS_SERVER)
        front.tls, front.on_refused = self, on_refused
        return front


class _Front(ssl.SSLContext):
    """Has no certificates of its own."""

    tls: Tls
    on_refused: OnRefused

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        connection = self.tls.context.wrap_bio(*arguments, **options)
        assert isinstance(connection, _Handshake)
        connection.on_refused = self.on_refused
        return connection


class _Handshake(ssl.SSLObject):
    """One connection. It is only made when the client speaks HTTP/2, so that nothing else is ever read from it."""

    on_refused: OnRefused

    def do_handshake(self) -> None:
        """Raises: ssl.SSLError, also while more must be read for it."""
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
