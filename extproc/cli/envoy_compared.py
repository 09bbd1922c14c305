"""``extproc check --against``: what of a configuration an Envoy does not know, by its files or its admin server."""

from __future__ import annotations

import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from extproc.cli.output import refuse, said
from extproc.config.document import Document
from extproc.config.fallback import chain_hashes, chains_of
from extproc.config.routed import RoutedVersion, endpoints_hash, unknown_to
from extproc.domain.contract import ROUTES_HEADER
from extproc.envoy_config.dynamic import ROUTES
from extproc.envoy_config.envoy_admin import EnvoyAdmin
from extproc.envoy_config.names import FILTER_NAME, ROUTES_KEY, ROUTES_STATED

_DUMP: Final = "/config_dump"


def stale_keys(document: Document, against: str) -> list[str]:
    """The keys that an Envoy does not know; an Envoy that cannot be read ends the command.

    Args: against: a file or folder of Envoy's configuration, or http://HOST:PORT of its admin server.
    """
    stated = sorted(set(_statements(_read(against))))
    if not stated:
        refuse(
            f"{against}: it does not state which versions it routes ({ROUTES_HEADER}). Generate it with `extproc"
            " envoy-config` of this version."
        )
    hashes = chain_hashes(chains_of(document))
    versions = [
        RoutedVersion(model, name, endpoints_hash(version), hashes.get((model, name), ""))
        for model, entry in document.models.items()
        for name, version in entry.versions.items()
    ]
    return sorted({key for each in stated for key in unknown_to(each, versions).keys})


def _read(against: str) -> list[Any]:
    """All documents, since manifests of a mesh have several."""
    try:
        if against.startswith(("http://", "https://")):
            text = EnvoyAdmin(against.rstrip("/")).page(_DUMP)
        else:
            file = Path(against)
            text = (file / ROUTES if file.is_dir() else file).read_text("utf-8")
        return list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except urllib.error.URLError as error:
        refuse(f"{against}: no admin server of Envoy answers ({error.reason}).")
    except OSError as error:
        refuse(f"extproc check: {said(error)}")
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        refuse(f"{against}: this is no configuration of Envoy: {error}")


def _statements(node: Any) -> Iterator[str]:
    """What its routes state, or its filter where the routes are not ours (Istio)."""
    if isinstance(node, dict):
        named = node.get(FILTER_NAME)
        if isinstance(named, dict) and isinstance(named.get(ROUTES_KEY), str):
            yield named[ROUTES_KEY]
        if node.get("key") == ROUTES_HEADER and isinstance(node.get("value"), str) and node["value"] != ROUTES_STATED:
            yield node["value"]
        for part in node.values():
            yield from _statements(part)
    elif isinstance(node, list):
        for part in node:
            yield from _statements(part)
