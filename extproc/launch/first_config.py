"""The configuration of ``extproc up``: sane guards in front of the servers that were named."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import NamedTuple

from extproc.launch.upstreams import ServedVersion


class Addresses(NamedTuple):
    """HOST:PORT of each, but ``processor``, which may be a Unix socket."""

    clients: str
    admin: str
    metrics: str
    processor: str


def first_configuration(models: Mapping[str, Sequence[ServedVersion]], addresses: Addresses) -> str:
    """A commented configuration as YAML."""
    template = files("extproc.launch").joinpath("first_config.yaml").read_text("utf-8")
    text = template.replace("{models}\n", "".join(_model(name, versions) for name, versions in models.items()))
    for name, address in addresses._asdict().items():
        text = text.replace(f"{{{name}}}", address)
    return text


def _model(name: str, versions: Sequence[ServedVersion]) -> str:
    return f"  {json.dumps(name)}:\n    versions:\n" + "".join(_version(name, version) for version in versions)


def _version(model: str, version: ServedVersion) -> str:
    served = "" if version.served_model == model else f"        served_model: {json.dumps(version.served_model)}\n"
    return (
        f"      {json.dumps(version.name)}:\n        weight: {version.weight}\n"
        f"        endpoints: {json.dumps(list(version.endpoints))}\n{served}"
        "        price: { prompt_micro_usd_per_mtok: 0, completion_micro_usd_per_mtok: 0 }\n"
    )
