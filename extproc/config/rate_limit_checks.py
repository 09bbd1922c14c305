"""Checks of `rate_limits`: contradictions, and limits that always refuse or never do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from extproc.config.conditions import unknown_caller_problem, unknown_name_problem
from extproc.config.document import Document, Price
from extproc.config.problems import KeyPath, Places, Problem, Severity, shown
from extproc.config.rate_limits import RateLimit, WeightsSection
from extproc.domain.rate_limits import WINDOWS_NS, Quantity
from extproc.domain.usage import TOKENS_PER_MTOK

REQUEST_TOKENS_MIN: Final = 32
"""Of a chat request and its answer, however short: the template alone has some ten. [tokens]"""
_COUNTED: Final = frozenset(Quantity) - {Quantity.REQUESTS, Quantity.EXCHANGES}
"""What is known of an exchange only by `filter: meter`."""
_WITHOUT_ANSWER: Final = frozenset({"count_tokens", "embeddings", "rerank"})


def rate_limit_problems(document: Document, places: Places) -> Iterator[Problem]:
    """All problems of rate limits in an otherwise valid document."""
    if document.rate_limits is None:
        return
    limits = document.rate_limits.limits
    for index, limit in enumerate(limits):
        at: KeyPath = ("rate_limits", "limits", index)
        yield from _name_problems(limits, index, at, places)
        yield from _key_problems(limit, at, places)
        yield from _match_problems(limit, (*at, "match"), document, places)
        yield from _never_problems(limits, index, at, document, places)
        yield from _always_problems(limit, at, document, places)
    if document.rate_limits.store is None:
        for key in ("store_wait_ms_max", "on_store_loss"):
            if places.get(("rate_limits", key)) is not None:
                hint = "Add `store: redis://HOST:PORT/0`, or remove it."
                yield places.problem(("rate_limits", key), "there is no store", hint=hint, at_key=True)
    if any(limit.of in _COUNTED for limit in limits) and all(one.filter != "meter" for one in document.filters):
        hint = "Add `- filter: meter`."
        found = "tokens are limited by what requests reserve, as nothing counts what they use"
        yield places.problem(("rate_limits",), found, hint=hint, severity=Severity.WARNING, at_key=True)


def _name_problems(limits: tuple[RateLimit, ...], index: int, at: KeyPath, places: Places) -> Iterator[Problem]:
    names = [limit.name for limit in limits]
    first = names.index(limits[index].name)
    if first != index:
        found = f"duplicate name, first on {places.line((*at[:-1], first, 'name'), at)}"
        yield places.problem((*at, "name"), found, hint="Give each limit its own.")
    for place, name in enumerate(limits[index].replaces):
        path: KeyPath = (*at, "replaces", place)
        if name == limits[index].name:
            yield places.problem(path, "a limit cannot replace itself", hint="Name another one, or remove it.")
        else:
            yield from unknown_name_problem(path, "limit", name, names, places)


def _key_problems(limit: RateLimit, at: KeyPath, places: Places) -> Iterator[Problem]:
    """Keys that what is counted needs, or has no use for."""
    at_a_time = limit.of is Quantity.EXCHANGES
    if limit.window is None and not at_a_time:
        hint = "Add `window: minute`, or another of `second`, `hour`, `day`."
        yield places.problem((*at, "window"), "missing: the time in which `limit` is admitted", hint=hint)
    for key in ("window", "burst"):
        if at_a_time and getattr(limit, key) is not None:
            yield places.problem((*at, key), "exchanges are limited at a time", hint="Remove it.", at_key=True)
    if limit.of is not Quantity.WEIGHTED_TOKENS:
        if limit.weights != WeightsSection():
            hint = "Write `of: weighted_tokens`, or remove it."
            found = f"{shown(limit.of.value)} have no weights"
            yield places.problem((*at, "weights"), found, hint=hint, at_key=True)
    elif not (limit.weights.prompt or limit.weights.completion):
        hint = "Give the tokens of prompts or of responses a weight."
        yield places.problem((*at, "weights"), "no token counts", hint=hint, at_key=True)
    if limit.tiers:
        if at_a_time:
            yield places.problem((*at, "tiers"), "exchanges at a time have no shares", hint="Remove it.", at_key=True)
        if "tier" in limit.per:
            hint = "Remove it, or `tier` from `per`."
            yield places.problem((*at, "tiers"), "each tier has a count of its own", hint=hint, at_key=True)
    if limit.mid_stream == "cut" and limit.of in (Quantity.REQUESTS, Quantity.PROMPT_TOKENS, Quantity.EXCHANGES):
        hint = "Remove it, or limit what an answer takes."
        found = f"{shown(limit.of.value)} are known before the stream begins"
        yield places.problem((*at, "mid_stream"), found, hint=hint)
    for place, scope in enumerate(limit.per):
        if scope in limit.per[:place]:
            yield places.problem((*at, "per", place), f"{shown(scope)} is listed twice", hint="Keep one of the two.")


def _match_problems(limit: RateLimit, at: KeyPath, document: Document, places: Places) -> Iterator[Problem]:
    match, identity = limit.match, document.identity
    callers = (
        ("teams", "team", match.teams, identity.teams),
        ("tiers", "tier", match.tiers, identity.tiers),
        ("tags", "use case", match.tags, identity.tags),
    )
    for key, noun, given, known in callers:
        for place, name in enumerate(given):
            yield from unknown_caller_problem((*at, key, place), noun, name, known, places)
    for name in limit.tiers:
        yield from unknown_caller_problem((*at[:-1], "tiers", name), "tier", name, identity.tiers, places)
    for place, name in enumerate(match.models):
        yield from unknown_name_problem((*at, "models", place), "model", name, document.models, places)
    routes = [route.name for route in document.routes]
    for place, name in enumerate(match.routes):
        yield from unknown_name_problem(
            (*at, "routes", place), "route", name, routes, places, "" if routes else "There are no `routes`."
        )


# --- never, and always ---------------------------------------------------------------------------------------------


def _never_problems(
    limits: tuple[RateLimit, ...], index: int, at: KeyPath, document: Document, places: Places
) -> Iterator[Problem]:
    limit = limits[index]
    reason = ""
    if limit.of is Quantity.MICRO_USD and not any(_costs(price) for price in _prices(document)):
        reason = "every price is 0"
    elif limit.of in _COUNTED and limit.match.endpoints == ("count_tokens",):
        reason = "`count_tokens` takes no tokens"
    elif limit.of is Quantity.COMPLETION_TOKENS and _WITHOUT_ANSWER.issuperset(limit.match.endpoints or ("chat",)):
        reason = "these APIs generate no tokens"
    else:
        earlier = next((one for one in limits if one is not limit and _is_stricter(one, limit)), None)
        if earlier is not None:
            reason = f"{shown(earlier.name)} always refuses before it"
    if reason:
        hint = "Remove it, or change what it counts or applies to."
        yield places.problem(at, f"it never refuses: {reason}", hint=hint, severity=Severity.WARNING, at_key=True)


def _is_stricter(one: RateLimit, other: RateLimit) -> bool:
    """Whether one refuses whatever the other would, and is not the same in both numbers."""
    same = one.of is other.of and one.weights == other.weights and set(one.per) == set(other.per)
    if not same or one.match != other.match or one.replaces or other.replaces or one.mode is not other.mode:
        return False
    if one.of is Quantity.EXCHANGES:
        return one.limit < other.limit
    if one.window is None or other.window is None:
        return False
    speeds = one.limit * WINDOWS_NS[other.window], other.limit * WINDOWS_NS[one.window]
    bursts = one.burst or one.limit, other.burst or other.limit
    return speeds[0] <= speeds[1] and bursts[0] <= bursts[1] and (speeds[0], bursts[0]) != (speeds[1], bursts[1])


def _always_problems(limit: RateLimit, at: KeyPath, document: Document, places: Places) -> Iterator[Problem]:
    """A burst that no request fits into."""
    least = 1
    if limit.of in (Quantity.TOKENS, Quantity.PROMPT_TOKENS):
        least = REQUEST_TOKENS_MIN if limit.of is Quantity.TOKENS else REQUEST_TOKENS_MIN // 4
    elif limit.of is Quantity.WEIGHTED_TOKENS:
        least = REQUEST_TOKENS_MIN // 2 * min(limit.weights.prompt, limit.weights.completion)
    elif limit.of is Quantity.MICRO_USD:
        costs = [_costs(price) for price in _prices(document)]
        least = min(costs, default=0) * REQUEST_TOKENS_MIN // 2 // TOKENS_PER_MTOK
    burst = limit.burst or limit.limit
    if burst < least:
        key = "burst" if limit.burst is not None else "limit"
        found = f"a burst of {burst} is smaller than almost any request, so it always refuses"
        yield places.problem((*at, key), found, hint="Raise it.", severity=Severity.WARNING)


def _prices(document: Document) -> list[Price]:
    return [version.price for model in document.models.values() for version in model.versions.values()]


def _costs(price: Price) -> int:
    """Of a prompt token and a response token together. [micro-USD per 1e6]"""
    return price.prompt_micro_usd_per_mtok + price.completion_micro_usd_per_mtok
