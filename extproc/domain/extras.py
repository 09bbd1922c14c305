"""The optional packages: which modules an extra brings, and the command that installs it.

llm-extproc is on no index. pip finds its extras all the same where it is installed, so the command names the Python
that runs. Two extras need a package of this repository, which the command installs from its file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Final

MODULES: Final[dict[str, tuple[str, ...]]] = {
    "http": ("httpx2",),
    "kubernetes": ("kubernetes",),
    "ledger": ("alembic", "sqlalchemy", "psycopg"),
    "onnx": ("numpy", "onnxruntime", "tokenizers"),
    "otel": ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.grpc"),
    "packaged": ("numpy", "onnxruntime", "tokenizers", "llm_extproc_models"),
    "parquet": ("pyarrow",),
    "presidio": ("presidio_analyzer", "spacy"),
    "prompts": ("jsonschema",),
    "redis": ("redis",),
    "review": ("sqlalchemy", "psycopg"),
    "tokenizers": ("tokenizers",),
    "topics": ("numpy", "tokenizers", "llm_extproc_models"),
    "transformers": ("torch", "transformers"),
}
"""The modules that a configuration or a command may need, by extra."""
_FILES: Final = {
    "demo": ("./packages/demo", "in the folder of the repository"),
    "packaged": ("dist/llm_extproc_models-*.whl", "where `make models` has written that file"),
    "topics": ("dist/llm_extproc_models-*.whl", "where `make models` has written that file"),
}
"""What an extra needs of this repository, and where the command runs then."""


class ExtraMissing(Exception):
    """A package of an extra is not installed. The message says what needs it, and how to install it."""


def missing_modules(modules: Iterable[str]) -> list[str]:
    """Those that are not installed."""
    return [module for module in modules if not _is_installed(module)]


def _is_installed(module: str) -> bool:
    """Whether it can be imported. To find out imports what it is in, if that is there."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def how_to_install(extra: str) -> str:
    """The end of a message: the command that installs an extra."""
    file, where = _FILES.get(extra, ("", ""))
    command = " ".join(filter(None, (sys.executable or "python", "-m pip install", file, f"'llm-extproc[{extra}]'")))
    return f"Install it{f', {where}' if where else ''}: {command}"
