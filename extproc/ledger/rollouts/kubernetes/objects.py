"""The kinds of objects that share traffic by weights: what a share is in them, and the smallest apply that sets it.

In HTTPRoute and VirtualService the lists that hold weights are atomic: their CRDs declare it, or leave it to the
default of custom resources. So an apply owns the whole list, and has to repeat it. LLMInferenceService has a number of
its own in each of two objects; an apply owns nothing but that number.

Sources: Gateway API 1.6, Istio 1.31 and KServe's CRDs; docs/decisions/0057.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from extproc.config.rollout_traffic import RolloutTraffic, TrafficKindName

ObjectTree = dict[str, Any]
FIELD_MANAGER: Final = "llm-extproc"
WEIGHT_SUM: Final = 100
"""Of both backends: shares are whole percents."""
_SHARE_ERROR_MAX: Final = 1e-6


class WeightsUnusable(ValueError):
    """An object in which no share can be kept. The message is a sentence without a full stop: what is there, and what
    to change.
    """


class TrafficFailed(Exception):
    """An object cannot be read or written. The message is for the person who must act, in sentences.

    Attributes: moved: only because somebody else changed it since it was read, so it is to be read again.
    """

    def __init__(self, problem: str, moved: bool = False) -> None:
        super().__init__(problem)
        self.moved = moved


class ObjectPlace(NamedTuple):
    """Where an object is: what its address has."""

    group: str
    version: str
    plural: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def resource(self) -> str:
        """As a Role names it."""
        return f"{self.plural}.{self.group}"


class ReadObject(NamedTuple):
    """An object, as the API server had it. Attributes: content: the whole."""

    place: ObjectPlace
    content: ObjectTree


class ObjectApply(NamedTuple):
    """The body of one server-side apply; it has the version of the object that it was made from, as a precondition."""

    place: ObjectPlace
    body: ObjectTree


class TrafficKind(NamedTuple):
    """A kind of objects with weights.

    Attributes:
        owns: the field that an apply takes over, as messages name it.
        share_in: the canary's share in objects; None: they have no single one. Raises: WeightsUnusable.
        applied: from objects and the canary's weight of ``WEIGHT_SUM``, what is applied in turn. Raises:
            WeightsUnusable.
    """

    group: str
    version: str
    plural: str
    owns: str
    share_in: Callable[[RolloutTraffic, list[ObjectTree]], float | None]
    applied: Callable[[RolloutTraffic, list[ObjectTree], int], list[ObjectTree]]


def places_of(traffic: RolloutTraffic) -> tuple[ObjectPlace, ...]:
    """The objects that have the weights."""
    kind = KINDS[traffic.kind]
    where = kind.group, kind.version, kind.plural, traffic.kind, traffic.namespace
    return tuple(ObjectPlace(*where, name) for name in traffic.names)


def share_in(traffic: RolloutTraffic, objects: list[ReadObject]) -> float | None:
    """The canary's share, from 0 to 1; None: the objects have no single one. Raises: WeightsUnusable.

    Args: objects: of ``places_of``, in their order.
    """
    return KINDS[traffic.kind].share_in(traffic, [one.content for one in objects])


def applied(traffic: RolloutTraffic, objects: list[ReadObject], share: float) -> list[ObjectApply]:
    """What sets a share, to be applied in this order. Raises: WeightsUnusable.

    Args: objects: as for ``share_in``; share: of the canary, a whole number of percents.
    """
    trees = [one.content for one in objects]
    _check_managed(KINDS[traffic.kind].owns, objects)
    bodies = KINDS[traffic.kind].applied(traffic, trees, round(WEIGHT_SUM * share))
    return [ObjectApply(one.place, _whole(one, body)) for one, body in zip(objects, bodies, strict=True)]


def _check_managed(owns: str, objects: list[ReadObject]) -> None:
    """Raises: WeightsUnusable: an apply would remove what was applied under our name before."""
    for one in objects:
        for entry in one.content["metadata"].get("managedFields") or ():
            if (entry.get("manager"), entry.get("operation")) != (FIELD_MANAGER, "Apply"):
                continue
            more = set(_leaves(entry.get("fieldsV1"))) - {owns}
            if more:
                raise WeightsUnusable(
                    f"{FIELD_MANAGER} has applied {min(more)} of {one.place} too, which would be removed; apply the "
                    "object under another field manager"
                )


def _leaves(fields: Any, at: str = "") -> Iterator[str]:
    """Paths of what is managed; below the field of the weights nothing is, as it is one."""
    below = {key: value for key, value in (fields or {}).items() if key.startswith("f:")}
    if not below and at:
        yield at
    for key, value in below.items():
        name = key.removeprefix("f:")
        yield from _leaves(value, f"{at}.{name}" if at else name)


def is_same(one: float | None, other: float | None) -> bool:
    """Whether two shares are the same, but for the last digits of a quotient."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, abs_tol=_SHARE_ERROR_MAX)


def others_who_manage(traffic: RolloutTraffic, objects: list[ReadObject]) -> list[str]:
    """Who else manages the field that has the weights, by what the API server notes."""
    path = [f"f:{key}" for key in KINDS[traffic.kind].owns.split(".")]
    found = {
        str(entry.get("manager", ""))
        for one in objects
        for entry in one.content["metadata"].get("managedFields") or ()
        if _has(entry.get("fieldsV1"), path)
    }
    return sorted(found - {FIELD_MANAGER, ""})


def _has(fields: Any, path: list[str]) -> bool:
    for key in path:
        if not isinstance(fields, dict) or key not in fields:
            return False
        fields = fields[key]
    return True


def share_between(traffic: RolloutTraffic, before: float, after: float) -> float | None:
    """The share while one of two objects is written and the other is not; None: there is one object only."""
    if len(traffic.names) == 1:
        return None
    canary, stable = after, 1 - before
    return canary / (canary + stable) if canary + stable else None


def _whole(one: ReadObject, spec: ObjectTree) -> ObjectTree:
    place, metadata = one.place, one.content["metadata"]
    return {
        "apiVersion": f"{place.group}/{place.version}",
        "kind": place.kind,
        "metadata": {
            "name": place.name,
            "namespace": place.namespace,
            "resourceVersion": metadata["resourceVersion"],
        },
        "spec": spec,
    }


# --- routes: one object, with both backends in a rule --------------------------------------------------------------


class _Rules(NamedTuple):
    """Where a route has its weights. Attributes: weight: of a backend that has none of its own."""

    rules: str
    backends: str
    name_of: Callable[[ObjectTree], str]
    weight: int

    def share_in(self, traffic: RolloutTraffic, trees: list[ObjectTree]) -> float | None:
        shares = {self._share_of(canary, stable) for canary, stable in self._pairs(traffic, trees[0])}
        return shares.pop() if len(shares) == 1 else None

    def applied(self, traffic: RolloutTraffic, trees: list[ObjectTree], percent: int) -> list[ObjectTree]:
        tree = copy.deepcopy(trees[0])
        for canary, stable in self._pairs(traffic, tree):
            canary["weight"], stable["weight"] = percent, WEIGHT_SUM - percent
        return [{self.rules: tree["spec"][self.rules]}]

    def _share_of(self, canary: ObjectTree, stable: ObjectTree) -> float | None:
        weight, other = (_weight(one, self.weight) for one in (canary, stable))
        return weight / (weight + other) if weight + other else None

    def _pairs(self, traffic: RolloutTraffic, tree: ObjectTree) -> Iterator[tuple[ObjectTree, ObjectTree]]:
        """Canary and stable backend of each rule that has them. Raises: WeightsUnusable."""
        found = 0
        for number, rule in enumerate(tree["spec"].get(self.rules) or ()):
            backends = rule.get(self.backends) or ()
            by_name = {self.name_of(one): one for one in backends}
            both = [name for name in (traffic.canary, traffic.stable) if name in by_name]
            if not both:
                continue
            where = f"spec.{self.rules}[{number}]"
            if len(both) == 1:
                raise WeightsUnusable(
                    f"{where} has {both[0]} alone, so its exchanges would be compared though no chance shared them; "
                    "give it both backends, or remove it while the rollout runs"
                )
            others = [name for name, one in by_name.items() if name not in both and _weight(one, self.weight)]
            if others or len(by_name) < len(backends):
                raise WeightsUnusable(
                    f"{where} has other backends with traffic; leave {' and '.join(both)} there alone"
                )
            found += 1
            yield by_name[traffic.canary], by_name[traffic.stable]
        if not found:
            raise WeightsUnusable(
                f"no rule has {traffic.stable} and {traffic.canary}; add both to a rule, the canary with weight 0"
            )


def _destination(route: ObjectTree) -> str:
    """HOST or HOST/SUBSET."""
    found = route.get("destination") or {}
    host, subset = found.get("host", ""), found.get("subset")
    return f"{host}/{subset}" if subset else str(host)


def _weight(backend: ObjectTree, default: int) -> int:
    found = backend.get("weight")
    return default if found is None else int(found)


# --- LLMInferenceService: an object for each version, which are of one group ---------------------------------------


def _share_of_group(traffic: RolloutTraffic, trees: list[ObjectTree]) -> float | None:
    canary, stable = (route.get("weight") for route in _routes(traffic, trees))
    return canary / (canary + stable) if canary is not None and stable is not None and canary + stable else None


def _applied_to_group(traffic: RolloutTraffic, trees: list[ObjectTree], percent: int) -> list[ObjectTree]:
    """The canary first: what goes back has no traffic at once."""
    _routes(traffic, trees)
    return [{"router": {"route": {"weight": weight}}} for weight in (percent, WEIGHT_SUM - percent)]


def _routes(traffic: RolloutTraffic, trees: list[ObjectTree]) -> tuple[ObjectTree, ObjectTree]:
    """Raises: WeightsUnusable."""
    canary, stable = ((tree["spec"].get("router") or {}).get("route") or {} for tree in trees)
    if not canary.get("group") or canary.get("group") != stable.get("group"):
        raise WeightsUnusable(
            f"{traffic.stable} and {traffic.canary} are not of one group; give both the same `spec.router.route.group`"
        )
    return canary, stable


_HTTP_ROUTE: Final = _Rules("rules", "backendRefs", lambda one: str(one.get("name", "")), 1)
_VIRTUAL_SERVICE: Final = _Rules("http", "route", _destination, 0)
KINDS: Final[Mapping[TrafficKindName, TrafficKind]] = {
    "HTTPRoute": TrafficKind(
        "gateway.networking.k8s.io", "v1", "httproutes", "spec.rules", _HTTP_ROUTE.share_in, _HTTP_ROUTE.applied
    ),
    "LLMInferenceService": TrafficKind(
        "serving.kserve.io",
        "v1alpha2",
        "llminferenceservices",
        "spec.router.route.weight",
        _share_of_group,
        _applied_to_group,
    ),
    "VirtualService": TrafficKind(
        "networking.istio.io",
        "v1",
        "virtualservices",
        "spec.http",
        _VIRTUAL_SERVICE.share_in,
        _VIRTUAL_SERVICE.applied,
    ),
}
