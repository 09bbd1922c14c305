"""Validates objects against a CustomResourceDefinition as ``kubectl apply`` does: unknown fields are errors, and so is
what a rule in CEL (``x-kubernetes-validations``) refuses.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.manifests import Manifest, require_module

_OF_SCHEMAS = ("items", "not", "additionalProperties")
_OF_LISTS = ("allOf", "anyOf", "oneOf")


def schema_problems(definition: Path, manifest: Manifest) -> list[str]:
    """What is wrong with an object, each with its path; empty when nothing is.

    Raises: LookupError, when the definition is not of the object's group, version and kind.
    """
    jsonschema = require_module("jsonschema", "jsonschema")
    schema = _object_schema(_spec(definition), manifest)
    errors = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
    return [f"{error.json_path}: {error.message}" for error in errors]


def rule_problems(definition: Path, manifest: Manifest) -> list[str]:
    """What the rules in CEL refuse, likewise, once the API server has filled in what has a default.

    Rules about a change (``oldSelf``) hold for a new object.

    Raises: LookupError, as above.
    """
    cel = require_module("cel", "common-expression-language")
    schema = _served_schema(_spec(definition), manifest)
    return [
        f"{path}: {rule.get('message', rule['rule'])}"
        for path, rule, value in _rules(schema, defaulted(schema, manifest), "$")
        if "oldSelf" not in rule["rule"] and cel.evaluate(rule["rule"], {"self": value}) is not True
    ]


def defaulted(schema: Any, value: Any) -> Any:
    """A value with the defaults of its schema, as the API server stores it."""
    if not isinstance(schema, dict):
        return value
    if isinstance(value, dict):
        known = schema.get("properties", {})
        filled = {key: each["default"] for key, each in known.items() if "default" in each and key not in value}
        every = schema.get("additionalProperties")
        return {key: defaulted(known.get(key, every), each) for key, each in {**value, **filled}.items()}
    if isinstance(value, list):
        return [defaulted(schema.get("items"), each) for each in value]
    return value


def _rules(schema: Any, value: Any, path: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Each rule with the place and the value that it is about."""
    if not isinstance(schema, dict):
        return
    yield from ((path, rule, value) for rule in schema.get("x-kubernetes-validations", ()))
    if isinstance(value, dict):
        for key, each in value.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            yield from _rules(inner, each, f"{path}.{key}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _rules(schema.get("items"), each, f"{path}[{index}]")


@functools.cache
def _spec(definition: Path) -> dict[str, Any]:
    """Of a definition, which nobody changes."""
    found: dict[str, Any] = yaml.load(definition.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return dict(found["spec"])


def _object_schema(spec: dict[str, Any], manifest: Manifest) -> dict[str, Any]:
    schema = _served_schema(spec, manifest)
    schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {"type": "object"}}
    schema["required"] = ["apiVersion", "kind", "metadata", *schema.get("required", ())]
    closed: dict[str, Any] = _closed(schema)
    return closed


def _served_schema(spec: dict[str, Any], manifest: Manifest) -> dict[str, Any]:
    for version in spec["versions"]:
        known = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
        if known == (manifest["apiVersion"], manifest["kind"]) and version["served"]:
            schema: dict[str, Any] = copy.deepcopy(version["schema"]["openAPIV3Schema"])
            return schema
    raise LookupError(f"the definition does not serve {manifest['apiVersion']} {manifest['kind']}")


def _closed(schema: Any) -> Any:
    """The schema with every object closed, unless it asks to keep what it does not know."""
    if not isinstance(schema, dict):
        return schema
    closed = {key: value for key, value in schema.items() if not key.startswith("x-") and key != "format"}
    for key in _OF_SCHEMAS:
        if key in closed:
            closed[key] = _closed(closed[key])
    for key in _OF_LISTS:
        if key in closed:
            closed[key] = [_closed(each) for each in closed[key]]
    if "properties" in closed:
        closed["properties"] = {name: _closed(each) for name, each in closed["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed.setdefault("additionalProperties", False)
    return closed
