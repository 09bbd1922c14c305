"""A worker whose model does what its texts say: a real process, without a library to load.

    python tests/unit/classifiers/fake_worker.py [FILE]

With a FILE it counts its starts there, a byte for each. The section's ``window_tokens_max`` says how it starts: 99
never gets ready, 98 dies, and with 100 + N, N below 10, only the start of number N succeeds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extproc.classifiers import worker
from extproc.classifiers.adapters import LOADERS
from extproc.classifiers.adapters.base import ModelUnusable


class ObedientModel:
    """Scores are the number of texts so far, so that one can tell a new process from an old one."""

    def __init__(self, section: Mapping[str, Any]) -> None:
        self.texts = 0
        if len(sys.argv) > 1:
            file = Path(sys.argv[1])
            with file.open("ab") as starts:
                starts.write(b".")
            if file.stat().st_size < section["window_tokens_max"] - 100 < 10:
                raise ModelUnusable("not yet")
        if section["window_tokens_max"] == 99:
            time.sleep(60)
        if section["window_tokens_max"] == 98:
            os._exit(3)

    def scores(self, text: str) -> dict[str, float]:
        """Obey."""
        if text == "die":
            os._exit(9)
        if text == "hang":
            time.sleep(60)
        if text == "print":
            print("a library's chatter")
        if text == "fault":
            raise ValueError(text)
        if "good" in text or "bad" in text:
            return {"injection": float("bad" in text)}
        self.texts += 1
        return {"injection": float(self.texts), "pid": float(os.getpid())}


if __name__ == "__main__":
    LOADERS["packaged"] = ObedientModel  # type: ignore[index]
    worker.main()
