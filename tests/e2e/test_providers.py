"""A provider answers in place of a model server of one's own: with its key and names, and nothing else of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.apis import APIS, CHAT, Api
from tests.e2e.far_provider import KEYS, ROOT, TEXT, Far, ask, assert_no_more_has_left, replace_key_and_back, said
from tests.e2e.harness import Stack, curl, free_ports, require_envoy
from tests.e2e.measured import Measured


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    """The provider, running."""
    far = Far(tmp_path_factory.mktemp("far"))
    with far.server:
        yield far


def configure(data: dict[str, Any], far: Far, refused: int) -> None:
    """Models at providers, and one of one's own that is down."""
    price = data["models"]["tiny-chat"]["versions"]["v1"]["price"]
    port = far.server.port

    def provider(name: str, **more: Any) -> dict[str, Any]:
        url = f"https://localhost:{port}{ROOT}"
        return {"url": url, "key_file": str(far.key_file(name)), "ca_file": str(far.ca), **more}

    def version(name: str, weight: int = 1) -> dict[str, Any]:
        return {"weight": weight, "provider": name, "served_model": f"{name}-model", "price": price}

    data["identity"] = {"teams": ["search", "hr", "legal", "showcase"], "private_teams": ["hr"]}
    data["providers"] = {
        "cloud": provider("cloud"),
        "claude": provider("claude", api="anthropic", url=f"https://localhost:{port}"),
        "expired": provider("expired"),
        "stranger": provider("cloud", ca_file=str(far.other_ca)),
    }
    data["policies"].insert(0, {"name": "legal", "when": [{"teams": ["legal"]}], "providers": "none", "guards": []})
    data["models"] = {
        "far": {"versions": {"cloud": version("cloud"), "claude": version("claude")}},
        "down": {
            "versions": {"v1": {"weight": 1, "endpoints": [f"127.0.0.1:{refused}"], "price": price}},
            "fallback": {"to": ["far/cloud", "far/claude"]},
        },
    }
    for name in ("expired", "stranger"):
        data["models"][name] = {"versions": {"v1": version(name)}}
        data["models"][f"{name}-first"] = {
            "versions": {"v1": version(name)},
            "fallback": {"to": ["far/cloud"], "on": ["connect_failure"]},
        }


@pytest.fixture(scope="module", params=["watched", "bootstrap"])
def gateway(tmp_path_factory: pytest.TempPathFactory, far: Far, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """An Envoy that watches files, and one that has read all at its start."""
    require_envoy()
    directory = tmp_path_factory.mktemp("gateway")
    (refused,) = free_ports(1)

    def change(data: dict[str, Any]) -> None:
        configure(data, far, refused)
        if request.param == "watched":
            data["envoy"]["folder"] = str(directory / "envoy")

    with Stack(directory, models={}, change=change) as running:
        yield running


@pytest.fixture
def stack(gateway: Stack, far: Far) -> Stack:
    """The gateway; the provider has seen nothing yet."""
    far.server.seen.clear()
    return gateway


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
@pytest.mark.parametrize("model", ["far", "down"])
def test_a_provider_answers(stack: Stack, far: Far, model: str, api: Api, stream: bool) -> None:
    """The one that serves the API, by its key and names. The client sees its own, and the answer is billed to it."""
    measured = Measured(stack)
    answered = ask(stack, api, model, stream=stream)
    assert (answered.exit_code, answered.status) == (0, 200), answered.body
    assert said(api, answered, stream=stream) == TEXT
    name = "claude" if api.name == "messages" else "cloud"
    assert f"{name}-model" not in answered.body.decode()
    assert not {"set-cookie", "openai-organization"} & answered.headers.keys()
    assert answered.headers["x-llm-served-version"] == f"far/{name}"
    assert_no_more_has_left(far, api, name)
    assert measured.outcomes() == {"completed": 1}
    assert measured.rise("llm_requests_total", model="far", version=name) == 1
    assert measured.rise("llm_fallback_total", to=f"far/{name}") == (1 if model == "down" else 0)
    refused = measured.rise("llm_fallback_total", to="far/claude", reason="api_not_served")
    assert refused == (1 if model == "down" and name == "claude" else 0)


@pytest.mark.parametrize("team", ["hr", "legal"])
@pytest.mark.parametrize("model", ["far", "down"])
def test_what_must_not_leave_does_not(stack: Stack, far: Far, model: str, team: str) -> None:
    """By the rule of the team, or by that of its policy; whether the provider is chosen or would help out."""
    answered = ask(stack, CHAT, model, team=team)
    code = answered.document["error"]["code"]
    assert (answered.status, code) == ((403, "provider_forbidden") if model == "far" else (503, "model_unavailable"))
    assert not far.server.seen


def test_the_key_is_nowhere(stack: Stack) -> None:
    """Not in what Envoy shows and logs, nor in what we write, log and explain."""
    assert ask(stack, CHAT, "far").status == 200
    admin = json.loads(stack.config.read_text())["envoy"]["admin"]
    shown = [curl(f"http://{admin}/{page}").body.decode() for page in ("config_dump?include_eds", "certs", "clusters")]
    assert "llm_provider_cloud" in shown[0]
    files = [file.read_text(errors="replace") for file in stack.directory.rglob("*") if file.is_file()]
    assert any("llm_provider_cloud" in text for text in files)
    for key in KEYS.values():
        assert not [text for text in (*shown, *files) if key in text]


@pytest.mark.parametrize("name", ["expired"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_key_that_does_not_open(stack: Stack, far: Far, name: str, stream: bool) -> None:
    """A file that is missing, or a key that is refused: that is no client's fault, and none hears of it."""
    answered = ask(stack, CHAT, name, stream=stream)
    assert (answered.status, answered.document["error"]["code"]) == (503, "model_unavailable")
    assert len(far.server.seen) == (name == "expired")
    measured = Measured(stack)
    helped = ask(stack, CHAT, f"{name}-first", stream=stream)
    assert (helped.status, said(CHAT, helped, stream=stream)) == (200, TEXT)
    step = {"from": f"{name}-first/v1", "to": "far/cloud", "reason": "credential"}
    assert measured.rise("llm_fallback_total", **step) == 1


def test_a_stranger_gets_nothing(stack: Stack, far: Far) -> None:
    """A server whose certificate another CA has signed is not the provider."""
    answered = ask(stack, CHAT, "stranger")
    assert (answered.status, answered.document["error"]["code"]) == (503, "model_unavailable")
    assert not far.server.seen
    assert ask(stack, CHAT, "stranger-first").headers["x-llm-served-version"] == "far/cloud"


@pytest.mark.parametrize("gateway", ["watched"], indirect=True)
def test_a_key_is_replaced(stack: Stack, far: Far) -> None:
    """The next requests have the new one, without a restart."""
    replace_key_and_back(stack, far)


def test_a_key_that_is_missing_harms_nobody_else(tmp_path: Path, far: Far) -> None:
    """Envoy does not take the version, so the processor sends nothing there; others go on to answer."""
    require_envoy()
    (refused,) = free_ports(1)

    def change(data: dict[str, Any]) -> None:
        configure(data, far, refused)
        data["envoy"]["folder"] = str(tmp_path / "envoy")

    def without_key(data: dict[str, Any]) -> None:
        change(data)
        data["providers"]["cloud"]["key_file"] = str(far.folder / "nowhere" / "key")
        data["models"]["new"] = {"versions": {"v1": data["models"]["far"]["versions"]["cloud"]}}

    with Stack(tmp_path, models={}, change=change) as stack:
        stack.reloaded(lambda: stack.write_config(without_key))
        answered = ask(stack, CHAT, "new")
        assert (answered.status, answered.document["error"]["code"]) == (503, "version_unavailable")
        assert ask(stack, CHAT, "far").status == 200
