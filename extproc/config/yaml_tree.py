"""YAML nodes to plain data with the positions of its keys.

Duplicate keys, tags, merge keys and anything else that two parsers could read differently are rejected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from extproc.config.problems import ConfigInvalid, KeyPath, KeyPosition, Places, Problem, ValueKind, shown
from extproc.config.yaml_nodes import DEPTH_MAX, NODES_MAX, SCALARS, TAG, composed, kind_of, place_of, scalar

if TYPE_CHECKING:
    from yaml.nodes import Node


def read_yaml(text: str, source: str) -> tuple[object, Places, list[Problem]]:
    """Plain data of any YAML text, the positions of its keys, and its problems.

    Raises: ConfigInvalid if the text cannot be parsed at all.
    """
    tree = Tree(source)
    data = tree.data(composed(text, source), ())
    return data, tree.places, tree.problems


class Tree:
    """Converts composed YAML to plain data, and records key positions and forbidden constructs."""

    def __init__(self, source: str) -> None:
        self.places = Places(source)
        self.problems: list[Problem] = []
        self._nodes = 0

    def data(self, node: Node, path: KeyPath, key: Node | None = None) -> object:
        """Plain data of a node; each use of an alias counts.

        Raises: ConfigInvalid if the data exceeds its limits.
        """
        kind = kind_of(node)
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        self.places.add(path, KeyPosition(place_of(key or node), place_of(node), kind, text, empty=node.value == []))
        self._nodes += 1
        if self._nodes > NODES_MAX or len(path) > DEPTH_MAX:
            found = f"more than {NODES_MAX} values or {DEPTH_MAX} levels, aliases counted where they are used"
            raise ConfigInvalid([self.places.problem(path[:1], found, hint="Write the blocks out.", at_key=True)])
        self._check_tag(node, path)
        if isinstance(node, yaml.MappingNode):
            return self._block(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.data(entry, (*path, index)) for index, entry in enumerate(node.value)]
        return scalar(kind, self._text(node, path))

    def _block(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        block: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if key in block:
                found = f"duplicate key, first on {self.places.line(here, place_of(key_node).source)}"
                self._refuse(key_node, here, found, "Keep one of the two.")
                continue
            block[key] = self.data(value_node, here, key_node)
        return block

    def _key(self, node: Node, path: KeyPath) -> str | None:
        """The name of a key; None if it is not a valid key."""
        if not isinstance(node, yaml.ScalarNode):
            hint = "A template such as `{{ name }}` must be filled in first; a text with brackets needs quotes."
            self.problems.append(self.places.problem(path, "a key that is itself a block or a list", hint=hint))
            return None
        if node.value == "<<":
            self._refuse(node, path, "a merge key (`<<`)", "Write the keys out, or use an alias for a whole block.")
            return None
        name = self._text(node, path)
        kind = kind_of(node)
        if kind is not ValueKind.TEXT:
            hint = f'Write it in quotes: "{name}".' if name else "Write a name before the `:`."
            self._refuse(node, (*path, name), f"the name is read as {kind}", hint)
        return name

    def _text(self, node: Node, path: KeyPath) -> str:
        text = str(node.value)
        if any("\ud800" <= char <= "\udfff" for char in text):
            self._refuse(node, path, "half of a surrogate pair", "Write the character itself instead of an escape.")
            return "".join(char for char in text if not "\ud800" <= char <= "\udfff")
        return text

    def _check_tag(self, node: Node, path: KeyPath) -> None:
        known = {TAG + "str", TAG + "seq", TAG + "map"}
        if node.tag in known or (node.tag in SCALARS and kind_of(node) is not ValueKind.TEXT):
            return
        tag = "!!" + node.tag.removeprefix(TAG) if node.tag.startswith(TAG) else node.tag
        hint = "YAML tags are not supported. Remove it."
        self._refuse(node, path, f"the tag {shown(tag)}", hint)

    def _refuse(self, node: Node, path: KeyPath, found: str, hint: str) -> None:
        self.problems.append(self.places.problem_at(place_of(node), path, found, hint=hint))
