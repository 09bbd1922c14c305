"""A provider on loopback, with TLS and keys, and the files that Envoy reads about it."""

from __future__ import annotations

import json
import os
import ssl
from pathlib import Path

from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Scripted
from extproc.demo.seen import Request
from tests.e2e.apis import APIS, JSON_TYPE, SSE_TYPE
from tests.unit.server.authority import Authority

TEXT = "Good morning from far away."
KEYS = {"cloud": "sk-cloud-0123456789abcdef", "claude": "sk-ant-0123456789abcdef", "expired": "sk-expired-0123456789"}
ROOT = "/openai/v1"
ABOUT_THE_ACCOUNT = (("set-cookie", "__cf=1"), ("openai-organization", "our-company"))

OURS = {
    "x-team": "search",
    "x-project": "atlas",
    "x-budget-code": "b-7",
    "x-added-in-front": "yes",
    "x-forwarded-for": "10.0.0.7",
    "x-request-id": "4711",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "cookie": "session=1",
    "authorization": "Bearer sk-of-the-client",
    "x-api-key": "sk-of-the-client",
    "user-agent": "internal-tool/7",
}
"""Headers of a request, none of which leaves."""


def answer(request: Request) -> Scripted:
    """What a provider says, in every API; 401 to a key that it does not take."""
    if KEYS["expired"] in json.dumps(dict(request.headers)):
        body = b'{"error":{"message":"Incorrect API key provided: sk-exp*","code":"invalid_api_key"}}'
        return Scripted(401, (JSON_TYPE, ("content-length", str(len(body)))), [body])
    path = request.path.replace(ROOT, "/v1")
    api = next(one for one in APIS if one.path == path)
    if request.document.get("stream"):
        return Scripted(200, (SSE_TYPE, *ABOUT_THE_ACCOUNT), [api.head() + api.delta(TEXT), api.tail(TEXT)])
    body = json.dumps(api.answer(TEXT)).encode()
    return Scripted(200, (JSON_TYPE, *ABOUT_THE_ACCOUNT, ("content-length", str(len(body)))), [body])


class Far:
    """A provider on loopback, and the files that Envoy reads about it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = Authority()
        authority.issue("localhost").write(folder, "provider")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "provider.crt", folder / "provider.key")
        self.server = ModelServer("far", respond=answer, tls=context)
        self.ca, self.other_ca = folder / "ca.pem", folder / "other-ca.pem"
        self.ca.write_bytes(authority.pem)
        self.other_ca.write_bytes(Authority().pem)
        for name, key in KEYS.items():
            self.write_key(name, key)

    def key_file(self, name: str) -> Path:
        """The file of a key, behind the link of a Kubernetes Secret."""
        return self.folder / name / "key"

    def write_key(self, name: str, key: str) -> None:
        """As Kubernetes does: a new folder, and then one link."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        content = folder / f"..{len(list(folder.iterdir()))}"
        content.mkdir()
        (content / "key").write_text(f"{key}\n")
        (folder / "..new").symlink_to(content.name)
        os.replace(folder / "..new", folder / "..data")
        if not self.key_file(name).is_symlink():
            self.key_file(name).symlink_to("..data/key")
