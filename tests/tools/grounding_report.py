"""How well answers that rest on their context are told from answers that do not.

Of the guard `grounding` in the path its scores (`new_and_contradicted`: both in one), and of the classifier `grounding`
beside it the score of words and contradictions (`similarity`, with the extra ``packaged``; it takes some minutes).

    python tests/tools/grounding_report.py [FOLDER]

FOLDER holds ``SOURCE.jsonl.gz`` with ``text`` (an answer), ``context``, maybe ``question``, and ``label`` (1: not
supported by the context); default: ``tests/corpus/shared/halluc``. Nothing is trained. A threshold is never judged on
the source that it was taken from: for each source it is the one that 5 % of the good answers of the *others* pass.

There are two sources here, both in view, and none is locked: an interval over two sources says little. The good
answers of ``halueval_qa`` are short phrases: their length alone has an AUC of 0.95, so ``faithdial_audit`` says more.
The kinds of contradictions are counted on twins (``support_twins``), which are made of the documents of both.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from extproc.classifiers.adapters import LOADERS
from extproc.classifiers.adapters.base import ModelUnusable, PairModel
from extproc.config.classifiers import GroundingClassifier
from extproc.config.guards.grounding import GroundingSection
from extproc.detectors.answers.grounding import Tally, context_of
from extproc.detectors.text.sentences import sentences_of
from tests.tools.by_source import interval_of
from tests.tools.support_twins import kinds, twins_of

FOLDER = Path(__file__).resolve().parents[1] / "corpus" / "shared" / "halluc"
FALSE_POSITIVES_MAX = 0.05
TWINS_PER_KIND_MAX = 200
DEFAULTS = GroundingSection(guard="grounding")
DEFAULT_THRESHOLDS = {
    "unsupported_items": DEFAULTS.unsupported_percent_min / 100,
    "novel_words": DEFAULTS.novel_words_percent_min / 100,
    "contradicted": 0.01,
    "new_and_contradicted": DEFAULTS.novel_words_percent_min / 100,
    "similarity": GroundingClassifier(adapter="grounding").threshold,
}
Scores = Mapping[str, Sequence[tuple[float, int]]]
"""By score's name: a score and a label for each row."""


def rows_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of each source."""
    return {
        path.name.removesuffix(".jsonl.gz"): [
            json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()
        ]
        for path in sorted(folder.glob("*.jsonl.gz"))
    }


def scores_of(rows: Sequence[Mapping[str, Any]], model: PairModel | None) -> Scores:
    """All scores of each row."""
    scores: dict[str, list[tuple[float, int]]] = {name: [] for name in DEFAULT_THRESHOLDS if name != "similarity"}
    if model is not None:
        judged = [model.scores_against(row["context"], [row["text"]])[0]["unsupported"] for row in rows]
        scores["similarity"] = list(zip(judged, [row["label"] for row in rows], strict=True))
    for row in rows:
        tally = tally_of(row["text"], row["context"], row.get("question", ""))
        contradicted = tally.contradicting_share
        said = {
            "unsupported_items": tally.unsupported_share if tally.items >= DEFAULTS.items_min else 0.0,
            "novel_words": tally.novel_share,
            "contradicted": contradicted,
            "new_and_contradicted": 1 - (1 - tally.novel_share) * (1 - contradicted),
        }
        for name, score in said.items():
            scores[name].append((score, row["label"]))
    return scores


def tally_of(text: str, context: str, question: str = "") -> Tally:
    """What the guard counts of an answer."""
    counted, known = Tally(), context_of([context], [question], 1)
    for sentence in sentences_of(text):
        counted.add(sentence, known)
    return counted


def twin_figures(folder: Path) -> dict[str, float]:
    """Of each kind of twins: which share of the changed and of the honest ones is said to contradict."""
    twins = twins_of([row["context"] for rows in rows_of(folder).values() for row in rows], TWINS_PER_KIND_MAX)
    figures: dict[str, float] = {}
    for kind in kinds():
        judged = [(tally_of(one.text, one.context).contradicting_share, one.label) for one in twins if one.kind == kind]
        if judged:
            figures[f"grounding.twins.{kind}.recall"], figures[f"grounding.twins.{kind}.fpr"] = rates(judged, 0.0)
    return figures


def _model() -> PairModel | None:
    """The classifier, if its packages are there."""
    try:
        model = LOADERS["grounding"](GroundingClassifier(adapter="grounding").model_dump())
    except (ImportError, ModelUnusable):
        return None
    return cast("PairModel", model)


def auc(scored: Sequence[tuple[float, int]]) -> float:
    """Area under the ROC curve: how often a bad answer has the higher score than a good one; ties count half."""
    ordered = sorted(scored)
    ranks = 0.0
    begin = 0
    while begin < len(ordered):
        end = begin
        while end < len(ordered) and ordered[end][0] == ordered[begin][0]:
            end += 1
        ranks += (begin + end + 1) / 2 * sum(label for _, label in ordered[begin:end])
        begin = end
    bad = sum(label for _, label in ordered)
    return (ranks - bad * (bad + 1) / 2) / (bad * (len(ordered) - bad))


def threshold_for(scored: Sequence[tuple[float, int]]) -> float:
    """The least score that no more than the allowed share of good answers is over."""
    good = sorted((score for score, label in scored if not label), reverse=True)
    return good[int(len(good) * FALSE_POSITIVES_MAX)]


def rates(scored: Sequence[tuple[float, int]], over: float) -> tuple[float, float]:
    """Recall and false-positive rate of scores over a threshold."""
    shares = []
    for wanted in (1, 0):
        of_label = [score > over for score, label in scored if label == wanted]
        shares.append(sum(of_label) / len(of_label))
    return shares[0], shares[1]


def report(folder: Path = FOLDER, with_model: bool = True) -> dict[str, float]:
    """Flat figures: ``SOURCE.SCORE.auc``, ``.recall`` and ``.fpr`` with the others' threshold, ``.default_*``."""
    model = _model() if with_model else None
    by_source = {source: scores_of(rows, model) for source, rows in rows_of(folder).items()}
    figures: dict[str, float] = {}
    for source, scores in by_source.items():
        for name, scored in scores.items():
            others = [pair for other, held in by_source.items() if other != source for pair in held[name]]
            key = f"grounding.{source}.{name}"
            figures[f"{key}.auc"] = auc(scored)
            if others:
                figures[f"{key}.recall"], figures[f"{key}.fpr"] = rates(scored, threshold_for(others))
            just_below = DEFAULT_THRESHOLDS[name] - 1e-9
            figures[f"{key}.default_recall"], figures[f"{key}.default_fpr"] = rates(scored, just_below)
    for name in next(iter(by_source.values())):
        figures[f"grounding.all.{name}.auc"] = auc([pair for held in by_source.values() for pair in held[name]])
        means = (("auc", "in_view"), ("recall", "left_out"), ("fpr", "left_out"))
        for figure, stem in means if len(by_source) > 1 else means[:1]:
            over = interval_of({source: figures[f"grounding.{source}.{name}.{figure}"] for source in by_source})
            key = f"grounding.{stem}.{name}.{figure}"
            figures |= {key: over.mean, f"{key}.low": over.low, f"{key}.high": over.high}
    return figures | twin_figures(folder)


def main() -> None:
    """Print one table for the folder named on the command line, or for the sample."""
    figures = report(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    print("### Grounding: answers that are not supported by their context\n")
    print("| source | score | AUC | recall, FPR at the others' 5 % | recall, FPR by default |\n|---|---|---|---|---|")
    for key in [key for key in figures if key.endswith(".auc")]:
        _, source, name, _ = key.split(".")
        if source == "in_view":
            continue
        stem = key.removesuffix(".auc")
        pairs = [
            f"{figures[stem + prefix + 'recall']:.3f}, {figures[stem + prefix + 'fpr']:.3f}"
            if f"{stem}{prefix}recall" in figures
            else "-"
            for prefix in (".", ".default_")
        ]
        print(f"| {source} | {name} | {figures[key]:.3f} | {pairs[0]} | {pairs[1]} |")
    print("\nMacro means of the sources; a threshold is that of the other source.\n")
    print("| score | AUC | recall | FPR |\n|---|---|---|---|")
    for name in [
        key.split(".")[2] for key in figures if key.startswith("grounding.left_out.") and key.endswith(".fpr")
    ]:
        macro = [figures[f"grounding.{stem}"] for stem in (f"in_view.{name}.auc", f"left_out.{name}.recall")]
        print(f"| {name} | {macro[0]:.3f} | {macro[1]:.3f} | {figures[f'grounding.left_out.{name}.fpr']:.3f} |")
    print("\nTwins: said to contradict.\n\n| kind | changed | honest |\n|---|---|---|")
    for kind in [kind for kind in kinds() if f"grounding.twins.{kind}.recall" in figures]:
        stem = f"grounding.twins.{kind}"
        print(f"| {kind} | {figures[f'{stem}.recall']:.3f} | {figures[f'{stem}.fpr']:.3f} |")


if __name__ == "__main__":
    main()
