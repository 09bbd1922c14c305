"""Our own changes to requests: prompts inserted, usage asked for, texts replaced; in any spelling of the body."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.payload.view import RequestView
from tests.unit.payload.requests import BY_NAME, MINIMAL, minimal, read

SPELLED = pytest.mark.parametrize("canonical", [True, False])


def view_of(name: str, request: dict[str, Any], canonical: bool) -> RequestView:
    """A request in a canonical spelling or another."""
    view = read(name, orjson.dumps(request, option=0 if canonical else orjson.OPT_INDENT_2))
    assert view.canonical is canonical
    return view


def inserted(name: str, request: dict[str, Any], canonical: bool, replace: bool = False, mask: str = "") -> Any:
    """The request after a prompt was inserted, and before that ``mask`` was masked."""
    view = view_of(name, request, canonical)
    for field in view.texts:
        if mask and mask in field.text:
            view.replace_text(field, field.text.replace(mask, "<X>"))
    BY_NAME[name].insert_prompt(view, "Obey.", replace)
    return orjson.loads(view.body_after())


@SPELLED
@pytest.mark.parametrize("role", ["system", "developer"])
def test_chat_prompt(canonical: bool, role: str) -> None:
    """Before all messages; or in the place of the client's own, whatever its shape and whatever was masked in it."""
    own = {"role": role, "content": [{"type": "text", "text": "Be kind, Jane."}]}
    user = {"role": "user", "content": "Hi"}
    prompt = {"role": "system", "content": "Obey."}
    masked = {"role": role, "content": [{"type": "text", "text": "Be kind, <X>."}]}
    assert inserted("chat", {"messages": [user]}, canonical)["messages"] == [prompt, user]
    assert inserted("chat", {"messages": [own, user]}, canonical, mask="Jane")["messages"] == [prompt, masked, user]
    replaced = inserted("chat", {"messages": [own, user]}, canonical, replace=True, mask="Jane")
    assert replaced["messages"] == [{"role": role, "content": "Obey."}, user]
    assert inserted("chat", {"messages": [user]}, canonical, replace=True)["messages"] == [prompt, user]


@SPELLED
@pytest.mark.parametrize(
    ("own", "after", "replaced"),
    [
        (None, "Obey.", "Obey."),
        ("", "Obey.", "Obey."),
        ([], "Obey.", "Obey."),
        ("Be kind, Jane.", "Obey.\n\nBe kind, <X>.", "Obey."),
        (
            [{"type": "text", "text": "Be kind, Jane."}],
            [{"type": "text", "text": "Obey."}, {"type": "text", "text": "Be kind, <X>."}],
            "Obey.",
        ),
    ],
)
def test_messages_prompt(canonical: bool, own: Any, after: Any, replaced: Any) -> None:
    """Into ``system``, as text or as blocks."""
    request = minimal("messages", system=own)
    assert inserted("messages", request, canonical, mask="Jane")["system"] == after
    assert inserted("messages", request, canonical, replace=True, mask="Jane")["system"] == replaced
    assert inserted("messages", MINIMAL["messages"], canonical)["system"] == "Obey."


@SPELLED
@pytest.mark.parametrize("own", [None, "Be kind, Jane."])
def test_responses_prompt(canonical: bool, own: str | None) -> None:
    """Into ``instructions``; the answer will show the client's own."""
    request = minimal("responses", instructions=own)
    after = "Obey.\n\nBe kind, <X>." if own else "Obey."
    assert inserted("responses", request, canonical, mask="Jane")["instructions"] == after
    assert inserted("responses", request, canonical, replace=True, mask="Jane")["instructions"] == "Obey."
    view = view_of("responses", request, canonical)
    BY_NAME["responses"].insert_prompt(view, "Obey.", False)
    assert view.shown == {"instructions": own}


@SPELLED
@pytest.mark.parametrize("name", ["completions", "embeddings", "rerank"])
def test_what_has_no_system_prompt_gets_none(canonical: bool, name: str) -> None:
    """A completion would continue it, an embedding would mean it, a score would depend on it."""
    assert inserted(name, MINIMAL[name], canonical) == MINIMAL[name]


@SPELLED
@pytest.mark.parametrize("name", ["chat", "completions"])
@pytest.mark.parametrize("continuous", [True, False])
@pytest.mark.parametrize("options", ["absent", None, {}, {"include_usage": False}, {"include_usage": True, "later": 1}])
def test_usage_is_asked_for(canonical: bool, name: str, continuous: bool, options: Any) -> None:
    """Once, in one ``stream_options``, whatever the client's; and what it asked itself is known."""
    request = minimal(name, stream=True, **({} if options == "absent" else {"stream_options": options}))
    view = view_of(name, request, canonical)
    assert view.usage_asked is bool(isinstance(options, dict) and options.get("include_usage"))
    BY_NAME[name].ask_for_usage(view, continuous)
    body = view.body_after()
    assert body.count(b"stream_options") == body.count(b"include_usage") == 1
    given = options if isinstance(options, dict) else {}
    wanted = {**given, "include_usage": True} | ({"continuous_usage_stats": True} if continuous else {})
    assert orjson.loads(body) == request | {"stream_options": wanted}


@pytest.mark.parametrize("name", MINIMAL)
def test_usage_is_not_asked_for_where_it_comes_anyway(name: str) -> None:
    """vLLM refuses ``stream_options`` without ``stream``; responses and messages bring usage always."""
    view = read(name, MINIMAL[name])
    before = view.body
    BY_NAME[name].ask_for_usage(view, True)
    assert view.body_after() is before
    if name in ("responses", "messages"):
        streamed = read(name, minimal(name, stream=True))
        BY_NAME[name].ask_for_usage(streamed, True)
        assert streamed.usage_asked
        assert streamed.edits == []


@SPELLED
@pytest.mark.parametrize("name", MINIMAL)
def test_every_text_can_be_replaced_where_it_stands(canonical: bool, name: str) -> None:
    """The path of a field leads to its text, also after the model was renamed."""
    request = minimal(
        name, model="m", tools=[{"description": "one", "enum": ["two"]}], documents=[{"t": "three"}], stop=["four"]
    )
    view = view_of(name, request, canonical)
    fields = [field for field in view.texts if not field.keys]
    view.set(("model",), "served")
    for number, field in enumerate(fields):
        view.replace_text(field, f"<{number}>")
    after = read(name, view.body_after())
    assert [field.text for field in after.texts if not field.keys] == [f"<{number}>" for number in range(len(fields))]
    assert [field.path for field in after.texts] == [field.path for field in view.texts]
    assert after.model == "served"
