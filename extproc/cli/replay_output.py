"""Answers of two versions side by side: as text, as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.replay_run import AnswerPair, JudgedPair, Replayed
from extproc.cli.replay_shapes import JudgedPairJson, ReplayedAnswerJson, ReplayedShareJson, ReplayJson
from extproc.cli.tables import plain_text, print_line, print_lines, print_table
from extproc.domain.signals import RATES
from extproc.dryrun.replayed import OF_ANSWERS, StoredRequest, share_of, similarity

_SHOWN_CHARS_MAX: Final = 600
_QUESTION_CHARS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """All of it. Attributes: base, against: MODEL/VERSION; left_out: what could not be sent."""

    base: str
    against: str
    requests: Sequence[StoredRequest]
    pairs: Sequence[AnswerPair]
    left_out: int
    judged: Sequence[JudgedPair | None] = ()

    @property
    def ok(self) -> bool:
        """Whether every request has both answers, and what the judge says if there is one."""
        is_judged = all(one is not None and one.verdict is not None for one in self.judged)
        return is_judged and all(one.seen is not None for pair in self.pairs for one in pair)

    @property
    def judged_pairs(self) -> Sequence[JudgedPair | None]:
        """Of each request; None without a judge."""
        return self.judged or [None] * len(self.pairs)


def replay_data(replay: ReplayResult) -> ReplayJson:
    """The JSON."""
    return {
        "ok": replay.ok,
        "base": replay.base,
        "against": replay.against,
        "left_out": replay.left_out,
        "signals": [
            {"signal": RATES[place].name, "base": _share(replay, 0, place), "against": _share(replay, 1, place)}
            for place in OF_ANSWERS
        ],
        "requests": [
            {
                "name": request.name,
                "question": question_of(request.body),
                "base": _answer(base),
                "against": _answer(against),
                "similarity": _similarity(base, against),
                "judged": None if judged is None else _judged(judged),
            }
            for request, (base, against), judged in zip(replay.requests, replay.pairs, replay.judged_pairs, strict=True)
        ],
    }


def question_of(tree: Mapping[str, Any]) -> str:
    """The last text of the user; empty where there is none."""
    for message in reversed(tree["messages"]):
        if isinstance(message, Mapping) and message.get("role") == "user":
            content = message.get("content")
            parts = content if isinstance(content, list) else [{"text": content}]
            texts = [part.get("text") for part in parts if isinstance(part, Mapping)]
            return " ".join(text for text in texts if isinstance(text, str))
    return ""


def _answer(replayed: Replayed) -> ReplayedAnswerJson:
    seen = replayed.seen
    return {
        "text": "" if seen is None else seen.text,
        "tokens": None if seen is None else seen.tokens,
        "took_s": None if replayed.took_s is None else round(replayed.took_s, 3),
        "findings": 0 if seen is None else seen.findings,
        "signals": _signals(replayed),
        "problem": replayed.problem,
    }


def _judged(judged: JudgedPair) -> JudgedPairJson:
    return {"verdict": judged.verdict, "reason": judged.reason, "problem": judged.problem}


def _signals(replayed: Replayed) -> list[str]:
    rates = {} if replayed.seen is None else replayed.seen.rates
    return [RATES[place].name for place, (hits, _) in rates.items() if hits]


def _similarity(base: Replayed, against: Replayed) -> float | None:
    if base.seen is None or against.seen is None:
        return None
    share = similarity(base.seen, against.seen)
    return None if share is None else round(share, 3)


def _share(replay: ReplayResult, side: int, place: int) -> ReplayedShareJson:
    seen = [pair[side].seen for pair in replay.pairs]
    hits, judged = share_of([one for one in seen if one is not None], place)
    return {"hits": hits, "judged": judged}


# --- as text -------------------------------------------------------------------------------------------------------


def print_replay(console: Console, replay: ReplayResult) -> None:
    """Each request with its two answers, then how often each signal was seen, and lengths."""
    for request, pair, judged in zip(replay.requests, replay.pairs, replay.judged_pairs, strict=True):
        print_line(console, Text(request.name, "bold"))
        print_lines(console, [f"  asked: {_short(question_of(request.body), _QUESTION_CHARS_MAX)}"])
        for name, one in zip((replay.base, replay.against), pair, strict=True):
            _print_answer(console, name, one)
        share = _similarity(*pair)
        print_lines(console, [] if share is None else [f"  {share:.0%} of the first words in common"])
        if judged is not None:
            _print_judged(console, replay, judged)
        print_lines(console, [""])
    print_table(console, _table(replay))
    if replay.judged:
        counts = Counter(one.verdict for one in replay.judged if one is not None)
        told = f"{replay.base} {counts['base']}, {replay.against} {counts['against']}, undecided {counts['undecided']}"
        print_lines(console, [f"better in both orders: {told}"])
    if replay.left_out:
        told = (
            "is no chat completion, or has no text"
            if replay.left_out == 1
            else "are no chat completions, or have no text"
        )
        print_lines(console, [f"{replay.left_out} left out: {told}."])


def _print_judged(console: Console, replay: ReplayResult, judged: JudgedPair) -> None:
    if judged.verdict is None:
        print_line(console, Text(f"  not judged: {judged.problem}", "bold red"))
        return
    better = {"base": f"{replay.base} is better", "against": f"{replay.against} is better", "undecided": "undecided"}
    print_line(console, Text("  judge: ").append(plain_text(f"{better[judged.verdict]}. {judged.reason}".rstrip())))


def _print_answer(console: Console, name: str, one: Replayed) -> None:
    if one.seen is None:
        print_line(console, Text("  ").append(plain_text(name)).append(f": {one.problem}", "bold red"))
        return
    facts = [f"{one.seen.tokens} tokens"] if one.seen.tokens is not None else []
    facts += [f"{one.took_s:.1f} s"] if one.took_s is not None else []
    facts += [f"{one.seen.findings} findings"] if one.seen.findings else []
    line = Text("  ").append(plain_text(name)).append(f" ({', '.join([*facts, *_signals(one)])}):")
    print_line(console, line)
    print_lines(console, [f"    {_short(one.seen.text, _SHOWN_CHARS_MAX) or '-'}"])


def _table(replay: ReplayResult) -> Table:
    table = Table("signal", replay.base, replay.against, box=None, pad_edge=False)
    for place in OF_ANSWERS:
        cells = [_share(replay, side, place) for side in (0, 1)]
        if any(cell["judged"] for cell in cells):
            table.add_row(RATES[place].name, *(f"{cell['hits']} of {cell['judged']}" for cell in cells))
    answered = [[pair[side] for pair in replay.pairs if pair[side].seen is not None] for side in (0, 1)]
    table.add_row("tokens, mean", *(_mean(one.seen.tokens for one in side if one.seen) for side in answered))
    table.add_row("seconds, mean", *(_mean(one.took_s for one in side) for side in answered))
    return table


def _mean(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{sum(known) / len(known):.1f}" if known else "-"


def _short(text: str, chars_max: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= chars_max else f"{line[: chars_max - 1]}\u2026"
