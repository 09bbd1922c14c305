"""Versions come and go while 200 requests a second, streamed and not, go through: none of them fails."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.demo.model_server import ModelServer
from extproc.demo.steady_clients import Received, SteadyClients
from extproc.envoy_config.dynamic import BOOTSTRAP, dynamic_bootstrap
from extproc.envoy_config.envoy_admin import EnvoyAdmin
from extproc.envoy_config.follower import EnvoyFollower
from extproc.server.operations.config_files import read_config
from tests.e2e.harness import Stack, wait_until
from tests.unit.cli.programs import started
from tests.unit.server.fakes import Logged

RATE = 200
CLIENTS = 40
CHANGES = 4
FOLLOWED = "Envoy follows the configuration"


def change_of(folder: Path, *more: str, weight: int = 100) -> Callable[[dict[str, Any]], None]:
    """A configuration with further versions, all of the weight; Envoy watches the folder."""

    def change(data: dict[str, Any]) -> None:
        data["envoy"]["folder"] = str(folder)
        data["server"]["reload_interval_ms"] = 100
        versions = data["models"]["tiny-chat"]["versions"]
        for name in more:
            versions[name] = {**deepcopy(versions["v2"]), "weight": weight}

    return change


def followed(stack: Stack) -> int:
    """How often Envoy has followed so far."""
    return (stack.directory / "processor.log").read_text().count(FOLLOWED)


def is_served(name: str, seen: list[Received], since: int) -> bool:
    """Whether a version has answered since then."""
    return name in served(seen[since:])


def served(seen: list[Received]) -> Counter[str]:
    """Answers by version."""
    return Counter(one.version.rpartition("/")[2] for one in seen)


@pytest.mark.transport
@pytest.mark.timeout(180)
def test_versions_come_and_go_under_load(tmp_path: Path) -> None:
    """Each new one gets its share as soon as Envoy has it, no removed one gets any, and each request is answered."""
    folder = tmp_path / "envoy"
    with Stack(tmp_path, change=change_of(folder)) as stack:
        seen = come_and_go(stack, folder)
        assert Counter(one.status for one in seen) == {200: len(seen)}
        assert all(one.complete for one in seen)
        assert {one.streamed for one in seen} == {True, False}
        assert stack.metric("llm_extproc_failures_total") == 0


def come_and_go(stack: Stack, folder: Path) -> list[Received]:
    """What clients receive while versions are added and removed."""

    def change(*more: str) -> None:
        before = followed(stack)
        stack.write_config(change_of(folder, *more))
        clients.until(lambda: followed(stack) > before, "Envoy follows")

    with SteadyClients(stack.base_url, RATE, CLIENTS) as clients:
        for number in range(CHANGES):
            name, asked = f"new-{number}", len(clients.received)
            change(name)
            clients.until(partial(is_served, name, clients.received, asked), "it is served")
            change()
    return clients.received


def test_a_stream_outlives_its_version(tmp_path: Path) -> None:
    """Its routes and its cluster are removed while it answers; it ends as it would have."""
    folder = tmp_path / "envoy"
    followers: list[EnvoyFollower] = []
    logged = Logged()

    def follow(configuration: dict[str, Any]) -> None:
        document = read_config(stack.config).loaded.document
        follower = EnvoyFollower(folder, document, EnvoyAdmin(document.envoy.admin), logged.logger, kept_s=0.1)
        follower.begin(document)
        followers.append(follower)
        configuration.clear()
        configuration.update(dynamic_bootstrap(document, folder))

    slow = {name: ModelServer(name, speed=0.3) for name in ("v1", "v2")}
    stack = Stack(tmp_path, models=slow, change_envoy=follow)
    with stack, ThreadPoolExecutor() as pool:
        (follower,) = followers
        running = pool.submit(follower.run)
        body = {"model": "tiny-chat", "stream": True, "messages": [{"role": "user", "content": "What is Envoy?"}]}
        answer = pool.submit(stack.curl, "/v1/chat/completions", "-H", "x-model-version: v2", body=body, timeout_s=60)
        wait_until(lambda: slow["v2"].seen, "the model server has it")
        follower.use(stack.write_config(lambda data: data["models"]["tiny-chat"]["versions"].pop("v2")))
        admin = EnvoyAdmin(read_config(stack.config).loaded.document.envoy.admin)
        wait_until(lambda: admin.active_clusters() == {"tiny-chat__v1"}, "the cluster is gone")
        assert not answer.done()
        whole = answer.result()
        assert (whole.exit_code, whole.status, whole.headers["x-llm-served-version"]) == (0, 200, "tiny-chat/v2")
        assert whole.body.rstrip().endswith(b"data: [DONE]")
        follower.end()
        running.result()


@pytest.mark.once
def test_envoy_follows_a_command_of_its_own(tmp_path: Path) -> None:
    """``envoy-config --watch``, for a processor that does not keep the files itself; a broken file changes nothing."""
    folder, programs = tmp_path / "envoy", ExitStack()

    def watch(configuration: dict[str, Any]) -> None:
        watching = programs.enter_context(started("envoy-config", stack.config, "--watch", folder))
        watching.until("files for Envoy written")
        configuration.clear()
        configuration.update(yaml.safe_load((folder / BOOTSTRAP).read_text()))

    def more(data: dict[str, Any]) -> None:
        versions = data["models"]["tiny-chat"]["versions"]
        versions["new"] = {**deepcopy(versions["v2"]), "weight": 1_000_000}

    stack = Stack(tmp_path, change_envoy=watch)
    with programs, stack:
        body = {"model": "tiny-chat", "messages": [{"role": "user", "content": "What is Envoy?"}]}
        good = stack.config.read_text()
        stack.config.write_text("models: 3")
        assert stack.curl("/v1/chat/completions", body=body).status == 200
        stack.config.write_text(good)
        stack.write_config(more)
        wait_until(
            lambda: "new" in stack.curl("/v1/chat/completions", body=body).headers["x-llm-served-version"],
            "the new version is served",
            20,
        )


def test_an_envoy_that_does_not_follow_costs_no_request(tmp_path: Path) -> None:
    """Its file is not ours to write: the new version gets nothing, and the readiness page, log and metric say so."""

    def change(data: dict[str, Any]) -> None:
        data["models"]["tiny-chat"]["versions"]["new"] = {
            **deepcopy(data["models"]["tiny-chat"]["versions"]["v2"]),
            "weight": 1_000_000,
        }

    with Stack(tmp_path) as stack:
        revision = json.loads(stack.processor.page("/readyz"))["revision"]
        stack.write_config(change)
        wait_until(lambda: json.loads(stack.processor.page("/readyz"))["revision"] != revision, "it is loaded")
        body = {"model": "tiny-chat", "messages": [{"role": "user", "content": "What is Envoy?"}]}
        answers = [stack.curl("/v1/chat/completions", body={**body, "user": str(number)}) for number in range(10)]
        assert {answer.status for answer in answers} == {200}
        assert not any("new" in answer.headers["x-llm-served-version"] for answer in answers)
        key = "models.tiny-chat.versions.new"
        wait_until(lambda: json.loads(stack.processor.page("/readyz"))["envoy_stale"] == [key], "it is shown")
        assert stack.metric("llm_version_unrouted_total", version="new") == 10
        assert stack.metric("llm_envoy_stale_keys") == 1
