"""The request of a golden case, with the prompt inserted as it is in the path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from extproc.config.prompt_cases import PromptCase
from extproc.config.prompt_template import CompiledPrompt
from extproc.config.prompt_values import filled_text
from extproc.filters.prompt import insert, is_inserted
from extproc.payload.endpoints import CHAT
from extproc.payload.view import RequestPolicy

_POLICY: Final = RequestPolicy(json_depth_max=64)


def prompted_request(
    prompt: CompiledPrompt, case: PromptCase, values: Mapping[str, str], model: str, tokens_max: int
) -> bytes:
    """The body of a chat completion, as the model server would get it.

    Args:
        values: of variables that the case does not set.
        tokens_max: largest length of the answer. [tokens]
    """
    request = CHAT.read_request(orjson.dumps(_body(case, model, tokens_max)), _POLICY)
    if is_inserted(prompt, request):
        given = {**values, **{name: str(value) for name, value in case.variables.items()}}
        insert(prompt, filled_text(prompt, given), request, CHAT)
    return request.body_after()


def _body(case: PromptCase, model: str, tokens_max: int) -> dict[str, Any]:
    if isinstance(case.input, str):
        messages = [{"role": "user", "content": case.input}]
    else:
        messages = [{"role": one.role, "content": one.content} for one in case.input]
    return {"model": model, "messages": messages, "temperature": 0, "max_completion_tokens": tokens_max}
