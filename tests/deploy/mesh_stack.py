"""A proxy of a mesh at work: the real Envoy as Istio would have configured it, the processor, and model servers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extproc.demo.installation import Change
from extproc.demo.model_server import ModelServer
from extproc.envoy_config.istio.manifests import mesh_objects
from extproc.envoy_config.istio.mesh import MeshOptions, MeshPlace
from extproc.server.operations.config_files import read_config
from tests.deploy.manifests import Manifest, one
from tests.deploy.mesh_proxies import proxy
from tests.deploy.pilot_tracing import COLLECTOR
from tests.e2e.harness import Answer, Stack, free_ports

NAMESPACE = "llm"
PROCESSOR_HOST = f"llm-extproc.{NAMESPACE}.svc.cluster.local"
PROCESSOR = f"{PROCESSOR_HOST}:50051"
PROCESSOR_CLUSTER = f"outbound|50051||{PROCESSOR_HOST}"
CHAT = "/v1/chat/completions"
OPTIONS = {
    MeshPlace.GATEWAY: MeshOptions(gateway="istio-ingress/public"),
    MeshPlace.SIDECAR: MeshOptions(namespace="apps"),
    MeshPlace.WAYPOINT: MeshOptions(),
}

Block = dict[str, Any]


def server_host(version: str) -> str:
    """Host of the Service of a version's model server."""
    return f"vllm-{version}.{NAMESPACE}.svc.cluster.local"


def as_services(data: Block) -> None:
    """The demo's configuration, with Services in place of addresses, and a shared processor."""
    for name, version in data["models"]["tiny-chat"]["versions"].items():
        version["endpoints"] = [f"{server_host(name)}:8000"]
    data["envoy"]["processor"] = {"address": PROCESSOR}


class MeshStack(Stack):
    """The installation with the proxy of a place in front, whose objects are made for its configuration.

    Args:
        is_shared: the processor is a Service; else it is in the pod of the proxy.
        down: a version whose model server is not there, and in whose place the other one answers.
        more: edits the configuration further.
        without: the kind of patches that Istio has left out.
        envoy_filter: in place of the one that `extproc envoy-config` prints, which then leaves it out.
        routes: ``http`` of the VirtualService, in place of ours.
        collector_port: where spans go; None: the mesh has no tracing.
    """

    def __init__(
        self,
        directory: Path,
        place: MeshPlace,
        *,
        is_shared: bool = True,
        with_processor: bool = True,
        down: str | None = None,
        models: Mapping[str, ModelServer] | None = None,
        more: Change | None = None,
        without: str | None = None,
        envoy_filter: Manifest | None = None,
        routes: list[Block] | None = None,
        collector_port: int | None = None,
    ) -> None:
        self.place = place
        self._envoy_filter = envoy_filter
        self._routes = routes
        self._is_shared = is_shared
        self._down = down
        self._more = more
        self._without = without
        self._collector_port = collector_port
        super().__init__(
            directory,
            models=models,
            change=self._mesh,
            change_envoy=self._in_the_mesh,
            with_processor=with_processor,
        )

    def chat(self, text: str, *options: str, **fields: Any) -> Answer:
        """One chat, with the name of a Service where clients use that."""
        body = {"model": "tiny-chat", "messages": [{"role": "user", "content": text}], **fields}
        host = ("-H", f"host: {server_host('v1')}:8000") if self.place is not MeshPlace.GATEWAY else ()
        return self.curl(CHAT, *host, *options, body=body)

    def _mesh(self, data: Block) -> None:
        as_services(data)
        if not self._is_shared:
            del data["envoy"]["processor"]
        if self._down is not None:
            data["models"]["tiny-chat"]["fallback"] = {"to": ["v1", "v2"]}
        if self._more is not None:
            self._more(data)

    def _in_the_mesh(self, configuration: Block) -> None:
        """The generated proxy is replaced by the mesh's; only its address and the admin page's are kept."""
        document = read_config(self.config).loaded.document
        has_tracing = self._collector_port is not None
        options = OPTIONS[self.place]._replace(without_filter=self._envoy_filter is not None, telemetry=has_tracing)
        objects = [each.manifest for each in mesh_objects(document, self.place, options)]
        objects += [copy.deepcopy(self._envoy_filter)] if self._envoy_filter is not None else []
        (refused,) = free_ports(1)
        ports = {name: refused if name == self._down else model.port for name, model in self.models.items()}
        if self._routes is not None:
            one(objects, "VirtualService")["spec"]["http"] = self._routes
        spec = one(objects, "EnvoyFilter")["spec"]
        spec["configPatches"] = [each for each in spec["configPatches"] if each["applyTo"] != self._without]
        servers = {
            (server_host(name), 8000): {"socket_address": {"address": "127.0.0.1", "port_value": port}}
            for name, port in ports.items()
        }
        others: dict[str, Block] = {}
        if self._is_shared:
            others[PROCESSOR_CLUSTER] = {"pipe": {"path": str(self.socket)}}
        if has_tracing:
            others[COLLECTOR] = {"socket_address": {"address": "127.0.0.1", "port_value": self._collector_port}}
        mesh = proxy(self.place, objects, servers, others)
        listeners = mesh["static_resources"]["listeners"]
        listeners[0]["address"] = configuration["static_resources"]["listeners"][0]["address"]
        for listener in listeners[1:]:
            if "address" in listener:  # another port of the pod, which nobody asks here
                listener["address"]["socket_address"]["port_value"] = 0
        configuration.update(mesh)
