"""What one exchange, event, stream or entry takes: measured values with their units and sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

FILE: Final = "coefficients.json"
"""In this package; the commands read it."""


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A measured value. ``source``: what it was measured by, or taken from."""

    value: float
    unit: str
    source: str


@dataclass(frozen=True, slots=True)
class ExchangeCost:
    """What a process takes for an exchange, by its parts [us of CPU]. Sizes are of bodies, in 1,000 bytes.

    Attributes:
        request_us: whatever it is.
        prompt_kb_us: a KB of the request.
        answer_kb_us: a KB of an answer that is no stream.
        stream_us: more, if the answer is a stream.
        event_us: an event of a stream.
    """

    request_us: float
    prompt_kb_us: float
    answer_kb_us: float
    stream_us: float
    event_us: float

    def of(self, *, prompt_kb: float, answer_kb: float = 0.0, events: float = 0.0, streamed: float = 0.0) -> float:
        """CPU of an exchange, or the mean of several [us].

        Args:
            streamed: whether it is a stream, or the share of those that are.
            answer_kb, events: likewise a mean over all: of streams the first is 0, of others the second.
        """
        return (
            self.request_us
            + self.prompt_kb_us * prompt_kb
            + self.answer_kb_us * answer_kb
            + self.stream_us * streamed
            + self.event_us * events
        )


class Coefficients(Mapping[str, float]):
    """Values by name, such as ``cpu.standard.event_us``.

    Attributes:
        date, machine: when and on what they were measured.
        entries: with units and sources.
    """

    def __init__(self, date: str, machine: str, entries: Mapping[str, Coefficient]) -> None:
        self.date = date
        self.machine = machine
        self.entries = dict(entries)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From the content of ``coefficients.json``. Raises: KeyError, TypeError."""
        return cls(data["date"], data["machine"], {name: Coefficient(**one) for name, one in data["values"].items()})

    def __getitem__(self, name: str) -> float:
        return self.entries[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def cost(self, name: str) -> ExchangeCost:
        """What one subject takes, such as ``standard`` or ``envoy``."""
        return ExchangeCost(*(self[f"cpu.{name}.{part}"] for part in ExchangeCost.__slots__))

    def measured_guards(self) -> set[str]:
        """The guards whose cost is known by itself."""
        return {name.split(".")[1] for name in self if name.startswith("guard.")}
