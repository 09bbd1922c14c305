"""Objects of each kind that share traffic between two backends, and the sections that name them."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from extproc.config.rollout_traffic import RolloutTraffic, TrafficKindName
from extproc.ledger.rollouts.kubernetes.objects import KINDS, ReadObject, places_of

Tree = dict[str, Any]


class Example(NamedTuple):
    """A kind. Attributes: trees: its objects as somebody wrote them, all traffic on the stable backend."""

    traffic: RolloutTraffic
    trees: list[Tree]

    def read(self) -> list[ReadObject]:
        """As the API server has them."""
        places = places_of(self.traffic)
        found = [ReadObject(place, copy.deepcopy(tree)) for place, tree in zip(places, self.trees, strict=True)]
        for one in found:
            one.content["metadata"]["resourceVersion"] = "7"
        return found


def _tree(kind: TrafficKindName, name: str, spec: Tree) -> Tree:
    found = KINDS[kind]
    metadata = {"name": name, "namespace": "llm"}
    return {"apiVersion": f"{found.group}/{found.version}", "kind": kind, "metadata": metadata, "spec": spec}


_ROUTE = {
    "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"}],
    "hostnames": ["chat.example.org"],
    "rules": [
        {
            "matches": [{"path": {"type": "PathPrefix", "value": "/v1"}}],
            "filters": [
                {
                    "type": "RequestHeaderModifier",
                    "requestHeaderModifier": {"set": [{"name": "x-mesh", "value": "yes"}]},
                }
            ],
            "backendRefs": [
                {"group": "", "kind": "Service", "name": "vllm-v1", "port": 8000, "weight": 1},
                {"group": "", "kind": "Service", "name": "vllm-v2", "port": 8000, "weight": 0},
            ],
        }
    ],
}
_SERVICE = {
    "hosts": ["chat.example.org"],
    "http": [
        {"match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/v1"}},
        {
            "retries": {"attempts": 0},
            "route": [
                {"destination": {"host": "vllm", "subset": "v1", "port": {"number": 8000}}, "weight": 100},
                {"destination": {"host": "vllm", "subset": "v2", "port": {"number": 8000}}},
            ],
        },
    ],
}


def _of_group(weight: int) -> Tree:
    return {"router": {"route": {"group": "chat", "weight": weight}}}


EXAMPLES: dict[TrafficKindName, Example] = {
    "HTTPRoute": Example(
        RolloutTraffic(kind="HTTPRoute", namespace="llm", name="chat", stable="vllm-v1", canary="vllm-v2"),
        [_tree("HTTPRoute", "chat", _ROUTE)],
    ),
    "LLMInferenceService": Example(
        RolloutTraffic(kind="LLMInferenceService", namespace="llm", stable="chat-v1", canary="chat-v2"),
        [
            _tree("LLMInferenceService", "chat-v2", _of_group(0)),
            _tree("LLMInferenceService", "chat-v1", _of_group(9)),
        ],
    ),
    "VirtualService": Example(
        RolloutTraffic(kind="VirtualService", namespace="llm", name="chat", stable="vllm/v1", canary="vllm/v2"),
        [_tree("VirtualService", "chat", _SERVICE)],
    ),
}
"""One of each kind; a test asks for that."""
