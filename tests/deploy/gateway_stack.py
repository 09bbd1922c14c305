"""A Gateway at work: the real Envoy as Envoy Gateway would have configured it, the processor, and model servers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extproc.demo.installation import Change
from extproc.demo.model_server import ModelServer
from extproc.envoy_config.envoy_gateway.manifests import gateway_objects
from extproc.envoy_config.envoy_gateway.place import GatewayOptions
from extproc.server.operations.config_files import read_config
from tests.deploy.envoy_gateway import gateway_proxy
from tests.deploy.mesh_stack import PROCESSOR, as_services
from tests.e2e.asking import CHAT
from tests.e2e.harness import Answer, Stack

HOST = "llm.example.com"
OPTIONS = GatewayOptions(gateway="infra/public", hosts=(HOST,))

Block = dict[str, Any]


class GatewayStack(Stack):
    """The installation with the proxy of a Gateway in front, whose objects are made for its configuration.

    Args:
        is_shared: the processor is a Service; else it is in Envoy's pod, with a Unix socket.
        without: the kind of objects that were not applied.
        more: edits the configuration further.
    """

    def __init__(
        self,
        directory: Path,
        *,
        is_shared: bool = False,
        with_processor: bool = True,
        models: Mapping[str, ModelServer] | None = None,
        without: str = "",
        more: Change | None = None,
    ) -> None:
        self._is_shared, self._without, self._more = is_shared, without, more
        super().__init__(
            directory,
            models=models,
            change=self._with_services,
            change_envoy=self._in_the_gateway,
            with_processor=with_processor,
        )

    def chat(self, text: str, *options: str, **fields: Any) -> Answer:
        """One chat, at the host of the models."""
        body = {"model": "tiny-chat", "messages": [{"role": "user", "content": text}], **fields}
        return self.curl(CHAT, "-H", f"host: {HOST}", *options, body=body)

    def asked(self) -> dict[str, int]:
        """How often each version was asked."""
        return {name: len(model.seen) for name, model in self.models.items()}

    def _with_services(self, data: Block) -> None:
        as_services(data)
        if self._is_shared:
            data["envoy"]["processor"] = {"address": PROCESSOR}
        else:
            del data["envoy"]["processor"]
        if self._more is not None:
            self._more(data)

    def _in_the_gateway(self, configuration: Block) -> None:
        """The generated proxy is replaced; only its address and the admin page's are kept."""
        document = read_config(self.config).loaded.document
        objects = [each.manifest for each in gateway_objects(document, OPTIONS)]
        objects = [each for each in objects if each["kind"] != self._without]
        address = configuration["static_resources"]["listeners"][0]["address"]
        servers: dict[tuple[str, str, int], list[Block]] = {
            ("llm", f"vllm-{name}", 8000): [{"socket_address": {"address": "127.0.0.1", "port_value": model.port}}]
            for name, model in self.models.items()
        }
        servers["llm", "llm-extproc", 50051] = [{"pipe": {"path": str(self.socket)}}]
        proxy = gateway_proxy(objects, servers)
        proxy["static_resources"]["listeners"][0]["address"] = address
        configuration.update(proxy)
