"""Every field of the answers of an installed vLLM, by API: where a text could stand in them.

    VLLM_PYTHON tests/tools/answer_fields.py > tests/recordings/answer_fields.json

Runs under vLLM's own Python. It walks the classes of which vLLM makes its answers, whole and streamed, and writes the
path of each field, with ``[]`` for the items of an array; a class that stands within itself is walked once. What
``tests/playbooks/test_answer_fields.py`` does with them is told there.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import typing_extensions
import vllm
from pydantic import BaseModel
from vllm.entrypoints.anthropic import protocol as anthropic
from vllm.entrypoints.openai.chat_completion import protocol as chat
from vllm.entrypoints.openai.completion import protocol as completion
from vllm.entrypoints.openai.responses import protocol as responses
from vllm.entrypoints.pooling.embed import protocol as embed
from vllm.entrypoints.pooling.scoring import protocol as scoring

_ARRAYS = (list, tuple, typing.Iterable, set, frozenset)
_AS_IN_WHOLE = ("response.", "item.")
_UNIONS = (typing.Union, types.UnionType)


def paths_of(kind: Any, path: str = "", above: tuple[Any, ...] = ()) -> Iterator[str]:
    """The paths of all fields of a type."""
    origin = get_origin(kind)
    if hasattr(kind, "__value__"):
        yield from paths_of(kind.__value__, path, above)
    elif origin is typing.Annotated:
        yield from paths_of(get_args(kind)[0], path, above)
    elif origin in _UNIONS:
        for member in get_args(kind):
            yield from paths_of(member, path, above)
    elif origin in _ARRAYS or getattr(origin, "__name__", "") == "Iterable":
        yield from paths_of(get_args(kind)[0] if get_args(kind) else Any, f"{path}[]", above)
    elif isinstance(kind, type) and kind not in above and (names := _fields_of(kind)):
        for name, child in names.items():
            where = f"{path}.{name}" if path else name
            yield where
            yield from paths_of(child, where, (*above, kind))


def _fields_of(kind: type) -> dict[str, Any]:
    """The fields of a class as they are called in JSON, with their types."""
    if issubclass(kind, BaseModel):
        return {
            field.serialization_alias or field.alias or name: field.annotation
            for name, field in kind.model_fields.items()
        }
    if typing_extensions.is_typeddict(kind) or hasattr(kind, "__dataclass_fields__"):
        return typing.get_type_hints(kind)
    return {}


def sorted_paths(kind: Any) -> list[str]:
    """Each path once."""
    return sorted(set(paths_of(kind)))


def events_of(union: Any) -> dict[str, list[str]]:
    """The paths of each event of a union, by its type, but for those within what the whole answer has too."""
    return {
        name: [path for path in sorted_paths(kind) if not path.startswith(_AS_IN_WHOLE)]
        for kind in get_args(union)
        for name in get_args(kind.model_fields["type"].annotation)
    }


def main() -> None:
    """Write all of them."""
    events = get_args(anthropic.AnthropicStreamEvent.model_fields["type"].annotation)
    fields = {
        "vllm": vllm.__version__,
        "whole": {
            "/v1/chat/completions": sorted_paths(chat.ChatCompletionResponse),
            "/v1/completions": sorted_paths(completion.CompletionResponse),
            "/v1/messages": sorted_paths(anthropic.AnthropicMessagesResponse),
            "/v1/responses": sorted_paths(responses.ResponsesResponse),
            "/v1/embeddings": sorted_paths(embed.EmbeddingResponse),
            "/v1/rerank": sorted_paths(scoring.RerankResponse),
        },
        "streamed": {
            "/v1/chat/completions": {"": sorted_paths(chat.ChatCompletionStreamResponse)},
            "/v1/completions": {"": sorted_paths(completion.CompletionStreamResponse)},
            "/v1/messages": dict.fromkeys(events, sorted_paths(anthropic.AnthropicStreamEvent)),
            "/v1/responses": events_of(responses.StreamingResponsesResponse),
        },
    }
    print(json.dumps(fields, indent=1))


if __name__ == "__main__":
    main()
