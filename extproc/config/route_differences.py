"""What differs in routes: which exchanges they take, and where these go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from extproc.config.differences import Compared, KeyDifference, dotted, keys_that_differ, order_of


def route_differences(old: Compared, new: Compared) -> Iterator[KeyDifference]:
    """The routes, by name."""
    before, after = ({route["name"]: route for route in one.data["routes"]} for one in (old, new))
    for name in dict.fromkeys((*before, *after)):
        path = ("routes", name)
        if name not in before:
            yield KeyDifference(dotted(path), "added", f"{name} is new: its exchanges go to {_target(after[name])}")
        elif name not in after:
            words = f"{name} is gone: its exchanges belong to the next route that matches"
            yield KeyDifference(dotted(path), "removed", words)
        else:
            yield from keys_that_differ(before[name], after[name], path, name)
            yield from _prompt_differences(old, new, name)
    order = order_of(before, after)
    if order is not None:
        words = f"the first that matches is looked for in another order: {', '.join(order)}"
        yield KeyDifference("routes", "changed", words)


def _target(route: Mapping[str, Any]) -> str:
    shares = ", ".join(f"{share['version']} by {share['weight']}" for share in route["split"])
    return route["model"] or route["version"] or shares or ("nobody" if route["deny"] else "the requested model")


def _prompt_differences(old: Compared, new: Compared, name: str) -> Iterator[KeyDifference]:
    prompts = [route.prompt for one in (old, new) for route in one.document.routes if route.name == name]
    if prompts[0] is None or prompts[1] is None:
        return
    if old.texts.get(prompts[0].key) != new.texts.get(prompts[1].key):
        yield KeyDifference(dotted(("routes", name, "prompt")), "changed", f"{name} has another text in its prompt")
