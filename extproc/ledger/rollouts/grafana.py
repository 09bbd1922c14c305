"""Marks decisions about rollouts on the graphs of a Grafana, with its HTTP API for annotations.

https://grafana.com/docs/grafana/latest/developers/http_api/annotations/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from extproc.ledger.http_post import NotTaken, post, secret_of
from extproc.ledger.rollouts.telling import rollout_text
from extproc.ledger.webhook import PAUSES_S, PostQueue

TAGS: Final = ("llm-extproc", "rollout")
"""Of each annotation; dashboards ask for them."""
_TO: Final = "rollout annotations in Grafana"
_PATH: Final = "/api/annotations"
_TOKEN: Final = "give `grafana.token_file` the token of a service account with `annotations:create`"
_HINTS: Final = {
    0: "is `grafana.url` reachable from here?",
    401: f"{_TOKEN}; this one is not known",
    403: f"{_TOKEN}; this one may not",
    **dict.fromkeys((301, 302, 307, 308), "give `grafana.url` the address to which it redirects"),
    404: "give `grafana.url` the address of Grafana itself, without `/api`",
}


class GrafanaAnnotations(PostQueue):
    """A queue of annotations; see ``rollout_annotation``.

    Args:
        url: of Grafana.
        token_file: read before each try.
        tell, pauses_s: see ``PostQueue``.
    """

    def __init__(
        self, url: str, token_file: Path, tell: Callable[[str], None], pauses_s: tuple[float, ...] = PAUSES_S
    ) -> None:
        self._url = url.rstrip("/") + _PATH
        self._token_file = token_file
        super().__init__(self._post_one, _TO, tell, pauses_s)

    def _post_one(self, body: bytes) -> None:
        """Raises: NotTaken, with what to do."""
        try:
            token = secret_of(self._token_file)
        except (OSError, ValueError) as error:
            raise NotTaken(f"`grafana.token_file` cannot be read: {type(error).__name__}") from None
        try:
            post(self._url, body, {"content-type": "application/json", "authorization": f"Bearer {token}"})
        except NotTaken as failed:
            hint = _HINTS.get(failed.status)
            raise NotTaken(f"{failed}; {hint}" if hint else str(failed), failed.status) from None


def rollout_annotation(change: Mapping[str, Any], dashboard_uid: str | None) -> dict[str, Any]:
    """A change, as Grafana takes it.

    Args:
        change: of ``RolloutChange``, as the shipper reports it.
        dashboard_uid: None: it belongs to no dashboard.
    """
    annotation = {
        "time": change["at_us"] // 1_000,
        "tags": [*TAGS, change["name"], change["kind"]],
        "text": rollout_text(change),
    }
    return annotation if dashboard_uid is None else {"dashboardUID": dashboard_uid, **annotation}
