"""In the simulator, ``pick: load`` begins answers sooner than least request where prompts share beginnings, and never
later where they share none. The figures of the documentation are made by the same simulator.
"""

from __future__ import annotations

import pytest

from tests.tools.picking import (
    TRAFFICS,
    ByLoad,
    SimulatedRequest,
    SimulatedServer,
    least_request,
    perfect_knowledge,
    simulate,
)

SECONDS = 30


@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize(("traffic", "ratio_max"), [("chats, 16/s", 0.7), ("strangers, 14/s", 1.05)])
def test_answers_begin_sooner(traffic: str, ratio_max: float, processes: int) -> None:
    """The slowest twentieth, also with several processes that know nothing of each other."""
    make, rate = TRAFFICS[traffic]
    ratios = []
    for seed in (1, 2):
        ours, envoys = (simulate(make(rate, SECONDS, seed), picker) for picker in (ByLoad(processes), least_request()))
        ratios.append(ours.p95_s / envoys.p95_s)
        assert ours.hit_share >= envoys.hit_share
    assert sum(ratios) / len(ratios) <= ratio_max


@pytest.mark.parametrize("processes", [1, 4])
def test_load_that_others_send_is_seen_in_what_servers_say(processes: int) -> None:
    """Processes that know their own load alone send to the server that is busy with others' requests."""
    make, rate = TRAFFICS["beside others"]
    picked = [ByLoad(processes), ByLoad(processes, hears=False)]
    heard, unheard = (simulate(make(rate, SECONDS, 1), each) for each in picked)
    assert heard.p95_s < 0.95 * unheard.p95_s
    assert heard.p95_s < simulate(make(rate, SECONDS, 1), least_request()).p95_s


def test_nobody_beats_perfect_knowledge_by_much() -> None:
    """Else the simulator would be wrong."""
    make, rate = TRAFFICS["chats, 16/s"]
    best = simulate(make(rate, SECONDS, 1), perfect_knowledge())
    assert simulate(make(rate, SECONDS, 1), ByLoad()).p95_s > 0.8 * best.p95_s


def test_a_server_computes_what_its_cache_lacks() -> None:
    """A request alone takes a step for each 2,048 tokens of its prompt; the same one again takes one step."""
    server, steps = SimulatedServer(), []
    for _ in range(2):
        server.waiting.append(SimulatedRequest(0, ["ab" * 8_192], 1))
        steps.append(0)
        while server.begin_step() is not None:
            steps[-1] += 1
            server.end_step()
    assert steps == [2, 1]
    assert (server.prompt_tokens, server.hit_tokens) == (8_192, 4_095)
