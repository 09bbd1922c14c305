"""``extproc envoy-config --watch``: keeps the files that an Envoy watches, for a processor that runs elsewhere."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

from extproc.cli.output import refuse, refuse_configuration, said
from extproc.config.checks import check_for_envoy
from extproc.config.document import Document
from extproc.config.problems import ConfigInvalid
from extproc.envoy_config.dynamic import BOOTSTRAP
from extproc.envoy_config.envoy_admin import EnvoyAdmin
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.follower import EnvoyFollower
from extproc.server.operations.config_files import ConfigReader
from extproc.server.operations.json_log import open_log
from extproc.server.operations.log_lines import Output

_STDOUT = 1


def follow(file: Path, folder: Path) -> None:
    """Follow a configuration until SIGTERM or SIGINT; an unusable one at the start ends the command."""
    reader = ConfigReader(file, with_certificates=False)
    try:
        loaded = reader.read().loaded
        missing = check_for_envoy(loaded.document, loaded.places)
        if missing:
            refuse(*map(str, missing))
        logger = open_log(loaded.document.log, Output(_STDOUT), terminal_fd=_STDOUT)
        follower = EnvoyFollower(folder, loaded.document, EnvoyAdmin(loaded.document.envoy.admin), logger)
        follower.begin(loaded.document)
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    except EnvoyConfigError as error:
        refuse(f"{file}: {error}.")
    except OSError as error:
        refuse(f"extproc envoy-config: cannot write {said(error)}")
    logger.info("files for Envoy written", start=f"envoy -c {folder / BOOTSTRAP}")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    thread = threading.Thread(target=follower.run, name="envoy")
    thread.start()
    while not ended.wait(loaded.document.server.reload_interval_ms / 1_000):
        document = _changed(reader, logger)
        if document is not None:
            follower.use(document)
    follower.end()
    thread.join()


def _changed(reader: ConfigReader, logger: Any) -> Document | None:
    """The configuration, if it has changed and can be used."""
    if not reader.changed():
        return None
    try:
        return reader.read().loaded.document
    except ConfigInvalid as invalid:
        logger.error("configuration rejected", problem="\n".join(map(str, invalid.problems)))
        return None
