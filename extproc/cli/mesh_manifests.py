"""``extproc envoy-config --for PLACE``: print the manifests with which Istio calls the processor there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from extproc.cli.output import refuse
from extproc.config.problems import ConfigInvalid
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.istio.manifests import mesh_objects, to_manifests
from extproc.envoy_config.istio.mesh import MeshOptions, MeshPlace
from extproc.envoy_config.kubernetes_objects import to_list
from extproc.server.operations.config_files import read_config

_LABEL: Final = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_./]*=[A-Za-z0-9]?[-A-Za-z0-9_.]*")


def selected_labels(given: list[str]) -> dict[str, str]:
    """Labels by key, of KEY=VALUE and lists of them with commas. Ends the command at anything else."""
    pairs = [pair for each in given for pair in each.split(",")]
    for pair in pairs:
        if not _LABEL.fullmatch(pair):
            refuse(f"--selector: expected labels of pods, KEY=VALUE, such as istio=ingressgateway; got {pair!r}.")
    return dict(pair.split("=", 1) for pair in pairs)


def manifests_text(file: Path, place: MeshPlace, options: MeshOptions, as_json: bool) -> tuple[str, list[str]]:
    """The manifests of a place, and the problems for which there are none."""
    try:
        objects = mesh_objects(read_config(file).loaded.document, place, options)
    except ConfigInvalid as invalid:
        return "", [str(problem) for problem in invalid.problems]
    except EnvoyConfigError as error:
        return "", [f"{file}: {error}."]
    return json.dumps(to_list(objects), indent=2) + "\n" if as_json else to_manifests(objects, place), []
