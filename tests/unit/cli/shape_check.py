"""Compares what was printed with its documented shape."""

from __future__ import annotations

from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict


def paths_of(value: Any, shape: Any, path: str = "") -> set[str]:
    """The keys of a value, as the reference writes them; fails where the value does not have the shape."""
    if is_typeddict(shape):
        types = get_type_hints(shape)
        assert isinstance(value, dict), path
        assert value.keys() == types.keys(), path
        before = f"{path}." if path else ""
        inner = [paths_of(value[name], told, f"{before}{name}") for name, told in types.items()]
        return {f"{before}{name}" for name in types}.union(*inner)
    if get_origin(shape) is list:
        assert isinstance(value, list), path
        return set[str]().union(*(paths_of(one, get_args(shape)[0], f"{path}[]") for one in value))
    if get_origin(shape) is dict:
        assert isinstance(value, dict), path
        key_shape, value_shape = get_args(shape)
        assert all(type(key) is key_shape and type(one) is value_shape for key, one in value.items()), path
        return set()
    if get_origin(shape) is Literal:
        assert value in get_args(shape), path
        return set()
    if isinstance(shape, UnionType) or get_args(shape):
        return _paths_of_one(value, get_args(shape), path)
    assert type(value) is shape, f"{path} is {value!r}"
    return set()


def _paths_of_one(value: Any, shapes: tuple[Any, ...], path: str) -> set[str]:
    if value is None:
        assert type(None) in shapes, path
        return set()
    (shape,) = [one for one in shapes if one is not type(None)]
    return paths_of(value, shape, path)
