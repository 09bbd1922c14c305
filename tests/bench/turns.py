"""Is the simulated queue of ``extproc size`` like a real one? The same queue with the work of real messages.

A real processor behind a real Envoy notes what each turn of its event loop takes (``turn_times.py``). These turns come
in random order at random times, as often as some utilization needs, and what they wait is laid next to what the model
says for the same load. How they are mixed and how uneven they are is real, and so are pauses of the garbage collector;
when they come is not.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from extproc.sizing.coefficients import Coefficients
from extproc.sizing.waiting import MESSAGES, QueueWait, messages_of, simulated_wait, wait_behind
from extproc.sizing.workload import Workload
from tests.bench.loads import CONNECTIONS, Load, measure, sizing_loads
from tests.bench.processes import child, needed
from tests.bench.subjects import Places, forget_texts, full_installation, subject_of

LOADS: Final = ("stream_400", "json_1k")
UTILIZATIONS: Final = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9)
SECONDS: Final = 8.0
QUANTILES: Final = 200
_WARM_SHARE: Final = 0.3
_SEED: Final = 1


def measure_turns(places: Places) -> dict[str, Any]:
    """Of each load, how many turns an exchange has, and quantiles of what they take [us]."""
    chosen = {load.name: load for load in sizing_loads()}
    return {name: _turns_of(places, chosen[name]) for name in LOADS}


def _turns_of(places: Places, load: Load) -> dict[str, Any]:
    noted = places.directory / f"{load.name}.turns"
    name = f"turns_{load.name}"
    with full_installation(places, name, "fast", forget_texts, with_processor=False) as installation:
        command = [sys.executable, "-m", "tests.bench.turn_times", str(installation.config), str(noted)]
        log = installation.directory / "processor.log"
        with child(command, f"unix:{installation.socket}", log) as pid, needed(pid, log):
            subject = subject_of(installation, name, name, pid)
            sample = measure(places.programs["load"], subject, load, CONNECTIONS, places.directory, SECONDS)
    turns_us: NDArray[np.float64] = np.load(noted) / 1_000
    return {"turns": round(len(turns_us) / sample.requests, 3), "quantiles_us": quantiles(turns_us)}


def quantiles(turns_us: NDArray[np.float64]) -> list[float]:
    """Of the turns of a warm process: each as likely as any other, the longest of all among them.

    Each is the mean of the turns between two ranks, so that the mean of all is kept.
    """
    warm = np.sort(turns_us[int(len(turns_us) * _WARM_SHARE) :])
    return [round(float(part.mean()), 2) for part in np.array_split(warm, QUANTILES)]


def wait_of_turns(turns: Mapping[str, Any], exchange_us: float, utilization: float) -> QueueWait:
    """What a message waits behind real turns, of which an exchange takes ``exchange_us`` [us]: what no turn shows, such
    as reading from a socket, lengthens all of them alike.
    """
    chance = np.random.default_rng(_SEED)
    each_us = np.asarray(turns["quantiles_us"], dtype=np.float64)
    each_us *= exchange_us / (turns["turns"] * each_us.mean())
    return wait_behind(chance.choice(each_us, MESSAGES), float(each_us.mean()), utilization, chance)


def wait_of_model(load: Workload, of: Coefficients, utilization: float) -> QueueWait:
    """What ``extproc size`` says."""
    return simulated_wait(messages_of(load, of), utilization, np.random.default_rng(_SEED))


def workload_of(sizes: Mapping[str, float]) -> Workload:
    """A load of a report, as the model takes it: an event is a token, and a token of a prompt 4 bytes."""
    token_bytes, streamed = 4.0, sizes["streamed"]
    answer_tokens = sizes["events"] if streamed else sizes["answer_kb"] * 1_000 / token_bytes
    return Workload(
        requests_per_s=1.0,
        token_bytes=token_bytes,
        exchange_s=1.0,
        streamed=streamed,
        prompt_tokens=round(sizes["prompt_kb"] * 1_000 / token_bytes),
        answer_tokens=round(answer_tokens),
    )
