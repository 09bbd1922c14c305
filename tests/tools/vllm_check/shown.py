"""What vLLM would show the model of a request, by its own conversions; no model is loaded. Needs vLLM's interpreter.

A chat template may print all that it is handed, so all of that is taken as shown: messages in both forms in which vLLM
hands them over, definitions of tools, documents, and other variables. What a template leaves out is not left out here.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from vllm import __version__ as VERSION  # noqa: N812
from vllm.config import ModelConfig
from vllm.entrypoints.anthropic.protocol import AnthropicMessagesRequest
from vllm.entrypoints.anthropic.serving import AnthropicServingMessages
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.entrypoints.openai.responses.protocol import ResponsesRequest
from vllm.entrypoints.openai.responses.utils import construct_input_messages, construct_tool_dicts
from vllm.entrypoints.pooling.embed.protocol import EmbeddingRequest
from vllm.entrypoints.pooling.scoring.protocol import RerankRequest
from vllm.entrypoints.pooling.scoring.utils import parse_score_data_single, validate_score_input
from vllm.exceptions import VLLMValidationError
from vllm.renderers.chat_utils import parse_chat_messages

__all__ = ["VERSION", "Refused", "contents", "is_continued", "schema_of", "shown"]

_REQUESTS: dict[str, TypeAdapter[Any]] = {
    "chat": TypeAdapter(ChatCompletionRequest),
    "completions": TypeAdapter(CompletionRequest),
    "responses": TypeAdapter(ResponsesRequest),
    "messages": TypeAdapter(AnthropicMessagesRequest),
    "embeddings": TypeAdapter(EmbeddingRequest),
    "rerank": TypeAdapter(RerankRequest),
}
_FORMATS = ("string", "openai")
_CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "vocab_size": 2048,
    "max_position_embeddings": 2048,
    "torch_dtype": "bfloat16",
}


class Refused(Exception):
    """vLLM does not take this request, or not its messages."""


def schema_of(name: str) -> dict[str, Any]:
    """The JSON schema of an API's requests."""
    return _REQUESTS[name].json_schema()


def _model_config() -> ModelConfig:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(_CONFIG), encoding="utf-8")
        return ModelConfig(model=folder, tokenizer=folder, skip_tokenizer_init=True)


_MODEL = _model_config()


def shown(name: str, body: dict[str, Any]) -> str:
    """All that vLLM hands to a chat template, or to the model, as one text. Raises: Refused."""
    try:
        return json.dumps(list(_handed_over(name, body)), default=_plain, ensure_ascii=False)
    except ValidationError as error:  # of arrays that are validated when they are read
        raise Refused from error


def _plain(value: Any) -> Any:
    """What a template could print of an object that is no JSON."""
    if hasattr(value, "model_dump"):
        return value.model_dump()
    return list(value) if hasattr(value, "__iter__") else str(value)


def contents(name: str, body: dict[str, Any]) -> list[str]:
    """The texts of the messages as vLLM joins them from their parts. Raises: Refused."""
    texts = _scored(_parsed(name, body)) if name == "rerank" else []
    for conversation in _conversations(name, body, ("string",)):
        for message in conversation:
            texts += [message[key] for key in ("content", "reasoning") if isinstance(message.get(key), str)]
    return [text for text in texts if text]


def is_continued(name: str, body: dict[str, Any]) -> bool:
    """Whether vLLM has the model go on with the last message. Raises: Refused."""
    list(_conversations(name, body, ("string",)))
    variables = _parsed(name, body).build_chat_params(None, "auto").chat_template_kwargs
    return bool(variables["continue_final_message"])


def _handed_over(name: str, body: dict[str, Any]) -> Any:
    request = _parsed(name, body)
    if name == "completions":
        yield [request.prompt, getattr(request, "suffix", None)]
    if name == "embeddings":
        yield getattr(request, "input", None)
    if name == "rerank":
        yield [_scored(request), request.chat_template_kwargs]
    yield from _conversations(name, body, _FORMATS)
    if name in ("chat", "responses", "messages"):
        yield _beside(name, request)


def _scored(request: Any) -> list[str]:
    """The query and the documents, each as one text; with a model of text, whatever else is in them is refused."""
    try:
        pairs = validate_score_input(request.query, request.documents, is_multimodal_model=True, architecture="")
        inputs = [*(("query", one) for one in pairs.data_1), *(("document", one) for one in pairs.data_2)]
        return [parse_score_data_single(one, role, _MODEL)[0] for role, one in inputs]
    except Exception as error:  # whatever it raises, the request is not answered
        raise Refused from error


def _beside(name: str, request: Any) -> Any:
    """Tools and variables of the template."""
    try:
        if name == "messages":
            request = AnthropicServingMessages.to_chat_completion_request(request)
        if name == "responses":
            tools = construct_tool_dicts(request.tools, request.tool_choice)
        else:
            tools = [tool.model_dump() for tool in request.tools or ()]
        parameters = request.build_chat_params(None, "auto")
        return [tools, parameters.chat_template, parameters.chat_template_kwargs]
    except (ValidationError, ValueError, VLLMValidationError) as error:
        raise Refused from error


def _conversations(name: str, body: dict[str, Any], formats: tuple[str, ...]) -> Any:
    """The messages as a template gets them, in each form, and of Anthropic's also with all of the system's in one."""
    for form in formats:
        for merges in (False, True) if name == "messages" else (False,):
            request = _parsed(name, body)  # anew: parts may be read once only
            try:
                messages = _chat_messages(name, request, merges)
                yield parse_chat_messages(list(messages), _MODEL, form)[0] if messages else []
            except Exception as error:  # whatever it raises, the request is not answered
                raise Refused from error


def _chat_messages(name: str, request: Any, merges_system: bool) -> Any:
    if name == "responses":
        return construct_input_messages(request_instructions=request.instructions, request_input=request.input)
    if name == "messages":
        converted = AnthropicServingMessages.to_chat_completion_request(request, merge_inline_system=merges_system)
        return converted.messages
    return getattr(request, "messages", None)


def _parsed(name: str, body: dict[str, Any]) -> Any:
    try:
        return _REQUESTS[name].validate_python(json.loads(json.dumps(body)))
    except (ValidationError, ValueError, VLLMValidationError) as error:
        raise Refused from error
