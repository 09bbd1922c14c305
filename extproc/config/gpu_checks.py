"""Checks of `gpus`: servers that no version has, that are named twice or whose GPUs nobody says, prices, and
shares that are reserved.
"""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.conditions import unknown_caller_problem, unknown_name_problem
from extproc.config.document import Document, Role
from extproc.config.endpoints import is_name
from extproc.config.gpus import MILLION, GpuPrice, GpuServer, GpusSection, reserved_millionths
from extproc.config.problems import KeyPath, Places, Problem, Severity, did_you_mean, names, shown

_AT: KeyPath = ("gpus",)


def gpu_problems(document: Document, places: Places) -> Iterator[Problem]:
    """All problems of GPUs in an otherwise valid document."""
    gpus = document.gpus
    if gpus is None:
        return
    if document.ledger is None:
        hint = "Add `ledger: { url: sqlite:///ledger.db }`."
        yield places.problem(_AT, "nothing has exchanges and samples without a ledger", hint=hint, at_key=True)
    yield from _price_problems(gpus, places)
    yield from _repeated(gpus, places)
    if document.role is Role.GUARD:
        yield from _guard_problems(gpus, document, places)
    else:
        yield from _route_problems(gpus, document, places)
    yield from _kubernetes_problems(gpus, places)
    for index, server in enumerate(gpus.servers):
        at: KeyPath = (*_AT, "servers", index)
        yield from _missing_facts(server, gpus, at, places)
        yield from _server_price_problems(server, gpus, at, places)
        yield from _reservation_problems(server, gpus, document, at, places)
    yield from _quota_problems(gpus, document, places)
    if any(one.kind is None and one.price is not None for one in gpus.servers):
        return  # the label of its node may say any kind
    said = (*(one.kind for one in gpus.servers), *(one.kind for one in gpus.prices))
    kinds = dict.fromkeys(kind for kind in said if kind is not None)
    for kind in gpus.watts:
        yield from unknown_name_problem((*_AT, "watts", kind), "kind", kind, kinds, places)


# --- what servers have, and what it costs --------------------------------------------------------------------------


def _kubernetes_problems(gpus: GpusSection, places: Places) -> Iterator[Problem]:
    if gpus.kubernetes is None:
        return
    at: KeyPath = (*_AT, "kubernetes")
    if not any(one.is_looked_up for one in gpus.servers):
        found = "every server has `gpus` and `kind`, so no pod is looked up"
        hint = "Remove it, or leave them out where pods say them."
        yield places.problem(at, found, hint=hint, severity=Severity.WARNING, at_key=True)
    first: dict[str, int] = {}
    for index, namespace in enumerate(gpus.kubernetes.namespaces):
        if namespace in first:
            where: KeyPath = (*at, "namespaces", index)
            found = f"the namespace {places.quoted(where, namespace)} is named twice"
            yield places.problem(where, found, hint="Keep one of the two.")
        first.setdefault(namespace, index)


def _missing_facts(server: GpuServer, gpus: GpusSection, at: KeyPath, places: Places) -> Iterator[Problem]:
    """Without Kubernetes nobody else says them."""
    if gpus.kubernetes is not None:
        return
    for name, what in (("gpus", "how many GPUs it holds"), ("kind", "what its GPUs are, such as `H100-80GB`")):
        if getattr(server, name) is None:
            hint = "Add it; or `kubernetes: { namespaces: [models] }` to `gpus`, so that its pod says it."
            yield places.problem((*at, name), f"missing: {what}", hint=hint)


def _server_price_problems(server: GpuServer, gpus: GpusSection, at: KeyPath, places: Places) -> Iterator[Problem]:
    """It has one of its own, or its kind has one."""
    if server.price is not None:
        prices = dict.fromkeys(one.name for one in gpus.prices)
        yield from unknown_name_problem((*at, "price"), "price", server.price, prices, places)
    elif server.kind is not None:
        if gpus.price_of(None, server.kind):
            return
        found = f"missing: what its GPUs cost; no price has the kind {shown(server.kind)}"
        hint = "Add `price` with a name of `gpus.prices`, or that `kind` to a price."
        yield places.problem((*at, "price"), found, hint=hint)
    elif gpus.kubernetes is None:
        yield places.problem((*at, "price"), "missing: what its GPUs cost", hint="Add a name of `gpus.prices`.")
    elif not any(one.kind for one in gpus.prices):
        hint = "Add `price` with a name of `gpus.prices`; or to a price the `kind` that the label of its node says."
        yield places.problem((*at, "price"), "missing: what its GPUs cost; no price has a `kind`", hint=hint)


def _price_problems(gpus: GpusSection, places: Places) -> Iterator[Problem]:
    """Prices of one name stand in order, and each begins when the one before ends."""
    before: dict[str, tuple[int, GpuPrice]] = {}
    for index, price in enumerate(gpus.prices):
        at: KeyPath = (*_AT, "prices", index, "since")
        try:
            since_us = price.since_us
        except ValueError:
            found = f"no calendar has the time {shown(price.since or '')}"
            yield places.problem(at, found, hint="Write one that exists.")
            continue
        known = before.get(price.name)
        if known is not None:
            line = places.line((*_AT, "prices", known[0]), at)
            yield from _order_problems(price, since_us, known[1], line, at, places)
        before[price.name] = index, price
    yield from _kind_problems(gpus, places)


def _kind_problems(gpus: GpusSection, places: Places) -> Iterator[Problem]:
    """A kind has one name of a price, and a name one kind."""
    of_kind: dict[str, tuple[int, str]] = {}
    of_name: dict[str, tuple[int, str]] = {}
    for index, price in enumerate(gpus.prices):
        if price.kind is None:
            continue
        at: KeyPath = (*_AT, "prices", index, "kind")
        first, name = of_kind.setdefault(price.kind, (index, price.name))
        if name != price.name:
            line = places.line((*_AT, "prices", first), at)
            found = f"{shown(price.kind)} has the price {shown(name)} already, on {line}"
            yield places.problem(at, found, hint="Give a kind one price; a server that differs names its own `price`.")
        first, kind = of_name.setdefault(price.name, (index, price.kind))
        if kind != price.kind:
            line = places.line((*_AT, "prices", first), at)
            found = f"the price {shown(price.name)} is that of {shown(kind)} already, on {line}"
            yield places.problem(at, found, hint="Give each kind a name of its own.")


def _order_problems(
    price: GpuPrice, since_us: int | None, earlier: GpuPrice, line: str, at: KeyPath, places: Places
) -> Iterator[Problem]:
    if since_us is None:
        hint = "Add `since`, with the time at which the price changes."
        yield places.problem(at, f"{shown(price.name)} has a price already, on {line}", hint=hint)
    elif earlier.since_us is not None and since_us <= earlier.since_us:
        found = f"it begins at {price.since}, and the one before at {earlier.since}, on {line}"
        yield places.problem(at, found, hint="Sort the prices of a name by `since`, each with a time of its own.")


def _repeated(gpus: GpusSection, places: Places) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, server in enumerate(gpus.servers):
        at: KeyPath = (*_AT, "servers", index, "endpoint")
        if server.endpoint in first:
            line = places.line((*_AT, "servers", first[server.endpoint]), at)
            found = f"the server {places.quoted(at, server.endpoint)} is named twice, first on {line}"
            yield places.problem(at, found, hint="Keep one of the two: its GPUs would count twice.")
        first.setdefault(server.endpoint, index)


def _reservation_problems(
    server: GpuServer, gpus: GpusSection, document: Document, at: KeyPath, places: Places
) -> Iterator[Problem]:
    at = (*at, "reserved_by")
    for team in server.reserved_by:
        yield from unknown_caller_problem((*at, team), "team", team, document.identity.teams, places)
    total = sum(reserved_millionths(server).values())
    if total > MILLION:
        found = f"{total / MILLION:g} of the server are reserved"
        yield places.problem(at, found, expected="at most 1 in total", hint="Lower a share.", at_key=True)
    if gpus.idle == "by_reservation" and not server.reserved_by:
        hint = "Add shares such as `{ search: 0.5 }`; without one its idle time is a row of its own."
        found = "nobody has reserved it, and idle time goes by reservation"
        yield places.problem(at, found, hint=hint, severity=Severity.WARNING)
    if gpus.idle != "by_reservation" and server.reserved_by:
        found = f"with `idle: {gpus.idle}` nobody pays by reservation"
        hint = "Write `idle: by_reservation`, or remove it."
        yield places.problem(at, found, hint=hint, severity=Severity.WARNING, at_key=True)


def _quota_problems(gpus: GpusSection, document: Document, places: Places) -> Iterator[Problem]:
    """Each team has one, and each is said in one way."""
    first: dict[str, int] = {}
    for index, quota in enumerate(gpus.quotas):
        at: KeyPath = (*_AT, "quotas", index)
        yield from unknown_caller_problem((*at, "team"), "team", quota.team, document.identity.teams, places)
        if quota.team in first:
            line = places.line((*_AT, "quotas", first[quota.team]), (*at, "team"))
            found = f"{shown(quota.team)} has a quota already, on {line}"
            yield places.problem((*at, "team"), found, hint="Keep one of the two.")
        first.setdefault(quota.team, index)
        if quota.gpus is None and quota.namespace is None:
            hint = "Add `gpus: 4`, or `namespace`, whose ResourceQuota says it."
            yield places.problem(at, f"nothing says how many GPUs {shown(quota.team)} may use", hint=hint)
        if quota.gpus is not None and quota.namespace is not None:
            found = "the number of GPUs stands in `gpus`, and a ResourceQuota has one too"
            yield places.problem((*at, "namespace"), found, hint="Keep one of the two.", at_key=True)
        if quota.resource is not None and quota.namespace is None:
            found = "without `namespace` no ResourceQuota is read"
            yield places.problem((*at, "resource"), found, hint="Remove it, or add `namespace`.", at_key=True)


# --- which servers -------------------------------------------------------------------------------------------------


def _route_problems(gpus: GpusSection, document: Document, places: Places) -> Iterator[Problem]:
    """Servers are those of the versions."""
    if gpus.server is not None:
        hint = "Remove it. Or write `role: guard`, with a processor next to each model server."
        yield places.problem((*_AT, "server"), "role `route` has no server next to it", hint=hint, at_key=True)
    endpoints = {one: at for at, one in _endpoints(document)}
    has_names = any(map(is_name, endpoints))
    for index, server in enumerate(gpus.servers):
        at: KeyPath = (*_AT, "servers", index, "endpoint")
        may_be_behind_a_name = has_names and not is_name(server.endpoint)
        if server.endpoint not in endpoints and not may_be_behind_a_name:
            known = [one for one, path in endpoints.items() if path not in document.written]
            hint = did_you_mean(server.endpoint, known) or f"Known endpoints: {names(known)}."
            yield places.problem(at, f"no version has {places.quoted(at, server.endpoint)}", hint=hint)
    listed = {one.endpoint for one in gpus.servers}
    has_addresses = any(not is_name(one) for one in listed)
    for endpoint, path in endpoints.items():
        if endpoint not in listed and not (is_name(endpoint) and has_addresses):
            found = f"{places.quoted(path, endpoint)} has no GPUs"
            hint = "Add it to `gpus.servers`; else the time of that server is not shared."
            yield places.problem(path, found, hint=hint, severity=Severity.WARNING)


def _endpoints(document: Document) -> Iterator[tuple[KeyPath, str]]:
    for model, of_model in document.models.items():
        for version, of_version in of_model.versions.items():
            for index, endpoint in enumerate(of_version.endpoints):
                yield ("models", model, "versions", version, "endpoints", index), endpoint


def _guard_problems(gpus: GpusSection, document: Document, places: Places) -> Iterator[Problem]:
    """The server is the one next to the processor; others are listed for those who share the configuration."""
    if gpus.server is None:
        hint = "Add `server: ${POD_NAME}`; the manifest of the pod sets that from `metadata.name`."
        yield places.problem((*_AT, "server"), "missing: how the server next to this processor is called", hint=hint)
        return
    at: KeyPath
    mine = [index for index, one in enumerate(gpus.servers) if one.endpoint == gpus.server]
    if not mine:
        at = (*_AT, "server")
        found = f"`gpus.servers` has no {places.quoted(at, gpus.server)}"
        yield places.problem(at, found, hint="Add an entry that has it as `endpoint`.")
    elif gpus.servers[mine[0]].metrics is None and guarded_endpoint(document) is None:
        at = (*_AT, "servers", mine[0], "metrics")
        hint = "Add `metrics: 127.0.0.1:8000`, or `endpoints` to the version."
        yield places.problem(at, "missing: where the model server says what it does", hint=hint)


def guarded_endpoint(document: Document) -> str | None:
    """The first endpoint of the version that is served in role guard; None: it has none."""
    for model, of_model in document.models.items():
        for version, of_version in of_model.versions.items():
            if document.guard_version == f"{model}/{version}" and of_version.endpoints:
                return of_version.endpoints[0]
    return None
