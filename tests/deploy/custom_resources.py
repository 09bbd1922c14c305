"""Validates objects against a CustomResourceDefinition as ``kubectl apply`` does: unknown fields are errors, and so is
what a rule in CEL (``x-kubernetes-validations``) refuses.
"""

from __future__ import annotations

import copy
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
    schema = _object_schema(yaml.safe_load(definition.read_text())["spec"], manifest)
    errors = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
    return [f"{error.json_path}: {error.message}" for error in errors]


def rule_problems(definition: Path, manifest: Manifest) -> list[str]:
    """What the rules in CEL refuse, likewise. Rules about a change (``oldSelf``) hold for a new object.

    Raises: LookupError, as above.
    """
    cel = require_module("cel", "common-expression-language")
    schema = _served_schema(yaml.safe_load(definition.read_text())["spec"], manifest)
    return [
        f"{path}: {rule.get('message', rule['rule'])}"
        for path, rule, value in _rules(schema, _with_defaults(schema, manifest), "$")
        if "oldSelf" not in rule["rule"] and cel.evaluate(rule["rule"], {"self": value}) is not True
    ]


def _with_defaults(schema: Any, value: Any) -> Any:
    """As the API server fills an object in before it evaluates rules."""
    if not isinstance(schema, dict):
        return value
    if isinstance(value, list):
        return [_with_defaults(schema.get("items"), each) for each in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    given = {key: each["default"] for key, each in properties.items() if "default" in each} | value
    return {
        key: _with_defaults(properties.get(key, schema.get("additionalProperties")), each)
        for key, each in given.items()
    }


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
