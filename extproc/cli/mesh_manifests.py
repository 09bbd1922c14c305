"""``extproc envoy-config --for PLACE``: print the manifests with which others call the processor there."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Final

from extproc.cli.output import refuse
from extproc.config.document import Document
from extproc.config.problems import ConfigInvalid
from extproc.envoy_config.envoy_gateway.manifests import gateway_objects, to_gateway_manifests
from extproc.envoy_config.envoy_gateway.place import GatewayOptions
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.istio.manifests import mesh_objects, to_manifests
from extproc.envoy_config.istio.mesh import MeshOptions, MeshPlace
from extproc.envoy_config.kubernetes_objects import KubernetesObject, to_list
from extproc.server.operations.config_files import read_config

_LABEL: Final = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_./]*=[A-Za-z0-9]?[-A-Za-z0-9_.]*")


def selected_labels(given: list[str]) -> dict[str, str]:
    """Labels by key, of KEY=VALUE and lists of them with commas. Ends the command at anything else."""
    pairs = [pair for each in given for pair in each.split(",")]
    for pair in pairs:
        if not _LABEL.fullmatch(pair):
            refuse(f"--selector: expected labels of pods, KEY=VALUE, such as istio=ingressgateway; got {pair!r}.")
    return dict(pair.split("=", 1) for pair in pairs)


class ManifestPlace(StrEnum):
    """What calls the processor: the argument of ``--for``, those of Istio and one more."""

    ISTIO_GATEWAY = MeshPlace.GATEWAY
    ISTIO_SIDECAR = MeshPlace.SIDECAR
    ISTIO_INBOUND = MeshPlace.INBOUND
    WAYPOINT = MeshPlace.WAYPOINT
    ENVOY_GATEWAY = "envoy-gateway"


def manifests_text(file: Path, place: ManifestPlace, options: MeshOptions, as_json: bool) -> tuple[str, list[str]]:
    """The manifests of a place, and the problems for which there are none."""
    try:
        objects, text = _made(read_config(file).loaded.document, place, options)
    except ConfigInvalid as invalid:
        return "", [str(problem) for problem in invalid.problems]
    except EnvoyConfigError as error:
        return "", [f"{file}: {error}."]
    return json.dumps(to_list(objects), indent=2) + "\n" if as_json else text, []


def _made(document: Document, place: ManifestPlace, options: MeshOptions) -> tuple[list[KubernetesObject], str]:
    if place is not ManifestPlace.ENVOY_GATEWAY:
        objects = mesh_objects(document, MeshPlace(place), options)
        return objects, to_manifests(objects, MeshPlace(place))
    if options.labels or options.model_port is not None or options.telemetry:
        raise EnvoyConfigError(
            "--selector, --model-port, --telemetry: Envoy Gateway has no use for them. Leave them out"
        )
    objects = gateway_objects(document, GatewayOptions(options.namespace, options.gateway, options.hosts))
    return objects, to_gateway_manifests(objects)
