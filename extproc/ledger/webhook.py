"""Posts messages to a webhook or another server, from a thread of the shipper: nothing waits for it.

The URL of a webhook may be a secret, so it is in a file, and in no message.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Full, Queue
from typing import Any, Final

import orjson

from extproc.ledger.http_post import NotTaken, post, secret_of

WAITING_MAX: Final = 1_000
PAUSES_S: Final = (1.0, 5.0, 15.0, 60.0)
"""Between tries; then a message is given up."""
CLOSE_S_MAX: Final = 2.0


class PostQueue:
    """A queue of messages, and the thread that posts them, one after the other.

    Args:
        post_one: posts a message once. Raises: NotTaken.
        to: whom its messages go to, for people.
        tell: gets a sentence about a message that was given up, once for each kind of failure in a row.
        pauses_s: between tries.
    """

    def __init__(
        self,
        post_one: Callable[[bytes], None],
        to: str,
        tell: Callable[[str], None],
        pauses_s: tuple[float, ...] = PAUSES_S,
    ) -> None:
        self._post = post_one
        self._to = to
        self._tell = tell
        self._pauses_s = pauses_s
        self._waiting: Queue[bytes | None] = Queue(WAITING_MAX)
        self._problem = ""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self._thread.start()

    def send(self, message: Mapping[str, Any]) -> None:
        """Queue a message; it is given up if too many wait."""
        try:
            self._waiting.put_nowait(orjson.dumps(message))
        except Full:
            self._note(f"{WAITING_MAX} messages wait")

    def close(self) -> None:
        """Try what waits once more, for ``CLOSE_S_MAX`` at most."""
        self._ending.set()
        with contextlib.suppress(Full):
            self._waiting.put_nowait(None)
        self._thread.join(CLOSE_S_MAX)

    def _run(self) -> None:
        while (body := self._waiting.get()) is not None:
            self._deliver(body)

    def _deliver(self, body: bytes) -> None:
        for pause_s in (*self._pauses_s, None):
            try:
                self._post(body)
            except NotTaken as failed:
                if pause_s is None or self._ending.wait(pause_s):
                    self._note(str(failed))
                    return
            else:
                self._problem = ""
                return

    def _note(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            self._tell(f"{self._to}: a message was given up ({problem})")


class Webhook(PostQueue):
    """A queue whose URL is in a file.

    Args:
        url_file: holds the URL; read before each try.
        what: its messages are about.
        tell, pauses_s: see ``PostQueue``.
    """

    def __init__(
        self,
        url_file: Path,
        what: str,
        tell: Callable[[str], None],
        pauses_s: tuple[float, ...] = PAUSES_S,
        content_type: str = "application/json",
    ) -> None:
        self._url_file = url_file
        self._headers = {"content-type": content_type}
        super().__init__(self._post_one, f"{what} webhook", tell, pauses_s)

    def _post_one(self, body: bytes) -> None:
        """Raises: NotTaken."""
        try:
            url = secret_of(self._url_file)
        except (OSError, ValueError) as error:
            raise NotTaken(type(error).__name__) from None
        post(url, body, self._headers)
