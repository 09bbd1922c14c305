"""Envoy's files change in an order in which no request meets a cluster that is not there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.config.document import Document
from extproc.envoy_config import follower as module
from extproc.envoy_config.dynamic import BOOTSTRAP, CLUSTERS, LISTENERS, ROUTES
from extproc.envoy_config.envoy_admin import LISTENERS_TAKEN, ROUTES_TAKEN
from extproc.envoy_config.envoy_process import validation_error
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.follower import EnvoyFollower
from tests.e2e.harness import require_envoy, wait_until
from tests.unit.envoy_config.conftest import PRICE
from tests.unit.server.fakes import Logged

Documents = Callable[..., Document]


def models(**endpoints: str) -> dict[str, Any]:
    """A model with these versions."""
    versions = {name: {"weight": 1, "endpoints": [at], "price": PRICE} for name, at in endpoints.items()}
    return {"chat": {"versions": versions}}


OLD = models(v1="127.0.0.1:8001", v2="127.0.0.1:8002")
ADDED = models(v1="127.0.0.1:8001", v2="127.0.0.1:8002", v3="127.0.0.1:8003")
MOVED = models(v1="127.0.0.1:8001", v2="127.0.0.1:9002")
REMOVED = models(v1="127.0.0.1:8001")
FALLING = {"chat": {**OLD["chat"], "fallback": {"to": ["v1", "v2"]}}}


class FakeEnvoy:
    """An Envoy that takes each file when it is let, and checks each time that its routes have their clusters."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = True
        self.takes = {CLUSTERS, ROUTES, LISTENERS}
        self.seen: list[tuple[set[str], set[str]]] = []

    def read(self, name: str) -> dict[str, Any]:
        """A file as it is now; whole, as it replaces its predecessor in one step."""
        content: dict[str, Any] = yaml.safe_load((self.folder / name).read_text())
        return content

    def clusters(self) -> set[str]:
        """Those that the file has."""
        return {one["name"] for one in self.read(CLUSTERS)["resources"]}

    def routed(self) -> set[str]:
        """Those that routes need."""
        (config,) = self.read(ROUTES)["resources"]
        return {route["route"]["cluster"] for route in config["virtual_hosts"][0]["routes"] if "route" in route}

    def listeners(self) -> set[str]:
        """The internal ones that the file has."""
        return {one["name"] for one in self.read(LISTENERS)["resources"]} - {"llm"}

    def active_clusters(self) -> set[str]:
        """As the admin server says."""
        if not self.runs:
            raise ConnectionRefusedError
        self.seen.append((self.routed(), self.clusters()))
        return self.clusters() if CLUSTERS in self.takes else set()

    def taken(self, stat: str) -> str:
        """As the admin server says."""
        if not self.runs:
            raise ConnectionRefusedError
        self.seen.append((self.routed(), self.clusters()))
        file = {ROUTES_TAKEN: ROUTES, LISTENERS_TAKEN: LISTENERS}[stat]
        return str(self.read(file)["version_info"]) if file in self.takes else ""


class Following:
    """A follower in its thread, and what it works with."""

    def __init__(self, folder: Path, document: Document, kept_s: float = 60.0) -> None:
        self.envoy, self.logged = FakeEnvoy(folder), Logged()
        self.envoy.runs = False
        self.follower = EnvoyFollower(folder, document, self.envoy, self.logged.logger, kept_s)
        self.follower.begin(document)
        self.envoy.runs = True

    def followed(self) -> int:
        """How often a change was completed."""
        return sum(line["event"] == "Envoy follows the configuration" for line in self.logged.lines)

    def change(self, document: Document) -> None:
        """Another configuration, until Envoy has it."""
        before = self.followed()
        self.follower.use(document)
        wait_until(lambda: self.followed() > before, "the change is done")


@contextmanager
def following(folder: Path, document: Document, kept_s: float = 60.0) -> Iterator[Following]:
    """A follower that runs."""
    made = Following(folder, document, kept_s)
    thread = threading.Thread(target=made.follower.run)
    thread.start()
    try:
        yield made
    finally:
        made.follower.end()
        thread.join(10)
        assert not thread.is_alive()
        assert all(routed <= clusters for routed, clusters in made.envoy.seen), made.envoy.seen


def test_the_first_files_are_whole(tmp_path: Path, document: Documents) -> None:
    """Envoy accepts them, and each route has its cluster."""
    require_envoy()
    made = Following(tmp_path / "envoy", document(models=OLD))
    assert validation_error(tmp_path / "envoy" / BOOTSTRAP) is None
    assert made.envoy.routed() == made.envoy.clusters() == {"chat__v1", "chat__v2"}


def test_a_new_version_gets_its_cluster_first(tmp_path: Path, document: Documents) -> None:
    """The routes wait until Envoy has the cluster."""
    with following(tmp_path, document(models=OLD)) as made:
        made.envoy.takes = {ROUTES, LISTENERS}
        made.follower.use(document(models=ADDED))
        wait_until(lambda: "chat__v3" in made.envoy.clusters(), "the cluster is written")
        asked = len(made.envoy.seen)
        wait_until(lambda: len(made.envoy.seen) > asked + 2, "Envoy is asked again")
        assert "chat__v3" not in made.envoy.routed()
        made.envoy.takes.add(CLUSTERS)
        wait_until(made.followed, "the change is done")
        assert "chat__v3" in made.envoy.routed()


def test_a_removed_version_loses_its_routes_first(tmp_path: Path, document: Documents) -> None:
    """And later its cluster."""
    with following(tmp_path, document(models=OLD), kept_s=0.5) as made:
        made.change(document(models=REMOVED))
        assert made.envoy.routed() == {"chat__v1"}
        wait_until(lambda: made.envoy.clusters() == {"chat__v1"}, "the cluster is gone")


def test_the_cluster_of_a_removed_version_stays_for_a_time(tmp_path: Path, document: Documents) -> None:
    """A version that comes back meanwhile keeps it."""
    with following(tmp_path, document(models=OLD)) as made:
        made.change(document(models=REMOVED))
        assert made.envoy.clusters() == {"chat__v1", "chat__v2"}
        made.change(document(models=MOVED))
        assert made.follower._until_s == {}
        (moved,) = [one for one in made.envoy.read(CLUSTERS)["resources"] if one["name"] == "chat__v2"]
        assert "9002" in str(moved)


def test_a_fallback_gets_its_internal_listeners_before_its_routes(tmp_path: Path, document: Documents) -> None:
    """A cluster whose listener is not there would fail every request."""
    egress = {"chat__v1__egress", "chat__v2__egress"}
    with following(tmp_path, document(models=OLD)) as made:
        made.envoy.takes = {CLUSTERS, ROUTES}
        made.follower.use(document(models=FALLING))
        wait_until(lambda: made.envoy.listeners() == egress, "the listeners are written")
        asked = len(made.envoy.seen)
        wait_until(lambda: len(made.envoy.seen) > asked + 2, "Envoy is asked again")
        assert made.envoy.routed() == {"chat__v1", "chat__v2"}
        made.envoy.takes.add(LISTENERS)
        wait_until(made.followed, "the change is done")
        assert made.envoy.routed() == {"chat__v1", "chat__v1__fallback", "chat__v2__fallback"}


def test_a_fallback_that_is_gone_keeps_its_listeners_for_a_time(tmp_path: Path, document: Documents) -> None:
    """Requests may have been promised to them."""
    with following(tmp_path, document(models=FALLING), kept_s=0.5) as made:
        made.change(document(models=OLD))
        assert made.envoy.routed() == {"chat__v1", "chat__v2"}
        wait_until(lambda: made.envoy.listeners() == set(), "the listeners are gone")
        wait_until(lambda: made.envoy.clusters() == {"chat__v1", "chat__v2"}, "the clusters are gone")


def test_a_successor_keeps_the_listeners_of_a_running_envoy(tmp_path: Path, document: Documents) -> None:
    """It knows them by the files."""
    Following(tmp_path, document(models=FALLING))
    follower = EnvoyFollower(tmp_path, document(models=OLD), FakeEnvoy(tmp_path), Logged().logger)
    follower.begin(document(models=OLD))
    assert set(follower._internal) == {"chat__v1__egress", "chat__v2__egress"}


def test_the_last_of_several_changes_counts(tmp_path: Path, document: Documents) -> None:
    """One that Envoy has not taken yet gives way."""
    with following(tmp_path, document(models=OLD)) as made:
        made.envoy.takes = set()
        made.follower.use(document(models=ADDED))
        wait_until(lambda: "chat__v3" in made.envoy.clusters(), "the first is at work")
        made.follower.use(document(models=REMOVED))
        made.envoy.takes = {CLUSTERS, ROUTES, LISTENERS}
        wait_until(lambda: made.envoy.routed() == {"chat__v1"}, "the last is in force")


def test_without_an_admin_server_the_files_follow_in_time(
    tmp_path: Path, document: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be out of reach; each step waits for a while instead."""
    monkeypatch.setattr(module, "ABSENT_S_MAX", 0.2)
    with following(tmp_path, document(models=OLD)) as made:
        made.envoy.runs = False
        made.change(document(models=ADDED))
        assert "chat__v3" in made.envoy.routed()


def test_an_envoy_that_takes_nothing_is_told_of(
    tmp_path: Path, document: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, with what it has not taken; and nothing that depends on it is changed."""
    monkeypatch.setattr(module, "TAKEN_S_MAX", 0.1)
    with following(tmp_path, document(models=OLD)) as made:
        made.envoy.takes = set()
        made.follower.use(document(models=ADDED))
        wait_until(lambda: made.logged.lines, "it is told")
        asked = len(made.envoy.seen)
        wait_until(lambda: len(made.envoy.seen) > asked + 2, "Envoy is asked again")
        (line,) = made.logged.lines
        assert (line["level"], line["event"].split(",")[0]) == ("warning", "Envoy has not taken its clusters")
        assert "chat__v3" not in made.envoy.routed()


def test_what_is_not_for_envoy_changes_nothing(tmp_path: Path, document: Documents) -> None:
    """A version without endpoints is valid for the processor alone."""
    with following(tmp_path, document(models=OLD)) as made:
        bad = models(v1="127.0.0.1:8001")
        bad["chat"]["versions"]["v1"]["endpoints"] = []
        made.follower.use(document(models=bad))
        wait_until(lambda: made.logged.lines, "it is told")
        (line,) = made.logged.lines
        assert line["level"] == "error"
        assert "models.chat.versions.v1.endpoints" in line["problem"]
        made.change(document(models=ADDED))


def test_a_change_that_needs_a_restart_of_envoy_is_told(tmp_path: Path, document: Documents) -> None:
    """Where the processor listens stands in the bootstrap configuration."""
    with following(tmp_path, document(models=OLD)) as made:
        made.change(document(models=OLD, server={"listen": "127.0.0.1:50052"}))
        assert "restart" in made.logged.lines[0]["event"]


def test_a_successor_follows_a_running_envoy_step_by_step(tmp_path: Path, document: Documents) -> None:
    """It finds the files of its predecessor, and keeps what they have until the routes are new."""
    Following(tmp_path, document(models=OLD))
    second, logged = FakeEnvoy(tmp_path), Logged()
    second.takes = {ROUTES, LISTENERS}
    follower = EnvoyFollower(tmp_path, document(models=ADDED), second, logged.logger)
    follower.begin(document(models=ADDED))
    assert second.routed() == {"chat__v1", "chat__v2"}
    thread = threading.Thread(target=follower.run)
    thread.start()
    wait_until(lambda: "chat__v3" in second.clusters(), "the cluster is written")
    second.takes.add(CLUSTERS)
    wait_until(lambda: "chat__v3" in second.routed(), "the routes are written")
    follower.end()
    thread.join(10)


@pytest.mark.parametrize("content", ["", "resources: 3", "- a", "a: [", "resources: [{}]", "resources: [a]"])
def test_a_file_that_is_not_ours_is_replaced(tmp_path: Path, document: Documents, content: str) -> None:
    """A folder with something else in it, or half a file of a crashed disk."""
    (tmp_path / CLUSTERS).write_text(content)
    assert Following(tmp_path, document(models=OLD)).envoy.clusters() == {"chat__v1", "chat__v2"}


def test_what_envoy_cannot_have_is_refused_at_the_start(tmp_path: Path, document: Documents) -> None:
    """Before a file is written."""
    bad = document(models=OLD, envoy={"listen": "name:1"})
    with pytest.raises(EnvoyConfigError, match=r"envoy\.listen"):
        Following(tmp_path / "none", bad)
    assert not (tmp_path / "none" / BOOTSTRAP).exists()
