"""The package that counts: whether it is installed, and that it must be."""

from __future__ import annotations

from typing import Final

from extproc.config.document import Document
from extproc.config.tokenizers import tokenizer_files
from extproc.domain.extras import MODULES, how_to_install, missing_modules

EXTRA: Final = "tokenizers"


class TokenizersUnavailable(Exception):
    """The package that counts is not installed."""


def is_installed() -> bool:
    """Whether tokens can be counted here."""
    return not missing_modules(MODULES[EXTRA])


def require_packages(document: Document) -> None:
    """Check that the package for the tokenizers of a configuration is installed. Raises: TokenizersUnavailable."""
    files = tokenizer_files(document)
    if files and not is_installed():
        (path, _), *_ = files
        raise TokenizersUnavailable(f"{'.'.join(map(str, path))}: it needs tokenizers. {how_to_install(EXTRA)}")
