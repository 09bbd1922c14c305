"""Reads and applies objects by the official client, in short requests, and says what a refusal means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import urllib3.exceptions
from kubernetes import client
from kubernetes.client.exceptions import ApiException, OpenApiException

from extproc.ledger.kubernetes_client import NoApiServer, connected_client
from extproc.ledger.rollouts.kubernetes.objects import (
    FIELD_MANAGER,
    KINDS,
    ObjectApply,
    ObjectPlace,
    ReadObject,
    TrafficFailed,
)

TIMEOUT_S: Final = 2.0
_APPLY: Final = "application/apply-patch+yaml"
_FIELD_CONFLICT: Final = "FieldManagerConflict"
_TOLD_CHARS_MAX: Final = 200
"""Of what the API server says of an object that it refuses."""
_HAND_OVER: Final = "Have it leave that field alone, then set `traffic.take_over: true`"
_ROLE: Final = "deploy/kustomize/components/rollout-weights has such a Role"


class KubernetesApi:
    """The objects of one API server. Raises: TrafficFailed: there is no way to reach one."""

    def __init__(self) -> None:
        try:
            self._client = connected_client()
        except NoApiServer as nowhere:
            raise TrafficFailed(str(nowhere)) from None
        self._objects = client.CustomObjectsApi(self._client)

    def read(self, places: Iterable[ObjectPlace]) -> list[ReadObject]:
        """The objects, in order. Raises: TrafficFailed."""
        found = []
        for place in places:
            with _told("get", place):
                tree = self._objects.get_namespaced_custom_object(*_address(place), _request_timeout=TIMEOUT_S)
            found.append(ReadObject(place, _object(tree, place)))
        return found

    def apply(self, bodies: Iterable[ObjectApply], take_over: bool = False) -> list[ReadObject]:
        """Apply in turn. Returns: the objects as they are now. Raises: TrafficFailed.

        Args: take_over: fields from who manages them; otherwise that is refused.
        """
        found = []
        for place, body in bodies:
            with _told("patch", place):
                tree = self._objects.patch_namespaced_custom_object(
                    *_address(place),
                    body,
                    field_manager=FIELD_MANAGER,
                    force=take_over,
                    _content_type=_APPLY,
                    _request_timeout=TIMEOUT_S,
                )
            found.append(ReadObject(place, _object(tree, place)))
        return found

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


def _address(place: ObjectPlace) -> tuple[str, str, str, str, str]:
    return place.group, place.version, place.namespace, place.plural, place.name


def _object(tree: Any, place: ObjectPlace) -> dict[str, Any]:
    is_object = isinstance(tree, dict) and isinstance(tree.get("spec"), dict)
    if not is_object or not isinstance(tree.get("metadata"), dict) or not tree["metadata"].get("resourceVersion"):
        raise TrafficFailed(f"What answers for {place} is no API server: it sends no object.")
    found: dict[str, Any] = tree
    return found


@contextmanager
def _told(verb: str, place: ObjectPlace) -> Iterator[None]:
    """Raises: TrafficFailed, for what the client raises."""
    try:
        yield
    except ApiException as refused:
        raise _refusal(verb, place, refused) from None
    except (urllib3.exceptions.HTTPError, OSError, OpenApiException) as error:
        is_slow = isinstance(error, (urllib3.exceptions.ReadTimeoutError, TimeoutError))
        failed = (
            f"has not answered within {TIMEOUT_S:g} s" if is_slow else f"cannot be reached ({type(error).__name__})"
        )
        raise TrafficFailed(f"The API server {failed}, for {place}.") from None


def _refusal(verb: str, place: ObjectPlace, refused: ApiException) -> TrafficFailed:
    status = _status(refused)
    causes = (status.get("details") or {}).get("causes") or ()
    conflicts = [str(one.get("message", "")) for one in causes if one.get("reason") == _FIELD_CONFLICT]
    if refused.status == 409 and conflicts:
        field = KINDS[place.kind].owns  # type: ignore[index]
        managers = ", ".join(dict.fromkeys(map(_manager, conflicts)))
        return TrafficFailed(f"{managers} manages {field} of {place}, so it was not written. {_HAND_OVER}.")
    if refused.status == 409:
        return TrafficFailed(f"{place} was changed since it was read.", moved=True)
    if refused.status == 401:
        return TrafficFailed(f"The API server does not accept the token of this service account, for {place}.")
    if refused.status == 403:
        return TrafficFailed(
            f"This service account may not {verb} {place}. Give it a Role with `get` and `patch` of "
            f"{place.resource}, resourceNames [{place.name}]: {_ROLE}."
        )
    if refused.status == 404:
        return TrafficFailed(f"There is no {place} of {place.group}/{place.version}. Create it, or correct `traffic`.")
    said = str(status.get("message", ""))[:_TOLD_CHARS_MAX]
    return TrafficFailed(f"The API server refuses to {verb} {place}, with status {refused.status}. {said}".rstrip())


def _manager(conflict: str) -> str:
    """Of `conflict with "NAME" using VERSION` the name."""
    parts = conflict.split('"')
    return parts[1] if len(parts) > 2 else "another manager"


def _status(refused: ApiException) -> dict[str, Any]:
    try:
        found = json.loads(refused.body or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
