"""A complete installation on free loopback ports and without root: model servers, processor, and a real Envoy.

It starts from the demo's configuration, whose Envoy configuration ships as ``envoy/demo.yaml``; only addresses differ.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

from prometheus_client.parser import text_string_to_metric_families

from extproc.config.document import Document
from extproc.demo.model_server import ModelServer
from extproc.demo.processor_process import ProcessorProcess
from extproc.envoy_config.dynamic import bootstrap_of
from extproc.envoy_config.envoy_process import EnvoyProcess
from extproc.server.operations.config_files import read_config
from extproc.server.sockets.free_ports import free_ports

DEMO_CONFIG: Final = Path(__file__).parent / "config.yaml"
LOOPBACK: Final = "127.0.0.1"
TRANSPORT_VARIABLE: Final = "EXTPROC_DEMO_TRANSPORT"  # grpc or fast; the test suite runs on both
SPEED_VARIABLE: Final = "EXTPROC_DEMO_SPEED"  # of the models, relative to the recordings; tests wait less

Change = Callable[[dict[str, Any]], None]


def samples_in(page: str, name: str) -> Iterator[tuple[dict[str, str], float]]:
    """Labels and value of each sample with that name; the rest of the page is not parsed, which takes far longer."""
    lines = [line for line in page.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
    for family in text_string_to_metric_families("\n".join(lines)):
        for sample in family.samples:
            yield sample.labels, sample.value


class Installation:
    """A context manager that starts the parts in order and stops them.

    Args:
        directory: for configurations and logs; must exist.
        models: model servers by version, not started yet; empty if ``change`` names others.
        change: edits the configuration (plain data) before it is written.
        change_envoy: edits Envoy's bootstrap configuration.
        with_processor: False leaves the socket to the caller.
        port: where Envoy listens; None: a free one.
    """

    def __init__(
        self,
        directory: Path,
        models: Mapping[str, ModelServer],
        *,
        change: Change | None = None,
        change_envoy: Change | None = None,
        with_processor: bool = True,
        port: int | None = None,
    ) -> None:
        self.models = dict(models)
        self.directory = directory
        self.change = change
        self._change_envoy = change_envoy
        self._with_processor = with_processor
        # separate, since a socket path is limited to 107 bytes, and temporary directories may have long paths
        self._sockets = Path(tempfile.mkdtemp(prefix="llm-"))
        self.socket = self._sockets / "extproc.sock"
        self.has_port = port is not None
        self._has_ledger = False
        free, self._admin, self._metrics = free_ports(3)
        self._listen = port or free
        self.config = directory / "llm-extproc.json"
        self.prompts = directory / "prompts"
        self.processor = ProcessorProcess(self.config, f"{LOOPBACK}:{self._metrics}", directory / "processor.log")
        self.envoy: EnvoyProcess

    @property
    def base_url(self) -> str:
        """Base URL for clients, without a path."""
        return f"http://{LOOPBACK}:{self._listen}"

    @property
    def metrics_url(self) -> str:
        """The metrics page."""
        return f"http://{LOOPBACK}:{self._metrics}/metrics"

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            undo.callback(self._end)
            for model in self.models.values():
                undo.enter_context(model)
            configuration = bootstrap_of(self.write_config(self.change))
            if self._change_envoy is not None:
                self._change_envoy(configuration)
            self.envoy = EnvoyProcess(configuration, self.directory)
            if self._with_processor:
                self.processor.start()
            undo.enter_context(self.envoy)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def write_config(self, change: Change | None) -> Document:
        """Write the configuration atomically, like an editor or a ConfigMap does; a running processor reloads it.

        Returns: the document, read back.
        """
        if not self.prompts.exists():
            shutil.copytree(DEMO_CONFIG.parent / "prompts", self.prompts)
        data = read_config(DEMO_CONFIG).loaded.document.model_dump(mode="json", exclude_unset=True)
        data["server"] = {"listen": f"unix:{self.socket}", "metrics": f"{LOOPBACK}:{self._metrics}"}
        data["envoy"] = {"listen": f"{LOOPBACK}:{self._listen}", "admin": f"{LOOPBACK}:{self._admin}"}
        for name, version in data["models"]["tiny-chat"]["versions"].items():
            if name in self.models:
                version["endpoints"] = [f"{LOOPBACK}:{self.models[name].port}"]
            if "prompt" in version:
                version["prompt"]["file"] = str(self.directory / version["prompt"]["file"])
        for guard in (guard for policy in data["policies"] for guard in policy["guards"]):
            if "file" in guard:
                guard["file"] = str(DEMO_CONFIG.parent / guard["file"])
        if transport := os.environ.get(TRANSPORT_VARIABLE):
            data["server"]["transport"] = transport
        if change is not None:
            change(data)
        self._has_ledger = "ledger" in data
        written = self.config.with_suffix(".new")
        written.write_text(json.dumps(data, indent=1))  # JSON is YAML without ambiguous scalars
        os.replace(written, self.config)
        return read_config(self.config).loaded.document

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples with that name whose labels include ``labels``; 0 if there are none."""
        return sum(value for _, value in self.samples(name, **labels))

    def samples(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each sample with that name whose labels include ``labels``."""
        return [
            (found, value)
            for found, value in samples_in(self.processor.page("/metrics"), name)
            if labels.items() <= found.items()
        ]

    def _end(self) -> None:
        if self._has_ledger:  # its shipper ends with it, before the folder goes
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.processor.stop()
        self.processor.kill()
        shutil.rmtree(self._sockets, ignore_errors=True)
