"""A provider on loopback, with TLS and keys, and the files that Envoy reads about it."""

from __future__ import annotations

import json
import os
import ssl
from functools import partial
from pathlib import Path

from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Scripted
from extproc.demo.seen import Request
from extproc.envoy_config.providers import LEAVING_HEADERS
from tests.e2e.apis import APIS, CHAT, JSON_TYPE, SSE_TYPE, Api, events_of
from tests.e2e.harness import Answer, Stack, wait_until
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


def ask(stack: Stack, api: Api, model: str, *, stream: bool = False, team: str = "search") -> Answer:
    """One request, with all that must not leave."""
    headers = OURS | {"x-team": team} | ({"anthropic-version": "2023-06-01"} if api.name == "messages" else {})
    options = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    return stack.curl(api.path, *options, body={**api.request("Hello", stream=stream), "model": model}, timeout_s=20.0)


def said(api: Api, answered: Answer, *, stream: bool) -> str:
    """The text of an answer."""
    if not stream:
        return api.text_of_answer(answered.document)
    return "".join(api.text_of_event(event) for event in events_of(answered.body))


def assert_no_more_has_left(far: Far, api: Api, name: str) -> None:
    """What the provider has seen of one request: its own path, key and model, and no header but those that it needs.

    Args: name: of the version, and of its key.
    """
    (seen,) = far.server.seen
    assert seen.path == (api.path if name == "claude" else api.path.replace("/v1", ROOT))
    sent = dict(seen.headers)
    key = {"x-api-key": KEYS["claude"]} if name == "claude" else {"authorization": f"Bearer {KEYS['cloud']}"}
    assert key.items() <= sent.items()
    assert sent.pop("host") == f"localhost:{far.server.port}"
    assert sent.keys() - key.keys() <= set(LEAVING_HEADERS)
    assert not {value for value in sent.values() if value in OURS.values()}
    assert json.loads(seen.body)["model"] == f"{name}-model"


def replace_key_and_back(stack: Stack, far: Far) -> None:
    """The next requests have the new key, and then the old one again, without a restart."""

    def is_used(key: str) -> bool:
        assert ask(stack, CHAT, "far").status == 200
        return dict(list(far.server.seen)[-1].headers)["authorization"] == f"Bearer {key}"

    for key in ("sk-rotated-fedcba9876543210", KEYS["cloud"]):
        far.write_key("cloud", key)
        wait_until(partial(is_used, key), "the new key is used", 5.0)
