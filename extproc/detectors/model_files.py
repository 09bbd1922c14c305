"""Model files of the package ``llm-extproc-models``: read whole, and held to the hashes that it states.

The package is data (``packages/models``); docs/weights.md says where each file comes from.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Final

_HOW: Final = "install llm_extproc_models-*.whl, which `make models` writes to dist/ (docs/weights.md)"


class ModelFileUnusable(Exception):
    """A file is missing or differs; the message says which, and what to do."""


def read_model_file(name: str) -> bytes:
    """The bytes of a file. Raises: ModelFileUnusable."""
    try:
        import llm_extproc_models
    except ImportError:
        raise ModelFileUnusable(f"the package llm-extproc-models is not installed: {_HOW}") from None
    stated = {file.name: file.sha256 for file in llm_extproc_models.FILES}
    if name not in stated:
        raise ModelFileUnusable(f"the installed llm-extproc-models is of another version, without {name}: {_HOW}")
    try:
        content = files(llm_extproc_models).joinpath(name).read_bytes()
    except OSError:
        raise ModelFileUnusable(f"{name} is missing from the installed llm-extproc-models: {_HOW}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != stated[name]:
        raise ModelFileUnusable(
            f"{name} of the installed llm-extproc-models has the SHA-256 {found}, not {stated[name]}: "
            f"it was damaged or exchanged; {_HOW}"
        )
    return content
