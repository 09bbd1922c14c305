"""What the processor counts from some moment on: how exchanges ended, and by how much its metrics rose."""

from __future__ import annotations

from collections import Counter

from extproc.demo.installation import samples_in
from tests.e2e.harness import Stack, wait_until

Samples = dict[tuple[tuple[str, str], ...], float]


class Measured:
    """Begins when no exchange is running."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        wait_until(lambda: self.inflight == 0, "no exchange is running")
        self._before = self._page()

    @property
    def inflight(self) -> float:
        """Exchanges in flight."""
        return self._stack.metric("llm_inflight_exchanges")

    def outcomes(self, count: int = 1) -> Counter[str]:
        """How exchanges ended, once ``count`` have, and none is running any more."""
        wait_until(lambda: self.rise("llm_requests_total") >= count, f"{count} exchanges are counted")
        wait_until(lambda: self.inflight == 0, "no exchange is running")
        outcomes: Counter[str] = Counter()
        for labels, risen in self._rises("llm_requests_total").items():
            if risen:
                outcomes[dict(labels)["outcome"]] += int(risen)
        return outcomes

    def rise(self, name: str, **labels: str) -> float:
        """By how much the samples of that name with these labels rose."""
        return sum(risen for found, risen in self._rises(name).items() if labels.items() <= dict(found).items())

    def tokens(self) -> float:
        """Tokens that were counted, of prompts and answers."""
        return self.rise("llm_prompt_tokens_total") + self.rise("llm_completion_tokens_total")

    def _rises(self, name: str) -> Samples:
        """By labels."""
        before = _by_labels(self._before, name)
        return {labels: value - before.get(labels, 0.0) for labels, value in _by_labels(self._page(), name).items()}

    def _page(self) -> str:
        return self._stack.processor.page("/metrics")


def _by_labels(page: str, name: str) -> Samples:
    return {tuple(sorted(labels.items())): value for labels, value in samples_in(page, name)}
