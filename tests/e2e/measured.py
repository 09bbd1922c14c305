"""What the processor counts from some moment on: how exchanges ended, and by how much its metrics rose."""

from __future__ import annotations

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.harness import Stack, wait_until

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Measured:
    """Begins when no exchange is running."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        wait_until(lambda: self.inflight == 0, "no exchange is running")
        self._before = self._samples()

    @property
    def inflight(self) -> float:
        """Exchanges in flight."""
        return self._stack.metric("llm_inflight_exchanges")

    def outcomes(self, count: int = 1) -> Counter[str]:
        """How exchanges ended, once ``count`` have, and none is running any more."""
        wait_until(lambda: self.rise("llm_requests_total") >= count, f"{count} exchanges are counted")
        wait_until(lambda: self.inflight == 0, "no exchange is running")
        outcomes: Counter[str] = Counter()
        for (name, labels), value in self._samples().items():
            risen = value - self._before.get((name, labels), 0.0)
            if name == "llm_requests_total" and risen:
                outcomes[dict(labels)["outcome"]] += int(risen)
        return outcomes

    def rise(self, name: str, **labels: str) -> float:
        """By how much the samples of that name with these labels rose."""
        return sum(
            value - self._before.get((sample, of), 0.0)
            for (sample, of), value in self._samples().items()
            if sample == name and labels.items() <= dict(of).items()
        )

    def tokens(self) -> float:
        """Tokens that were counted, of prompts and answers."""
        return self.rise("llm_prompt_tokens_total") + self.rise("llm_completion_tokens_total")

    def _samples(self) -> Samples:
        families = text_string_to_metric_families(self._stack.processor.page("/metrics"))
        return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}
