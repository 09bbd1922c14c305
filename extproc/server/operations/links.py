"""Follows each symbolic link once in a read, so that files behind one link are of one content.

A ConfigMap's files lead through one link, ``..data``, which is swapped as a whole; so does what git-sync checks out. To
follow that link again for each file may mix two contents, and comparing afterwards does not show it: the link may
have been swapped back.
"""

from __future__ import annotations

import os
from pathlib import Path

LINKS_MAX = 40
"""Of one path, as in Linux: more are a circle."""


class Links:
    """The symbolic links as they were when each was followed first."""

    def __init__(self) -> None:
        self._targets: dict[str, str] = {}

    def resolve(self, file: Path) -> str:
        """The path without links; of a circle, a path that cannot be opened."""
        left = _parts(os.path.join(os.getcwd(), file))
        real, followed = "/", 0
        while left:
            part = left.pop()
            if part == "..":
                real = os.path.dirname(real)
                continue
            path = os.path.join(real, part)
            target = self._target(path)
            if not target:
                real = path
                continue
            followed += 1
            if followed > LINKS_MAX:
                return str(file)
            if target.startswith("/"):
                real = "/"
            left += _parts(target)
        return real

    def _target(self, path: str) -> str:
        """Empty if it is no link."""
        if path not in self._targets:
            try:
                self._targets[path] = os.readlink(path)
            except OSError:
                self._targets[path] = ""
        return self._targets[path]


def _parts(path: str) -> list[str]:
    """The last one first."""
    return [part for part in reversed(path.split("/")) if part not in {"", "."}]
