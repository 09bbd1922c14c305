"""Documents to generate Envoy configurations from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from extproc.config.document import Document

PRICE = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}


def document_data(**changes: Any) -> dict[str, Any]:
    """A small document as plain data: one model, two versions; ``changes`` replace top-level blocks."""
    versions = {
        "v1": {"weight": 0, "endpoints": ["127.0.0.1:8001"], "price": PRICE},
        "v2": {"weight": 1, "endpoints": ["vllm.example:8002", "vllm2.example:8002"], "price": PRICE},
    }
    return {"models": {"chat": {"versions": versions}}, "filters": [{"filter": "version"}], **changes}


@pytest.fixture
def document() -> Callable[..., Document]:
    """Makes a document; keyword arguments replace top-level blocks."""

    def make(**changes: Any) -> Document:
        return Document.model_validate(document_data(**changes), strict=False)

    return make
