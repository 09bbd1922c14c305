"""Walking a configuration of Envoy of any shape: what is not as expected is empty, and never an exception."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Block = dict[str, Any]
PlacedBlock = tuple[str, Block]
"""A mapping with its path."""


def mapping(node: Any) -> Block:
    """A mapping, or an empty one in place of anything else."""
    return node if isinstance(node, dict) else {}


def mappings(node: Any) -> list[Block]:
    """A list of mappings, each where it was; others are empty."""
    return [mapping(one) for one in node] if isinstance(node, list) else []


def named(block: Mapping[str, Any], key: str = "name") -> str:
    """A text of a block; empty if there is none."""
    value = block.get(key)
    return value if isinstance(value, str) else ""


def type_of(config: Mapping[str, Any]) -> str:
    """The type of a `typed_config`."""
    return named(config, "@type")


def blocks(path: str, node: Any, *, without: frozenset[str] = frozenset()) -> Iterator[PlacedBlock]:
    """Every mapping in the tree, with its path, outermost first.

    Args: without: names of filters whose settings are left out, in a chain and per route.
    """
    if isinstance(node, dict):
        if without and named(node) in without and "typed_config" in node:
            return
        yield path, node
        for key, value in node.items():
            if not (key in without and path.endswith(".typed_per_filter_config")):
                yield from blocks(f"{path}.{key}", value, without=without)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from blocks(f"{path}[{index}]", value, without=without)


def seconds_of(duration: Any) -> float | None:
    """A duration of Envoy, such as ``0.25s`` [s]; None if it is none.

    In what control planes keep as plain data it may be a mapping with ``seconds`` and ``nanos``.
    """
    try:
        if isinstance(duration, dict):
            return float(duration.get("seconds", 0)) + float(duration.get("nanos", 0)) / 1e9
        return float(duration.removesuffix("s")) if isinstance(duration, str) and duration.endswith("s") else None
    except (TypeError, ValueError, OverflowError):
        return None


def unpacked(config: Block) -> Block:
    """A `typed_config`; one that is wrapped as plain data (``TypedStruct``) is unwrapped, and has its own type."""
    if type_of(config).endswith("type.v3.TypedStruct") or type_of(config).endswith("type.v1.TypedStruct"):
        return {"@type": named(config, "type_url"), **mapping(config.get("value"))}
    return config
