"""ResourceQuotas of Kubernetes: how many GPUs the pods of a namespace may request, as `kubectl` prints them.

A quota of an extended resource, such as a GPU, is called `requests.NAME`. Kubernetes admits a pod that all quotas of
its namespace allow, so the smallest number holds. One with scopes limits some pods only, and is not taken.
Source: Resource Quotas, in the documentation of Kubernetes, read on 2026-11-30.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from extproc.config.problems import did_you_mean, names

FILE_BYTES_MAX: Final = 64 * 1_024 * 1_024
_COMMAND: Final = "kubectl get resourcequota -A -o json"
_KIND: Final = "ResourceQuota"
_LISTS: Final = ("List", "ResourceQuotaList")
_PREFIX: Final = "requests."
_SHOWN_CHARS_MAX: Final = 100
_QUANTITY: Final = re.compile(r"([0-9]{1,9})(?:(k|M|Ki|Mi)|[eE]([0-9]))?")
"""A whole number as Kubernetes writes it: `1000` is `1k`."""
_UNITS: Final = {None: 1, "k": 10**3, "M": 10**6, "Ki": 1 << 10, "Mi": 1 << 20}


class BadQuotas(ValueError):
    """Quotas that cannot be read, or that say nothing of a namespace; the message says where, and what was expected."""


class ResourceQuota(NamedTuple):
    """One of a namespace. ``hard``: quantities as they are written, by resource. ``has_scopes``: it is of some pods."""

    namespace: str
    name: str
    hard: Mapping[str, str]
    has_scopes: bool


class NamespaceLimit(NamedTuple):
    """How many GPUs pods may request. ``left_out``: names of quotas that are of some pods only."""

    gpus: int
    left_out: tuple[str, ...]


class ResourceQuotas(NamedTuple):
    """All of a file. ``file``: its name, for messages."""

    file: str
    quotas: Sequence[ResourceQuota]

    def limit_of(self, namespace: str, resource: str) -> NamespaceLimit:
        """Of a namespace. Args: resource: as pods request it, such as `nvidia.com/gpu`. Raises: BadQuotas."""
        of_namespace = [one for one in self.quotas if one.namespace == namespace]
        if not of_namespace:
            known = sorted({one.namespace for one in self.quotas})
            hint = did_you_mean(namespace, known) or (f"There are: {names(known)}." if known else "The file has none.")
            raise BadQuotas(f"{self.file}: there is no ResourceQuota of the namespace `{namespace}`. {hint}")
        key = f"{_PREFIX}{resource}"
        limiting = [one for one in of_namespace if key in one.hard]
        of_all_pods = [one for one in limiting if not one.has_scopes]
        if not of_all_pods:
            raise BadQuotas(f"{self.file}: {_without_limit(of_namespace, namespace, resource, scoped=bool(limiting))}")
        left_out = tuple(one.name for one in limiting if one.has_scopes)
        return NamespaceLimit(min(self._gpus(one, key) for one in of_all_pods), left_out)

    def _gpus(self, quota: ResourceQuota, key: str) -> int:
        matched = _QUANTITY.fullmatch(quota.hard[key])
        if not matched:
            found = f"`{key}` of the ResourceQuota `{quota.name}` of `{quota.namespace}` is `{quota.hard[key]}`"
            raise BadQuotas(f"{self.file}: {found}, expected a whole number of GPUs")
        digits, unit, exponent = matched.groups()
        gpus: int = int(digits) * _UNITS[unit] * 10 ** int(exponent or 0)
        return gpus


def _without_limit(quotas: Sequence[ResourceQuota], namespace: str, resource: str, *, scoped: bool) -> str:
    if scoped:
        return (
            f"each ResourceQuota of `{namespace}` with `{_PREFIX}{resource}` has scopes, and limits some pods only."
            " Write `gpus` in place of `namespace`"
        )
    others = {key.removeprefix(_PREFIX) for one in quotas for key in one.hard if key.startswith(_PREFIX)}
    extended = sorted(one for one in others if "/" in one)
    hint = f"name one as `resource`: {names(extended)}" if extended else "write `gpus` in place of `namespace`"
    return f"no ResourceQuota of the namespace `{namespace}` limits `{_PREFIX}{resource}`; {hint}"


def resource_quotas_of(file: str, content: bytes) -> ResourceQuotas:
    """What `kubectl` printed: a list, or one. Args: file: its name, for messages. Raises: BadQuotas."""
    try:
        read = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadQuotas(f"{file}: bytes that are not UTF-8") from None
    except json.JSONDecodeError as error:
        raise BadQuotas(f"{file}:{error.lineno}: no JSON. Write what `{_COMMAND}` prints") from None
    except (ValueError, RecursionError):
        raise BadQuotas(f"{file}: JSON with a number or a nesting that is too large") from None
    kind = read.get("kind") if isinstance(read, dict) else None
    items = [read] if kind == _KIND else read.get("items") if kind in _LISTS else None
    if not isinstance(items, list):
        raise BadQuotas(f"{file}: found {_shown(kind, 'no `kind`')}, expected what `{_COMMAND}` prints")
    return ResourceQuotas(file, list(_quotas(file, items)))


def _quotas(file: str, items: Sequence[Any]) -> Iterator[ResourceQuota]:
    for place, item in enumerate(items):
        at = f"{file}: items[{place}]"
        if not isinstance(item, dict) or item.get("kind", _KIND) != _KIND:
            found = _shown(item.get("kind") if isinstance(item, dict) else None, "no object")
            raise BadQuotas(f"{at}: found {found}, expected a {_KIND}")
        metadata, spec = (_mapping(item, name, at) for name in ("metadata", "spec"))
        named = []
        for name in ("namespace", "name"):
            if not isinstance(metadata.get(name), str) or not metadata[name]:
                raise BadQuotas(f"{at}.metadata.{name}: expected a name")
            named.append(_printable(metadata[name]))
        hard = _mapping(spec, "hard", f"{at}.spec")
        has_scopes = bool(spec.get("scopes") or spec.get("scopeSelector"))
        yield ResourceQuota(
            named[0], named[1], {key: _printable(str(value)) for key, value in hard.items()}, has_scopes
        )


def _mapping(of: Mapping[str, Any], name: str, at: str) -> Mapping[str, Any]:
    found = of.get(name, {})
    if not isinstance(found, dict):
        raise BadQuotas(f"{at}.{name}: expected an object")
    return found


def _shown(kind: object, otherwise: str) -> str:
    return f"`{_printable(kind)}`" if isinstance(kind, str) else otherwise


def _printable(text: str) -> str:
    """As a message may show it; a longer one is no name or quantity of Kubernetes."""
    return "".join([one if one.isprintable() else "\ufffd" for one in text[:_SHOWN_CHARS_MAX]])
