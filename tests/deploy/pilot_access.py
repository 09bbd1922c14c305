"""Whom an AuthorizationPolicy that denies refuses, by Istio's documentation, for the fields that we write.

Source: https://istio.io/latest/docs/reference/config/security/authorization-policy/
"""

from __future__ import annotations

from typing import Any, NamedTuple

Block = dict[str, Any]


class Connection(NamedTuple):
    """A request as the proxy of a pod sees it. ``account``: of the client by its mTLS, or empty without."""

    port: int
    path: str = "/v1/chat/completions"
    namespace: str = ""
    account: str = ""

    @property
    def principal(self) -> str:
        """Without mTLS there is none."""
        return f"cluster.local/ns/{self.namespace}/sa/{self.account}" if self.account else ""


def denies(policy: Block, connection: Connection) -> bool:
    """Raises: NotImplementedError for fields that are not known here."""
    if policy["action"] != "DENY":
        raise NotImplementedError(policy["action"])
    return any(_matches(rule, connection) for rule in policy["rules"])


def _matches(rule: Block, connection: Connection) -> bool:
    sources = rule.get("from", [{"source": {}}])
    operations = rule.get("to", [{"operation": {}}])
    return any(_all(each["source"], connection) for each in sources) and any(
        _all(each["operation"], connection) for each in operations
    )


def _all(fields: Block, connection: Connection) -> bool:
    return all(_field(name, values, connection) for name, values in fields.items())


def _field(name: str, values: list[str], connection: Connection) -> bool:
    found = {
        "ports": str(connection.port),
        "paths": connection.path,
        "namespaces": connection.namespace if connection.account else "",
        "principals": connection.principal,
    }
    if name.startswith("not"):
        key = name[3].lower() + name[4:]
        return not any(_equal(value, found[key]) for value in values)
    if name not in found:
        raise NotImplementedError(name)
    return any(_equal(value, found[name]) for value in values)


def _equal(pattern: str, value: str) -> bool:
    """A star stands for anything at the beginning or the end."""
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern
