"""The section `rollouts[].traffic`: a mesh shares the traffic between both versions, by the weights of its object.

Without it the filter `version` chooses. With it the processors are next to the model servers, in role `guard`, and know
the arm of an exchange by the version that they serve.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from extproc.config.problems import KeyPath, Places, Problem, shown
from extproc.config.section import Section

TrafficKindName = Literal["HTTPRoute", "LLMInferenceService", "VirtualService"]
_OF_SUBSETS: Final = "VirtualService"
_OF_TWO_OBJECTS: Final = "LLMInferenceService"
_BACKENDS: Final = {
    "HTTPRoute": "Write the `name` of a backendRef.",
    "LLMInferenceService": "Write the name of the version's object.",
}
# Labels and names of RFC 1123, as the API server takes them.
NamespaceName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63),
    Field(
        json_schema_extra={
            "patternErrorMessage": "a namespace: 1 to 63 lower-case letters, digits or `-`, `-` neither first nor last"
        }
    ),
]
ObjectName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253),
    Field(
        json_schema_extra={
            "patternErrorMessage": (
                "the name of an object: 1 to 253 lower-case letters, digits, `-` or `.`, the first and last a letter "
                "or digit"
            )
        }
    ),
]
BackendName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(/[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?)?$"),
    Field(
        max_length=317,
        json_schema_extra={
            "patternErrorMessage": "the name of a service, or HOST/SUBSET of a VirtualService, such as `vllm/v2`"
        },
    ),
]


class RolloutTraffic(Section):
    """The object of Kubernetes whose weights share the traffic. Its weights are written by server-side apply."""

    kind: TrafficKindName = Field(description="of the object")
    namespace: NamespaceName = Field(description="of the object")
    name: ObjectName | None = Field(
        default=None, description="of the object; none for LLMInferenceService, which has one for each version"
    )
    stable: BackendName = Field(
        description="the backend of the stable version: HTTPRoute: `name` of a backendRef. VirtualService: HOST or "
        "HOST/SUBSET of a destination. LLMInferenceService: name of the object"
    )
    canary: BackendName = Field(description="likewise of the canary")

    take_over: bool = Field(
        default=False,
        description="takes over the field that has the weights from who manages it, once, when a rollout begins. "
        "false: it waits until nobody else manages it",
    )

    @property
    def names(self) -> tuple[str, ...]:
        """Of the objects that have the weights; the canary's first where there are two."""
        return (self.canary, self.stable) if self.name is None else (self.name,)


def traffic_problems(traffic: RolloutTraffic, at: KeyPath, places: Places) -> Iterator[Problem]:
    """What does not fit the kind of the object."""
    if traffic.kind == _OF_TWO_OBJECTS and traffic.name is not None:
        hint = "Remove it: `stable` and `canary` name the two objects."
        yield places.problem((*at, "name"), f"{_OF_TWO_OBJECTS} has one object for each version", hint=hint)
    if traffic.kind != _OF_TWO_OBJECTS and traffic.name is None:
        hint = f"Name the {traffic.kind} that has both backends."
        yield places.problem((*at, "name"), "missing: the object that has the weights", hint=hint)
    for key in ("stable", "canary"):
        backend = getattr(traffic, key)
        if "/" in backend and traffic.kind != _OF_SUBSETS:
            found = f"{shown(backend)} has a subset, which only {_OF_SUBSETS} knows"
            yield places.problem((*at, key), found, hint=_BACKENDS[traffic.kind])
    if traffic.stable == traffic.canary:
        hint = "Each version has a backend of its own, or none could have a share."
        yield places.problem((*at, "canary"), f"{shown(traffic.canary)} is the stable backend too", hint=hint)
