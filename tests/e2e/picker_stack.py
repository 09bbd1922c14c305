"""The installation with an endpoint picker behind our filter, and a pool of both model servers behind each version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from extproc.demo.installation import Change
from extproc.demo.model_server import ModelServer
from tests.e2e.asking import CHAT
from tests.e2e.endpoint_picker import EndpointPicker
from tests.e2e.harness import Answer, Stack
from tests.e2e.picker_chains import Chain, with_picker

Block = dict[str, Any]


class PickerStack(Stack):
    """The picker itself is ``picker``, which the caller starts.

    Args:
        chain: whose form of a picker in Envoy.
        fails_open: without the picker, requests go on.
        more: edits Envoy's configuration further, after the picker is in it.
    """

    def __init__(
        self,
        directory: Path,
        chain: Chain,
        *,
        fails_open: bool = False,
        change: Change | None = None,
        more: Change | None = None,
    ) -> None:
        models = {name: ModelServer(name, speed=0) for name in ("a", "b")}
        self._chain, self._fails_open, self._more = chain, fails_open, more
        super().__init__(directory, models=models, change=change, change_envoy=self._with_picker)
        self.picker_socket = self.socket.with_name("picker.sock")

    def started_picker(self) -> EndpointPicker:
        """A picker on its socket, to be entered; it picks the second server."""
        picker = EndpointPicker(self.picker_socket)
        picker.pick = self.address("b")
        return picker

    def address(self, server: str) -> str:
        """IP:PORT of a model server."""
        return f"127.0.0.1:{self.models[server].port}"

    def chat(self, text: str, *options: str, version: str = "v1", **fields: Any) -> Answer:
        """One chat with a version."""
        body = {"model": "tiny-chat", "messages": [{"role": "user", "content": text}], **fields}
        return self.curl(CHAT, "-H", f"x-model-version: {version}", *options, body=body)

    def asked(self) -> dict[str, int]:
        """How often each server was asked."""
        return {name: len(model.seen) for name, model in self.models.items()}

    def prompt(self, version: str) -> str:
        """The system prompt of a version."""
        return (self.prompts / f"{version}.txt").read_text().rstrip("\n")

    def _with_picker(self, configuration: Block) -> None:
        ports = {name: model.port for name, model in self.models.items()}
        with_picker(self._chain, self.picker_socket, ports, fails_open=self._fails_open)(configuration)
        if self._more is not None:
            self._more(configuration)
