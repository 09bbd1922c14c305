"""The stages of all filters on one channel.

Each stage receives the output of the previous one. Filters that only observe come after those that change or end the
text; otherwise the configured order is kept. So they count exactly the released text, independent of chunk boundaries.
When a stage rejects, text that it released before still passes the later stages, and the channel ends there. If a
filter that fails open raises, it is skipped for the rest of the exchange, and the text held by its stages is released;
otherwise the exchange fails.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from extproc.domain.errors import refuse
from extproc.domain.pace import SLICE_CHARS, Abandoned, TextTooCostly, slices
from extproc.domain.text import Stage, TextSource, close_stage, yielding
from extproc.filters.base import ExchangeContext, Filter


class FilterFailed(Exception):
    """A filter that fails closed has raised; the exchange must end with an error.

    ``cause`` is the original exception: code compiled with mypyc loses ``raise ... from``.
    """

    def __init__(self, filter_name: str, cause: Exception) -> None:
        super().__init__(filter_name)
        self.filter_name = filter_name
        self.cause = cause


class Chain:
    """One channel. ``rejected_by`` is the filter that ended it, or None."""

    __slots__ = ("_cut_off", "_exchange", "_links", "_several_cut", "_simple", "rejected_by")

    def __init__(self, links: list[tuple[Filter, Stage]], exchange: ExchangeContext) -> None:
        self._links = links
        self._several_cut = len(links) > 1 and sum([owner.cuts_responses for owner, _ in links]) > 1
        self._simple = not self._several_cut and True not in [owner.fails_open for owner, _ in links]
        self._exchange = exchange
        self._cut_off = False  # by the server, or by a filter that rejects
        self.rejected_by: Filter | None = None

    def feed(self, text: str) -> str:
        """Process the next piece of the channel. Returns: the text released by every stage. Raises: FilterFailed,
        Abandoned.
        """
        if len(text) > SLICE_CHARS:
            return self._feed_slices(text)
        if not self._simple:
            return self._feed_by_halves(text) if self._several_cut else self._pass_on(text, closing=False)
        for number, (owner, stage) in enumerate(self._links):
            if not text:
                return ""
            try:
                text = stage.feed(text)
            except Exception as error:
                note_failure(owner, self._exchange, error)
            if stage.rejected:
                return self._reject(number, text)
        return text

    def _feed_slices(self, text: str) -> str:
        """Process a long piece in slices while the pace permits; if it does not, every filter of the channel has
        failed.
        """
        released: list[str] = []
        for piece in slices(text):
            try:
                self._exchange.pace.check()
            except TextTooCostly as costly:
                for owner, _ in self._links:
                    note_failure(owner, self._exchange, costly)
            released.append(self.feed(piece))
            if self.rejected_by is not None:
                break
        return "".join(released)

    def close(self, cut_off: bool = False) -> str:
        """The channel is complete. Returns: the rest. Raises: FilterFailed.

        Args: cut_off: the text was truncated, so its last word may be the beginning of another.
        """
        self._cut_off = cut_off
        return self._pass_on("", closing=True)

    def judge(self, text: str, cut_off: bool = False) -> str:
        """Process a whole channel at once: ``feed`` and ``close``. Raises: FilterFailed, Abandoned."""
        released = self.feed(text)
        return released if self.rejected_by is not None else released + self.close(cut_off)

    def held(self) -> str:
        """The text that the stages hold, in its order: what a later stage holds came first."""
        return "".join([stage.held() for _, stage in reversed(self._links)])

    def held_chars(self) -> int:
        """How much text the stages with a time limit hold. [characters]"""
        return sum(len(stage.held()) for owner, stage in self._links if owner.hold_ns_max)

    def give_up(self) -> str:
        """Make the stages with a time limit stop waiting. Returns: the released text. Raises: FilterFailed."""
        text = ""
        for owner, stage in self._links:  # skipping a link creates a new list
            if text:
                text = self._guarded(owner, stage, text, closing=False)
            if owner.hold_ns_max and not stage.rejected:
                text += self._given_up(owner, stage)
            if stage.rejected:
                return self._reject([one for _, one in self._links].index(stage), text)
        return text

    def _given_up(self, owner: Filter, stage: Stage) -> str:
        waiting = yielding(stage)
        if waiting is None:
            return ""
        held = stage.held()
        try:
            return waiting.give_up()
        except Exception as error:
            note_failure(owner, self._exchange, error)
        self._links = [link for link in self._links if link[1] is not stage]
        return held

    def rejects_if_closed(self, cut_off: bool = False) -> bool:
        """Whether the channel would be rejected if it ended here. Changes and counts nothing."""
        return any(owner.cuts_responses for owner, _ in self._links) and self.foresee(cut_off)

    def foresee(self, cut_off: bool = False) -> bool:
        """Run the end of the channel on forks of all stages. Returns: whether it would be rejected."""
        text = ""
        try:
            for _, stage in self._links:
                fork = stage.fork()
                text = fork.feed(text) if text else ""
                text += "" if fork.rejected else close_stage(fork, cut_off)
                if fork.rejected:
                    return True
        except Exception:  # the stage itself raises again when closed, and its filter's on_error applies then
            return False
        return False

    def _feed_by_halves(self, text: str) -> str:
        """Process a piece up to the point where one of several filters ends it, so that none reports a later
        finding.
        """
        if len(text) < 2 or not self._would_end(text):
            return self._pass_on(text, closing=False)
        middle = len(text) // 2
        released = self._feed_by_halves(text[:middle])
        return released if self.rejected_by is not None else released + self._feed_by_halves(text[middle:])

    def _would_end(self, text: str) -> bool:
        """Whether the text would end, or a filter fail, in this piece. Changes and counts nothing."""
        try:
            for owner, stage in self._links:
                if not owner.cuts_responses:  # the filters that cut come first
                    return False
                fork = stage.fork()
                text = fork.feed(text) if text else ""
                if fork.rejected:
                    return True
        except Exception:  # the stage itself raises again, and its filter's on_error applies then
            return True
        return False

    def _reject(self, number: int, text: str) -> str:
        """A stage has rejected: pass text that it released before through the later stages, and close them."""
        self.rejected_by = self._links[number][0]
        self._cut_off = True
        self._links = self._links[number + 1 :]
        text = self._pass_on(text, closing=True)
        self._links = []
        return text

    def _pass_on(self, text: str, closing: bool) -> str:
        """Pass a text through all stages. If a later stage rejects text that an earlier one still released, its cut
        applies.
        """
        reports: list[Callable[[], None]] = []  # of the filter that ends the text
        for owner, stage in self._links:  # skipping a link creates a new list
            if not (text or closing or self._exchange.failed_open):
                return ""
            if not owner.cuts_responses:
                text = self._guarded(owner, stage, text, closing)
            else:
                text, reported = self._cut(owner, stage, text, closing)
                if stage.rejected:
                    reports = reported
                else:
                    _run_reports(reported)
            if stage.rejected:
                self.rejected_by = owner
                self._cut_off = True
                closing = True  # text released before still passes the later stages
        if self.rejected_by is not None:
            self._links = []
        _run_reports(reports)
        return text

    def _cut(self, owner: Filter, stage: Stage, text: str, closing: bool) -> tuple[str, list[Callable[[], None]]]:
        """The output of a stage that may end the text, and its reports, which are not delivered yet."""
        reported: list[Callable[[], None]] = []
        self._exchange.held_reports = reported
        try:
            return self._guarded(owner, stage, text, closing), reported
        finally:
            self._exchange.held_reports = None

    def _guarded(self, owner: Filter, stage: Stage, text: str, closing: bool) -> str:
        """The output of one stage; if its filter fails open, the held text is released and the stage is skipped."""
        held = stage.held() if owner.fails_open else ""
        failed_open = self._exchange.failed_open
        if not failed_open or owner.name not in failed_open:
            try:
                released = stage.feed(text) if text else ""
                if closing and not stage.rejected:
                    released += close_stage(stage, self._cut_off)
                return released
            except Exception as error:
                note_failure(owner, self._exchange, error)
        self._links = [link for link in self._links if link[1] is not stage]
        return held + text


def note_failure(owner: Filter, exchange: ExchangeContext, error: Exception) -> None:
    """Record a filter's failure. Raises: FilterFailed if it fails closed; Abandoned unchanged, as no filter failed."""
    if isinstance(error, Abandoned):
        raise error
    if owner.fails_open:
        exchange.failed_open |= {owner.name}
        if isinstance(error, TextTooCostly):
            exchange.pace.start_again()
        return
    exchange.failed_closed = owner.name
    raise FilterFailed(owner.name, error) from error


def _run_reports(reports: Iterable[Callable[[], None]]) -> None:
    for report in reports:
        report()


def sort_by_effect(filters: Iterable[Filter]) -> tuple[Filter, ...]:
    """Order filters for a chain: those that end a text, those that change it, those that only observe.

    So each sees only released text, and its findings do not depend on chunk boundaries.
    """
    return tuple(sorted(filters, key=lambda owner: (not owner.cuts_responses, not owner.changes_responses)))


def finding(
    filters: Iterable[Filter],
    texts: Sequence[tuple[TextSource, str]],
    exchange: ExchangeContext,
    cut_off: bool = False,
) -> list[Filter]:
    """The filters that may find something in whole texts. Raises: FilterFailed.

    After one that may change or end a text, all are included: their findings cannot be predicted. Args: cut_off:
    whether one of the texts was truncated.
    """
    needed: list[Filter] = []
    changed = False
    for owner in filters:
        try:
            if changed or (cut_off and owner.judges_cut_ends) or owner.might_match_any(texts):
                needed.append(owner)
                changed = changed or owner.changes_responses
        except Exception as error:
            note_failure(owner, exchange, error)
    return needed


class Channels:
    """The chains of one exchange's channels, created on first use. ``filters`` are ordered by ``sort_by_effect``."""

    __slots__ = (
        "_chains",
        "_channels_max",
        "_exchange",
        "_filters",
        "_last_chain",
        "_last_source",
        "_latest",
    )

    def __init__(self, filters: Sequence[Filter], exchange: ExchangeContext, channels_max: int) -> None:
        self._filters = filters
        self._exchange = exchange
        self._channels_max = channels_max
        self._chains: dict[TextSource, Chain] = {}
        numbered = True in [owner.numbers_values for owner in filters]
        self._latest: dict[int, Chain] | None = {} if numbered else None  # by choice, if the order of channels matters
        self._last_source: TextSource | None = None
        self._last_chain: Chain | None = None

    def chain(self, source: TextSource) -> Chain:
        """The chain of a channel. Raises: PayloadRefused if the response has too many channels."""
        chain = self._last_chain
        if chain is not None and source is self._last_source:  # the same object, as of a stream's plain events
            return chain
        chain = self._chains.get(source)
        if chain is None:
            if len(self._chains) >= self._channels_max:
                raise refuse(502, "too_many_channels", f"The response has more than {self._channels_max} texts.")
            if self._latest is not None and (before := self._latest.get(source.choice)) is not None:
                before.foresee()  # its held text comes first, and gets the lower numbers
            chain = self._chains[source] = self.new_chain(source)
            if self._latest is not None:
                self._latest[source.choice] = chain
        self._last_source, self._last_chain = source, chain
        return chain

    def open_chain(self, source: TextSource) -> Chain:
        """The chain of a channel whose texts are each complete: a new one if the last was rejected."""
        chain = self.chain(source)
        if chain.rejected_by is not None:
            chain = self._chains[source] = self._last_chain = self.new_chain(source)
        return chain

    def new_chain(self, source: TextSource) -> Chain:
        """A chain that is not kept. Raises: FilterFailed."""
        links: list[tuple[Filter, Stage]] = []
        for owner in self._filters:
            if owner.name in self._exchange.failed_open or not owner.applies_to(source):
                continue
            try:
                stage = owner.stage(source, self._exchange)
            except Exception as error:
                note_failure(owner, self._exchange, error)
                continue
            if stage is not None:
                links.append((owner, stage))
        return Chain(links, self._exchange)

    def end_choice(self, choice: int, cut_short: bool) -> None:
        """Notify every filter that a choice has ended by itself. Raises: FilterFailed."""
        for owner in self._filters:
            if owner.name not in self._exchange.failed_open:
                try:
                    owner.on_choice_end(choice, cut_short, self._exchange)
                except Exception as error:
                    note_failure(owner, self._exchange, error)

    def known(self, source: TextSource) -> bool:
        """Whether a channel has appeared."""
        return source in self._chains

    def of_choice(self, choice: int, part: int | None = None) -> list[tuple[TextSource, Chain]]:
        """The channels of a choice, or of one part of it."""
        return [
            (source, chain)
            for source, chain in self._chains.items()
            if source.choice == choice and (part is None or source.part == part)
        ]

    def sources(self) -> Collection[TextSource]:
        """The channels that have appeared."""
        return self._chains.keys()

    def all(self) -> list[tuple[TextSource, Chain]]:
        """Every channel that has appeared."""
        return list(self._chains.items())
