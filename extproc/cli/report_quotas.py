"""``extproc report --resource-quotas``: what Kubernetes lets the pods of a namespace request."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from extproc.cli.output import refuse, said

if TYPE_CHECKING:
    from extproc.config.gpus import GpusSection
    from extproc.reports.dimensions import Dimension
    from extproc.reports.gpu_quotas import TeamQuotas

_STANDARD_INPUT: Final = Path("-")


def read_quotas(
    section: GpusSection | None,
    file: Path | None,
    dimensions: Sequence[Dimension],
    only: Sequence[tuple[Dimension, str]],
) -> TeamQuotas:
    """Quotas of teams. A file that says nothing of them ends the command. Args: file: of ResourceQuotas."""
    from extproc.reports.gpu_quotas import NO_QUOTAS, is_of_whole_teams, team_quotas
    from extproc.reports.resource_quotas import BadQuotas, resource_quotas_of

    if file is not None and section is None:
        refuse("extproc report: --resource-quotas is of GPU time, and there is no `gpus:` section")
    if section is None:
        return NO_QUOTAS
    if file is not None and all(one.namespace is None for one in section.quotas):
        hint = "add `gpus: { quotas: [{ team: chat, namespace: chat-prod }] }`"
        refuse(f"extproc report: --resource-quotas says nothing of any team, as no quota has a `namespace`: {hint}")
    if file is not None and not is_of_whole_teams(dimensions, only):
        refuse("extproc report: --resource-quotas is of whole teams: group --by team, without --only of anything else")
    try:
        given = None if file is None else resource_quotas_of(str(file), _content(file))
        return team_quotas(section, given)
    except (BadQuotas, OSError) as bad:
        refuse(f"extproc report: {said(bad)}")


def _content(file: Path) -> bytes:
    """Raises: BadQuotas, OSError."""
    from extproc.reports.resource_quotas import FILE_BYTES_MAX, BadQuotas

    if file == _STANDARD_INPUT:
        content = sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
    else:
        with file.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise BadQuotas(f"{file}: more than {FILE_BYTES_MAX >> 20} MiB")
    return content
