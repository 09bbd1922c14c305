"""Rate limits as an exchange asks for them: which ones apply to it, under which keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, Literal, NamedTuple

from extproc.config.document import Document
from extproc.config.rate_limits import LimitMatch, RateLimit, Scope
from extproc.config.section import Mode
from extproc.domain.rate_limits import AMOUNTS, WINDOWS_NS, Amount, Quantity, Rate, TokenWeights, rate_of
from extproc.domain.record import ExchangeRecord

KNOWN_MAX: Final = 4_096
"""Callers for whom it is known which limits apply; beyond it, all are looked up again."""
_KEY_SEPARATOR: Final = "\0"


@dataclass(frozen=True, slots=True, eq=False)
class CompiledLimit:
    """One limit.

    Attributes:
        amount: what an exchange takes of it; None: one.
        rate: for all processes together; of exchanges at a time only ``limit`` counts.
        is_enforced: whether it refuses, or only counts.
        cuts: whether it ends a stream that needs more than is free.
        tiers: their weights; empty: they do not share it.
        is_at_a_time: whether it counts the exchanges that run.
        matches: the values of each fact that it applies to; a fact that is missing may have any.
    """

    name: str
    of: Quantity
    amount: Amount | None
    limit: int
    window: str
    burst: int
    rate: Rate
    per: tuple[Scope, ...]
    matches: Mapping[str, frozenset[str]]
    replaces: frozenset[str]
    weights: TokenWeights
    is_enforced: bool
    is_at_a_time: bool
    cuts: bool
    tiers: Mapping[str, int]

    def key(self, facts: Mapping[str, str]) -> str:
        """What has a count of its own."""
        return _KEY_SEPARATOR.join([self.name, *(facts[scope] for scope in self.per)])

    def applies_to(self, facts: Mapping[str, str]) -> bool:
        """Whether it applies to an exchange."""
        return all(facts[name] in values for name, values in self.matches.items())


KeyedLimit = tuple[CompiledLimit, str]
"""A limit, and the key under which an exchange is counted."""


class LimitStore(NamedTuple):
    """Where limits are counted together.

    Attributes:
        url: may have a password.
        on_loss: what is done without its answer.
    """

    url: str
    wait_ms: int
    on_loss: Literal["local_share", "open", "closed"]


@dataclass(frozen=True, slots=True, eq=False)
class CompiledRateLimits:
    """All limits.

    Attributes:
        parts: how many processes share them; one that counts for itself has such a part.
        store: where all of them count together; None: each counts for itself.
    """

    limits: tuple[CompiledLimit, ...]
    parts: int
    store: LimitStore | None
    _facts: tuple[str, ...]
    _values: Callable[[ExchangeRecord], object]
    _known: dict[tuple[object, str], tuple[KeyedLimit, ...]] = field(default_factory=dict)

    def of(self, record: ExchangeRecord) -> tuple[KeyedLimit, ...]:
        """The limits that apply to an exchange, in the order of the configuration."""
        version = record.version
        model = "" if version is None else version.model
        facts = self._values(record), model
        known = self._known.get(facts)
        if known is None:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            known = self._known[facts] = self._found(
                {"model": model, **{name: getattr(record, _FACTS[name]) for name in self._facts}}
            )
        return known

    def _found(self, facts: Mapping[str, str]) -> tuple[KeyedLimit, ...]:
        found = [limit for limit in self.limits if limit.applies_to(facts)]
        replaced = {name for limit in found for name in limit.replaces}
        return tuple((limit, limit.key(facts)) for limit in found if limit.name not in replaced)


_FACTS: Final[Mapping[str, str]] = {
    "endpoint": "endpoint",
    "team": "team",
    "user": "user",
    "key": "key_id",
    "project": "project",
    "tier": "tier",
    "tag": "tag",
    "route": "route",
}
"""Where a record has them; the model is that of its version."""
_ALWAYS: Final = "endpoint"


def compile_rate_limits(document: Document) -> CompiledRateLimits | None:
    """The limits of a validated document; None without any."""
    section = document.rate_limits
    if section is None:
        return None
    limits = tuple(map(_compiled, section.limits))
    names = {name for limit in limits for name in (*limit.per, *limit.matches)}
    facts = tuple(name for name in _FACTS if name in names or name == _ALWAYS)
    values = attrgetter(*[_FACTS[name] for name in facts])
    store = None
    if section.store is not None:
        store = LimitStore(section.store, section.store_wait_ms_max, section.on_store_loss)
    return CompiledRateLimits(limits, document.server.workers * section.replicas, store, facts, values)


def _compiled(limit: RateLimit) -> CompiledLimit:
    burst = limit.burst or limit.limit
    weights = limit.weights
    return CompiledLimit(
        name=limit.name,
        of=limit.of,
        amount=AMOUNTS.get(limit.of),
        limit=limit.limit,
        window=limit.window or "",
        burst=burst,
        rate=rate_of(limit.limit, WINDOWS_NS[limit.window or "second"], burst),
        per=limit.per,
        matches=_matches(limit.match),
        replaces=frozenset(limit.replaces),
        weights=TokenWeights(weights.prompt, weights.cached, weights.completion),
        is_enforced=limit.mode is Mode.ENFORCE,
        is_at_a_time=limit.of is Quantity.EXCHANGES,
        tiers=limit.tiers,
        cuts=limit.mid_stream == "cut" and limit.mode is Mode.ENFORCE,
    )


def _matches(match: LimitMatch) -> dict[str, frozenset[str]]:
    given: Mapping[str, Sequence[str]] = {
        "endpoint": match.endpoints,
        "team": match.teams,
        "project": match.projects,
        "tier": match.tiers,
        "tag": match.tags,
        "model": match.models,
        "route": match.routes,
    }
    return {name: frozenset(values) for name, values in given.items() if values}
