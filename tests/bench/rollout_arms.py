"""What a rollout costs an exchange in the path: the choice between its arms, and its part in the entry."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Final

from extproc.config.compiled_rollouts import with_rollout
from extproc.config.load import parse_document
from extproc.config.models import CompiledModel, compile_models
from extproc.domain.record import ExchangeRecord
from extproc.domain.rollouts import RolloutShare
from extproc.filters.version import choose_version
from extproc.ledger.lines import RecordWriter
from tests.bench.figures import Figures
from tests.bench.subjects import Places

ROLLOUT_US: Final = "rollout_us"
ROUNDS, KEYS = 200, 100
_CONFIG: Final = """\
models:
  tiny:
    versions:
      v1: { weight: 90, price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 } }
      v2: { weight: 10, price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 } }
filters:
  - filter: version
  - filter: guards
policies:
  - { name: default, guards: [] }
"""
_SHARE: Final = RolloutShare("r1", "tiny", "v1", "v2", "", "", None, None, (), 1, 0.25, True, False)


def measure_rollout_arms(_places: Places | None = None) -> Figures:
    """``rollout_us``: the choice and the beginning of an entry with a rollout, less those without, in turns. [us]"""
    model = compile_models(parse_document(_CONFIG, "bench"), {})["tiny"]
    in_turns = zip(_rounds(model), _rounds(with_rollout(model, [_SHARE])), strict=True)
    return {ROLLOUT_US: statistics.median(within - without for without, within in in_turns)}


def _rounds(model: CompiledModel) -> Iterator[float]:
    writer = RecordWriter()
    for number in range(ROUNDS):
        keys = [f"user\x00{number}-{key}".encode() for key in range(KEYS)]
        records = [ExchangeRecord(str(key), "r", 1) for key in range(KEYS)]
        started_ns = time.thread_time_ns()
        for key, record in zip(keys, records, strict=True):
            rollout = model.rollout
            choice = choose_version(model.versions if rollout is None else rollout.drawn, key)
            if rollout is not None and choice is not None and choice.name == rollout.stable.name:
                record.arm = rollout.part_of(key)
            writer.begin_of(record, 0)
        yield (time.thread_time_ns() - started_ns) / 1_000 / KEYS
