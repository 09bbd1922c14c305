"""``extproc serve`` as a process on a Unix socket, with what it writes and shows."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from grpc import aio
from prometheus_client.parser import text_string_to_metric_families

from extproc.demo.processor_process import ProcessorProcess
from extproc.server.sockets.free_ports import free_ports
from tests.hangs import HANG_S
from tests.json_lines import json_lines
from tests.unit.server.envoy import CONFIG, write_config

ROOT = Path(__file__).parents[3]


class Process:
    """The process, and a client's streams to it."""

    def __init__(self, folder: Path, **sections: Any) -> None:
        self.socket = folder / "extproc.sock"
        (port,) = free_ports(1)
        self.metrics = f"127.0.0.1:{port}"
        server = {"listen": f"unix:{self.socket}", "metrics": self.metrics, **sections.pop("server", {})}
        self.config = CONFIG + "".join(
            f"{name}: {json.dumps(value)}\n" for name, value in {"server": server, **sections}.items()
        )
        self.file = write_config(folder, self.config)
        self.log = folder / "processor.log"
        self.processor = ProcessorProcess(self.file, self.metrics, self.log)

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """What it wrote, to either stream; of one event, or all."""
        return [line for line in json_lines(self.log) if event in ("", line["event"])]

    def readiness(self) -> tuple[int, dict[str, Any]]:
        """Status and detail of the page."""
        try:
            return 200, json.loads(self.processor.page("/readyz"))
        except HTTPError as error:
            return error.code, json.loads(error.read())

    def metric(self, name: str, **labels: str) -> float:
        """What its page shows now, as by ``sum_of``."""
        return sum_of(self.processor.page("/metrics"), name, **labels)

    def channel(self, suffix: str = "") -> aio.Channel:
        """A connection of its own; ``suffix`` is that of a worker's socket."""
        return aio.insecure_channel(f"unix:{self.socket}{suffix}", options=[("grpc.use_local_subchannel_pool", 1)])

    async def ended(self) -> int:
        """The exit code, when there is one."""
        return await asyncio.to_thread(self.processor.wait)


async def later(condition: Callable[[], object]) -> None:
    """Wait for what is asked of another process, which needs the time that asking takes."""
    while not await asyncio.to_thread(condition):
        await asyncio.sleep(0.02)


def sum_of(page: str, name: str, **labels: str) -> float:
    """Sum of the samples of that name whose labels include ``labels``."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a short path, since that of a socket may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="llm-") as folder:
        yield Path(folder)


def start(folder: Path, **sections: Any) -> Process:
    """A process that is ready."""
    process = Process(folder, **sections)
    process.processor.start()
    return process


def run(file: Path) -> subprocess.CompletedProcess[str]:
    """The command, for a case in which it ends by itself."""
    command = [sys.executable, "-m", "extproc", "serve", "--config", str(file)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG_S)
