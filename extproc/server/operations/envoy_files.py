"""Keeps the files that Envoy watches, next to a process that serves: in a thread, as it waits for Envoy."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from extproc.config.document import Document

_END_S_MAX: Final = 5.0

Accepted = Callable[[Document, Mapping[str, str]], None]
"""Takes each configuration that is in force, with its prompts."""


def each(*told: Accepted) -> Accepted:
    """Several of them as one."""

    def tell(document: Document, prompts: Mapping[str, str]) -> None:
        for one in told:
            one(document, prompts)

    return tell


@contextmanager
def following(document: Document, folder: Path | None, logger: Any) -> Iterator[Accepted]:
    """Keep the files of a folder. Yields: what takes a new configuration.

    Args: folder: in place of ``envoy.folder``; without either there is nothing to do.
    Raises: EnvoyConfigError, OSError.
    """
    kept = folder or (Path(document.envoy.folder) if document.envoy.folder else None)
    if kept is None:
        yield lambda *_: None
        return
    from extproc.envoy_config.envoy_admin import EnvoyAdmin  # few configurations need what writes those files
    from extproc.envoy_config.follower import EnvoyFollower

    follower = EnvoyFollower(kept, document, EnvoyAdmin(document.envoy.admin), logger)
    follower.begin(document)
    thread = threading.Thread(target=follower.run, name="envoy", daemon=True)
    thread.start()
    try:
        yield lambda document, _: follower.use(document)
    finally:
        follower.end()
        thread.join(_END_S_MAX)
