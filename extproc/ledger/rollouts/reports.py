"""Rollouts in the process that ships: who watches them, and who is told what came of it.

What decides takes numpy, so it is imported only where a rollout is declared or stored.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from extproc.ledger.places import SpoolPlace
from extproc.ledger.rollouts.grafana import GrafanaAnnotations, rollout_annotation
from extproc.ledger.rollouts.settings import RolloutSettings
from extproc.ledger.rollouts.state_file import ROLLOUT_FILE
from extproc.ledger.rollouts.tables import ROLLOUTS
from extproc.ledger.rollouts.telling import rollout_event
from extproc.ledger.store import LedgerStore
from extproc.ledger.webhook import Webhook

if TYPE_CHECKING:
    from extproc.config.rollouts import GrafanaTerms
    from extproc.ledger.rollouts.leading import LookedAt, RolloutChange
    from extproc.ledger.rollouts.local_watch import LocalWatch
    from extproc.ledger.rollouts.watch import RolloutWatch

_CLOUD_EVENT: Final = "application/cloudevents+json"
LOOKED_FOR_S: Final = 1.0
"""Between two looks for a first rollout. [s]"""
_VERDICTS_AT_ONCE: Final = 20  # a report is one line, which is bounded


class RolloutReports:
    """Watches while there is any rollout.

    Args:
        root: of the spool.
        place_stored: up to where a spool is in the store.
        write: sends a report to the parent.
        tell: gets a sentence about a message to a webhook or to Grafana that was given up.
    """

    def __init__(
        self,
        root: Path,
        place_stored: Callable[[str], SpoolPlace | None],
        write: Callable[[dict[str, Any]], None],
        tell: Callable[[str], None],
    ) -> None:
        self._root = root
        self._place_stored = place_stored
        self._local: LocalWatch | None = None
        self._beginning = threading.Lock()
        self._write = write
        self._tell = tell
        self._store: LedgerStore | None = None
        self._settings: RolloutSettings | None = None
        self._watch: RolloutWatch | None = None
        self._webhooks: dict[str, Webhook] = {}
        self._grafanas: dict[GrafanaTerms, GrafanaAnnotations] = {}
        self._next_s = float("-inf")

    def use(self, store: LedgerStore, settings: Mapping[str, Any] | None) -> None:
        """Watch a store by some settings from now on; see ``RolloutSettings``. None: not at all."""
        self._settings = None if settings is None else RolloutSettings.of_json(settings)
        if self._watch is not None and store is self._store and self._settings is not None:
            self._watch.settings = self._settings
        else:
            self._watch = None
        self._store, self._next_s = store, float("-inf")

    def look(self) -> None:
        """Look, if it is time, and report what is new. Raises: StoreFailed, OSError."""
        if self._watch is None and not self._begins():
            return
        assert self._watch is not None
        looked = self._watch.look_if_due()
        if looked is None:
            return
        changes = [_change_json(change) for change in looked.changes]
        if changes:
            self._write({"rollout_changes": changes})
            self._post(changes)
        ids, changed, _ = looked.verdicts
        for first in range(0, len(changed), _VERDICTS_AT_ONCE):
            self._write({"rollout_ids": ids, "rollout_verdicts": changed[first : first + _VERDICTS_AT_ONCE]})
        for problem in looked.problems:
            self._tell(problem)
        self._write({"rollouts": [_shown(one) for one in looked.shown], "rollouts_led": looked.leads})

    def look_without_store(self) -> None:
        """Roll back on hard failures that this machine sees. Called by another thread. Raises: OSError."""
        if (self._root / ROLLOUT_FILE).exists():
            for told in self._local_watch().look(time.time_ns() // 1_000):
                self._tell(told)

    def close(self) -> None:
        """Let another process decide, and try once more to post what waits. Raises: StoreFailed."""
        for queue in (*self._webhooks.values(), *self._grafanas.values()):
            queue.close()
        if self._watch is not None:
            self._watch.close()

    def _begins(self) -> bool:
        """Whether there is a rollout now; looked for every second."""
        now_s = time.monotonic()
        if self._store is None or self._settings is None or now_s < self._next_s:
            return False
        self._next_s = now_s + LOOKED_FOR_S
        if not self._settings.declared:
            with self._store.reading() as connection:
                if connection.execute(select(ROLLOUTS.c.id).limit(1)).first() is None:
                    self._write({"rollouts": [], "rollouts_led": False})
                    return False
        from extproc.ledger.rollouts.watch import RolloutWatch

        self._watch = RolloutWatch(self._store, self._root, self._settings, self._local_watch())
        return True

    def _local_watch(self) -> LocalWatch:
        with self._beginning:
            if self._local is None:
                from extproc.ledger.rollouts.local_watch import LocalWatch

                self._local = LocalWatch(self._root, self._place_stored)
            return self._local

    def _post(self, changes: list[dict[str, Any]]) -> None:
        assert self._settings is not None
        plans = {plan.name: plan for plan in self._settings.declared}
        for change in changes:
            plan = plans.get(change["name"])
            if plan is not None and plan.webhook_file is not None:
                self._webhook(plan.webhook_file).send(rollout_event(change))
            if plan is not None and plan.grafana is not None:
                self._grafana(plan.grafana).send(rollout_annotation(change, plan.grafana.dashboard_uid))

    def _webhook(self, file: str) -> Webhook:
        if file not in self._webhooks:
            self._webhooks[file] = Webhook(self._folder / file, "rollout", self._tell, content_type=_CLOUD_EVENT)
        return self._webhooks[file]

    def _grafana(self, terms: GrafanaTerms) -> GrafanaAnnotations:
        if terms not in self._grafanas:
            self._grafanas[terms] = GrafanaAnnotations(terms.url, self._folder / terms.token_file, self._tell)
        return self._grafanas[terms]

    @property
    def _folder(self) -> Path:
        assert self._settings is not None
        return Path(self._settings.folder)


def _change_json(change: RolloutChange) -> dict[str, Any]:
    return {**change._asdict(), "kind": change.kind.value, "reasons": list(change.reasons)}


def _shown(one: LookedAt) -> dict[str, Any]:
    """For metrics: where a rollout stands, and of each gate the evidence as parts of what it takes."""
    state, gates = one.state, () if one.verdict is None else one.verdict.gates
    return {
        **{name: getattr(state, name) for name in ("name", "model", "stable", "canary", "step", "share")},
        "phase": state.phase.value,
        "gates": [
            {
                "gate": gate.name,
                "worse": max(gate.evidence.log_worse, 0.0) / gate.worse_at,
                "not_worse": max(gate.evidence.log_not_worse, 0.0) / gate.not_worse_at,
                "difference": gate.evidence.estimate,
            }
            for gate in gates
            if gate.evidence is not None
        ],
    }
