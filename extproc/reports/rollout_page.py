"""A rollout as one HTML file, from its journal alone: what was decided, when, by which numbers, and whether they agree.

The decisions are recomputed from the numbers of the journal, so the page shows what follows from them, and says where
that is not what was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Final, NamedTuple

from extproc.config.rollouts import RolloutSection
from extproc.reports.html_parts import page_of, plain_name, section_of, table_of, text_cell
from extproc.reports.rollout_gates_page import GateLook, gate_parts, gate_table
from extproc.reports.time_plots import Curve, TimePlot, curves
from extproc.rollout.explain import Explained, ExplainedJournal, explain
from extproc.rollout.journal import PROCESSOR, JournalEntry, JournalKind

LOOKS_MAX: Final = 200
"""That are drawn, with every decision and the last look."""
_PERCENT: Final = 100.0
_ENDED: Final = {
    JournalKind.PROMOTED: "was promoted",
    JournalKind.ROLLED_BACK: "was rolled back",
    JournalKind.INCONCLUSIVE: "ended without an answer",
    JournalKind.BROKEN_OFF: "was broken off",
}


class _Share(NamedTuple):
    """Of the canary, after an entry. Attributes: step: of the plan, from 1 on."""

    percent: float
    step: int


def rollout_page(rollout: str, entries: Sequence[JournalEntry]) -> str:
    """The page. Args: rollout: its id; entries: its whole journal."""
    explained = explain(rollout, entries)
    if explained.plan is None or not explained.entries:
        problem = "there is no entry" if explained.broken is None else explained.broken.problem
        lead = f"The journal of {escape(plain_name(rollout))} cannot be read: {escape(problem)}."
        return page_of("Rollout", lead, [])
    plan = explained.plan
    shares = _shares(plan, explained.entries)
    title = f"Rollout {plan.name}: {plan.model} from {plan.stable} to {plan.canary}"
    lead = escape(plain_name(verdict_in_words(plan, explained.entries, shares)))
    return page_of(title, lead, _parts(rollout, explained, plan, shares, entries))


def verdict_in_words(plan: RolloutSection, entries: Sequence[Explained], shares: Sequence[_Share]) -> str:
    """What became of the canary, in a sentence, with the reason."""
    last = next((one for one in reversed(entries) if one.kind in _ENDED), None)
    if last is None:
        paused = [one.kind for one in entries if one.kind in (JournalKind.PAUSED, JournalKind.RESUMED)][-1:]
        state = "is paused" if paused == [JournalKind.PAUSED] else "goes on"
        at = f"step {shares[-1].step} of {len(plan.steps)}, {shares[-1].percent:g} % for {plan.canary}"
        return f"The rollout {state}: {at}."
    by = "by its numbers" if last.made_by == PROCESSOR else f"by {last.made_by}"
    reasons = [last.note] if last.note else [] if last.verdict is None else list(last.verdict.reasons)
    because = f": {' '.join(reasons)}" if reasons and (last.made_by == PROCESSOR or last.note) else "."
    return f"{plan.canary} {_ENDED[last.kind]} {by}{because}"


def _parts(
    rollout: str,
    explained: ExplainedJournal,
    plan: RolloutSection,
    shares: Sequence[_Share],
    entries: Sequence[JournalEntry],
) -> Iterator[str]:
    known = explained.entries
    yield _facts(rollout, plan, entries[0].values.get("arms") or {}, known)
    yield _agreement(explained, entries)
    yield _decisions(known, shares)
    yield _share_plot(plan, known, shares)
    looks = _looks(known)
    if not looks:
        yield "<p>No look with numbers is in the journal yet.</p>"
    else:
        yield gate_table(looks[-1].gates)
        yield from gate_parts(looks)
    yield _steps(plan)
    yield _gates(plan)


# --- what was compared, and how ------------------------------------------------------------------------------------


def _facts(rollout: str, plan: RolloutSection, arms: Mapping[str, Any], known: Sequence[Explained]) -> str:
    of_stable, of_canary = (arms.get(f"{arm}_fingerprint", "unknown") for arm in ("stable", "canary"))
    rows = [
        ("id", rollout),
        ("model", plan.model),
        ("stable version", f"{plan.stable}, fingerprint {of_stable}"),
        ("canary", f"{plan.canary}, fingerprint {of_canary}"),
        ("began", f"{_moment(known[0].at_us)}, by {known[0].made_by}"),
        ("last entry", _moment(known[-1].at_us)),
        ("alpha", f"{plan.alpha:g}: chance of a wrong roll back, and of a wrong step"),
        ("hard failures", f"more than {plan.hard_failures.error_percent:g} % of exchanges fail"),
        ("inconclusive", f"after {plan.at_most_hours:,} hours; then: {plan.when_inconclusive.replace('_', ' ')}"),
        ("teams", ", ".join(plan.teams) or "all"),
    ]
    return _table("What was compared", ["", ""], rows)


def _steps(plan: RolloutSection) -> str:
    rows = [
        (f"{number}", f"{step.percent} %", f"{step.minutes_min:,} min", f"{step.answers_min:,}")
        for number, step in enumerate(plan.steps, 1)
    ]
    return _table("Steps of the plan", ["step", "canary", "least time", "least answers"], rows)


def _gates(plan: RolloutSection) -> str:
    rows = [
        (
            gate.name,
            gate.meaning,
            gate.harm,
            f"{_PERCENT * gate.roll_back:g}",
            f"{_PERCENT * gate.promote:g}",
            "yes" if gate.required else "no",
            f"{_PERCENT * gate.weight:.0f} %",
        )
        for gate in plan.compared_gates()
    ]
    heads = ["gate", "compares", "if it is worse", "roll-back margin", "promote margin", "required", "share of alpha"]
    return _table("Gates of the plan, with margins in points or percent", heads, rows)


def _agreement(explained: ExplainedJournal, entries: Sequence[JournalEntry]) -> str:
    if explained.broken is not None:
        told = f"The journal is not what was written: {explained.broken.problem}. Nothing after that is shown."
    elif explained.agrees:
        told = f"The journal is whole, and all of its {len(entries):,} entries agree with their numbers."
    else:
        wrong = ", ".join(str(one.number) for one in explained.entries if not one.agrees)
        told = f"The journal is whole, but these entries do not follow from their numbers: {wrong}."
    last = f"Hash of the last entry: <code>{escape(plain_name(entries[-1].hash))}</code>"
    again = "<code>extproc rollout explain</code> recomputes the same from the store"
    return f"<p>{escape(plain_name(told))} {last}; {again}.</p>"


def _decisions(known: Sequence[Explained], shares: Sequence[_Share]) -> str:
    rows = []
    for one, share in zip(known, shares, strict=True):
        if one.kind is JournalKind.LOOKED:
            continue
        reasons = [*([one.note] if one.note else []), *(() if one.verdict is None else one.verdict.reasons)]
        agrees = "-" if one.verdict is None else "yes" if one.agrees else "NO"
        kind = one.kind.value.replace("_", " ")
        rows.append((_moment(one.at_us), kind, one.made_by, f"{share.percent:g} %", " ".join(reasons), agrees))
    return _table("Decisions", ["when", "what", "by", "canary then", "why", "follows from its numbers"], rows)


# --- over time -----------------------------------------------------------------------------------------------------


def _shares(plan: RolloutSection, known: Sequence[Explained]) -> list[_Share]:
    """After each entry."""
    found: list[_Share] = []
    share = _Share(float(plan.steps[0].percent), 1)
    after = {JournalKind.PROMOTED: _PERCENT, JournalKind.ROLLED_BACK: 0.0, JournalKind.BROKEN_OFF: 0.0}
    for one in known:
        if one.kind is JournalKind.ADVANCED:
            step = min(share.step + 1, len(plan.steps))
            share = _Share(float(plan.steps[step - 1].percent), step)
        elif one.kind is JournalKind.INCONCLUSIVE and plan.when_inconclusive == "roll_back":
            share = share._replace(percent=0.0)
        else:
            share = share._replace(percent=after.get(one.kind, share.percent))
        found.append(share)
    return found


def _share_plot(plan: RolloutSection, known: Sequence[Explained], shares: Sequence[_Share]) -> str:
    began_us = known[0].at_us
    span_s = max((known[-1].at_us - began_us) / 1e6, 1.0)
    points = [((one.at_us - began_us) / 1e6, share.percent) for one, share in zip(known, shares, strict=True)]
    described = f"From {points[0][1]:g} % to {points[-1][1]:g} %, in steps of the plan."
    curve = Curve("canary", points, holds=True)
    plot = TimePlot(
        "share", f"Share of {plan.canary}", described, span_s, (0.0, _PERCENT), lambda value: f"{value:.0f} %", [curve]
    )
    return section_of(plot, curves(plot))


def _looks(known: Sequence[Explained]) -> list[GateLook]:
    """Those with numbers, thinned out where there are many."""
    began_us = known[0].at_us
    every = max(sum(one.verdict is not None for one in known) // LOOKS_MAX, 1)
    found, passed = [], 0
    for one in known:
        if one.verdict is None:
            continue
        passed += 1
        if passed % every == 0 or one.kind is not JournalKind.LOOKED or one is known[-1]:
            found.append(GateLook((one.at_us - began_us) / 1e6, one.verdict.gates))
    return found


# --- parts ---------------------------------------------------------------------------------------------------------


def _table(caption: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    heads = [f'<th scope="col">{escape(name)}</th>' for name in names]
    return table_of(caption, heads, [f"<tr>{''.join(map(text_cell, row))}</tr>" for row in rows])


def _moment(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
