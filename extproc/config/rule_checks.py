"""What guards with plain rules can still get wrong between their keys: a guard that rules nothing out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from extproc.config.document import Document
from extproc.config.guards.size import SizeGuard
from extproc.config.guards.tools import ToolsGuard
from extproc.config.guards.topics import TopicsGuard
from extproc.config.guards.urls import UrlsGuard
from extproc.config.problems import KeyPath, Places, Problem


def rule_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Everything that is wrong within a guard of a valid document."""
    for number, policy in enumerate(document.policies):
        for index, guard in enumerate(policy.guards):
            path: KeyPath = ("policies", number, "guards", index)
            if isinstance(guard, SizeGuard):
                yield from _size_problems(guard, path, places)
            elif isinstance(guard, ToolsGuard):
                yield from _tools_problems(guard, path, places)
            elif isinstance(guard, TopicsGuard):
                yield from _topics_problems(guard, path, places)
            elif isinstance(guard, UrlsGuard):
                yield from _urls_problems(guard, path, places)


def _size_problems(guard: SizeGuard, path: KeyPath, places: Places) -> Iterator[Problem]:
    limits = (guard.chars_max, guard.message_chars_max, guard.messages_max, guard.tools_max)
    if limits == (None,) * len(limits):
        hint = "Give it one of chars_max, message_chars_max, messages_max, tools_max."
        yield places.problem(path, "the guard has no limit, so it judges nothing", hint=hint, at_key=True)
    if guard.chars_max is not None and (guard.message_chars_max or 0) > guard.chars_max:
        found = "a message may be longer than all texts together"
        hint = "Lower it, or raise chars_max."
        yield places.problem((*path, "message_chars_max"), found, hint=hint)


def _tools_problems(guard: ToolsGuard, path: KeyPath, places: Places) -> Iterator[Problem]:
    if guard.allow is None and not guard.deny:
        hint = "Give it allow, deny or both."
        yield places.problem(path, "the guard names no tool, so it judges nothing", hint=hint, at_key=True)
    yield from _both_ways("tool", guard.allow or (), guard.deny, path, places)


def _urls_problems(guard: UrlsGuard, path: KeyPath, places: Places) -> Iterator[Problem]:
    restricts = guard.allow is not None or guard.deny or guard.schemes_deny or guard.images == "block"
    if not restricts and guard.ip_addresses == "allow":
        hint = "Give it one of allow, deny, schemes_deny, `ip_addresses: deny`, `images: block`."
        yield places.problem(path, "the guard permits every URL, so it judges nothing", hint=hint, at_key=True)
    yield from _both_ways("host", guard.allow or (), guard.deny, path, places)


def _topics_problems(guard: TopicsGuard, path: KeyPath, places: Places) -> Iterator[Problem]:
    if not guard.allow and not guard.deny:
        hint = "Give it allow, deny or both."
        yield places.problem(path, "the guard has no topic, so it judges nothing", hint=hint, at_key=True)
    if guard.allow and guard.on == "response":
        hint = "Use `on: request` or `on: both`."
        yield places.problem((*path, "on"), "topics that are allowed are looked for in requests only", hint=hint)
    elif guard.on != "request" and not guard.deny:
        hint = "Give it deny, or use `on: request`."
        yield places.problem((*path, "on"), "only denied topics are looked for in answers", hint=hint)


def _both_ways(
    what: str, allow: Sequence[str], deny: Sequence[str], path: KeyPath, places: Places
) -> Iterator[Problem]:
    for index, name in enumerate(allow):
        if name in deny:
            found = f"the {what} is allowed and denied, so it is denied"
            yield places.problem((*path, "allow", index), found, hint="Remove it from one of them.")
