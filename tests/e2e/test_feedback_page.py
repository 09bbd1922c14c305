"""docs/feedback.md as a reader follows it: its requests by curl and by Python, through a real Envoy."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.docs.pages import DOCS, blocks
from tests.e2e.harness import Stack, require_envoy
from tests.hangs import HANG_S

PAGE = DOCS / "feedback.md"
PORT = "10000"
MODEL = "llama"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """With the page's first configuration, and its name of the model."""
    require_envoy()

    def change(data: dict[str, Any]) -> None:
        data |= yaml.safe_load(blocks(PAGE, "yaml")[0])
        data["models"][MODEL] = data["models"].pop("tiny-chat")
        data["models"][MODEL].pop("fallback", None)

    with Stack(tmp_path_factory.mktemp("page"), change=change) as running:
        yield running


def ran(stack: Stack, command: list[str], folder: Path) -> str:
    """What a command of the page prints."""
    moved = [part.replace(f":{PORT}", f":{urlsplit(stack.base_url).port}") for part in command]
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(moved, cwd=folder, env=env, capture_output=True, text=True, timeout=HANG_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.once
def test_a_thumb_by_curl(stack: Stack, tmp_path: Path) -> None:
    """The answer is as the page shows it, but for the id."""
    command = next(block for block in blocks(PAGE, "sh") if block.startswith("id="))
    printed = json.loads(ran(stack, ["bash", "-euc", command], tmp_path))
    (shown,) = blocks(PAGE, "json")
    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", printed["exchange_id"])
    assert printed == json.loads(shown) | {"exchange_id": printed["exchange_id"]}


@pytest.mark.once
def test_a_thumb_by_the_official_client(stack: Stack, tmp_path: Path) -> None:
    """By the id of the answer."""
    (program,) = blocks(PAGE, "python")
    assert ran(stack, [sys.executable, "-c", program], tmp_path).strip() in ("created", "repeated")
