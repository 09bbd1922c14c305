"""``extproc check --against``: what of a configuration an Envoy does not know, by its files or its admin server."""

from __future__ import annotations

import urllib.error
from pathlib import Path
from typing import Any, Final

import yaml

from extproc.cli.output import refuse, said
from extproc.config.document import Document
from extproc.config.routed import unknown_to
from extproc.domain.contract import ROUTES_HEADER
from extproc.envoy_config.dynamic import ROUTES
from extproc.envoy_config.envoy_admin import EnvoyAdmin
from extproc.envoy_config.stated_routes import statements, versions_as_routed

_DUMP: Final = "/config_dump"


def stale_keys(document: Document, against: str) -> list[str]:
    """The keys that an Envoy does not know; an Envoy that cannot be read ends the command.

    Args: against: a file or folder of Envoy's configuration, or http://HOST:PORT of its admin server.
    """
    stated = sorted(set(statements(_read(against))))
    if not stated:
        refuse(
            f"{against}: it does not state which versions it routes ({ROUTES_HEADER}). Generate it with `extproc"
            " envoy-config` of this version."
        )
    versions = versions_as_routed(document)
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
