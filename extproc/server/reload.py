"""Hot reload: files are looked at, a good new configuration takes the old one's place, a bad one changes nothing and is told.

Files are compared by where they really are, their time and their size, so that a ConfigMap's symlink swap is a change like any other.
Running exchanges keep the snapshot they began with.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from extproc.config.problems import ConfigInvalid
from extproc.exchange.snapshot import Snapshot, compile_snapshot
from extproc.server.config_files import ConfigFiles, read_config, signature, watched_files
from extproc.server.health import Health
from extproc.server.processor import Processor
from extproc.sinks.metrics import Metrics


class Reloader:
    """Watches one configuration file and the prompts it names."""

    def __init__(
        self, file: Path, first: ConfigFiles, processor: Processor, health: Health, metrics: Metrics, logger: Any
    ) -> None:
        self._file = file
        self._files = watched_files(file, first.prompts)
        self._seen = signature(self._files)
        self._interval_s = first.loaded.document.server.reload_interval_ms / 1_000
        self._processor = processor
        self._health = health
        self._metrics = metrics
        self._logger = logger

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self._interval_s)
            await self.look()

    async def look(self) -> None:
        """Look once, and reload if a file has changed. Reading and compiling are done off the event loop."""
        seen = await asyncio.to_thread(signature, self._files)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            files, snapshot = await asyncio.to_thread(_load, self._file)
        except ConfigInvalid as invalid:
            self._refuse("\n".join(str(problem) for problem in invalid.problems))
            return
        except Exception as error:
            self._refuse(f"{self._file}: cannot be used ({type(error).__name__}): a fault of llm-extproc, please report it")
            return
        self._files = watched_files(self._file, files.prompts)
        self._seen = await asyncio.to_thread(signature, self._files)
        self._accept(snapshot)

    def _accept(self, snapshot: Snapshot) -> None:
        before, self._processor.snapshot = self._processor.snapshot, snapshot
        self._health.revision, self._health.config_error = snapshot.revision, ""
        self._metrics.reloaded("ok")
        self._metrics.revision(snapshot.revision)
        self._logger.info("configuration loaded", revision=snapshot.revision, before=before.revision)

    def _refuse(self, problem: str) -> None:
        self._health.config_error = problem
        self._metrics.reloaded("invalid")
        self._logger.error(
            "configuration refused, the last good one stays in force", problem=problem, revision=self._processor.snapshot.revision
        )


def _load(file: Path) -> tuple[ConfigFiles, Snapshot]:
    files = read_config(file)
    return files, compile_snapshot(files.loaded.document, files.prompts)
