"""Versions at a provider, chosen by a gateway of Istio: with its key and names, and nothing else of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extproc.envoy_config.istio import providers
from extproc.envoy_config.istio.mesh import MeshPlace
from tests.deploy.mesh_stack import MeshStack
from tests.e2e.apis import APIS, CHAT, Api
from tests.e2e.far_provider import KEYS, ROOT, TEXT, Far, ask, assert_no_more_has_left, replace_key_and_back, said
from tests.e2e.harness import curl, require_envoy

AGE_MS = 100
"""After which a key is read again."""


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    """The provider, running."""
    far = Far(tmp_path_factory.mktemp("far"))
    with far.server:
        yield far


def configure(data: dict[str, Any], far: Far) -> None:
    """A model at the provider, and some that it does not answer for."""
    price = data["models"]["tiny-chat"]["versions"]["v1"]["price"]
    url = f"https://localhost:{far.server.port}"
    cloud = {"url": url + ROOT, "key_file": str(far.key_file("cloud")), "ca_file": str(far.ca)}
    data["providers"] = {
        "cloud": cloud,
        "claude": {**cloud, "api": "anthropic", "url": url, "key_file": str(far.key_file("claude"))},
        "Without.key": {**cloud, "key_file": str(far.folder / "nowhere" / "key")},
        "stranger": {**cloud, "ca_file": str(far.other_ca)},
    }

    def at(provider: str) -> dict[str, Any]:
        return {"weight": 1, "provider": provider, "served_model": f"{provider}-model", "price": price}

    data["models"]["far"] = {"versions": {"cloud": at("cloud"), "claude": at("claude")}}
    for name, provider in (("keyless", "Without.key"), ("stranger", "stranger")):
        data["models"][name] = {"versions": {"v1": at(provider)}}
        data["models"][f"{name}-first"] = {
            "versions": {"v1": at(provider)},
            "fallback": {"to": ["far/cloud"], "on": ["connect_failure"]},
        }


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, far: Far) -> Iterator[MeshStack]:
    """Shared by the tests here."""
    require_envoy()
    directory = tmp_path_factory.mktemp("mesh")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(providers, "_KEY_AGE_MS", AGE_MS)
        with MeshStack(directory, MeshPlace.GATEWAY, more=lambda data: configure(data, far)) as stack:
            yield stack


@pytest.fixture
def stack(gateway: MeshStack, far: Far) -> MeshStack:
    """The provider has seen nothing yet."""
    far.server.seen.clear()
    return gateway


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("api", [api for api in APIS if api.name in ("chat", "messages")], ids=lambda api: api.name)
def test_a_provider_answers(stack: MeshStack, far: Far, api: Api, stream: bool) -> None:
    """Over TLS, by its key and names; no header of a client leaves but those that it needs."""
    answered = ask(stack, api, "far", stream=stream)
    assert (answered.exit_code, answered.status) == (0, 200), answered.body
    assert said(api, answered, stream=stream) == TEXT
    name = "claude" if api.name == "messages" else "cloud"
    assert answered.headers["x-llm-served-version"] == f"far/{name}"
    assert_no_more_has_left(far, api, name)


@pytest.mark.parametrize("model", ["keyless", "stranger"])
def test_no_key_and_no_certificate_send_nothing(stack: MeshStack, far: Far, model: str) -> None:
    """Alone the version is unavailable; where another one helps out, it answers."""
    answered = ask(stack, CHAT, model)
    assert (answered.status, answered.document["error"]["code"]) == (503, "model_unavailable")
    assert not far.server.seen
    assert ask(stack, CHAT, f"{model}-first").headers["x-llm-served-version"] == "far/cloud"
    reason = "credential" if model == "keyless" else "connect_failure"
    assert stack.metric("llm_fallback_total", **{"from": f"{model}-first/v1", "to": "far/cloud", "reason": reason}) == 1


def test_a_key_is_replaced(stack: MeshStack, far: Far) -> None:
    """The next requests have the new one, without a restart."""
    replace_key_and_back(stack, far)


def test_the_key_is_nowhere(stack: MeshStack) -> None:
    """Not in the manifests, nor in what Envoy shows and logs; the path of its file is."""
    assert ask(stack, CHAT, "far").status == 200
    admin = json.loads(stack.config.read_text())["envoy"]["admin"]
    shown = [curl(f"http://{admin}/{page}").body.decode() for page in ("config_dump?include_eds", "certs", "clusters")]
    assert "cloud/key" in shown[0]
    files = [file.read_text(errors="replace") for file in stack.directory.rglob("*") if file.is_file()]
    for key in KEYS.values():
        assert not [text for text in (*shown, *files) if key in text]


def test_the_models_of_ones_own_are_asked_as_before(stack: MeshStack, far: Far) -> None:
    """By the routes of the VirtualService."""
    assert stack.chat("Hello").headers["x-llm-served-version"].startswith("tiny-chat/")
    assert not far.server.seen


def test_a_gateway_may_have_providers_alone(tmp_path: Path, far: Far) -> None:
    """No Service of model servers, whose port there would be a policy for."""
    require_envoy()

    def alone(data: dict[str, Any]) -> None:
        configure(data, far)
        data["models"] = {"far": data["models"]["far"]}

    with MeshStack(tmp_path, MeshPlace.GATEWAY, more=alone, models={}) as stack:
        assert ask(stack, CHAT, "far").status == 200
