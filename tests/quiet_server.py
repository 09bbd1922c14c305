"""The HTTP servers of tests."""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class QuietServer(ThreadingHTTPServer):
    """Says nothing of a client that leaves: commands run in this process, and it would stand among what they print."""

    def serve_forever(self, poll_interval: float = 0.01) -> None:
        """Look often for the end: ``shutdown`` waits for the next look, which the library takes half a second for."""
        super().serve_forever(poll_interval)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print other errors."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
