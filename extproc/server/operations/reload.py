"""Hot reload: a valid new configuration replaces the old one; an invalid one changes nothing and is reported.

Running exchanges keep the snapshot they started with. Whatever is opened or sized at startup (addresses, the log, label
limits) stays as it is, and changes of it are reported too.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Protocol

from extproc.config.document import Document, Limits
from extproc.config.identity import identity_in_words
from extproc.config.models import revised
from extproc.config.problems import ConfigInvalid
from extproc.exchange.snapshot import Snapshot, compile_snapshot
from extproc.server.operations.config_files import ConfigFiles, ConfigReader
from extproc.server.operations.config_in_force import ConfigInForce
from extproc.server.operations.health import Health
from extproc.server.operations.process import in_own_thread, return_free_memory
from extproc.server.operations.rollout_log import tell_rollouts
from extproc.server.sockets.certificates import Certificates, validities
from extproc.server.sockets.tls import Tls
from extproc.sinks.metrics import Metrics

READ_S_MAX = 10.0
"""How long checking and reading the files may take before it is reported."""
_UNREAD = (
    f"the configuration, or a file that it names, could not be read in {READ_S_MAX:g} seconds. Check that the file"
    " system responds, and that each of them is a plain file."
)

_OTEL_RELOADED = frozenset({"forward", "ratio", "texts"})
"""Keys of `otel` that new exchanges follow at once."""

Distribute = Callable[[ConfigInForce], Awaitable[None]]


class Holder(Protocol):
    """The owner of the configuration in force."""

    snapshot: Snapshot


class Reloader:
    """Watches one configuration file, and the prompts and certificates it names.

    Args:
        distribute: applies a new configuration elsewhere too, before it is logged here.
        accepted: is told each new configuration that is in force, with its prompts.
        asked: set to read the files at once, whether they have changed or not.
    """

    def __init__(
        self,
        reader: ConfigReader,
        started_with: Document,
        processor: Holder,
        health: Health,
        metrics: Metrics,
        logger: Any,
        tls: Tls | None = None,
        distribute: Distribute | None = None,
        accepted: Callable[[Document, Mapping[str, str]], None] = lambda *_: None,
        asked: asyncio.Event | None = None,
    ) -> None:
        self._reader = reader
        self._started_with = started_with
        self._interval_s = started_with.server.reload_interval_ms / 1_000
        self._processor = processor
        self._health = health
        self._metrics = metrics
        self._logger = logger
        self._tls = tls
        self._distribute = distribute
        self._accepted = accepted
        self._asked = asked or asyncio.Event()
        metrics.reload_successful.set_function(lambda: float(not health.config_error))
        self._show_certificates()

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._interval_s)
            await self.look()

    async def look(self) -> None:
        """Poll once, and reload if a file has changed or somebody asks. Reads and compiles off the event loop."""
        try:
            await self._look()
        except Exception as error:
            fault = type(error).__name__
            self._refuse(f"the configuration cannot be used ({fault}): a bug in llm-extproc, please report it")
        self._report_store()

    async def _look(self) -> None:
        try:
            loaded = await self._loaded()
            if loaded is not None and self._distribute is not None:
                await self._distribute(_to_distribute(self._started_with, loaded[0]))
        except ConfigInvalid as invalid:
            self._refuse("\n".join(str(problem) for problem in invalid.problems))
            await self._use_other_rollouts()
        else:
            if loaded is not None:
                self._accept(*loaded)

    def _report_store(self) -> None:
        """Tell what became of requests to the prompt store; a problem once, and when it is over."""
        store = self._reader.store
        if store is None:
            return
        for result, times in store.take_counts().items():
            self._metrics.prompt_store_asked(result, times)
        problem, before = store.problem, self._health.prompt_store_error
        if bool(problem) != bool(before):
            if problem:
                self._logger.warning("the prompt store fails, the last good prompts stay in force", problem=problem)
            else:
                self._logger.info("the prompt store answers again")
        self._health.prompt_store_error = problem

    async def _loaded(self) -> tuple[ConfigFiles, Snapshot] | None:
        """Load what has changed; reports a file system that does not respond, and waits for it."""
        before = self._health.config_error
        loading = asyncio.ensure_future(in_own_thread(self._load_if_changed))
        try:
            _, late = await asyncio.wait((loading,), timeout=READ_S_MAX)
            if late:
                self._refuse(_UNREAD)
            loaded = await loading
        finally:
            loading.cancel()
        if late and loaded is None:
            self._health.config_error = before
        return loaded

    def _load_if_changed(self) -> tuple[ConfigFiles, Snapshot] | None:
        if not self._reader.changed() and not self._asked.is_set():
            return None
        self._reader.wait_until_settled()
        self._asked.clear()
        files = self._reader.read()
        return files, _compiled(files)

    async def _use_other_rollouts(self) -> None:
        """A rollout goes on, or back, whatever is wrong with the configuration."""
        files = self._reader.with_other_rollouts(self._processor.snapshot.rollouts)
        if files is None:
            return
        snapshot = await in_own_thread(functools.partial(_compiled, files))
        if self._distribute is not None:
            await self._distribute(_to_distribute(self._started_with, files))
        before, self._processor.snapshot = self._processor.snapshot, snapshot
        self._metrics.in_force(snapshot.revision, snapshot.weights)
        tell_rollouts(before, snapshot, self._logger)

    def _accept(self, files: ConfigFiles, snapshot: Snapshot) -> None:
        before, self._processor.snapshot = self._processor.snapshot, snapshot
        health, logger = self._health, self._logger
        health.revision, health.config_error = snapshot.revision, ""
        health.restart_needed = list(restart_needed(self._started_with, files.loaded.document))
        health.identity = identity_in_words(files.loaded.document.identity)
        self._accepted(files.loaded.document, files.prompts)
        self._metrics.reloaded("ok")
        versions = snapshot.versions
        self._metrics.in_force(snapshot.revision, snapshot.weights)
        for warning in files.loaded.warnings:
            logger.warning("configuration", problem=str(warning))
        logger.info(
            "configuration loaded", revision=snapshot.revision, before=before.revision, identity=health.identity
        )
        for version in revised(before.versions, versions):
            logger.info("version revised", **version._asdict())
        tell_rollouts(before, snapshot, logger)
        certificates = renewed_certificates(self._started_with, files)
        if self._tls is not None and certificates is not None and self._tls.use(certificates):
            logger.info("certificates replaced, new connections use them")
            self._show_certificates()
        if health.restart_needed:
            logger.warning("configuration change needs a restart to take full effect", keys=health.restart_needed)

    def _show_certificates(self) -> None:
        if self._tls is not None:
            self._metrics.certificates_in_use(validities(self._tls.certificates))

    def _refuse(self, problem: str) -> None:
        self._health.config_error = problem
        self._metrics.reloaded("invalid")
        self._logger.error(
            "configuration rejected, the last good one stays in force",
            problem=problem,
            revision=self._processor.snapshot.revision,
        )


def _compiled(files: ConfigFiles) -> Snapshot:
    snapshot = compile_snapshot(files.loaded.document, files.prompts, files.mask_keys, files.rollouts)
    return_free_memory()
    return snapshot


def _to_distribute(started_with: Document, files: ConfigFiles) -> ConfigInForce:
    certificates = renewed_certificates(started_with, files)
    return ConfigInForce(files.loaded.document, files.prompts, certificates, files.mask_keys, files.rollouts)


def restart_needed(started_with: Document, new: Document) -> Iterator[str]:
    """The keys of a new document that only take effect after a restart."""
    for name in ("server", "log"):
        old_section, new_section = getattr(started_with, name), getattr(new, name)
        for key in type(old_section).model_fields:
            if getattr(old_section, key) != getattr(new_section, key):
                yield f"{name}.{key}"
    if started_with.identity.label_values_max != new.identity.label_values_max:
        yield "identity.label_values_max"
    if started_with.otel is None or new.otel is None:
        if started_with.otel != new.otel:
            yield "otel"
    else:
        for key in type(new.otel).model_fields:
            if key not in _OTEL_RELOADED and getattr(started_with.otel, key) != getattr(new.otel, key):
                yield f"otel.{key}"
    if started_with.feedback is None or new.feedback is None:
        if started_with.feedback != new.feedback:
            yield "feedback"
    elif started_with.feedback.exchanges_max != new.feedback.exchanges_max:
        yield "feedback.exchanges_max"
    for name in ("review", "ledger"):
        if getattr(started_with, name) != getattr(new, name):
            yield name
    if message_bytes_max(new.limits) > message_bytes_max(started_with.limits):
        yield "limits"


def renewed_certificates(started_with: Document, files: ConfigFiles) -> Certificates | None:
    """The new certificates to serve with, or None: other paths need a restart.

    So whether client certificates are required never changes at run time.
    """
    return files.certificates if files.loaded.document.server.tls == started_with.server.tls else None


def message_bytes_max(limits: Limits) -> int:
    """Largest body in one message from Envoy. [bytes]"""
    return max(limits.request_body_bytes_max, limits.response_body_bytes_max)
