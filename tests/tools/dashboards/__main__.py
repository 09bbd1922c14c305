"""Writes the dashboards of ``deploy/grafana/``: ``python -m tests.tools.dashboards``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from tests.tools.dashboards.grafana import Dashboard
from tests.tools.dashboards.guards import GUARDS_AND_COVERAGE
from tests.tools.dashboards.operations import OPERATIONS
from tests.tools.dashboards.quality import QUALITY
from tests.tools.dashboards.rollouts import ROLLOUTS
from tests.tools.dashboards.teams import TEAMS_AND_COST

FOLDER: Final = Path(__file__).parents[3] / "deploy" / "grafana"
DASHBOARDS: Final = (OPERATIONS, QUALITY, GUARDS_AND_COVERAGE, TEAMS_AND_COST, ROLLOUTS)


def file_of(dashboard: Dashboard) -> Path:
    """Where it is committed."""
    return FOLDER / f"{dashboard.name}.json"


def written(dashboard: Dashboard) -> str:
    """The content of its file."""
    return json.dumps(dashboard.as_json(), indent=1) + "\n"


def main() -> None:
    """Write all files."""
    for dashboard in DASHBOARDS:
        file_of(dashboard).write_text(written(dashboard))


if __name__ == "__main__":
    main()
