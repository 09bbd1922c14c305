"""A configuration as one file, with what it includes and extends; its variables are as the file has them."""

from __future__ import annotations

from typing import Any

import yaml

from extproc.config.document import Document
from extproc.config.schema import mapped
from extproc.config.yaml_nodes import RESOLVERS


class _Dumper(yaml.SafeDumper):
    """Quotes a text that the loader would read as something else."""

    yaml_implicit_resolvers = RESOLVERS

    def ignore_aliases(self, data: object) -> bool:
        return True


def data_of(document: Document) -> dict[str, Any]:
    """The keys that are written, as plain data; a value from the environment is what the file says."""
    return _as_written(document, document.model_dump(mode="json", exclude_unset=True))


def whole_data(document: Document) -> dict[str, Any]:
    """The same with all defaults."""
    return _as_written(document, document.model_dump(mode="json"))


def written_out(document: Document) -> str:
    """The configuration as YAML, without comments."""
    return yaml.dump(data_of(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _as_written(document: Document, dumped: dict[str, Any]) -> dict[str, Any]:
    data = mapped(dumped, lambda text, _, path: document.written.get(path, text.replace("${", "$${")))
    assert isinstance(data, dict)
    return data
