"""Generates Envoy's configuration from ours: ports, buffer limit, filter, routes and clusters."""

from __future__ import annotations

from typing import Any

import yaml

from extproc.config.document import Document, Role, Version
from extproc.envoy_config.addresses import listening_address
from extproc.envoy_config.clusters import processor_cluster, version_cluster
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.listener import listener
from extproc.envoy_config.names import cluster_names

_HEADING = """\
# Envoy configuration for llm-extproc, written by `extproc envoy-config`. Change the configuration it was made from,
# not this file, and write it again.
#
# Limits     per_connection_buffer_limit_bytes holds the bodies that the processor reads whole. It is a little above
#            limits.request_body_bytes_max and limits.response_body_bytes_max, so that the processor refuses first.
# Failing    failure_mode_allow is false: without the processor clients get 503 or 504, never an unguarded answer.
#            Envoy's own errors are written in the error shape of the OpenAI or the Anthropic API (local_reply_config).
# Headers    x-llm-* from clients are removed before routing; the processor sets them and Envoy routes by them.
#            An exchange for which no version was chosen goes nowhere but to the paths that pass unread.
# Retries    only where the model server cannot have begun: a generation is never paid for twice.
# Filter     it is named llm.extproc, so that per-route settings for envoy.filters.http.ext_proc do not hit it.
"""
SECRET_HEADING = """\
# A secret for Envoy's connections to llm-extproc, written by `extproc envoy-config --sds`. Its place is the folder
# envoy.processor.sds_folder. Envoy reads the files it names again when one is renamed in their folder.
"""

CONNECTIONS_MAX = 10_000
_LINE_CHARS_MAX = 120
_LEAF_CHARS_MAX = 80
_NODE = {"id": "llm-envoy", "cluster": "llm"}  # without a node, Envoy accepts no secrets, not even from files


def bootstrap(document: Document) -> dict[str, Any]:
    """Envoy's bootstrap configuration as plain data, keys in reading order.

    Raises: EnvoyConfigError if a version has no endpoints, role guard has no known ``guard_version``, or Envoy
        would have to listen on a name.
    """
    versions = _versions(document)
    names = cluster_names(tuple(versions))
    by_sds = document.server.tls is not None and document.envoy.processor.sds_folder is not None
    return {
        **({"node": _NODE} if by_sds else {}),
        "admin": {"address": listening_address(document.envoy.admin, "envoy.admin")},
        "static_resources": {
            "listeners": [listener(document, names)],
            "clusters": [
                *(version_cluster(names[key], *key, version) for key, version in versions.items()),
                processor_cluster(document.server, document.envoy.processor),
            ],
        },
        "overload_manager": _connection_limit(),
    }


def _connection_limit() -> dict[str, Any]:
    """Each connection may buffer a body, so their number is limited too."""
    monitor = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    config = {"@type": f"type.googleapis.com/{monitor}", "max_active_downstream_connections": CONNECTIONS_MAX}
    return {
        "resource_monitors": [
            {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": config}
        ]
    }


def to_yaml(configuration: dict[str, Any], heading: str = _HEADING) -> str:
    """Deterministic YAML, with a heading that explains it."""
    return (
        heading
        + "\n"
        + yaml.dump(configuration, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=_LINE_CHARS_MAX)
    )


class _Dumper(yaml.SafeDumper):
    """Short leaves on one line; shared parts in full, since anchors are hard to read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style)
        parts = [part for pair in node.value for part in pair]
        is_leaf = all(isinstance(part, yaml.ScalarNode) for part in parts)
        node.flow_style = is_leaf and sum(len(part.value) + 2 for part in parts) <= _LEAF_CHARS_MAX
        return node


def _quoted_where_readers_differ(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """PyYAML reads ``n`` and ``1e3`` as text, Envoy as false and a number: such texts are quoted."""
    plain = text[:1].isalpha() and len(text) > 1
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _quoted_where_readers_differ)


def _versions(document: Document) -> dict[tuple[str, str], Version]:
    every = {
        (model, name): version for model, entry in document.models.items() for name, version in entry.versions.items()
    }
    wanted = every if document.role is Role.ROUTE else _guarded(document, every)
    for (model, name), version in wanted.items():
        if not version.endpoints:
            raise EnvoyConfigError(
                f"models.{model}.versions.{name}.endpoints: Envoy needs at least one HOST:PORT of a model server here,"
                ' for example endpoints: ["127.0.0.1:8000"]'
            )
    return wanted


def _guarded(document: Document, every: dict[tuple[str, str], Version]) -> dict[tuple[str, str], Version]:
    for key, version in every.items():
        if document.guard_version == "/".join(key):
            return {key: version}
    known = ", ".join("/".join(key) for key in every)
    raise EnvoyConfigError(f"guard_version: expected MODEL/VERSION, one of: {known}; got {document.guard_version!r}")
