"""How well the harm guard judges texts: of sources in view, of sources its models never saw, and of locked ones.

    python -m tests.tools.harm_report

Requests and abuse are two tasks, each with its sources; honest texts count for both. Texts go through the guard's own
stage, sentence by sentence, and the score of a text is that of its worst sentence; a text without a word of a topic or
of abuse has none, as in the path. For ``left_out`` each family of sources is judged by models trained on the others and
on our own lines, which count nowhere. But words and lines were written with these sources in view. ``locked`` is what
nobody has seen: figures alone are printed. Answers are judged as answers: refusals, news and encyclopedias are honest.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np

from extproc.config.guards.harm import HarmSection
from extproc.detectors.harm.detector import HarmDetector, HarmModels
from extproc.detectors.harm.topics import CATEGORIES
from extproc.domain.finding import Finding
from extproc.filters.base import NULL_REPORTER
from extproc.filters.harm import HarmStage
from tests.tools import by_source, corpora, harm_training
from tests.tools.by_source import Scored
from tests.tools.corpora import Row
from tests.tools.harm_training import OUR_LINES, is_abuse
from tests.tools.ngram_training import hash_of

THRESHOLD: Final = float(HarmSection.model_fields["threshold"].default)
RATE: Final = 0.01
FOLDS: Final = 6
HONEST_ONE_IN: Final = 3
"""Of the honest texts in view this many are judged; of locked ones all."""
ANSWER_CHARS: Final = 600
LOOK_ALIKES: Final = frozenset({"look_alike", "mental_health", "hard_honest"})
"""Kinds of honest rows that have the words of harm."""
PROSE: Final = "The museum opens at nine and closes when the last visitor has left the garden. "
EVENT_CHARS: Final = 5


class Judged(NamedTuple):
    """A row, and its score for each task; as an answer it is judged as text of a model."""

    row: Row
    requests: float
    abuse: float


class _Worst(HarmDetector):
    """Finds nothing, and remembers the highest scores: so that a stage reads a text to its end."""

    worst: dict[str, float]

    def find(self, text: str, of_model: bool = False) -> Finding | None:
        """Never a finding."""
        for _, score, reader in self.scores(text, of_model):
            self.worst[reader] = max(self.worst[reader], score)
        return None


def judge(rows: Iterable[Row], models: HarmModels | None = None, *, answers: bool = False) -> list[Judged]:
    """Each row with the scores of its worst sentences."""
    detector = _Worst(CATEGORIES, 0.0, models)
    found = []
    for row in rows:
        detector.worst = {"harm.requests": 0.0, "harm.abuse": 0.0}
        stage = HarmStage(detector, NULL_REPORTER, answers)
        stage.feed(row.text)
        stage.close()
        found.append(Judged(row, *detector.worst.values()))
    return found


class Texts(NamedTuple):
    """What is judged together: labelled texts of both tasks, honest texts, and answers, all of which are honest."""

    requests: Sequence[Row]
    abuse: Sequence[Row]
    honest: Sequence[Row]
    answers: Sequence[Row]

    @classmethod
    def read(cls, corpus: Callable[[str], list[Row]], honest_one_in: int) -> Texts:
        """Those in view, or those that are locked."""
        harm, honest = corpus("harm"), corpus("honest")
        refusals = [row for row in corpus("refusal") if row.label]
        encyclopedic = [row for row in honest if row.kind == "news_wiki"]
        return cls(
            [row for row in harm if not is_abuse(row)],
            [*(row for row in harm if is_abuse(row) and row.source != "xsafety"), *corpus("abuse")],
            _some(honest, honest_one_in),
            [row._replace(text=row.text[:ANSWER_CHARS], label=0) for row in _some([*refusals, *encyclopedic], 3)],
        )

    def of(self, fold: int) -> Texts:
        """Those whose families are in a fold."""
        return Texts(*([row for row in rows if fold_of(row.source) == fold] for rows in self))


class Scores(NamedTuple):
    """All of ``Texts``, judged."""

    requests: list[Judged]
    abuse: list[Judged]
    honest: list[Judged]
    answers: list[Judged]


def _some(rows: Iterable[Row], one_in: int) -> list[Row]:
    return [row for row in rows if hash_of(row.text) % one_in == 0]


@cache
def _folds() -> dict[str, int]:
    """Of each source in view, in which fold it is left out, together with all of its repository."""
    known = {name.split("/")[1]: family for name, family in corpora.families().items()}
    sources = {
        row.source for task in ("harm", "abuse", "honest", "refusal", "injection") for row in corpora.in_view(task)
    }
    families = {source: corpora.SAME_REPOSITORY.get(source) or known.get(source, source) for source in sources}
    in_turn = sorted(set(families.values()), key=hash_of)
    return {source: in_turn.index(family) % FOLDS for source, family in families.items()}


def fold_of(source: str) -> int:
    """The fold of a source in view; -1 for our own lines."""
    return -1 if source in OUR_LINES else _folds()[source]


def judge_all(texts: Texts, models: HarmModels | None = None) -> Scores:
    """Everything, by the models of the package or by others."""
    return Scores(
        judge(texts.requests, models),
        judge(texts.abuse, models),
        judge(texts.honest, models),
        judge(texts.answers, models, answers=True),
    )


def judge_left_out(texts: Texts) -> Scores:
    """Each source by models that saw none of its family."""
    preparations = [harm_training.prepare(task) for task in (harm_training.requests_task(), harm_training.abuse_task())]
    found = Scores([], [], [], [])
    for fold in range(FOLDS):
        chosen = [np.array([fold_of(row.source) != fold for row in one.task.rows]) for one in preparations]
        models = harm_training.models_of(
            *(harm_training.trained(one, some) for one, some in zip(preparations, chosen, strict=True))
        )
        for judged, more in zip(found, judge_all(texts.of(fold), models), strict=True):
            judged += more
    return found


def figures_of(name: str, scores: Scores) -> dict[str, float]:
    """Flat names to figures: of requests, of abuse, and of answers."""
    requests = [Scored(one.row.source, one.row.label, one.requests) for one in (*scores.requests, *scores.honest)]
    rude = [Scored(one.row.source, one.row.label, one.abuse) for one in scores.abuse]
    honest = [Scored(one.row.source, 0, one.abuse) for one in (*scores.honest, *scores.requests) if not one.row.label]
    look_alikes = [
        Scored(one.row.source, 0, one.requests)
        for one in (*scores.requests, *scores.honest)
        if not one.row.label and (one.row.kind in LOOK_ALIKES or one.row.source == "cyberseceval_frr_benign")
    ]
    answers = [Scored(one.row.source, 0, max(one.requests, one.abuse)) for one in scores.answers]
    within = {source: _area(rude, source) for source in {row.source for row in rude} if _has_both(rude, source)}
    interval = by_source.interval_of(dict(sorted(within.items())))
    only_abuse = [row for row in rude if row.label]
    groups = {
        f"requests.{name}": by_source.figures(requests, (RATE,)) | by_source.figures_at(requests, THRESHOLD),
        f"requests.{name}.look_alikes": _false_alarms(look_alikes),
        f"abuse.{name}": {
            "auc": by_source.area_under_curve(rude),
            "auc_within": interval.mean,
            "auc_within.low": interval.low,
            "auc_within.high": interval.high,
            **{f"auc_within.{source}": area for source, area in sorted(within.items())},
            **by_source.figures([*only_abuse, *honest], (RATE,)),
            **by_source.figures_at(rude, THRESHOLD),
        },
        f"abuse.{name}.honest": _false_alarms(honest),
        f"answers.{name}": _false_alarms(answers),
    }
    return {f"{group}.{figure}": value for group, found in groups.items() for figure, value in found.items()}


def _false_alarms(rows: Sequence[Scored]) -> dict[str, float]:
    found = by_source.figures_at(rows, THRESHOLD)
    return {figure: value for figure, value in found.items() if figure.startswith("false_alarms")}


def _area(rows: Sequence[Scored], source: str) -> float:
    return by_source.area_under_curve([row for row in rows if row.source == source])


def _has_both(rows: Sequence[Scored], source: str) -> bool:
    return {row.label for row in rows if row.source == source} == {0, 1}


def report(*, locked: bool = True) -> dict[str, float]:
    """Flat names to figures; costs in microseconds.

    Args: locked: whether locked sources are judged too.
    """
    texts = Texts.read(corpora.in_view, HONEST_ONE_IN)
    figures = figures_of("in_view", judge_all(texts)) | figures_of("left_out", judge_left_out(texts))
    if locked:
        figures |= figures_of("locked", judge_all(Texts.read(corpora.locked, 1)))
    return figures | _costs()


def _costs() -> dict[str, float]:
    detector = HarmDetector(CATEGORIES, THRESHOLD)
    request = (PROSE * 13)[:1024]
    pieces = [request[at : at + EVENT_CHARS] for at in range(0, len(request), EVENT_CHARS)]

    def stream() -> None:
        stage = HarmStage(detector, NULL_REPORTER)
        for piece in pieces:
            stage.feed(piece)

    return {
        "harm_us_request_1kb": _best_us(lambda: detector.might_match(request)),
        "harm_us_event": _best_us(stream) / len(pieces),
        "harm_us_sentence_on_topic": _best_us(lambda: detector.find("How do I kill a process that does not answer?")),
    }


def _best_us(call: Callable[[], object]) -> float:
    best_s = float("inf")
    for _ in range(200):
        begin_s = time.perf_counter()
        call()
        best_s = min(best_s, time.perf_counter() - begin_s)
    return best_s * 1e6


def main() -> None:
    """Print the figures as one table."""
    print("| figure | value |\n|---|---|")
    for name, value in report(locked="--without-locked" not in sys.argv).items():
        print(f"| {name} | {value:.3f} |")


if __name__ == "__main__":
    main()
