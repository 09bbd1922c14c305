"""``/v1/rerank``: a query and documents in, a score per document out. Source: Jina's API reference, vLLM 0.32.

The server repeats the documents in its answer, so the answer is read before the client receives any of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from extproc.domain.contract import Endpoint
from extproc.domain.errors import refuse
from extproc.domain.text import Speaker
from extproc.payload.dialect import UnreadableResponse
from extproc.payload.edits import Path
from extproc.payload.embeddings import Unstreamed
from extproc.payload.inert import USAGE, Shape, ids_after, is_count, is_measure, is_name, is_null, word_of
from extproc.payload.openai_request import extra_fields, other_fields, part_fields, read_object
from extproc.payload.request_shape import RequestShape
from extproc.payload.unnamed import unnamed_slots
from extproc.payload.usage import usage_of
from extproc.payload.view import (
    RequestPolicy,
    RequestView,
    ResponseView,
    expect_text,
    request_source,
    text_fields,
)

_QUERY: Final = "query"
_DOCUMENTS: Final = "documents"
_INSTRUCTION: Final = "instruction"
_READ: Final = frozenset({_QUERY, _DOCUMENTS, _INSTRUCTION})
_SPEAKERS: Final = {_QUERY: Speaker.USER, _DOCUMENTS: Speaker.DOCUMENT}
_PARTS: Final = "content"  # vLLM reads the parts of an object; what other servers read of one is text too
_PARTS_READ: Final = frozenset({_PARTS})
_NOTHING_READ: Final[frozenset[str]] = frozenset()
_ADDRESS: Final = Shape(inert={"url": is_null, "detail": word_of("auto low high")})
_PART: Final = Shape(
    inert={"type": word_of("text image_url image_embeds video_url"), "text": is_null, "image_embeds": is_null},
    objects={"image_url": _ADDRESS, "video_url": _ADDRESS},
)
_ANSWER: Final = Shape(
    inert={"id": ids_after("score"), "model": is_name},
    objects={
        "results": Shape(
            inert={"index": is_count, "relevance_score": is_measure},
            objects={"document": Shape(inert={"text": is_null}, objects={"multi_modal": _PART})},
        ),
        "usage": USAGE,
    },
)


class _RerankShape(RequestShape):
    """Requests without messages, whose media are in the query and the documents."""

    def media_holders(self, tree: dict[str, Any]) -> Iterator[tuple[Speaker | None, Any]]:
        """The query, and all documents."""
        for key, speaker in _SPEAKERS.items():
            yield speaker, tree.get(key)


_SHAPE: Final = _RerankShape(prompts=[_QUERY], system=_INSTRUCTION)


class Rerank(Unstreamed):
    """Jina's and Cohere's rerank, as vLLM serves it."""

    name: Endpoint = "rerank"
    generates = False
    reads_responses = True
    templated = False

    def read_request(self, body: bytes, policy: RequestPolicy) -> RequestView:
        """Raises: PayloadRefused."""
        view = read_object(body, policy, _SHAPE, generates=False)
        if view.streamed:
            raise refuse(400, "field_not_allowed", "Scores are not streamed.", "stream")
        instruction = expect_text(view.tree, _INSTRUCTION)
        view.texts += text_fields(instruction, (_INSTRUCTION,), request_source(Speaker.SYSTEM))
        _read_input(view, view.tree.get(_QUERY), (_QUERY,), policy)
        documents = view.tree.get(_DOCUMENTS)
        if isinstance(documents, list):
            for index, document in enumerate(documents):
                _read_input(view, document, (_DOCUMENTS, index), policy)
            view.readings = max(len(documents), 1)
        else:
            _read_input(view, documents, (_DOCUMENTS,), policy)
        view.texts += other_fields(view.tree, _READ)
        return view

    def read_response(self, tree: dict[str, Any]) -> ResponseView:
        """Raises: UnreadableResponse."""
        if not isinstance(tree.get("results"), list):
            raise UnreadableResponse("a response has no results")
        return ResponseView(tree, unnamed_slots(tree, _ANSWER, 0), usage_of(tree.get("usage")))


def _read_input(view: RequestView, value: Any, path: Path, policy: RequestPolicy) -> None:
    """Add the texts of the query or of one document to the view. Raises: PayloadRefused (400)."""
    param, begin = str(path[0]), len(view.texts)
    source = request_source(_SPEAKERS[param])
    if isinstance(value, str):
        view.texts += text_fields(value, path, source)
    elif isinstance(value, dict):
        parts = value.get(_PARTS)
        if isinstance(parts, list):
            for index, part in enumerate(parts):
                part_fields(part, (*path, _PARTS, index), source.speaker, policy, view)
        view.texts += extra_fields(value, _PARTS_READ if isinstance(parts, list) else _NOTHING_READ, path, source)
    else:
        raise refuse(400, "invalid_type", f"{param} must be text: a string, or an object with text in it.", param)
    for field in view.texts[begin:]:
        field.of = path
