"""A page as a real browser shows it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.hangs import HANG_S

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
_OPTIONS: Final = (
    "--headless",
    "--no-sandbox",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # no network to ask
    "--enable-logging=stderr",
    "--v=0",
    "--dump-dom",
)


def shown(page: str, folder: Path) -> str:
    """The document, once it is loaded. Nothing may be in the console. Skips without Chromium, but not in CI."""
    chromium = next(filter(None, map(shutil.which, _NAMES)), None)
    if chromium is None:
        assert not os.environ.get("CI"), "CI needs Chromium"
        pytest.skip("no Chromium is installed here")
    file = folder / "page.html"
    file.write_text(page)
    command = [chromium, *_OPTIONS, f"--user-data-dir={folder}/profile", file.as_uri()]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, check=True)
    assert "CONSOLE" not in ran.stderr
    return ran.stdout
