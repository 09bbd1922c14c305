"""What differs between two configurations, in words of what it means for traffic.

Values that come from the environment are compared as the files have them; what may be a secret is not shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from extproc.config.document import Document, Role
from extproc.config.problems import SHOWN_CHARS_MAX, KeyPath, must_hide
from extproc.config.written_out import whole_data

Data = Mapping[str, Any]
DifferenceKind = Literal["added", "removed", "changed"]

_OF_THE_FILE = ("include",)


class KeyDifference(NamedTuple):
    """One difference.

    Args:
        path: dotted, such as ``models.llama.versions.v2``.
        words: what it means; begins with what it is about.
        before, after: the values as text, if it is about one key.
    """

    path: str
    kind: DifferenceKind
    words: str
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True)
class Compared:
    """A configuration that is compared.

    Attributes:
        data: all keys with their defaults, as plain data.
        texts: of the files that it names, by their paths.
    """

    document: Document
    data: Data
    texts: Mapping[str, str]

    @classmethod
    def of(cls, document: Document, texts: Mapping[str, str]) -> Compared:
        """A configuration with its files."""
        return cls(document, whole_data(document), texts)


# --- values --------------------------------------------------------------------------------------------------------


def keys_that_differ(old: Any, new: Any, path: KeyPath, about: str) -> Iterator[KeyDifference]:
    """A difference for each key of two blocks.

    Args: about: what the words begin with; the key follows.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            yield from keys_that_differ(old.get(key), new.get(key), (*path, key), f"{about} {key}" if about else key)
    elif old != new:
        before, after = value_text(old, path), value_text(new, path)
        kind: DifferenceKind = "added" if old is None else "removed" if new is None else "changed"
        words = f"{about}: {_short(after)} instead of {_short(before)}"
        if isinstance(old, dict) or isinstance(new, dict):
            words = f"{about} is {'new' if kind == 'added' else 'gone'}"
        yield KeyDifference(dotted(path), kind, words, before, after)


def value_text(value: Any, path: KeyPath) -> str:
    """A value as a person reads it; what may be a secret is not shown."""
    text = json.dumps(value, ensure_ascii=False)
    if must_hide(path, text):
        return "(not shown)"
    if value is None or value in ([], {}, ""):
        return "none"
    if isinstance(value, str):
        return text[1:-1]
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return text


def _short(text: str) -> str:
    return f"{text[:SHOWN_CHARS_MAX]}…" if len(text) > SHOWN_CHARS_MAX else text


def dotted(path: Iterable[str | int]) -> str:
    """A key path, as differences have it."""
    return ".".join(map(str, path))


def order_of(old: Iterable[str], new: Iterable[str]) -> list[str] | None:
    """The new order of what both have, if it is another one."""
    before, after = list(old), list(new)
    both = [name for name in after if name in before]
    return both if both != [name for name in before if name in after] else None


# --- models --------------------------------------------------------------------------------------------------------


def model_differences(old: Compared, new: Compared) -> Iterator[KeyDifference]:
    """Models, their versions and what each of them gets."""
    before, after = old.data["models"], new.data["models"]
    for name in dict.fromkeys((*before, *after)):
        path = ("models", name)
        if name not in before:
            shares = ", ".join(f"{version} gets {share}" for version, share in _shares(new, name).items())
            yield KeyDifference(dotted(path), "added", f"{name} is new: {shares}")
        elif name not in after:
            yield KeyDifference(dotted(path), "removed", f"{name} is gone: who asks for it gets 404")
        else:
            yield from _version_differences(old, new, name)
            rest = [{key: value for key, value in one[name].items() if key != "versions"} for one in (before, after)]
            yield from keys_that_differ(rest[0], rest[1], path, name)


def _version_differences(old: Compared, new: Compared, model: str) -> Iterator[KeyDifference]:
    before, after = old.data["models"][model]["versions"], new.data["models"][model]["versions"]
    had, gets = _shares(old, model), _shares(new, model)
    for name in dict.fromkeys((*before, *after)):
        path, about = ("models", model, "versions", name), f"{model}/{name}"
        if name not in before:
            yield KeyDifference(dotted(path), "added", f"{about} is new: it gets {gets[name]}")
            continue
        if name not in after:
            yield KeyDifference(dotted(path), "removed", f"{about} is gone: it had {had[name]}")
            continue
        weights = [str(one[name]["weight"]) for one in (before, after)]
        if had[name] != gets[name]:
            words = f"{about} gets {gets[name]} instead of {had[name]}"
            yield KeyDifference(dotted((*path, "weight")), "changed", words, *weights)
        elif weights[0] != weights[1]:
            words = f"{about} has the weight {weights[1]} instead of {weights[0]}, which is the same share"
            yield KeyDifference(dotted((*path, "weight")), "changed", words, *weights)
        rest = [{key: value for key, value in one[name].items() if key != "weight"} for one in (before, after)]
        yield from keys_that_differ(rest[0], rest[1], path, about)
        yield from _prompt_differences(old, new, model, name)


def _prompt_differences(old: Compared, new: Compared, model: str, version: str) -> Iterator[KeyDifference]:
    prompts = [one.document.models[model].versions[version].prompt for one in (old, new)]
    if prompts[0] is None or prompts[1] is None:
        return
    if old.texts.get(prompts[0].key) != new.texts.get(prompts[1].key):
        path = dotted(("models", model, "versions", version, "prompt"))
        yield KeyDifference(path, "changed", f"{model}/{version} has another text in its prompt")


def _shares(one: Compared, model: str) -> dict[str, str]:
    """What each version of a model gets, in words."""
    versions = one.document.models[model].versions
    if one.document.role is Role.GUARD:
        served = one.document.guard_version
        return {name: "all exchanges" if f"{model}/{name}" == served else "none here" for name in versions}
    total = sum(version.weight for version in versions.values()) or 1
    return {name: f"{version.weight / total * 100:.3g} %" for name, version in versions.items()}


# --- everything else -----------------------------------------------------------------------------------------------


def filter_differences(old: Compared, new: Compared) -> Iterator[KeyDifference]:
    """The filters, by name."""
    before, after = ({one["filter"]: one for one in side.data["filters"]} for side in (old, new))
    for name in dict.fromkeys((*before, *after)):
        path = ("filters", name)
        if name not in before:
            yield KeyDifference(dotted(path), "added", f"{name} runs")
        elif name not in after:
            yield KeyDifference(dotted(path), "removed", f"{name} does not run any more")
        else:
            yield from keys_that_differ(before[name], after[name], path, name)
    order = order_of(before, after)
    if order is not None:
        yield KeyDifference("filters", "changed", f"the order is {', '.join(order)}")


def classifier_differences(old: Compared, new: Compared) -> Iterator[KeyDifference]:
    """The classifiers, by name."""
    before, after = old.data["classifiers"], new.data["classifiers"]
    for name in dict.fromkeys((*before, *after)):
        path = ("classifiers", name)
        if name not in before or name not in after:
            kind: DifferenceKind = "added" if name in after else "removed"
            yield KeyDifference(dotted(path), kind, f"{name} is {'new' if kind == 'added' else 'gone'}")
        else:
            yield from keys_that_differ(before[name], after[name], path, name)


def budget_differences(old: Compared, new: Compared) -> Iterator[KeyDifference]:
    """The budgets, by name. Their order means nothing."""
    before, after = ({one["name"]: one for one in side.data["budgets"]} for side in (old, new))
    for name in dict.fromkeys((*before, *after)):
        path = ("budgets", name)
        if name not in before:
            words = f"{name} is new: its sums have what was spent before"
            yield KeyDifference(dotted(path), "added", words)
        elif name not in after:
            yield KeyDifference(dotted(path), "removed", f"{name} is gone: its grants stay in the store")
        else:
            yield from keys_that_differ(before[name], after[name], path, name)


def other_differences(old: Compared, new: Compared, known: Iterable[str]) -> Iterator[KeyDifference]:
    """The sections that have no words of their own."""
    for section in old.data:
        if section not in (*known, *_OF_THE_FILE):
            yield from keys_that_differ(old.data[section], new.data[section], (section,), section)
