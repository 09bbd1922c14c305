"""Recent token rates of each model version, for estimates where no server reports usage.

If its client disconnects, or a guard cuts it, a response has no usage. Vocabularies, languages, chat templates and
servers differ too much for a constant. Each exchange that ends with the server's own count therefore updates the rates
of its revision of the version, and older exchanges lose weight. Only a few numbers are kept per revision, and no text.
The rates affect estimates only, never the outcome of an exchange.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from extproc.domain.record import VersionFacts
from extproc.domain.token_rates import NS_PER_S, START, RequestSize, TokenRates
from extproc.domain.usage import Usage

RATES_MAX: Final = 4_096
"""Pairs of revision and endpoint with rates; when this is exceeded, all rates are reset."""
_KEPT: Final = 0.98  # decay per exchange: about the last fifty exchanges dominate
_START_TOKENS: Final = 2.0  # weight of the initial rates, in tokens
_PER_BYTE_MIN: Final = 1 / 64
_PER_BYTE_MAX: Final = 2.0
_AROUND_MIN: Final = 0.01  # tokens of the template per turn, and before tools
_AROUND_MAX: Final = 4_096.0
_PER_PIECE_MIN: Final = 0.5
_PER_PIECE_MAX: Final = 256.0
_WEIGHT_MAX: Final = 1e100
_PER_SECOND_MIN: Final = 0.01
_PER_SECOND_MAX: Final = 10_000.0


@dataclass(slots=True)
class CountedExchange:
    """An exchange whose tokens the server counted, and the sizes they are compared with.

    ``pieces``: of a stream; 0 for an unstreamed response. ``utf8_bytes``: of the response's texts. ``waited_ns``: from
    the request to the first text of a stream; ``elapsed_ns``: to the end of the response.
    """

    size: RequestSize
    usage: Usage
    pieces: int
    utf8_bytes: int
    waited_ns: int
    elapsed_ns: int


class LearnedRates:
    """The rates of all versions by endpoint, because the templates of chat and completions differ.

    Args: start: before anything is learned; sizes are in its units.
    """

    def __init__(self, start: TokenRates = START) -> None:
        self._start = start
        self._known: dict[tuple[str, str, str, str], _Rates] = {}  # by model, version, fingerprint and endpoint
        self._last: dict[tuple[str, str], _Rates] = {}  # the rates updated last, by model and version

    def of(self, version: VersionFacts, endpoint: str) -> TokenRates:
        """The rates of a revision of a version at an endpoint.

        Fallback: those of its other endpoint or of the revision before, then the initial rates.
        """
        known = self._known.get(_key(version, endpoint)) or self._last.get((version.model, version.version))
        return known.rates() if known is not None else self._start

    def learn(self, version: VersionFacts, endpoint: str, counted: CountedExchange) -> None:
        """Update the rates with an exchange that the server counted."""
        key = _key(version, endpoint)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= RATES_MAX:
                self._known.clear()
                self._last.clear()
            known = self._known[key] = _Rates(self.of(version, endpoint))
        known.learn(counted)
        self._last[version.model, version.version] = known

    def __len__(self) -> int:
        """The number of known rates."""
        return len(self._known)


def _key(version: VersionFacts, endpoint: str) -> tuple[str, str, str, str]:
    return (version.model, version.version, version.fingerprint, endpoint)


class _Rates:
    """Sums over the exchanges of one version at one endpoint; the rates are computed on demand."""

    __slots__ = (
        "_answer",
        "_bytes_off",
        "_pieces_off",
        "_prompt",
        "_rates",
        "_stream",
        "_stream_speed",
        "_waits",
        "_whole_speed",
    )

    def __init__(self, start: TokenRates) -> None:
        self._rates: TokenRates | None = None
        self._prompt = _Fit((start.per_prompt_byte, start.per_turn, start.per_tool_byte, start.with_tools))
        self._answer = _Ratio(start.per_byte)
        self._stream = _Ratio(start.per_piece)
        self._stream_speed = _Ratio(start.per_second)
        self._whole_speed: _Ratio | None = None  # an unstreamed response is generated faster
        self._waits = _Mean(start.wait_s)
        self._pieces_off = self._bytes_off = 0.0  # recent error of each method to count a stream, in tokens

    def learn(self, counted: CountedExchange) -> None:
        usage, size, tokens = counted.usage, counted.size, counted.usage.completion
        self._rates = None
        if usage.prompt and size.readable:
            features = (size.utf8_bytes, size.turns, size.tool_utf8_bytes, 1 if size.tool_utf8_bytes else 0)
            self._prompt.add(features, usage.prompt)
        if tokens and counted.utf8_bytes:
            if counted.pieces:
                by_pieces, by_bytes = counted.pieces * self._stream.rate(), counted.utf8_bytes * self._answer.rate()
                self._pieces_off = self._pieces_off * _KEPT + abs(by_pieces - tokens)
                self._bytes_off = self._bytes_off * _KEPT + abs(by_bytes - tokens)
                self._stream.add(counted.pieces, tokens)
                self._waits.add(counted.waited_ns / NS_PER_S)
            self._answer.add(counted.utf8_bytes, tokens)
            made_s = counted.elapsed_ns / NS_PER_S - self._waits.mean
            if made_s > 0 and size.choices:
                self._speed(counted.pieces).add(made_s, tokens / size.choices)

    def _speed(self, pieces: int) -> _Ratio:
        if pieces:
            return self._stream_speed
        if self._whole_speed is None:
            self._whole_speed = _Ratio(self._stream_speed.rate())
        return self._whole_speed

    def rates(self) -> TokenRates:
        if self._rates is None:
            per_prompt_byte, per_turn, per_tool_byte, with_tools = self._prompt.rates()
            speed = (self._whole_speed or self._stream_speed).rate()
            self._rates = TokenRates(
                per_prompt_byte=_within(per_prompt_byte, _PER_BYTE_MIN, _PER_BYTE_MAX),
                per_turn=_within(per_turn, _AROUND_MIN, _AROUND_MAX),
                per_tool_byte=_within(per_tool_byte, _PER_BYTE_MIN, _PER_BYTE_MAX),
                with_tools=_within(with_tools, _AROUND_MIN, _AROUND_MAX),
                per_byte=_within(self._answer.rate(), _PER_BYTE_MIN, _PER_BYTE_MAX),
                per_piece=_within(self._stream.rate(), _PER_PIECE_MIN, _PER_PIECE_MAX),
                per_second=_within(speed, _PER_SECOND_MIN, _PER_SECOND_MAX),
                wait_s=self._waits.mean,
                by_pieces=self._pieces_off <= self._bytes_off,
                learned=True,
            )
        return self._rates


class _Ratio:
    """Tokens per unit, over the recent exchanges."""

    __slots__ = ("_of", "_tokens")

    def __init__(self, start: float) -> None:
        self._tokens, self._of = _START_TOKENS, _START_TOKENS / start

    def add(self, of: float, tokens: float) -> None:
        self._tokens = self._tokens * _KEPT + tokens
        self._of = self._of * _KEPT + of

    def rate(self) -> float:
        return self._tokens / self._of


class _Mean:
    """A recent mean."""

    __slots__ = ("_count", "mean")

    def __init__(self, start: float) -> None:
        self.mean = start
        self._count = 0.0

    def add(self, value: float) -> None:
        self._count = self._count * _KEPT + 1
        self.mean += (value - self.mean) / self._count


class _Fit:
    """Tokens per unit of several quantities: a least-squares fit to the recent exchanges.

    An error is weighted by its share of an exchange's tokens. The initial assumption counts as one small exchange per
    quantity, so the solution is always unique. Instead of decaying all sums, each new exchange gets more weight.
    """

    __slots__ = ("_products", "_start", "_sums", "_weight")

    def __init__(self, start: tuple[float, ...]) -> None:
        self._start = start
        self._weight = 1.0
        self._products = [[0.0] * len(start) for _ in start]  # of each pair of quantities
        self._sums = [0.0] * len(start)

    def add(self, things: tuple[int, ...], tokens: int) -> None:
        self._weight /= _KEPT
        if self._weight > _WEIGHT_MAX:
            self._scale(1 / self._weight)
        share = 1 / tokens
        for number, thing in enumerate(things):
            if thing:
                weighted = thing * self._weight
                self._sums[number] += weighted
                products, weighted = self._products[number], weighted * share
                for other, second in enumerate(things):
                    if second:
                        products[other] += weighted * second

    def _scale(self, factor: float) -> None:
        self._weight *= factor
        self._sums = [value * factor for value in self._sums]
        self._products = [[value * factor for value in row] for row in self._products]

    def rates(self) -> list[float]:
        """Gauss-Jordan elimination; the initial assumption keeps the diagonal above 0.

        Sizes that differ by more than the precision of floats teach nothing.
        """
        rows: list[list[float]] = []
        for number, start in enumerate(self._start):
            assumed = self._weight * _START_TOKENS / start
            row = [*self._products[number], self._sums[number] + assumed]
            row[number] += assumed / start
            rows.append(row)
        for number in range(len(rows)):
            pivot = rows[number][number]
            if pivot <= 0:
                return list(self._start)
            solved = [value / pivot for value in rows[number]]
            for other, row in enumerate(rows):
                factor = row[number]
                rows[other] = [value - factor * top for value, top in zip(row, solved, strict=True)]
            rows[number] = solved
        return [row[-1] for row in rows]


def _within(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)
