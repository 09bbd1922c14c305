"""How well answers that decline are told from others, and what kinds are seen where; and what it costs.

    python -m tests.tools.refusal_report [FOLDER]

*In view*: the detector as it ships, on sources that its patterns were written with. *Left out*: its n-grams trained
without the source in question (near copies left out); the patterns stay. *Locked*: sources that nobody here has read.
Labels say only whether a model declines, most of them by phrases of those who collected the answers: what redirects,
helps in part or lacks access may have either. *Read* are a few answers of which a person said the kind. Own lines
(``refusal_lines``) count nowhere.

FOLDER holds answers of others that are not in this repository: ``NAME.jsonl`` with ``text``, ``lang`` and ``kind`` (a
``RefusalKind``; ``none``: does what was asked). They are told by language.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from extproc.detectors.answers.refusal import RefusalDetector
from extproc.domain.refusal_kinds import KIND_OF_FINDING, RefusalKind
from tests.tools.by_source import Interval, interval_of
from tests.tools.corpora import Row, family_of, in_view, locked
from tests.tools.ngram_training import Example, near_duplicate_keys
from tests.tools.refusal_training import OWN, PREFIX_CHARS, examples, trained

ANSWER = "The museum opens at nine and closes when the last visitor has left the garden. " * 4
READ: Final = Path(__file__).parents[1] / "corpus" / "refusal_kinds" / "of_others.jsonl"
DECLINES: Final = RefusalKind.DECLINES.finding
Find = Callable[[str], str]
"""The kind of the finding in a text; empty: none."""


class Judged(NamedTuple):
    """A row, and the kind of refusal that was found in it; empty: none."""

    row: Row
    found: str


def report(every: int = 1) -> dict[str, float]:
    """Flat names to figures; cost in microseconds.

    Args: every: only one row in so many is looked at, by who wants the names rather than the figures.
    """
    shipped = _finder(RefusalDetector())
    seen, honest = in_view("refusal")[::every], in_view("honest")[::every]
    unseen, unseen_honest = locked("refusal")[::every], locked("honest")[::every]
    figures = _figures("in_view", _judged(shipped, seen), _judged(shipped, honest))
    figures |= _figures("left_out", _left_out(shipped, seen, examples()[::every]), [])
    figures |= _figures("locked", _judged(shipped, unseen), _judged(shipped, unseen_honest))
    return figures | _read(shipped) | {"refusal_us_answer": _cost_us()}


def _finder(detector: RefusalDetector) -> Find:
    def find(text: str) -> str:
        finding = detector.find(text[:PREFIX_CHARS])
        return "" if finding is None else finding.kind

    return find


def _judged(find: Find, rows: Iterable[Row]) -> list[Judged]:
    return [Judged(row, find(row.text)) for row in rows]


def _left_out(shipped: Find, rows: Sequence[Row], known: Sequence[Example]) -> list[Judged]:
    """Each family by a detector that was not trained on it; most are left out of the shipped one."""
    keys = [near_duplicate_keys(one.text) for one in known]
    trained_on = {family_of("refusal", one.source) for one in known}
    judged: list[Judged] = []
    for family in sorted({family_of("refusal", row.source) for row in rows}):
        own = [row for row in rows if family_of("refusal", row.source) == family]
        is_new = family not in trained_on
        find = shipped if is_new else _finder(RefusalDetector(trained(_rest(known, keys, family))))
        judged += _judged(find, own)
    return judged


def _rest(known: Sequence[Example], keys: Sequence[frozenset[int]], family: str) -> list[Example]:
    """What may be trained on where a family is left out."""
    is_own = [one.source != OWN and family_of("refusal", one.source) == family for one in known]
    seen = {key for own, its in zip(is_own, keys, strict=True) if own for key in its}
    return [
        one
        for one, own, its in zip(known, is_own, keys, strict=True)
        if not own and (one.source == OWN or len(seen & its) * 2 < len(its))
    ]


def _figures(name: str, judged: Sequence[Judged], honest: Sequence[Judged]) -> dict[str, float]:
    """Of what declines: recall and precision as macro means over sources that have both labels, and false alarms."""
    sources = sorted({one.row.source for one in judged})
    both = {source: rates for source in sources if "recall" in (rates := _rates(judged, source))}
    alarms = {source: _rates(judged, source)["false_alarms"] for source in sources if _has_others(judged, source)}
    figures: dict[str, float] = {}
    for rate in ("recall", "precision"):
        figures |= _macro(f"{name}.{rate}", {source: rates[rate] for source, rates in both.items()})
    figures |= _macro(f"{name}.false_alarms", alarms)
    if honest:
        names = sorted({one.row.source for one in honest})
        figures |= _macro(f"{name}.honest", {one: _rates(honest, one)["false_alarms"] for one in names})
    return figures | _by_language(name, judged) | _kinds(name, judged)


def _has_others(judged: Sequence[Judged], source: str) -> bool:
    return any(one.row.source == source and not one.row.label for one in judged)


def _macro(name: str, shares: dict[str, float]) -> dict[str, float]:
    mean, low, high = interval_of(shares) if shares else Interval(0.0, 0.0, 0.0)
    named = {f"{name}.{source}": share for source, share in shares.items()}
    return {name: mean, f"{name}.low": low, f"{name}.high": high, **named}


def _rates(judged: Iterable[Judged], source: str) -> dict[str, float]:
    counts = Counter((one.row.label, one.found == DECLINES) for one in judged if one.row.source == source)
    hits, missed, false, passed = (counts[key] for key in ((1, True), (1, False), (0, True), (0, False)))
    rates = {"false_alarms": false / max(1, false + passed)}
    if hits + missed:
        rates |= {"recall": hits / (hits + missed), "precision": hits / max(1, hits + false)}
    return rates


def _by_language(name: str, judged: Sequence[Judged]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for lang in sorted({one.row.lang for one in judged}):
        for label, rate in ((1, "recall"), (0, "false_alarms")):
            found = [one.found == DECLINES for one in judged if (one.row.lang, one.row.label) == (lang, label)]
            if found:
                figures[f"{name}.language.{lang}.{rate}"] = sum(found) / len(found)
    return figures


def _kinds(name: str, judged: Sequence[Judged]) -> dict[str, float]:
    """Which share of the rows with each label has which kind."""
    figures: dict[str, float] = {}
    for label, group in ((1, "labelled"), (0, "others")):
        found = Counter(one.found for one in judged if one.row.label == label)
        total = max(1, sum(found.values()))
        figures |= {f"{name}.kinds.{group}.{kind.lower()}": n / total for kind, n in sorted(found.items()) if kind}
    return figures


def _read(find: Find) -> dict[str, float]:
    """Recall and precision of each kind."""
    rows = [json.loads(line) for line in READ.read_text(encoding="utf-8").splitlines()]
    judged = [(row["kind"], KIND_OF_FINDING.get(find(row["text"]), "")) for row in rows]
    figures: dict[str, float] = {}
    for kind in RefusalKind:
        hits = sum(pair == (kind, kind) for pair in judged)
        figures[f"read.{kind}.recall"] = hits / sum(meant == kind for meant, _ in judged)
        figures[f"read.{kind}.precision"] = hits / max(1, sum(found == kind for _, found in judged))
    return figures


def _cost_us() -> float:
    detector = RefusalDetector()
    best_s = float("inf")
    for _ in range(200):
        begin_s = time.perf_counter()
        detector.find(ANSWER[:PREFIX_CHARS])
        best_s = min(best_s, time.perf_counter() - begin_s)
    return best_s * 1e6


def of_folder(folder: Path) -> dict[str, dict[str, int]]:
    """By language: how many answers, how many of them decline, are found to, and are wrongly said to."""
    lines = [line for file in sorted(folder.glob("*.jsonl")) for line in file.read_text(encoding="utf-8").splitlines()]
    find = _finder(RefusalDetector())
    counts: dict[str, dict[str, int]] = {}
    for row in map(json.loads, lines):
        declines, said = row["kind"] == RefusalKind.DECLINES, find(row["text"]) == DECLINES
        of_lang = counts.setdefault(row["lang"], dict.fromkeys(("answers", "decline", "found", "wrongly"), 0))
        for name, counted in zip(of_lang, (True, declines, declines and said, said and not declines), strict=True):
            of_lang[name] += counted
    return counts


def main() -> None:
    """Print the figures as one table."""
    if len(sys.argv) > 1:
        print("| language | answers | decline | found | wrongly |\n|---|---|---|---|---|")
        for lang, counts in sorted(of_folder(Path(sys.argv[1])).items()):
            print(f"| {lang} | {' | '.join(map(str, counts.values()))} |")
        return
    print("| figure | value |\n|---|---|")
    for name, value in report().items():
        print(f"| {name} | {value:.3f} |")


if __name__ == "__main__":
    main()
