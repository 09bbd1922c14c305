"""What judging out of band costs an exchange, and what the packaged classifier takes.

    python -m tests.tools.classifier_report

Times are of this machine; those of the model need the extra ``packaged``. How good it is says ``encoder_report``.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec

import orjson

from extproc.classifiers.adapters import LOADERS
from extproc.classifiers.adapters.base import PairModel
from extproc.classifiers.pool import Pool, Task
from extproc.classifiers.router import ClassifierRouter
from extproc.config.classifiers import PackagedClassifier
from extproc.domain.classification import ClassificationJob, Origin, SpokenText
from extproc.domain.record import Action
from extproc.domain.text import Direction, Speaker
from extproc.filters.classifier import GatheringStage
from extproc.sinks.metrics import Metrics

SHORT = "Please write a poem about the sea in autumn."
LONG = "The sea is calm tonight, the tide is full, the moon lies fair upon the straits. " * 50
_SECTION = PackagedClassifier(adapter="packaged", head="injection").model_dump()
ROUNDS = 2_000
_NS_US = 1_000
_KIB_MIB = 1_024


def report() -> dict[str, float]:
    """Figures by name; rates are 0 to 1, times and sizes have their unit last."""
    return {**_costs(), **_model()}


def _costs() -> dict[str, float]:
    """What an exchange pays: for each piece of its answer, and for handing texts on to a queue with room or without."""
    stage = GatheringStage(1 << 30)
    spoken = (SpokenText(Speaker.ASSISTANT, LONG),)
    origin = Origin("id", "chat", "team", "project", "default", None)
    job = ClassificationJob(origin, "guard", "packaged", Direction.RESPONSE, Action.FLAG, spoken)
    with_room, without = asyncio.run(_handing_on(job))
    return {
        "classifier.cost.gather_piece_us": _median_us(lambda: stage.feed(" word")),
        "classifier.cost.hand_on_us": with_room,
        "classifier.cost.hand_on_full_us": without,
    }


async def _handing_on(job: ClassificationJob) -> tuple[float, float]:
    metrics = Metrics(1)
    taken = Pool("packaged", (), 1 << 30, 1 << 40, metrics, None)
    room_us = _median_us(lambda: taken.take(Task([LONG], 0.0, lambda _: None), is_awaited=False))
    beside = ClassifierRouter(
        metrics, (), None
    )  # knows no classifier: everything is dropped, and counted, as with a full queue
    return room_us, _median_us(lambda: beside.submit(job))


def _model() -> dict[str, float]:
    """The model in this process; its memory in one of its own."""
    if any(find_spec(package) is None for package in ("onnxruntime", "tokenizers", "llm_extproc_models")):
        return {}
    model = LOADERS["packaged"](_SECTION)
    assert not isinstance(model, PairModel)
    return {
        "classifier.packaged.short_us": _median_us(lambda: model.scores(SHORT), rounds=30),
        "classifier.packaged.4_kb_us": _median_us(lambda: model.scores(LONG), rounds=5),
        "classifier.packaged.worker_mib": _worker_mib(),
    }


def _worker_mib() -> float:
    """Peak memory of a worker that has judged a long text."""
    lines = orjson.dumps(_SECTION) + b"\n" + orjson.dumps({"texts": [LONG], "context": ""}) + b"\n"
    subprocess.run([sys.executable, "-m", "extproc.classifiers.worker"], input=lines, capture_output=True, check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / _KIB_MIB


def _median_us(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median of some rounds."""
    taken_ns = []
    for _ in range(rounds):
        started_ns = time.perf_counter_ns()
        call()
        taken_ns.append(time.perf_counter_ns() - started_ns)
    return sorted(taken_ns)[rounds // 2] / _NS_US


def main() -> None:
    """Print the figures as a table."""
    print("| figure | value |\n|---|---|")
    for name, value in report().items():
        print(f"| {name} | {value:.3g} |")


if __name__ == "__main__":
    main()
