"""YAML text to the typed document, or to all its problems with their lines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from extproc.config.checks import check_document
from extproc.config.document import Document
from extproc.config.environment import expanded
from extproc.config.extends import extended
from extproc.config.includes import Included, ReadFile, reads_nothing
from extproc.config.problems import ConfigInvalid, KeyPath, Places, Problem, Severity, by_line, distinct
from extproc.config.rebase import rebased
from extproc.config.schema_problems import validation_problem
from extproc.config.yaml_nodes import composed
from extproc.config.yaml_tree import Tree

PROBLEMS_MAX = 100


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid document, the positions of its keys (for later checks), and its warnings."""

    document: Document
    places: Places
    warnings: tuple[Problem, ...]


def parse_document(text: str, source: str) -> Document:
    """Parse a YAML text into a document.

    Args:
        text: the file's text, at most CONFIG_BYTES_MAX bytes of UTF-8.
        source: the file's name, for messages.
    Raises: ConfigInvalid with every problem. Anything else is a bug.
    """
    return load(text, source).document


def load(
    text: str,
    source: str,
    environment: Mapping[str, str] = MappingProxyType({}),
    read: ReadFile = reads_nothing,
) -> Loaded:
    """Like ``parse_document``, with key positions and warnings.

    Args:
        environment: the variables that values may name.
        read: reads the files that the configuration includes.
    """
    tree = Tree(source)
    included = Included(composed(text, source), text, source, read)
    root, problems_of_policies = extended(included.root)
    data = tree.data(root, ())
    if not isinstance(data, dict):
        expected = "keys such as `models:` and `filters:`"
        raise ConfigInvalid([tree.places.problem((), f"found {tree.places.found(())}", expected=expected)])
    filled = expanded(data, tree.places, environment)
    tree.problems += [*problems_of_policies, *filled.problems]
    document, invalid = _validated(rebased(filled.data, tree.places, included.folders), tree.places)
    refused = {problem.place for problem in tree.problems}
    problems = [*tree.problems, *(one for one in invalid if one.place not in refused)]
    if document is not None:
        document.keep_written(filled.written)
        problems += check_document(document, tree.places)
    problems = distinct(problems)
    if len(problems) > PROBLEMS_MAX:
        more = tree.places.problem((), f"more than {PROBLEMS_MAX} problems", hint="Fix these first.")
        raise ConfigInvalid([more, *by_line(problems)[:PROBLEMS_MAX]])
    if document is None or any(problem.severity is Severity.ERROR for problem in problems):
        raise ConfigInvalid(problems)
    return Loaded(document, tree.places, tuple(by_line(problems)))


def revision_of(document: Document, prompts: Mapping[str, str]) -> str:
    """Hash of a document and its prompts: 12 hexadecimal digits, equal for equal meaning.

    What comes from the environment counts as the file says it, so that the hash tells nothing about it.

    Args: prompts: text of each prompt file, by its path in the document.
    """
    data = document.model_dump(mode="json")
    files = {_put(data, path, text): text for path, text in document.written.items()}
    texts = sorted((files.get(file, file), text) for file, text in prompts.items())
    meaning = json.dumps([data, texts])
    return hashlib.sha256(meaning.encode()).hexdigest()[:12]


def _put(data: Any, path: KeyPath, text: str) -> object:
    """Put a text under a key. Returns: what stood there."""
    for part in path[:-1]:
        data = data[part]
    before, data[path[-1]] = data[path[-1]], text
    return before


def _validated(data: object, places: Places) -> tuple[Document | None, list[Problem]]:
    """The document, or its problems. Goes through JSON: strict pydantic accepts lists and enums only from it."""
    try:
        return Document.model_validate_json(json.dumps(data)), []
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_context=False, include_input=False)
    problems = (validation_problem(error, places) for error in errors)
    return None, list(islice((problem for problem in problems if problem is not None), PROBLEMS_MAX + 1))
