"""Asks the API server for pods and for labels of nodes, by the official client: bounded in time and length."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import urllib3.exceptions
from kubernetes.client.exceptions import OpenApiException
from urllib3.response import BaseHTTPResponse

from extproc.ledger.allocation.pods.pod_gpus import ApiObject, LookUpFailed
from extproc.ledger.kubernetes_client import NoApiServer, connected_client

ANSWER_S_MAX: Final = 3.0
"""Time for a whole answer."""
REPLY_BYTES_MAX: Final = 8_388_608
"""A pod takes 5 to 20 KB."""
PODS_MAX: Final = 256
"""Of one namespace and address: more than a node runs."""
_PIECE_BYTES: Final = 65_536
_ROLE: Final = "deploy/kustomize/components/gpu-pods has such roles"


class PodsApi:
    """One API server, in one thread. Raises: LookUpFailed: there is no way to reach one."""

    def __init__(self) -> None:
        try:
            self._client = connected_client()
        except NoApiServer as nowhere:
            raise LookUpFailed(str(nowhere)) from None

    def pods(self, namespace: str, selector: str) -> Sequence[ApiObject]:
        """Pods of a namespace, as they are now. Args: selector: of their fields. Raises: LookUpFailed."""
        query = [("fieldSelector", selector), ("limit", PODS_MAX)]
        found = self._get("/api/v1/namespaces/{name}/pods", namespace, query, f"list pods of the namespace {namespace}")
        pods: Sequence[ApiObject] = found.get("items") or ()
        if (found.get("metadata") or {}).get("continue") or len(pods) > PODS_MAX:
            raise LookUpFailed(f"The API server has more than {PODS_MAX} pods of one address in {namespace}.")
        return pods

    def node_labels(self, node: str) -> Mapping[str, str]:
        """Raises: LookUpFailed."""
        found = self._get("/api/v1/nodes/{name}", node, [], f"get the node {node}")
        labels: Mapping[str, str] = (found.get("metadata") or {}).get("labels") or {}
        return labels

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _get(self, path: str, name: str, query: list[tuple[str, Any]], what: str) -> dict[str, Any]:
        with _told(what):
            method, url, headers, *_ = self._client.param_serialize(
                "GET", path, {"name": name}, query, {"Accept": "application/json"}, auth_settings=["BearerToken"]
            )
            until_s = time.monotonic() + ANSWER_S_MAX
            answer = self._client.call_api(method, url, headers, _request_timeout=ANSWER_S_MAX).response
            with contextlib.closing(answer):
                content = _content(answer, until_s, what)
        if answer.status != 200:
            raise _refusal(answer.status, what)
        try:
            tree = json.loads(content)
        except ValueError:
            tree = None
        if not isinstance(tree, dict):
            raise LookUpFailed("What answers is no API server: it sends no object. Correct KUBECONFIG.")
        return tree


def _content(answer: BaseHTTPResponse, until_s: float, what: str) -> bytes:
    """Raises: LookUpFailed."""
    found = bytearray()
    while piece := answer.read1(_PIECE_BYTES, decode_content=False):
        found += piece
        if len(found) > REPLY_BYTES_MAX:
            raise LookUpFailed(f"The API server sends more than {REPLY_BYTES_MAX:,} bytes, to {what}.")
        if time.monotonic() > until_s:
            raise LookUpFailed(f"The API server has not answered within {ANSWER_S_MAX:g} s, to {what}.")
    return bytes(found)


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Raises: LookUpFailed, for what the client raises."""
    try:
        yield
    except (urllib3.exceptions.HTTPError, OSError, OpenApiException) as error:
        is_slow = isinstance(error, (urllib3.exceptions.ReadTimeoutError, TimeoutError))
        failed = (
            f"has not answered within {ANSWER_S_MAX:g} s" if is_slow else f"cannot be reached ({type(error).__name__})"
        )
        raise LookUpFailed(f"The API server {failed}, to {what}.") from None


def _refusal(status: int, what: str) -> LookUpFailed:
    if status == 401:
        return LookUpFailed(f"The API server does not accept the token of this service account, to {what}.")
    if status == 403:
        return LookUpFailed(
            f"This service account may not {what}. Give it a Role with `list` of pods in each namespace, and a "
            f"ClusterRole with `get` of nodes: {_ROLE}."
        )
    return LookUpFailed(f"The API server refuses to {what}, with status {status}.")
