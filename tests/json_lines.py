"""Reads a file of JSON Lines that a process may still be writing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def json_lines(file: Path) -> list[dict[str, Any]]:
    """All whole lines. A file that is read while it grows may end within one; that is taken when it is whole."""
    whole, _, _ = file.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]
