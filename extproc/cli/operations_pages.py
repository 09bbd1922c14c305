"""The pages of a running processor: readiness and metrics, as ``status`` and ``top`` read them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final, NoReturn

from prometheus_client.parser import text_string_to_metric_families

from extproc.cli.exit_codes import ExitCode
from extproc.cli.output import reachable, refuse, refuse_configuration
from extproc.config.problems import ConfigInvalid
from extproc.server.operations.config_files import read_config
from extproc.server.sockets.address import reason_of

_TIMEOUT_S: Final = 10.0
_PAGE_BYTES_MAX: Final = 64 << 20

Samples = dict[str, list[tuple[dict[str, str], float]]]
"""By name: labels and value."""


def url_of(config: Path) -> str:
    """Where the pages of a configuration are; an invalid one ends the command."""
    try:
        return f"http://{reachable(read_config(config).loaded.document.server.metrics)}"
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)


def page_of(url: str) -> str:
    """A page's text, of any status. Raises: OSError."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as page:
            return str(page.read(_PAGE_BYTES_MAX).decode(errors="replace"))
    except urllib.error.HTTPError as error:
        return error.read(_PAGE_BYTES_MAX).decode(errors="replace")
    except urllib.error.URLError as error:
        raise error.reason if isinstance(error.reason, OSError) else OSError(str(error.reason)) from None
    except HTTPException as error:
        raise OSError("it broke off") from error


def ready_of(url: str) -> dict[str, Any]:
    """The readiness page. Raises: OSError; ValueError if it is another program's."""
    ready = json.loads(page_of(f"{url}/readyz"))
    if not isinstance(ready, dict) or not {"ready", "draining", "revision", "config_error"} <= ready.keys():
        raise ValueError(f"{url}/readyz is not that of a processor")
    return ready


def samples_of(metrics: str) -> Samples:
    """The samples of a metrics page. Raises: ValueError if it is none."""
    samples: Samples = {}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


def problems_of(ready: dict[str, Any]) -> list[tuple[str, str]]:
    """What a readiness page says that needs somebody: of what, and a sentence."""
    told = [
        ("config", "the file is invalid, an earlier one is in force: ", str(ready["config_error"])),
        ("prompts", "the store fails, the last good prompts are in force: ", str(ready.get("prompt_store_error", ""))),
        ("ledger", "entries wait: ", str(ready.get("ledger_error", ""))),
        ("restart", "needed for ", ", ".join(map(str, ready["restart_needed"]))),
        ("Envoy", "does not know ", ", ".join(map(str, ready.get("envoy_stale", ())))),
    ]
    return [(name, words + what) for name, words, what in told if what]


def why_absent(error: Exception) -> str:
    """Why there is no page, in some words."""
    return reason_of(error) if isinstance(error, OSError) else "no page of llm-extproc"


def refuse_absent(url: str, error: Exception) -> NoReturn:
    """End the command, as there is no processor."""
    refuse(
        f"{url} does not answer ({why_absent(error)}). Does `extproc serve` run with this configuration?",
        code=ExitCode.FAILED,
    )
