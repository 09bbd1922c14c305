"""Calibration: what was put in comes out, and what cannot be known is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from extproc.allocation.calibration import Calibration, TooFewEquations, calibrate
from extproc.allocation.served import ServedExchanges, after_each_other
from extproc.allocation.step_costs import StepCosts

COSTS = StepCosts(6_000.0, 27.0, 100.0, 0.05, 0.0013)
CHUNK_TOKENS = 8_192
SHORT, LONG, ANSWERS = (20, 500), (500, 6_000), (20, 300)
StepLaw = Callable[[float, float, float, float], float]


def affine(prompt: float, sequences: float, contexts: float, pairs: float) -> float:
    """What is fitted. [us]"""
    own = COSTS.prefill_token * prompt + COSTS.attention_pair * pairs
    return COSTS.step + own + COSTS.sequence * sequences + COSTS.kv_token * contexts


def bent(prompt: float, sequences: float, contexts: float, pairs: float) -> float:
    """Nothing is gained by a batch of less than 16, and nothing by more."""
    return affine(prompt, 0.0, contexts, pairs) + 1_500.0 * max(sequences - 16.0, 0.0)


@dataclass(slots=True)
class Running:
    """One exchange. ``context``: tokens before the next one."""

    start: float
    prompt: int
    tokens: int
    first: float = 0.0
    written: int = 1

    @property
    def context(self) -> int:
        """Of its next token."""
        return self.prompt + self.written


def ran(law: StepLaw, seed: int, exchanges: int, batch: int, prompts: tuple[int, int]) -> ServedExchanges:
    """Steps of an engine: at most ``batch`` sequences, of which one at a time computes its prompt, in one step."""
    chance, now = np.random.default_rng(seed), 0.0
    batched: list[Running] = []
    ended: list[tuple[Running, float]] = []
    waiting = exchanges
    while waiting or batched:
        admitted = None
        if waiting and (not batched or (len(batched) < batch and chance.random() < 0.5)):
            waiting -= 1
            admitted = Running(now, int(chance.integers(*prompts)), int(chance.integers(*ANSWERS)))
        prompt = 0 if admitted is None else admitted.prompt
        now += law(prompt, len(batched), sum(one.context for one in batched), prompt**2 / 2)
        for one in batched:
            one.written += 1
        if admitted is not None:
            admitted.first = now
            batched.append(admitted)
        ended += [(one, now) for one in batched if one.written >= one.tokens]
        batched = [one for one in batched if one.written < one.tokens]
    times = np.rint([(one.start, one.first, last) for one, last in ended]).astype(np.int64)
    tokens = np.array([(one.prompt, 0, one.tokens, 1) for one, _ in ended], dtype=np.int64)
    served = ServedExchanges(*times.T, *tokens.T, np.ones(len(ended)))  # type: ignore[call-arg]
    return served.of(np.lexsort((times[:, 2], times[:, 0])))


def mixed(law: StepLaw, seed: int, batches: Sequence[int]) -> ServedExchanges:
    """Of short and long prompts, and of several sizes of batches."""
    return after_each_other([ran(law, seed, 300, batch, prompts) for batch in batches for prompts in (SHORT, LONG)])


def fitted(served: ServedExchanges) -> Calibration:
    """All of them are streams."""
    return calibrate(served, np.ones(len(served), dtype=np.bool_), CHUNK_TOKENS)


@pytest.mark.parametrize("seed", [1, 2])
def test_what_was_put_in_comes_out(seed: int) -> None:
    """Of long and short prompts, and of few and many at once."""
    found = fitted(mixed(affine, seed, [1, 4, 16, 48]))
    assert found.problems == ()
    assert list(found.costs) == pytest.approx(list(COSTS), rel=0.04)
    assert found.residual < 0.001
    assert sum(one.part for one in found.fitted) == pytest.approx(1.0, abs=0.01)


def test_noise_of_a_clock_is_no_harm() -> None:
    """20 ms at each time, which is three steps."""
    served = mixed(affine, 3, [1, 4, 16, 48])
    noise = np.random.default_rng(3).normal(0, 20_000, (2, len(served))).astype(np.int64)
    first = np.clip(served.first_us + noise[0], served.start_us, served.last_us)
    found = fitted(noisy(served, first, np.maximum(served.last_us + noise[1], first + 1)))
    assert list(found.costs[:2]) == pytest.approx(list(COSTS[:2]), rel=0.06)
    assert found.costs.kv_token == pytest.approx(COSTS.kv_token, rel=0.15)
    assert found.costs.sequence == pytest.approx(COSTS.sequence, rel=0.3)


def noisy(served: ServedExchanges, first: np.ndarray, last: np.ndarray) -> ServedExchanges:
    """With other times."""
    work = served.prompt, served.cached, served.written, served.sequences, served.computed
    return ServedExchanges(served.start_us, first, last, *work)


def test_traffic_of_one_kind_is_refused() -> None:
    """With one request at a time nothing says what a second one would cost, and it says so."""
    found = fitted(ran(affine, 2, 300, 1, (100, 101)))
    assert any("the condition number is" in one for one in found.problems)


def test_a_law_that_bends_is_told_by_size() -> None:
    """No straight line is right for 12, 24 and 48 at once."""
    found = fitted(mixed(bent, 4, [2, 12, 24, 64]))
    assert any("the law bends there" in one for one in found.problems)


def test_too_few_answers() -> None:
    """It says how many it takes."""
    with pytest.raises(TooFewEquations, match="20 streams have 8 tokens or more, and it takes 100"):
        fitted(ran(affine, 5, 20, 2, SHORT))


def test_what_is_no_stream_counts_for_others_only() -> None:
    """Its first token was placed by the costs that are looked for."""
    served = mixed(affine, 6, [1, 4, 16, 48])
    is_timed = np.random.default_rng(6).random(len(served)) < 0.5
    found = calibrate(served, is_timed, CHUNK_TOKENS)
    assert found.equations[1] == int((is_timed & (served.written >= 9)).sum())
    assert list(found.costs[:4]) == pytest.approx(list(COSTS[:4]), rel=0.05)
