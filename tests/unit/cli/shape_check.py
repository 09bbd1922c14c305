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
        assert all(type(key) is key_shape for key in value), path
        return set[str]().union(*(paths_of(one, value_shape, f"{path}[{key}]") for key, one in value.items()))
    if get_origin(shape) is Literal:
        assert value in get_args(shape), path
        return set()
    if isinstance(shape, UnionType) or get_args(shape):
        return _paths_of_one(value, get_args(shape), path)
    assert type(value) is shape, f"{path} is {value!r}"
    return set()


def _paths_of_one(value: Any, shapes: tuple[Any, ...], path: str) -> set[str]:
    fitting = [one for one in shapes if _may_be(value, one)]
    assert fitting, f"{path} is {value!r}"
    return paths_of(value, fitting[0], path) if value is not None else set()


def _may_be(value: Any, shape: Any) -> bool:
    if get_origin(shape) is Literal:
        return value in get_args(shape)
    return type(value) is (dict if is_typeddict(shape) else get_origin(shape) or shape)
