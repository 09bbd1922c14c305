"""Step costs of versions: fitted to what the ledger has of some time, and kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, insert, select

from extproc.allocation.calibration import Calibration, TooFewEquations, calibrate
from extproc.allocation.running import UNKNOWN, running
from extproc.allocation.served import after_each_other
from extproc.allocation.speculation import computed_tokens
from extproc.allocation.step_costs import TYPICAL, StepCosts
from extproc.ledger.allocation.reading import Payer, ReadExchanges, ServerExchanges, read_exchanges
from extproc.ledger.allocation.share_tables import STEP_COSTS
from extproc.ledger.allocation.stored_samples import read_samples

_SPECULATES: Final = "its servers decode speculatively: a step writes several tokens, so tokens are no steps to fit"


class VersionCalibration(NamedTuple):
    """Attributes: refused: why nothing can be fitted; empty: there is a calibration."""

    model: str
    version: str
    servers: int
    found: Calibration | None
    refused: str


def calibrate_versions(
    connection: Connection,
    span_us: tuple[int, int],
    chunk_tokens_of: Callable[[str, str], int],
    told: Callable[[int], None] = lambda _: None,
) -> list[VersionCalibration]:
    """Fit each version to what its servers ran in some time. A server belongs to the version that it ran most of.

    Raises: StoreFailed.
    """
    read = read_exchanges(connection, *span_us, told)
    servers: dict[tuple[str, str], list[ServerExchanges]] = {}
    for name, one in read.servers.items():
        if name:
            computed = computed_tokens(read_samples(connection, name, *span_us, skips_unreadable=True))
            servers.setdefault(_version_of(read, one), []).append(one.computing(computed))
    found = []
    for (model, version), of_version in sorted(servers.items()):
        if any((one.seen.computed != 1.0).any() for one in of_version):
            found.append(VersionCalibration(model, version, len(of_version), None, _SPECULATES))
            continue
        chunk_tokens = chunk_tokens_of(model, version)
        costs = step_costs_of(connection, model, version)._replace(chunk_tokens=chunk_tokens)
        ran = [running(one.seen, costs) for one in of_version]
        served = after_each_other([one.served for one in ran])
        first = np.concatenate([one.seen.first_us[its.place] for one, its in zip(of_version, ran, strict=True)])
        try:
            fit = calibrate(served, first != UNKNOWN, chunk_tokens)
            found.append(VersionCalibration(model, version, len(of_version), fit, ""))
        except TooFewEquations as few:
            found.append(VersionCalibration(model, version, len(of_version), None, str(few)))
    return found


def _version_of(read: ReadExchanges[Payer], one: ServerExchanges) -> tuple[str, str]:
    payer = read.payers[int(np.argmax(np.bincount(one.payer)))]
    return payer.model, payer.version


def step_costs_of(connection: Connection, model: str, version: str) -> StepCosts:
    """Those that were kept last, or typical ones."""
    columns = STEP_COSTS.c
    query = select(columns.step_costs).where(columns.model == model, columns.version == version)
    kept = connection.execute(query.order_by(columns.fitted_at_us.desc()).limit(1)).scalar_one_or_none()
    return TYPICAL if kept is None else StepCosts(*json.loads(kept))


def keep_step_costs(
    connection: Connection, model: str, version: str, found: Calibration, span_us: tuple[int, int], now_us: int
) -> None:
    """Allocate by these from now on; what was allocated stays."""
    values = {
        "model": model,
        "version": version,
        "fitted_at_us": now_us,
        "step_costs": json.dumps(found.costs),
        "begin_us": span_us[0],
        "end_us": span_us[1],
        "equations": found.equations[0],
        "residual_ppm": round(1e6 * found.residual),
    }
    connection.execute(insert(STEP_COSTS), values)
