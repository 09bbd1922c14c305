"""How good the packaged encoder is, alone, with the injection detector, and where only unsure texts are asked about.

    python -m tests.tools.encoder_report

*In view*: as shipped, on sources that it was trained on; a sample. *Left out*: what ``make train`` measured, by models
that did not see a source's family. *Locked*: as shipped, on sources that nobody here has read. ``ensemble`` is the head
``injection`` with ``with_detector: injection``. ``cascade`` is the injection guard with ``ask_between`` as the
documentation shows it: below the band a text passes, above it is blocked, within it the ensemble decides.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from extproc.classifiers.adapters.heads import HEADS
from extproc.classifiers.adapters.packaged import GUARDS, encoder
from extproc.classifiers.adapters.with_detector import evidence_of
from extproc.detectors.injection.detector import InjectionDetector
from tests.tools import by_source, corpora
from tests.tools.by_source import Scored
from tests.tools.corpora import Row
from tests.tools.encoder import FIGURES, TRAINED
from tests.tools.encoder.rows import OURS
from tests.tools.harm_report import LOOK_ALIKES
from tests.tools.harm_training import is_abuse
from tests.tools.injection_report import is_indirect, score_of
from tests.tools.ngram_training import hash_of

WINDOW_TOKENS_MAX: Final = 256
CHARS_MAX: Final = 8_000
IN_VIEW_ONE_IN: Final = 6
ASK_BETWEEN: Final = (0.1, 0.9)
THRESHOLD: Final = 0.5
_BLOCKED, _PASSED = 2.0, -1.0
Corpus = Callable[[str], list[Row]]


class _Judge:
    """The log odds of a text for each head, and the detector's score; each text is judged once."""

    def __init__(self) -> None:
        self._encoder = encoder(GUARDS, WINDOW_TOKENS_MAX)
        self._detector = InjectionDetector.shipped()
        self._known: dict[str, npt.NDArray[np.float64]] = {}
        self._scores: dict[str, float] = {}

    def log_odds(self, text: str, head: str) -> float:
        """Of the worst window."""
        if text not in self._known:
            windows = [outputs for _, outputs in self._encoder.windows(text[:CHARS_MAX])]
            self._known[text] = np.max(windows, axis=0)
        return float(self._known[text][HEADS.index(head)])

    def detected(self, text: str) -> float:
        """The score in the path."""
        if text not in self._scores:
            self._scores[text] = score_of(self._detector, text)
        return self._scores[text]

    def together(self, text: str) -> float:
        """The log odds of both."""
        return self.log_odds(text, "injection") + evidence_of(self.detected(text))


class _Texts(NamedTuple):
    attacks: Sequence[Row]
    honest: Sequence[Row]
    harm: Sequence[Row]
    abuse: Sequence[Row]
    refusals: Sequence[Row]

    @classmethod
    def read(cls, corpus: Corpus, one_in: int) -> _Texts:
        harm, *others = (
            [row for row in corpus(task) if row.source not in OURS and hash_of(row.text) % one_in == 0]
            for task in ("harm", "injection", "honest", "abuse", "refusal")
        )
        attacks, honest, abuse, refusals = others
        rude = [row for row in harm if is_abuse(row) and row.source != "xsafety"]
        return cls(attacks, honest, [row for row in harm if not is_abuse(row)], [*rude, *abuse], refusals)


def report() -> dict[str, float]:
    """Flat names to figures."""
    judge = _Judge()
    found = _left_out()
    for group, corpus, one_in in (("in_view", corpora.in_view, IN_VIEW_ONE_IN), ("locked", corpora.locked, 1)):
        found |= _of_group(group, _Texts.read(corpus, one_in), judge)
    return found | {"ms_256_tokens": _cost_ms(judge)}


def _left_out() -> dict[str, float]:
    kept = json.loads((TRAINED / FIGURES).read_text())
    return {name.replace(".", ".left_out.", 1): value for name, value in kept.items()}


def _of_group(group: str, texts: _Texts, judge: _Judge) -> dict[str, float]:
    injection = [*texts.attacks, *texts.honest]
    heads = {"injection": injection, "harm": [*texts.harm, *texts.honest], "refusal": texts.refusals}
    found: dict[str, float] = {}
    for head, rows in heads.items():
        scored = _scored(rows, partial(judge.log_odds, head=head))
        found |= _named(f"{head}.{group}", by_source.figures(scored) | _at_threshold(scored))
    rude = _scored(texts.abuse, lambda text: judge.log_odds(text, "abuse"))
    found[f"abuse.{group}.auc"] = by_source.area_under_curve(rude)
    alikes = [row for row in (*texts.harm, *texts.honest) if not row.label and row.kind in LOOK_ALIKES]
    alarms = _at_threshold(_scored(alikes, lambda text: judge.log_odds(text, "harm")))
    found[f"harm.{group}.look_alikes.false_alarms"] = alarms["false_alarms"]
    found |= _named(f"ensemble.{group}", by_source.figures(_scored(injection, judge.together)))
    return found | _cascade(group, injection, judge)


def _cascade(group: str, rows: Sequence[Row], judge: _Judge) -> dict[str, float]:
    low, high = ASK_BETWEEN

    def decided(text: str) -> float:
        score = judge.detected(text)
        return _BLOCKED if score >= high else _PASSED if score < low else _probability(judge.together(text))

    scored = _scored(rows, decided)
    found = by_source.figures(scored, (0.01,)) | _at(scored, THRESHOLD)
    direct = [one for row, one in zip(rows, scored, strict=True) if not (row.label and is_indirect(row))]
    found |= {f"direct.{name}": value for name, value in by_source.figures(direct, (0.01,)).items()}
    asked = [Scored(one.source, one.label, float(_PASSED < one.score < _BLOCKED)) for one in scored]
    for label, of in ((0, "honest"), (1, "attacks")):
        shares = by_source.shares_above(by_source.by_source(asked, label), 0.5)
        found[f"asked_of_{of}"] = by_source.mean_of(shares)
    return _named(f"cascade.{group}", found)


def _scored(rows: Iterable[Row], judge: Callable[[str], float]) -> list[Scored]:
    return [Scored(row.source, row.label, judge(row.text)) for row in rows]


def _at_threshold(scored: Sequence[Scored]) -> dict[str, float]:
    return _at(scored, 0.0)


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
        text = f"{number} The sea is calm tonight, the tide is full, the moon lies fair upon the straits. " * 11
        begin = time.process_time()
        judge.log_odds(text, "injection")
        best = min(best, time.process_time() - begin)
    return best * 1_000


def main() -> None:
    """Print the figures."""
    for name, value in report().items():
        print(f"{name:60} {value:.3f}")


if __name__ == "__main__":
    main()
