"""What a process that serves tells the one that ships, at its start and with each new configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extproc.config.document import Document
from extproc.ledger.allocation.settings import sampling_settings
from extproc.ledger.allocation.time_settings import time_settings
from extproc.ledger.drift_settings import drift_settings
from extproc.ledger.rollouts.settings import RolloutSettings


def watched_settings(document: Document, prompts: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """The settings of the shipper that a reload may change.

    Args: prompts: as those of ``compile_snapshot``; folder: base of relative paths of the configuration.
    """
    webhook = "" if document.budget_webhook_file is None else str(folder / document.budget_webhook_file)
    return {
        "budgets": [one.model_dump_json() for one in document.budgets],
        "webhook_file": webhook,
        "drift": drift_settings(document, folder),
        "rollouts": RolloutSettings.of_document(document, prompts, folder).as_json(),
        "gpus": sampling_settings(document),
        "gpu_time": time_settings(document),
    }
