"""Questions to the admin server of a running Envoy."""

from __future__ import annotations

import json
import urllib.request
from typing import Final

_ANSWER_S_MAX: Final = 2.0
_ANSWER_BYTES_MAX: Final = 64 * 1_048_576
_TAKEN: Final = "/stats?type=TextReadouts&filter=%5E({})%5C.version_text%24"
LISTENERS_TAKEN: Final = "listener_manager.lds"
ROUTES_TAKEN: Final = "http.llm.rds.llm"


class EnvoyAdmin:
    """One Envoy. Every question raises OSError where no Envoy answers.

    Args: address: HOST:PORT, or the address in http://.
    """

    def __init__(self, address: str) -> None:
        self._url = address if "://" in address else f"http://{address}"

    def accepts_clients(self) -> bool:
        """Whether its listeners take connections. LIVE alone is not enough: it precedes that."""
        if self.page("/ready").strip() != "LIVE":
            return False
        return "workers_started: 1" in self.page("/stats?filter=listener_manager.workers_started")

    def active_clusters(self) -> set[str]:
        """Names of the clusters from files or a control plane that take requests; those that wait for DNS do not."""
        dump = json.loads(self.page("/config_dump?resource=dynamic_active_clusters&mask=cluster.name"))
        return {entry["cluster"]["name"] for entry in dump.get("configs", ())}

    def taken(self, stat: str) -> str:
        """The version of the resources that Envoy has taken last; empty if none. ``stat``: one of the ``..._TAKEN``."""
        name, _, value = self.page(_TAKEN.format(stat)).strip().partition(": ")
        return value.strip('"') if name else ""

    def order(self, path: str) -> None:
        """Tell it to do something. Raises: OSError, also for an error status."""
        with urllib.request.urlopen(urllib.request.Request(self._url + path, method="POST"), timeout=_ANSWER_S_MAX):
            pass

    def page(self, path: str) -> str:
        """The text of a page. Raises: OSError, also for an error status."""
        with urllib.request.urlopen(self._url + path, timeout=_ANSWER_S_MAX) as page:
            return str(page.read(_ANSWER_BYTES_MAX).decode("utf-8", "replace"))
