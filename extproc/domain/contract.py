"""What clients, Envoy and this processor agree on: paths, headers, names. Each is spelled here and nowhere else."""

from __future__ import annotations

from typing import Literal

Endpoint = Literal["chat", "completions", "responses", "messages", "count_tokens", "embeddings"]
"""The APIs that are read, by the names that configuration, metrics and logs have for them."""

ENDPOINT_PATHS: dict[Endpoint, str] = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "count_tokens": "/v1/messages/count_tokens",
    "embeddings": "/v1/embeddings",
}
MODELS_PATH = "/v1/models"
"""Answered by the processor itself where it chooses versions."""

INTERNAL_HEADER_PREFIX = "x-llm-"
"""Of headers between Envoy and the processor: removed from what clients and model servers send."""
MODEL_HEADER = "x-llm-model"
VERSION_HEADER = "x-llm-version"
SERVED_VERSION_HEADER = "x-llm-served-version"

METADATA_NAMESPACE = "llm_extproc"
"""Of the dynamic metadata that an exchange leaves for Envoy's access log."""

REPLY_DETAILS_PREFIX = "llm_extproc_"
"""Beginning of the ``details`` of every ImmediateResponse of ours: Envoy leaves the body of such replies alone."""
