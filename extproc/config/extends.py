"""Policies that extend another one: their guards are written out before anything else reads them.

``guards`` of such a policy replace those of the same name, each as a whole and at its place; others follow behind.
``without`` names guards to leave out. ``providers`` is inherited too, ``when`` is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from extproc.config.node_tools import (
    block_of,
    is_key,
    items_of,
    key_of,
    list_of,
    name_of_item,
    pairs_of,
    text_of,
    value_of,
)
from extproc.config.problems import Problem, did_you_mean, names, shown
from extproc.config.yaml_nodes import NODES_MAX, place_of

_OWN = ("extends", "without")


class Extended(NamedTuple):
    """A document in which no policy extends another one, and what is wrong with those that did."""

    root: Node
    problems: list[Problem]


def extended(root: Node) -> Extended:
    """Write out the policies of a document."""
    policies = value_of(root, "policies")
    if not any(value_of(policy, key) for policy in items_of(policies) for key in _OWN) or policies is None:
        return Extended(root, [])
    work = _Work(items_of(policies))
    made = list_of([work.policy(number) for number in range(len(items_of(policies)))], policies)
    pairs = [(key, made if value is policies else value) for key, value in pairs_of(root)]
    return Extended(block_of(pairs, root), work.problems)


class _Work:
    def __init__(self, policies: list[Node]) -> None:
        self._policies = policies
        self._by_name: Mapping[str, int] = {
            text_of(value_of(policy, "name")): number for number, policy in reversed(list(enumerate(policies)))
        }
        self._guards: dict[int, list[Node]] = {}
        self._open: list[int] = []
        self._written = 0
        self.problems: list[Problem] = []

    def policy(self, number: int) -> Node:
        """A policy with all its guards."""
        policy = self._policies[number]
        extends = value_of(policy, "extends")
        if not isinstance(policy, MappingNode) or not isinstance(extends, ScalarNode):
            if extends is None and (without := value_of(policy, "without")) is not None:
                found, hint = "the policy extends no other one", "Add `extends: NAME`, or remove it."
                self._refuse(number, "without", without, found, hint)
            return policy
        own = value_of(policy, "guards")
        readable = [key for key in _OWN if key == "extends" or isinstance(value_of(policy, key), SequenceNode)]
        kept = [(key, value) for key, value in pairs_of(policy) if not any(is_key(key, name) for name in readable)]
        if own is None or isinstance(own, SequenceNode):
            guards = list_of(self.guards(number), own or extends)
            kept = [pair for pair in kept if not is_key(pair[0], "guards")]
            kept.append((key_of("guards", own or extends), guards))
        providers = self._providers(number)
        if providers is not None and value_of(policy, "providers") is None:
            kept.append((key_of("providers", extends), providers))
        return block_of(kept, policy)

    def _providers(self, number: int) -> Node | None:
        """The rule of a policy, or of the next one above that has one."""
        seen: set[int] = set()
        above: int | None = number
        while above is not None and above not in seen:
            seen.add(above)
            found = value_of(self._policies[above], "providers")
            if found is not None:
                return found
            above = self._by_name.get(text_of(value_of(self._policies[above], "extends")))
        return None

    def guards(self, number: int) -> list[Node]:
        """The guards of a policy, written out."""
        if number not in self._guards:
            policy = self._policies[number]
            self._open.append(number)
            base = self._base(number, policy)
            self._guards[number] = items_of(value_of(policy, "guards")) if base is None else self._merged(number, base)
            self._open.pop()
        return self._guards[number]

    def _base(self, number: int, policy: Node) -> list[Node] | None:
        """The guards of the policy that this one extends."""
        extends = value_of(policy, "extends")
        if not isinstance(extends, ScalarNode):
            return None
        name = text_of(extends)
        base = self._by_name.get(name)
        if base is None:
            hint = did_you_mean(name, self._by_name) or f"Known policies: {names(self._by_name)}."
            self._refuse(number, "extends", extends, f"unknown policy {shown(name)}", hint)
            return []
        if base in self._open:
            found = "the policy extends itself, here or by way of others"
            self._refuse(number, "extends", extends, found, "Remove it.")
            return []
        return self.guards(base)

    def _merged(self, number: int, base: list[Node]) -> list[Node]:
        policy = self._policies[number]
        own = items_of(value_of(policy, "guards"))
        left_out = self._left_out(number, base, own)
        changed: dict[str, Node] = {}
        added: list[Node] = []
        base_names = {_guard_name(guard) for guard in base}
        for guard in own:
            name = _guard_name(guard)
            if name in base_names and name and name not in changed:
                changed[name] = guard
            else:
                added.append(guard)
        kept = [changed.get(_guard_name(guard), guard) for guard in base if _guard_name(guard) not in left_out]
        self._written += len(kept)
        return [*kept, *added] if self._written <= NODES_MAX else added

    def _left_out(self, number: int, base: list[Node], own: list[Node]) -> set[str]:
        left_out: set[str] = set()
        there, replaced = [_guard_name(guard) for guard in base], {_guard_name(guard) for guard in own}
        for node in items_of(value_of(self._policies[number], "without")):
            name = text_of(node)
            if name not in there:
                hint = did_you_mean(name, there) or f"It has: {names(there)}."
                self._refuse(number, "without", node, f"the extended policy has no guard {shown(name)}", hint)
            elif name in replaced:
                found = f"the guard {shown(name)} is left out, and stands in `guards`"
                self._refuse(number, "without", node, found, "Remove it here to replace it, or there to leave it out.")
            left_out.add(name)
        return left_out - replaced

    def _refuse(self, number: int, key: str, node: Node, found: str, hint: str) -> None:
        name = name_of_item(self._policies[number], number, "name")
        self.problems.append(Problem(*place_of(node), f"policies[{name}].{key}", found, hint=hint))


def _guard_name(guard: Node) -> str:
    return text_of(value_of(guard, "name")) or text_of(value_of(guard, "guard"))
