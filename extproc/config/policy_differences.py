"""What differs in policies: which exchanges they judge, and what their guards do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from extproc.config.differences import (
    Compared,
    KeyDifference,
    dotted,
    keys_that_differ,
    order_of,
    value_text,
)
from extproc.config.guards.base import GuardSection
from extproc.config.policies import Policy

_EFFECTS = {
    "block": "what it finds is refused",
    "mask": "what it finds is replaced",
    "flag": "what it finds passes, and is reported",
    "shadow": "what it finds passes, and is only counted",
}


def policy_differences(old: Compared, new: Compared) -> Iterator[KeyDifference]:
    """The policies, by name."""
    before, after = (_by_name(one.document.policies) for one in (old, new))
    for name in dict.fromkeys((*before, *after)):
        if name not in before:
            guards = ", ".join(_guard_name(guard) for guard in after[name].guards) or "nothing"
            words = f"{name} is new, for {_whom(new, name)}: {guards}"
            yield KeyDifference(dotted(("policies", name)), "added", words)
        elif name not in after:
            words = f"{name} is gone: its exchanges belong to the next policy that matches"
            yield KeyDifference(dotted(("policies", name)), "removed", words)
        else:
            if before[name].when != after[name].when:
                had, has = _whom(old, name), _whom(new, name)
                words = f"{name} is for {has} instead of {had}"
                yield KeyDifference(dotted(("policies", name, "when")), "changed", words, had, has)
            yield from _guard_differences(old, new, name)
    order = order_of(before, after)
    if order is not None:
        yield KeyDifference(
            "policies", "changed", f"the first that matches is looked for in another order: {', '.join(order)}"
        )


def _guard_differences(old: Compared, new: Compared, policy: str) -> Iterator[KeyDifference]:
    before, after = (_guards(one, policy) for one in (old, new))
    for name in dict.fromkeys((*before, *after)):
        path = ("policies", policy, "guards", name)
        about = f"{policy}: guard {name}"
        if name not in before:
            yield KeyDifference(dotted(path), "added", f"{about} is new: {_EFFECTS[after[name]['action']]}")
        elif name not in after:
            yield KeyDifference(dotted(path), "removed", f"{about} is gone")
        else:
            for one in keys_that_differ(before[name], after[name], path, about):
                is_action = one.path.endswith(f"{name}.action")
                yield one._replace(words=f"{one.words}: {_EFFECTS[one.after or '']}") if is_action else one
            yield from _file_differences(old, new, policy, name)
    order = order_of(before, after)
    if order is not None:
        words = f"{policy}: the guards run in another order: {', '.join(order)}"
        yield KeyDifference(dotted(("policies", policy, "guards")), "changed", words)


def _file_differences(old: Compared, new: Compared, policy: str, guard: str) -> Iterator[KeyDifference]:
    """Files with the same key: how many lines are new or gone. Their texts are not shown."""
    texts = []
    for one in (old, new):
        section = _sections(one, policy)[guard]
        texts.append({file.key: (file.file, one.texts.get(file.file, "")) for file in section.text_files()})
    for key in texts[0].keys() & texts[1].keys():
        (_, before), (file, after) = texts[0][key], texts[1][key]
        if before != after:
            lines = [Counter(text.splitlines()) for text in (before, after)]
            new_lines, gone = (lines[1] - lines[0]).total(), (lines[0] - lines[1]).total()
            path = ("policies", policy, "guards", guard, *key)
            words = f"{policy}: guard {guard}: {new_lines} lines of {value_text(file, path)} are new, {gone} are gone"
            yield KeyDifference(dotted(path), "changed", words)


def _whom(one: Compared, name: str) -> str:
    """The exchanges that a policy judges, in words."""
    (when,) = [policy["when"] for policy in one.data["policies"] if policy["name"] == name]
    conditions = [
        " and ".join(f"{key} {value_text(values, (key,))}" for key, values in condition.items() if values)
        for condition in when
    ]
    return " or ".join(condition or "all exchanges" for condition in conditions) or "all exchanges"


def _by_name(policies: tuple[Policy, ...]) -> dict[str, Policy]:
    return {policy.name: policy for policy in policies}


def _guard_name(guard: GuardSection) -> str:
    return guard.name or guard.guard


def _sections(one: Compared, policy: str) -> dict[str, GuardSection]:
    return {_guard_name(guard): guard for guard in _by_name(one.document.policies)[policy].guards}


def _guards(one: Compared, policy: str) -> Mapping[str, Any]:
    (data,) = [each for each in one.data["policies"] if each["name"] == policy]
    return {guard["name"] or guard["guard"]: guard for guard in data["guards"]}
