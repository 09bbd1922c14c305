"""Prompts move in seconds, while traffic goes on: no request gets half of one, and none fails."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from extproc.demo.model_server import ModelServer
from tests.e2e.asking import Asking
from tests.e2e.conftest import MakeStack
from tests.e2e.harness import RELOAD_S_MAX, Stack, wait_until
from tests.unit.server.operations.prompt_stores import small_store

LENGTH = 20_000
"""Of a prompt: it is read and sent in many pieces."""


def prompts_seen(models: list[ModelServer]) -> list[str]:
    """What the models were told by the platform, in order for each."""
    return [json.loads(one.body)["messages"][0]["content"] for model in models for one in model.seen]


def problem_of(stack: Stack) -> str:
    """What readiness says of the store."""
    problem: str = json.loads(stack.processor.page("/readyz"))["prompt_store_error"]
    return problem


def named(data: dict[str, Any]) -> None:
    """Every version has the same named prompt."""
    for version in data["models"]["tiny-chat"]["versions"].values():
        version["prompt"] = {"name": "system", "version": "v1"}


def swapped(mount: Path, content: str) -> None:
    """A ConfigMap's new content, as the kubelet swaps it in: by one rename."""
    (mount / f"..{content}").mkdir()
    (mount / f"..{content}" / "system-v1.md").write_text(content * LENGTH)
    (mount / "..data.new").symlink_to(f"..{content}")
    os.replace(mount / "..data.new", mount / "..data")


def test_a_mounted_prompt_is_swapped_whole_within_two_seconds(make_stack: MakeStack, tmp_path: Path) -> None:
    """Under traffic; then the metrics tell the revisions apart."""
    mount = tmp_path / "mounted"
    mount.mkdir()
    swapped(mount, "a")
    (mount / "system-v1.md").symlink_to("..data/system-v1.md")

    def change(data: dict[str, Any]) -> None:
        named(data)
        data["prompts"] = {"folder": str(mount)}

    models = {name: ModelServer(name, speed=0) for name in ("v1", "v2")}
    stack = make_stack(models=models, change=change)
    with Asking(stack) as asking:
        asking.more(20)
        swapped(mount, "b")
        begun_s = time.monotonic()
        wait_until(lambda: any(text[0] == "b" for text in prompts_seen([*models.values()])), "the prompt moves", 10)
        moved_s = time.monotonic() - begun_s
        asking.more(20)
    assert moved_s < RELOAD_S_MAX
    assert set(asking.statuses) == {200}
    assert set(prompts_seen([*models.values()])) == {"a" * LENGTH, "b" * LENGTH}
    answers = [line for line in stack.processor.page("/metrics").splitlines() if "llm_answers_total{" in line]
    assert len({line.partition('fingerprint="')[2][:12] for line in answers}) == 2


def test_a_prompt_of_a_store_moves_and_stays_when_the_store_is_gone(make_stack: MakeStack) -> None:
    """Within its interval; a store that is gone costs no request."""
    pytest.importorskip("httpx2", reason="the extra `http` is not installed")
    models = {name: ModelServer(name, speed=0) for name in ("v1", "v2")}
    with small_store() as store:
        store.texts["/system/v1"] = b"a"

        def change(data: dict[str, Any]) -> None:
            named(data)
            data["prompts"] = {"store": {"url": store.url, "poll_interval_ms": 200}}

        stack = make_stack(models=models, change=change)
        with Asking(stack) as asking:
            asking.more(10)
            store.texts["/system/v1"] = b"b"
            wait_until(lambda: "b" in prompts_seen([*models.values()]), "the prompt moves", RELOAD_S_MAX)
            asking.more(10)
    with Asking(stack) as later:
        wait_until(lambda: problem_of(stack), "it is told", RELOAD_S_MAX)
        later.more(10)
    assert set(asking.statuses) == set(later.statuses) == {200}
    assert set(prompts_seen([*models.values()])) == {"a", "b"}
    told = "prompt system v1: the store does not answer (connection refused)"
    wait_until(lambda: problem_of(stack) == told, "who asked while it went has been reset, and asks again")
