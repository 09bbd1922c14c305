"""Reading and rebuilding composed YAML nodes, before they become data; each keeps its place in its file."""

from __future__ import annotations

from collections.abc import Iterable

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from extproc.config.problems import item_name

Pair = tuple[Node, Node]
"""A key and its value."""


def value_of(node: Node, key: str) -> Node | None:
    """The value of a block's key; of a key that is there twice the first."""
    return next((value for name, value in pairs_of(node) if is_key(name, key)), None)


def pairs_of(node: Node) -> list[Pair]:
    """The keys and values of a block; nothing for another node."""
    return list(node.value) if isinstance(node, MappingNode) else []


def items_of(node: Node | None) -> list[Node]:
    """The items of a list; nothing for another node."""
    return list(node.value) if isinstance(node, SequenceNode) else []


def is_key(node: Node, name: str) -> bool:
    """Whether a node is this key."""
    return isinstance(node, ScalarNode) and node.value == name


def text_of(node: Node | None) -> str:
    """The text of a scalar; empty for another node."""
    return str(node.value) if isinstance(node, ScalarNode) else ""


def block_of(pairs: Iterable[Pair], like: Node) -> MappingNode:
    """A block in the place of another node."""
    return MappingNode(like.tag, list(pairs), like.start_mark, like.end_mark)


def list_of(items: Iterable[Node], like: Node) -> SequenceNode:
    """A list in the place of another node."""
    return SequenceNode("tag:yaml.org,2002:seq", list(items), like.start_mark, like.end_mark)


def key_of(name: str, like: Node) -> ScalarNode:
    """A key in the place of another node."""
    return ScalarNode("tag:yaml.org,2002:str", name, like.start_mark, like.end_mark)


def name_of_item(node: Node, number: int, *keys: str) -> str:
    """How a message calls an item of a list: by the first of its keys that it has, else by its number."""
    for key in keys:
        if name := item_name(text_of(value_of(node, key))):
            return name
    return str(number)
