"""Posts to a URL that somebody configured. A URL and a token may be secrets: no message has them.

Proxies of the environment are not asked, and redirects are not followed: they would take entries to a server that
nobody named.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError

TRY_S_MAX: Final = 5.0
"""How long a server may be silent."""
_SECRET_BYTES_MAX: Final = 4_096


class NotTaken(Exception):
    """A server did not take a message. The message says why, without the URL.

    Attributes:
        status: of HTTP; 0: there was no answer.
        retry_after_s: as the server said; 0: it did not.
    """

    def __init__(self, reason: str, status: int = 0, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after_s = retry_after_s


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return


_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


def secret_of(file: Path) -> str:
    """The text of a file, without blanks around it. Raises: OSError, ValueError."""
    with file.open("rb") as opened:
        return opened.read(_SECRET_BYTES_MAX).decode("ascii").strip()


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Post a body. Raises: NotTaken, unless the answer is 2xx."""
    if not url.startswith(("http://", "https://")):
        raise NotTaken("the URL is no http:// or https:// URL")
    try:
        with _OPENER.open(urllib.request.Request(url, body, dict(headers)), timeout=TRY_S_MAX):
            pass
    except HTTPError as error:
        error.close()
        raise NotTaken(f"HTTP status {error.code}", error.code, _seconds(error.headers.get("retry-after"))) from None
    except Exception as error:  # any library's message may quote the URL
        raise NotTaken(type(error).__name__) from None


def _seconds(written: str | None) -> float:
    """A delay in seconds; 0 for a date, or anything else."""
    return float(written) if written and written.isascii() and written.isdigit() and len(written) < 6 else 0.0
