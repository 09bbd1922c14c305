"""How good the packaged encoder is, alone, with the injection detector, and where only unsure texts are asked about.

    python -m tests.tools.encoder_report

*In view*: as shipped, on sources that it was trained on; a sample. *Left out*: what ``make train`` measured, by models
that did not see a source's family. *Locked*: as shipped, on sources that nobody here has read. ``ensemble`` is the
encoder with ``with_detector: injection``. ``cascade`` is the injection guard with ``ask_between`` as the documentation
shows it: below the band a text passes, above it is blocked, within it the ensemble decides.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np

from extproc.classifiers.adapters.packaged import GUARDS, encoder
from extproc.classifiers.adapters.with_detector import evidence_of
from extproc.detectors.injection.detector import InjectionDetector
from tests.tools import by_source, corpora
from tests.tools.by_source import Scored
from tests.tools.corpora import Row
from tests.tools.encoder import FIGURES, TRAINED
from tests.tools.encoder.rows import OURS
from tests.tools.injection_report import is_indirect, score_of, untranslated_figures
from tests.tools.ngram_training import hash_of

WINDOW_TOKENS_MAX: Final = 256
CHARS_MAX: Final = 8_000
IN_VIEW_ONE_IN: Final = 6
ASK_BETWEEN: Final = (0.1, 0.9)
THRESHOLD: Final = 0.5
_BLOCKED, _PASSED = 2.0, -1.0


class _Judge:
    """The log odds of a text, and the detector's score; each text is judged once."""

    def __init__(self) -> None:
        self._encoder = encoder(GUARDS, WINDOW_TOKENS_MAX)
        self._detector = InjectionDetector.shipped()
        self._known: dict[str, float] = {}
        self._scores: dict[str, float] = {}

    def log_odds(self, text: str) -> float:
        """Of the worst window."""
        if text not in self._known:
            self._known[text] = max(float(output[0]) for _, output in self._encoder.windows(text[:CHARS_MAX]))
        return self._known[text]

    def detected(self, text: str) -> float:
        """The score in the path."""
        if text not in self._scores:
            self._scores[text] = score_of(self._detector, text)
        return self._scores[text]

    def together(self, text: str) -> float:
        """The log odds of both."""
        return self.log_odds(text) + evidence_of(self.detected(text))


def report() -> dict[str, float]:
    """Flat names to figures."""
    judge = _Judge()
    found = _left_out()
    for group, corpus, one_in in (("in_view", corpora.in_view, IN_VIEW_ONE_IN), ("locked", corpora.locked, 1)):
        rows = [row for task in ("injection", "honest") for row in corpus(task)]
        some = [row for row in rows if row.source != OURS and hash_of(row.text) % one_in == 0]
        found |= _of_group(group, some, judge)
    return found | {"ms_256_tokens": _cost_ms(judge)}


def _left_out() -> dict[str, float]:
    kept = json.loads((TRAINED / FIGURES).read_text())
    return _named("encoder.left_out", kept)


def _of_group(group: str, rows: Sequence[Row], judge: _Judge) -> dict[str, float]:
    scored = _scored(rows, judge.log_odds)
    found = _named(f"encoder.{group}", by_source.figures(scored) | _at(scored, 0.0) | untranslated_figures(scored))
    found |= _named(f"ensemble.{group}", by_source.figures(_scored(rows, judge.together)))
    return found | _cascade(group, rows, judge)


def _cascade(group: str, rows: Sequence[Row], judge: _Judge) -> dict[str, float]:
    low, high = ASK_BETWEEN

    def decided(text: str) -> float:
        score = judge.detected(text)
        return _BLOCKED if score >= high else _PASSED if score < low else _probability(judge.together(text))

    scored = _scored(rows, decided)
    found = by_source.figures(scored, (0.01,)) | _at(scored, THRESHOLD) | untranslated_figures(scored)
    direct = [one for row, one in zip(rows, scored, strict=True) if not (row.label and is_indirect(row))]
    found |= {f"direct.{name}": value for name, value in by_source.figures(direct, (0.01,)).items()}
    asked = [Scored(one.source, one.label, float(_PASSED < one.score < _BLOCKED)) for one in scored]
    for label, of in ((0, "honest"), (1, "attacks")):
        shares = by_source.shares_above(by_source.by_source(asked, label), 0.5)
        found[f"asked_of_{of}"] = by_source.mean_of(shares)
    return _named(f"cascade.{group}", found)


def _scored(rows: Iterable[Row], judge: Callable[[str], float]) -> list[Scored]:
    return [Scored(row.source, row.label, judge(row.text)) for row in rows]


def _at(scored: Sequence[Scored], threshold: float) -> dict[str, float]:
    found = by_source.figures_at(scored, threshold)
    return {name: found[name] for name in ("recall", "false_alarms")}


def _probability(log_odds: float) -> float:
    return float(1 / (1 + np.exp(-log_odds)))


def _named(prefix: str, figures: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}.{name}": value for name, value in figures.items()}


def _cost_ms(judge: _Judge) -> float:
    """CPU time of one window of 256 tokens [ms]; the best of some."""
    best = float("inf")
    for number in range(12):
        text = f"{number} {'sea ' * 253}"
        begin = time.process_time()
        judge.log_odds(text)
        best = min(best, time.process_time() - begin)
    return best * 1_000


def main() -> None:
    """Print the figures."""
    for name, value in report().items():
        print(f"{name:60} {value:.3f}")


if __name__ == "__main__":
    main()
