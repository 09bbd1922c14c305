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
    data = mapped(
        document.model_dump(mode="json", exclude_unset=True),
        lambda text, _, path: document.written.get(path, text.replace("${", "$${")),
    )
    assert isinstance(data, dict)
    return data


def written_out(document: Document) -> str:
    """The configuration as YAML, without comments."""
    return yaml.dump(data_of(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
