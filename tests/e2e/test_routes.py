"""Routes and aliases on a real Envoy, in every API, streamed and not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.demo.installation import Change
from extproc.demo.scripted import Scripted
from extproc.demo.seen import Request
from tests.e2e.apis import APIS, CHAT, JSON_TYPE, MODEL, Api, event, events_of, streamed, whole
from tests.e2e.harness import Answer, Stack, wait_until
from tests.e2e.measured import Measured
from tests.e2e.scripted_models import ScriptedModels
from tests.json_lines import json_lines

ALIAS = "generation"
SERVED = f"{MODEL}-next"
WORDS = ["Envoy ", "is ", "a ", "proxy."]
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["unstreamed", "streamed"])
EACH = pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
LONG = "Envoy is a proxy. " * 2_000
WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def routed(data: dict[str, Any]) -> None:
    """A route for each condition; v2 is served under another name."""
    data["identity"]["tiers"] = ["gold", "tin"]

    def to(name: str, version: str, **condition: Any) -> dict[str, Any]:
        return {"name": name, "when": [condition], "version": f"{MODEL}/{version}"}

    alias = {"models": [ALIAS, "gen-*"]}
    data["routes"] = [
        to("gold", "v2", **alias, tiers=["gold"]),
        to("case", "v2", **alias, tags=["rag"]),
        to("header", "v2", **alias, headers={"x-beta": ["on", "yes"]}),
        to("long", "v2", **alias, prompt_tokens_min=5_000),
        to("tools", "v2", **alias, tools=True),
        to("never", "v1", **alias, teams=["showcase"], days=WEEK[:1], hours="00:00-00:01", timezone="Asia/Tokyo"),
        to("showcase", "v2", models=["showroom"], teams=["showcase"], days=WEEK),
        to("streams", "v1", **alias, streamed=True),
        to("vectors", "v2", models=[ALIAS], endpoints=["embeddings", "rerank"]),
        {"name": "closed", "when": [{"models": [MODEL], "tags": ["closed"]}], "deny": True},
        {"name": "unstreamed", "when": [{**alias, "tags": ["strict"], "streamed": False}], "deny": True},
        {"name": "default-alias", "when": [alias], "split": [{"version": f"{MODEL}/v1", "weight": 1}]},
        {"name": "default"},
    ]


@pytest.fixture(scope="module")
def change() -> Change:
    """What the stack of this file has in its configuration."""
    return routed


@pytest.fixture
def stack(shared: Stack, scripted: ScriptedModels) -> Stack:
    """The shared stack; its model servers answer with the name that they serve."""
    scripted.reset()
    return shared


def asked(api: Api, *, stream: bool = False, **fields: Any) -> dict[str, Any]:
    """A request for the alias."""
    return {**api.request(stream=stream), "model": ALIAS, **fields}


def route_of(stack: Stack, answer: Answer) -> dict[str, Any]:
    """The metadata of an answer in Envoy's access log."""
    found = answer.headers["x-llm-exchange-id"]

    def lines() -> list[dict[str, Any]]:
        return [line for line in json_lines(stack.envoy.access_log) if line["exchange"] == found]

    (line,) = wait_until(lines, f"the access log has {found}")
    return dict(line["llm"] or {})


def as_served(api: Api) -> Any:
    """Answers as a model server gives them: with the name that it was asked for."""

    def respond(request: Request) -> Scripted:
        name = request.document["model"].encode()
        given = streamed(api, WORDS) if request.document.get("stream") else whole(api.answer("".join(WORDS)))
        chunks = [
            chunk.replace(b'"%s"' % MODEL.encode(), b'"%s"' % name)
            for chunk in given.chunks
            if isinstance(chunk, bytes)
        ]
        headers = tuple(pair for pair in given.headers if pair[0] != "content-length")
        return Scripted(given.status, headers, chunks)

    return respond


def names_in(tree: Any) -> set[str]:
    """Every model that a document names, at any depth."""
    if isinstance(tree, dict):
        own = {tree["model"]} if isinstance(tree.get("model"), str) else set()
        return own.union(*map(names_in, tree.values()))
    return set().union(*map(names_in, tree)) if isinstance(tree, list) else set()


# --- aliases -------------------------------------------------------------------------------------------------------


@EACH
@STREAM
def test_a_client_sees_the_name_that_it_requested(stack: Stack, models: ScriptedModels, api: Api, stream: bool) -> None:
    """In each event too; the server is asked for its own, and nothing of that name reaches the client."""
    models.answer = as_served(api)
    answer = stack.curl(api.path, "-H", "x-tier: gold", body=asked(api, stream=stream))
    assert answer.status == 200
    assert models.only.request.document["model"] == SERVED
    documents = events_of(answer.body) if stream else [answer.document]
    assert names_in(documents) == {ALIAS}
    assert SERVED.encode() not in answer.body
    assert answer.headers["x-llm-served-version"] == f"{MODEL}/v2"


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("/v1/embeddings", {"input": "Hi"}, {"object": "list", "data": [{"object": "embedding", "embedding": [0.5]}]}),
        ("/v1/rerank", {"query": "Hi", "documents": ["a"]}, {"results": [{"index": 0, "relevance_score": 0.5}]}),
    ],
)
def test_who_asks_for_vectors_does_too(
    stack: Stack, models: ScriptedModels, path: str, body: dict[str, Any], answer: dict[str, Any]
) -> None:
    """These answers are not guarded, and their model is renamed all the same."""
    given = json.dumps({**answer, "model": SERVED}).encode()
    models.answer = Scripted(200, (JSON_TYPE, ("content-length", str(len(given)))), [given])
    found = stack.curl(path, body={"model": ALIAS, **body})
    assert found.document["model"] == ALIAS
    assert route_of(stack, found)["route"] == "vectors"
    assert models.only.request.document["model"] == SERVED


@EACH
@STREAM
def test_an_error_of_the_server_names_the_model_as_requested(
    stack: Stack, models: ScriptedModels, api: Api, stream: bool
) -> None:
    """vLLM quotes the name that it does not know."""
    error = {"error": {"message": f"The model `{SERVED}` does not exist.", "type": "NotFoundError", "code": 404}}
    models.answer = Scripted(404, (JSON_TYPE,), [json.dumps(error).encode()])
    answer = stack.curl(api.path, "-H", "x-tier: gold", body=asked(api, stream=stream))
    assert answer.status == 404
    assert f"The model `{ALIAS}` does not exist." in answer.body.decode()
    assert SERVED not in answer.body.decode()


def test_an_error_in_a_stream_does_too(stack: Stack, models: ScriptedModels) -> None:
    """After the first event."""
    error = {"error": {"message": f"{SERVED} is gone", "type": "InternalServerError", "code": 500}}
    chunks = [CHAT.head().replace(MODEL.encode(), SERVED.encode()), event(error)]
    models.answer = Scripted(200, (("content-type", "text/event-stream"),), chunks)
    answer = stack.curl(CHAT.path, "-H", "x-tier: gold", body=asked(CHAT, stream=True))
    assert [one.get("error", {}).get("message") for one in events_of(answer.body)][1:] == [f"{ALIAS} is gone"]
    assert SERVED.encode() not in answer.body


@EACH
@STREAM
def test_the_alias_of_another_team_does_not_exist(stack: Stack, models: ScriptedModels, api: Api, stream: bool) -> None:
    """The same error as for a name that nobody has; its own team gets an answer."""
    models.answer = as_served(api)
    told = []
    for name in ("showroom", "nowhere"):
        answer = stack.curl(api.path, "-H", "x-team: search", body=asked(api, stream=stream, model=name))
        assert answer.status == 404
        told.append(answer.body)
    assert told[0] == told[1]
    assert b"showroom" not in told[0]
    assert models.seen == []
    own = stack.curl(api.path, "-H", "x-team: showcase", body=asked(api, stream=stream, model="showroom"))
    assert own.status == 200
    assert b'"showroom"' in own.body


@pytest.mark.parametrize(
    ("headers", "names"),
    [((), [ALIAS, MODEL]), (("-H", "x-team: showcase"), [ALIAS, "showroom", MODEL])],
    ids=["anybody", "showcase"],
)
def test_the_list_has_the_names_that_a_client_may_request(
    stack: Stack, models: ScriptedModels, headers: tuple[str, ...], names: list[str]
) -> None:
    """In both shapes, and each by itself; no model server is asked."""
    openai = stack.curl("/v1/models", *headers).document
    anthropic = stack.curl("/v1/models", *headers, "-H", "anthropic-version: 2023-06-01").document
    assert [model["id"] for model in openai["data"]] == names
    assert [model["id"] for model in anthropic["data"]] == names
    assert stack.curl("/v1/models/showroom", *headers).status == (200 if "showroom" in names else 404)
    assert models.seen == []


@EACH
@pytest.mark.parametrize(
    ("tag", "model", "route", "error"),
    [
        ("closed", MODEL, "closed", (404, "model_not_found", "not_found_error")),
        ("strict", ALIAS, "unstreamed", (403, "request_not_allowed", "permission_error")),
    ],
)
def test_what_a_route_denies_reaches_no_server(
    stack: Stack, models: ScriptedModels, api: Api, tag: str, model: str, route: str, error: tuple[int, str, str]
) -> None:
    """The error is the API's, the list has only what may be requested, and the metrics have the route."""
    measured = Measured(stack)
    answer = stack.curl(api.path, "-H", f"x-use-case: {tag}", body=asked(api, model=model))
    told = answer.document["error"]
    status, code, anthropic = error
    assert (answer.status, told.get("code", code)) == (status, code)
    assert ("code" in told) is (api.name != "messages")
    assert "code" in told or told["type"] == anthropic
    assert models.seen == []
    assert measured.outcomes() == {"rejected": 1}
    assert measured.rise("llm_route_total", route=route, model="none") == 1
    listed = stack.curl("/v1/models", "-H", f"x-use-case: {tag}").document
    assert (model in [one["id"] for one in listed["data"]]) is (status == 403)


# --- conditions ----------------------------------------------------------------------------------------------------

TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]


@STREAM
@EACH
@pytest.mark.parametrize(
    ("headers", "name"),
    [
        (["x-tier: gold"], "gold"),
        (["x-tier: silver"], ""),
        (["x-use-case: rag"], "case"),
        (["x-beta: yes"], "header"),
        (["x-beta: no"], ""),
    ],
)
def test_the_first_route_that_matches_takes_an_exchange(
    stack: Stack, models: ScriptedModels, api: Api, stream: bool, headers: list[str], name: str
) -> None:
    """By who asks; what no condition takes goes on to the later routes."""
    models.answer = as_served(api)
    options = [part for header in headers for part in ("-H", header)]
    answer = stack.curl(api.path, *options, body=asked(api, stream=stream))
    expected = name or ("streams" if stream else "default-alias")
    facts = route_of(stack, answer)
    assert (facts["route"], facts["version"]) == (expected, "v2" if name else "v1")
    assert models.only.server == facts["version"]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"messages": [{"role": "user", "content": LONG}]}, "long"),
        ({"tools": TOOLS}, "tools"),
        ({"stream": True}, "streams"),
        ({"model": "gen-2"}, "default-alias"),
        ({"model": MODEL}, "default"),
    ],
    ids=["long", "tools", "stream", "pattern", "no alias"],
)
def test_what_a_request_holds_decides_too(
    stack: Stack, models: ScriptedModels, fields: dict[str, Any], name: str
) -> None:
    """Size, tools, streaming, and the requested name; log and metrics have the route."""
    models.answer = as_served(CHAT)
    measured = Measured(stack)
    answer = stack.curl(CHAT.path, body={**asked(CHAT), **fields})
    assert answer.status == 200
    assert route_of(stack, answer)["route"] == name
    assert measured.outcomes() == {"completed": 1}
    assert measured.rise("llm_route_total", route=name, model=MODEL) == 1
