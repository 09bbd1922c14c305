"""A stub of the API server, over HTTP on loopback: objects, who manages which of their fields, and who may do what.

It answers with the models of the official client, and refuses what the real one refuses: another content type than that
of an apply, one without a field manager, an old version, fields of others.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from kubernetes.client import ApiClient, V1ManagedFieldsEntry, V1Status, V1StatusCause, V1StatusDetails

from tests.deploy.custom_resources import schema_problems
from tests.hangs import HANG_S
from tests.quiet_server import QuietServer

Tree = dict[str, Any]
TOKEN = "a-token"
CRDS = Path(__file__).parents[4] / "deploy" / "crds"
_NOT_OWNED = {
    ("apiVersion",),
    ("kind",),
    ("metadata", "name"),
    ("metadata", "namespace"),
    ("metadata", "resourceVersion"),
}
_Path = tuple[str, ...]


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, reason: str, message: str, causes: list[V1StatusCause] | None = None) -> None:
        super().__init__(message)
        details = V1StatusDetails(causes=causes or [])
        self.status = V1Status(code=code, reason=reason, message=message, status="Failure", details=details)
        self.code = code


@dataclass
class ApiServer:
    """What is stored, and how it answers.

    Attributes:
        allowed: verb, group, resource and name of what the service account may do; None: everything. The name is empty
            for a list, and of a Role that names no object.
        failing: statuses of the next answers.
        holds: answers wait until it is set.
        asked: method and path of each request.
    """

    objects: dict[str, Tree] = field(default_factory=dict)
    owners: dict[str, dict[str, set[_Path]]] = field(default_factory=dict)
    allowed: set[tuple[str, str, str, str]] | None = None
    failing: list[int] = field(default_factory=list)
    holds: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[Tree] = field(default_factory=list)
    before_apply: Callable[[], None] | None = None
    after_apply: Callable[[Tree], None] | None = None
    url: str = ""
    _version: int = 100

    def create(self, plural: str, tree: Tree, manager: str, leaves: str = "") -> str:
        """Store an object whose fields somebody manages. Returns: its path. Args: leaves: a field to nobody."""
        group_version, metadata = tree["apiVersion"], tree["metadata"]
        path = f"/apis/{group_version}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}"
        self.objects[path] = self._stored(copy.deepcopy(tree))
        self.owners[path] = {manager: _leaves(tree) - _NOT_OWNED - {tuple(leaves.split("."))}}
        return path

    def put(self, tree: Tree) -> str:
        """Store an object of the core group, whoever manages it. Returns: its path."""
        metadata = tree["metadata"]
        where = f"namespaces/{metadata['namespace']}/" if "namespace" in metadata else ""
        path = f"/api/v1/{where}{tree['kind'].lower()}s/{metadata['name']}"
        self.objects[path] = self._stored(copy.deepcopy(tree))
        self.owners[path] = {}
        return path

    def edit(self, path: str, change: Callable[[Tree], None], manager: str = "kubectl-edit") -> None:
        """Change an object as `kubectl edit` does: who changes a field manages it from then on."""
        before = self.objects[path]
        after = copy.deepcopy(before)
        change(after)
        changed = {leaf for leaf in _leaves(after) - _NOT_OWNED if _at(after, leaf) != _at(before, leaf)}
        for owned in self.owners[path].values():
            owned -= changed
        self.owners[path].setdefault(manager, set()).update(changed)
        self.objects[path] = self._stored(after)

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any]:
        """Status and body of an answer."""
        parts = urlsplit(target)
        self.asked.append((method, parts.path))
        try:
            if self.failing:
                raise Refused(self.failing.pop(0), "InternalError", "etcdserver: request timed out")
            if headers["authorization"] != f"Bearer {TOKEN}":
                raise Refused(401, "Unauthorized", "Unauthorized")
            if parts.path.endswith("/pods"):
                self._authorize("list", f"{parts.path}/")
                return 200, self._list(parts.path, parse_qs(parts.query))
            self._authorize({"GET": "get", "PATCH": "patch"}[method], parts.path)
            if parts.path not in self.objects:
                raise Refused(404, "NotFound", "the server could not find the requested resource")
            if method == "PATCH":
                self._patch(parts.path, headers, parse_qs(parts.query), body)
            return 200, self._shown(parts.path)
        except Refused as refused:
            return refused.code, ApiClient().sanitize_for_serialization(refused.status)

    def _authorize(self, verb: str, path: str) -> None:
        group = "" if path.startswith("/api/") else path.split("/")[2]
        *_, plural, name = path.split("/")
        if self.allowed is not None and not {(verb, group, plural, name), (verb, group, plural, "")} & self.allowed:
            who = 'User "system:serviceaccount:llm:llm-extproc"'
            raise Refused(403, "Forbidden", f'{plural}.{group} "{name}" is forbidden: {who} cannot {verb} resource')

    def _list(self, path: str, query: dict[str, list[str]]) -> Tree:
        """Pods whose fields are as asked. Of its addresses the first one is a pod's `status.podIP`."""
        (selector,) = query["fieldSelector"]
        field, _, value = selector.partition("=")
        if field not in ("status.podIP", "metadata.name"):
            raise Refused(400, "BadRequest", f'"{field}" is not a known field selector')
        found = [tree for at, tree in self.objects.items() if at.startswith(f"{path}/")]
        found = [tree for tree in found if _at(tree, tuple(field.split("."))) == value]
        return {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": found}

    def _patch(self, path: str, headers: Any, query: dict[str, list[str]], body: bytes) -> None:
        if headers["content-type"] != "application/apply-patch+yaml":
            raise Refused(415, "UnsupportedMediaType", "not an apply")
        manager = query.get("fieldManager", [""])[0]
        if not manager:
            raise Refused(400, "BadRequest", "fieldManager is required for apply patch")
        if self.before_apply is not None:
            self.before_apply()
        tree, stored = yaml.safe_load(body), self.objects[path]
        self.bodies.append(tree)
        if tree["metadata"].get("resourceVersion", "") not in ("", stored["metadata"]["resourceVersion"]):
            raise Refused(409, "Conflict", "Operation cannot be fulfilled: the object has been modified")
        owners, wanted = self.owners[path], _leaves(tree) - _NOT_OWNED
        changed = {leaf for leaf in wanted if _at(stored, leaf) != _at(tree, leaf)}
        conflicts = {other: owned & changed for other, owned in owners.items() if other != manager}
        causes = [_cause(other, leaf, tree) for other, leaves in conflicts.items() for leaf in sorted(leaves)]
        if causes and query.get("force") != ["true"]:
            raise Refused(409, "Conflict", f"Apply failed with {len(causes)} conflict", causes)
        after = copy.deepcopy(stored)
        for other, leaves in conflicts.items():
            owners[other] -= leaves
        for leaf in owners.get(manager, set()) - wanted:
            if not any(leaf in owned for other, owned in owners.items() if other != manager):
                _remove(after, leaf)
        for leaf in wanted:
            _set(after, leaf, _at(tree, leaf))
        owners[manager] = wanted
        if self.after_apply is not None:
            self.after_apply(after)
        plural = path.split("/")[-2]
        (definition,) = CRDS.glob(f"{plural}.*.yaml")
        problems = schema_problems(definition, after)
        if problems:
            raise Refused(422, "Invalid", f"{plural} is invalid: {problems[0]}")
        self.objects[path] = self._stored(after)

    def _stored(self, tree: Tree) -> Tree:
        self._version += 1
        tree["metadata"]["resourceVersion"] = str(self._version)
        return tree

    def _shown(self, path: str) -> Tree:
        shown = copy.deepcopy(self.objects[path])
        entries = [
            V1ManagedFieldsEntry(manager=manager, operation="Apply", fields_type="FieldsV1", fields_v1=_fields(owned))
            for manager, owned in self.owners[path].items()
            if owned
        ]
        shown["metadata"]["managedFields"] = ApiClient().sanitize_for_serialization(entries)
        return shown


@contextmanager
def serving(server: ApiServer) -> Iterator[ApiServer]:
    """The server, on a free port; it holds nothing back."""
    server.holds.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_PATCH(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            server.holds.wait(HANG_S)
            status, tree = server.answer(self.command, self.path, self.headers, body)
            content = json.dumps(tree).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    with QuietServer(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield server
        server.holds.set()
        http.shutdown()
        thread.join()


def kubeconfig(folder: Path, url: str, token: str = TOKEN) -> Path:
    """The file of a client of a server."""
    file = folder / "kubeconfig.yaml"
    tree = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "stub",
        "clusters": [{"name": "stub", "cluster": {"server": url}}],
        "users": [{"name": "stub", "user": {"token": token}}],
        "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "stub"}}],
    }
    file.write_text(yaml.safe_dump(tree))
    return file


# --- fields: a list is one, as where its type is atomic ------------------------------------------------------------


def _leaves(tree: Any, at: _Path = ()) -> set[_Path]:
    if not isinstance(tree, dict):
        return {at}
    return set().union(*(_leaves(value, (*at, key)) for key, value in tree.items()))


def _at(tree: Any, path: _Path) -> Any:
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _set(tree: Tree, path: _Path, value: Any) -> None:
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
    tree[path[-1]] = value


def _remove(tree: Tree, path: _Path) -> None:
    for key in path[:-1]:
        tree = tree.get(key, {})
    tree.pop(path[-1], None)


def _fields(owned: set[_Path]) -> Tree:
    found: Tree = {}
    for path in owned:
        _set(found, tuple(f"f:{key}" for key in path), {})
    return found


def _cause(manager: str, path: _Path, tree: Tree) -> V1StatusCause:
    message = f'conflict with "{manager}" using {tree["apiVersion"]}'
    return V1StatusCause(reason="FieldManagerConflict", message=message, field="." + ".".join(path))
