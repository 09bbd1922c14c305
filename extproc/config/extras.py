"""Warnings for the optional packages that a configuration needs where it is served."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.document import Document
from extproc.config.problems import KeyPath, Places, Problem, Severity, names
from extproc.config.required_extras import modules_of_store
from extproc.config.tokenizers import tokenizer_files
from extproc.domain.extras import MODULES, how_to_install, missing_modules

EXTRA_OF_ADAPTER = {
    "chat": "http",
    "grounding": "packaged",
    "moderations": "http",
    "onnx": "onnx",
    "packaged": "packaged",
    "presidio": "presidio",
    "topics": "topics",
    "transformers": "transformers",
}
"""The extra that a classifier needs, by its adapter."""


def missing_extras(document: Document, places: Places) -> Iterator[Problem]:
    """A warning for each part that needs a package which is not installed here: the file may be for another machine."""
    if document.review is not None:
        missing = missing_modules(modules_of_store("review", document.review.url))
        yield from _warnings(("review",), missing, "review", "`extproc serve` does not start", places)
    if document.ledger is not None:
        missing = missing_modules(modules_of_store("ledger", document.ledger.url))
        yield from _warnings(("ledger",), missing, "ledger", "`extproc serve` does not start", places)
    if document.ledger is not None and document.ledger.parquet is not None:
        missing = missing_modules(MODULES["parquet"])
        yield from _warnings(("ledger", "parquet"), missing, "parquet", "`extproc serve` does not start", places)
    if document.rate_limits is not None and document.rate_limits.store is not None:
        missing = missing_modules(MODULES["redis"])
        yield from _warnings(("rate_limits", "store"), missing, "redis", "`extproc serve` does not start", places)
    if document.otel is not None:
        missing = missing_modules(MODULES["otel"])
        yield from _warnings(("otel",), missing, "otel", "`extproc serve` does not start", places)
    for place, rollout in enumerate(document.rollouts):
        if rollout.traffic is not None:
            missing = missing_modules(MODULES["kubernetes"])
            effect = "`extproc serve` does not start"
            yield from _warnings(("rollouts", place, "traffic"), missing, "kubernetes", effect, places)
    if document.gpus is not None and document.gpus.kubernetes is not None:
        missing = missing_modules(MODULES["kubernetes"])
        yield from _warnings(("gpus", "kubernetes"), missing, "kubernetes", "`extproc serve` does not start", places)
    for path, _ in tokenizer_files(document):
        missing = missing_modules(MODULES["tokenizers"])
        yield from _warnings(path, missing, "tokenizers", "`extproc serve` does not start", places)
    for name, classifier in document.classifiers.items():
        extra = EXTRA_OF_ADAPTER[classifier.adapter]
        effect = "this classifier judges nothing"
        yield from _warnings(("classifiers", name), missing_modules(MODULES[extra]), extra, effect, places)


def _warnings(path: KeyPath, missing: list[str], extra: str, effect: str, places: Places) -> Iterator[Problem]:
    if missing:
        found = f"{names(missing)} {'is' if len(missing) == 1 else 'are'} not installed here, so {effect}"
        yield places.problem(path, found, hint=how_to_install(extra), severity=Severity.WARNING, at_key=True)
