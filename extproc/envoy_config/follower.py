"""Keeps the files of a running Envoy as the configuration says, in an order in which no request is lost.

A new version: first its cluster, then its internal listener if it has one, and when Envoy has both, the routes. These
state which versions they have (``config.routed``), and only then does the processor choose the new one. A removed
version: first the routes; its cluster and listener stay for some minutes, since a request that was sent slowly may have
been promised to it.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import yaml

from extproc.config.document import Document
from extproc.envoy_config import dynamic
from extproc.envoy_config.envoy_admin import LISTENERS_TAKEN, ROUTES_TAKEN
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.generate import to_yaml

CLUSTER_KEPT_S: Final = 300.0
"""How long the cluster of a removed version stays: longer than a client may take to send a request."""
ABSENT_S_MAX: Final = 5.0
"""Without an answer of Envoy's admin server for so long, the next file is written without its word."""
TAKEN_S_MAX: Final = 15.0
"""How long Envoy may take for a file before that is logged."""
_POLL_S: Final = 0.1
_HEADING: Final = """\
# {what} for Envoy, written by `extproc envoy-config --watch`, `run` or `up`. Edit the configuration instead.
"""


class RunningEnvoy(Protocol):
    """What is asked of Envoy. Every question raises OSError where none answers."""

    def active_clusters(self) -> set[str]:
        """Names of the clusters that take requests."""
        ...

    def taken(self, stat: str) -> str:
        """The version of the resources that Envoy has taken last."""
        ...


class EnvoyFollower:
    """Writes the files of one folder; ``run`` is for a thread of its own.

    Args:
        envoy: reads the folder.
        kept_s: how long the cluster of a removed version stays. [s]
    """

    def __init__(
        self, folder: Path, document: Document, envoy: RunningEnvoy, logger: Any, kept_s: float = CLUSTER_KEPT_S
    ) -> None:
        self._folder = folder.absolute()
        self._envoy = envoy
        self._logger = logger
        self._kept_s = kept_s
        self._bootstrap = dynamic.dynamic_bootstrap(document, self._folder)
        self._clusters: dict[str, dict[str, Any]] = {}
        self._internal: dict[str, dict[str, Any]] = {}  # listeners, of these clusters
        self._listener: dict[str, Any] = {}  # the one for clients, as it was written last
        self._until_s: dict[str, float] = {}  # when a cluster that is not needed may go, on the monotonic clock
        self._written: dict[str, str] = {}  # version of each file
        self._next: Document | None = None
        self._wake = threading.Condition()
        self._ended = False

    def begin(self, document: Document) -> None:
        """Write all files for an Envoy that is started next; one that runs follows step by step.

        Raises: EnvoyConfigError, OSError.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        wanted = dynamic.resources(document, self._folder)
        self._clusters = _on_disk(self._folder / dynamic.CLUSTERS)
        if self._clusters and self._envoy_runs():
            before = _on_disk(self._folder / dynamic.LISTENERS)
            self._listener = before.pop(wanted.listener["name"], {})
            self._internal = before
            self.use(document)
            return
        self._keep(wanted)
        self._write_secrets(wanted)
        self._write_clusters()
        self._write_routes(wanted)
        self._write_listeners(wanted.listener)
        _replace(self._folder / dynamic.BOOTSTRAP, to_yaml(self._bootstrap))

    def use(self, document: Document) -> None:
        """Follow a new configuration, as soon as possible; a later one replaces it."""
        with self._wake:
            self._next = document
            self._wake.notify()

    def end(self) -> None:
        """Let ``run`` return soon."""
        with self._wake:
            self._ended = True
            self._wake.notify()

    def run(self) -> None:
        """Follow until ``end``."""
        while not self._ended:
            document = self._wait_for_change()
            try:
                if document is not None:
                    self._follow(document)
                else:
                    self._drop_unneeded()
            except EnvoyConfigError as error:
                self._logger.error("configuration not for Envoy, which keeps the last one", problem=str(error))
            except OSError as error:
                self._logger.error("the files for Envoy cannot be written", problem=str(error))

    def _envoy_runs(self) -> bool:
        try:
            self._envoy.active_clusters()
        except OSError:
            return False
        return True

    # --- one change ------------------------------------------------------------------------------------------------

    def _follow(self, document: Document) -> None:
        """Raises: EnvoyConfigError, OSError."""
        wanted = dynamic.resources(document, self._folder)
        if dynamic.dynamic_bootstrap(document, self._folder) != self._bootstrap:
            self._logger.warning(
                "Envoy needs a restart to follow a change of its own address, or of the processor's",
                keys=["envoy.admin", "envoy.processor", "server"],
            )
        self._keep(wanted)
        self._write_secrets(wanted)
        self._write_clusters()
        needed = set(wanted.clusters)
        if not self._taken("clusters", lambda: needed <= self._envoy.active_clusters()):
            return
        self._write_listeners(self._listener or wanted.listener)
        if not self._taken("listeners", self._has_listeners):
            return
        self._write_routes(wanted)
        if not self._taken("routes", lambda: self._envoy.taken(ROUTES_TAKEN) == self._written[dynamic.ROUTES]):
            return
        self._write_listeners(wanted.listener)
        if not self._taken("listeners", self._has_listeners):
            return
        self._logger.info("Envoy follows the configuration", clusters=sorted(needed))

    def _has_listeners(self) -> bool:
        return self._envoy.taken(LISTENERS_TAKEN) == self._written[dynamic.LISTENERS]

    def _taken(self, what: str, holds: Callable[[], bool]) -> bool:
        """Wait until Envoy has taken a file. Returns: False if there is something newer to do."""
        started_s = answered_s = time.monotonic()
        told = False
        while not self._is_outdated():
            now_s = time.monotonic()
            try:
                if holds():
                    return True
                answered_s = now_s
            except OSError:
                if now_s - answered_s > ABSENT_S_MAX:
                    return True
            if now_s - started_s > TAKEN_S_MAX and not told:
                told = True
                self._logger.warning(
                    f"Envoy has not taken its {what}, and what depends on them waits; Envoy's log says why",
                    folder=str(self._folder),
                )
            with self._wake:
                self._wake.wait(_POLL_S)
        return False

    def _is_outdated(self) -> bool:
        return self._ended or self._next is not None

    def _wait_for_change(self) -> Document | None:
        """The next configuration; None when a cluster may go, or at the end."""
        with self._wake:
            if self._next is None and not self._ended:
                due_s = min(self._until_s.values(), default=None)
                self._wake.wait(None if due_s is None else max(0.0, due_s - time.monotonic()))
            document, self._next = self._next, None
            return document

    # --- clusters that are not needed ------------------------------------------------------------------------------

    def _keep(self, wanted: dynamic.EnvoyResources) -> None:
        """The wanted clusters and internal listeners, and for a time those that exist."""
        now_s = time.monotonic()
        self._clusters = {**self._clusters, **wanted.clusters}
        self._internal = {**self._internal, **wanted.internal}
        needed = wanted.clusters.keys() | wanted.internal.keys()
        self._until_s = {
            name: self._until_s.get(name, now_s + self._kept_s)
            for name in (*self._clusters, *self._internal)
            if name not in needed
        }

    def _drop_unneeded(self) -> None:
        now_s = time.monotonic()
        gone = {name for name, until_s in self._until_s.items() if until_s <= now_s}
        if gone:
            self._clusters = {name: cluster for name, cluster in self._clusters.items() if name not in gone}
            self._internal = {name: listener for name, listener in self._internal.items() if name not in gone}
            self._until_s = {name: until_s for name, until_s in self._until_s.items() if name not in gone}
            self._write_clusters()
            if self._listener:
                self._write_listeners(self._listener)

    # --- files -----------------------------------------------------------------------------------------------------

    def _write_secrets(self, wanted: dynamic.EnvoyResources) -> None:
        """Before the listeners that need them: Envoy refuses a listener whose file of a secret is missing."""
        for name, secret in wanted.secrets.items():
            self._write(name, "Where a key is,", "extensions.transport_sockets.tls.v3.Secret", [secret])

    def _write_clusters(self) -> None:
        self._write(dynamic.CLUSTERS, "Clusters", "config.cluster.v3.Cluster", list(self._clusters.values()))

    def _write_routes(self, wanted: dynamic.EnvoyResources) -> None:
        self._write(dynamic.ROUTES, "Routes", "config.route.v3.RouteConfiguration", [wanted.routes])

    def _write_listeners(self, listener: dict[str, Any]) -> None:
        self._listener = listener
        self._write(dynamic.LISTENERS, "Listeners", "config.listener.v3.Listener", [listener, *self._internal.values()])

    def _write(self, name: str, what: str, kind: str, resource_list: list[dict[str, Any]]) -> None:
        """Replace a file in one step, if its content has changed."""
        version = hashlib.sha256(json.dumps(resource_list, sort_keys=True).encode()).hexdigest()[:12]
        if self._written.get(name) != version:
            content = to_yaml(dynamic.response(kind, resource_list, version), _HEADING.format(what=what))
            _replace(self._folder / name, content)
            self._written[name] = version


def _on_disk(file: Path) -> dict[str, dict[str, Any]]:
    """The resources of a predecessor, whose Envoy may still run; none if the file is not there or not ours."""
    try:
        written = yaml.safe_load(file.read_text("utf-8"))
        found = [{key: part for key, part in one.items() if key != "@type"} for one in written["resources"]]
        return {one["name"]: one for one in found}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return {}


def _replace(file: Path, content: str) -> None:
    """Envoy reads a file that is renamed to its name, and never half of it."""
    new = file.with_name(f".{file.name}.new")
    new.write_text(content, "utf-8")
    os.replace(new, file)
