"""Names within Envoy's configuration; those shared with the processor are in ``domain.contract``."""

from __future__ import annotations

import re
import zlib

FILTER_NAME = "llm.extproc"
"""Not the canonical name: Istio keys its InferencePool overrides by that, and would redirect us."""

CANONICAL_FILTER_NAME = "envoy.filters.http.ext_proc"

PROCESSOR_CLUSTER = "llm_extproc"

ROUTES_KEY = "routes"
"""Key of the metadata in which the virtual host states its versions, in the namespace of the filter's name."""

ROUTES_STATED = f"%METADATA(VIRTUAL_HOST:{FILTER_NAME}:{ROUTES_KEY})%"

ROUTES_ANNOTATION = "llm-extproc.dev/routed-versions"
"""Of an HTTPRoute: the same statement, for ``extproc check --against``. Envoy Gateway passes it on to nobody."""


EGRESS_FILTER_NAME = "llm.egress"
"""The second call of the processor, for the attempt at one version."""


def egress_name(cluster: str) -> str:
    """Name of the internal listener before a version's cluster."""
    return f"{cluster}__egress"


def chain_name(cluster: str, route: str = "") -> str:
    """Name of the cluster of a version and those that answer in its place, in a route if it has a list of its own."""
    return f"{cluster}__{_safe(route, 'fallback')}" if route else f"{cluster}__fallback"


def cluster_names(versions: tuple[tuple[str, str], ...]) -> dict[tuple[str, str], str]:
    """Cluster name of each (model, version), unique and safe in metric names.

    A dot would split the name in Envoy's statistics, so everything but letters, digits, ``-`` and ``_`` becomes
    ``_``; a changed name gets a checksum, so that ``v1.0`` and ``v1_0`` stay distinct.
    """
    return {key: _safe(*key) for key in versions}


def _safe(model: str, version: str) -> str:
    plain = f"{model}__{version}"
    safe = re.sub(r"[^A-Za-z0-9_-]", "_", plain)
    unambiguous = safe == plain and plain.count("__") == 1
    checksum = zlib.crc32(f"{model}\n{version}".encode())
    return safe if unambiguous else f"{safe}_{checksum:08x}"
