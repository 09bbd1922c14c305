"""How good the detectors are: precision, recall and false-positive rate for each source, and what a call costs.

    python tests/tools/corpus_report.py [FOLDER]

FOLDER holds ``injection/``, ``pii/`` and ``refusal/`` with ``SOURCE.jsonl`` each; default: the sample in
``tests/corpus``. A row has ``text``, ``label`` (0 or 1), for ``pii`` also ``spans`` of ``{start, end, type}``
[characters] and, where only one type is labelled, ``tests``. A span is found if one of its type overlaps it by half or
more of the longer of the two.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from extproc.detectors.injection import InjectionDetector
from extproc.detectors.pii import PiiDetector
from extproc.detectors.refusal import RefusalDetector
from tests.tools.pii_report import count_spans

Row = dict[str, Any]
Span = tuple[str, int, int]

CORPUS_KINDS = {
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CREDIT_CARD",
    "IBAN_CODE": "IBAN",
    "US_SSN": "US_SSN",
    "IP_ADDRESS": "IP_ADDRESS",
    "API_KEY": "SECRET",
}
REFUSAL_PREFIX_CHARACTERS = 300


def sources(folder: Path) -> Iterator[tuple[str, list[Row]]]:
    """Each source of a task with its rows."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            yield path.stem, [json.loads(line) for line in lines]


def ratio(part: int, whole: int) -> str:
    """A share with three digits, or a dash of nothing."""
    return f"{part / whole:.3f}" if whole else "-"


def table(title: str, head: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print one table in Markdown."""
    print(f"\n### {title}\n\n| " + " | ".join(head) + " |")
    print("|" + "---|" * len(list(head)))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")


def binary_report(title: str, folder: Path, positive: Callable[[str], bool]) -> None:
    """Rows judged whole: positive or not."""
    rows: list[list[object]] = []
    total: Counter[tuple[int, bool]] = Counter()
    for source, labelled in sources(folder):
        counts = Counter((row["label"], positive(row["text"])) for row in labelled)
        total += counts
        rows.append(binary_row(source, counts))
    rows.append(binary_row("all", total))
    table(title, ("source", "positive", "negative", "precision", "recall", "FPR"), rows)


def binary_row(source: str, counts: Counter[tuple[int, bool]]) -> list[object]:
    """One source's figures from counts of (label, judged positive)."""
    hit, missed, false, clean = counts[1, True], counts[1, False], counts[0, True], counts[0, False]
    rates = [ratio(hit, hit + false), ratio(hit, hit + missed), ratio(false, false + clean)]
    return [source, hit + missed, false + clean, *rates]


def pii_report(folder: Path, detector: PiiDetector) -> None:
    """Spans by type and source, and the share of rows without a span in which something was found."""
    by_kind: dict[tuple[str, str], Counter[str]] = {}
    flagged: list[list[object]] = []
    for source, labelled in sources(folder):
        bait = Counter[bool]()
        for row in labelled:
            found = [(f.kind, f.start, f.end) for f in detector.find(row["text"])]
            only = CORPUS_KINDS.get(row["tests"]) if "tests" in row else None
            if "tests" in row:
                found = [span for span in found if span[0] == only]
            labelled_here = [span for span in row["spans"] if span["type"] in CORPUS_KINDS]
            wanted = [(CORPUS_KINDS[span["type"]], span["start"], span["end"]) for span in labelled_here]
            count_spans(source, found, wanted, by_kind)
            if not row["spans"]:
                bait[bool(found)] += 1
        flagged.append([source, sum(bait.values()), ratio(bait[True], sum(bait.values()))])
    rows = []
    for (source, kind), c in sorted(by_kind.items()):
        f1 = ratio(2 * c["hit"], 2 * c["hit"] + c["false"] + c["missed"])
        precision, recall = ratio(c["hit"], c["hit"] + c["false"]), ratio(c["hit"], c["hit"] + c["missed"])
        rows.append([source, kind, c["hit"] + c["missed"], precision, recall, f1])
    table("PII and secrets: spans", ("source", "kind", "spans", "precision", "recall", "F1"), rows)
    table("PII and secrets: rows without a span", ("source", "rows", "flagged"), flagged)


def call_us(call: Callable[[], object]) -> str:
    """Best of five mean costs of a call [us]."""
    best = float("inf")
    for _ in range(5):
        rounds = 0
        begin = time.perf_counter()
        while time.perf_counter() - begin < 0.03:
            call()
            rounds += 1
        best = min(best, (time.perf_counter() - begin) / rounds)
    return f"{best * 1e6:.1f}"


def cost_report(injection: InjectionDetector, pii: PiiDetector, refusal: RefusalDetector) -> None:
    """What one call costs on texts of our own."""
    plain = "The museum opens at nine and closes when the last visitor has left the garden. "
    accented = "Das Café öffnet früh, schließt spät – und der Kaffee schmeckt jedem, der ihn „trägt“. "
    numbers = "Call +49 30 1234567 or mail ann@example.com, card 4111 1111 1111 1111, host 192.0.2.17, ref 20240611. "
    texts = {
        "word, 7": "museum.",
        "short, 79": plain,
        "plain, 1 KB": (plain * 13)[:1024],
        "plain, 4 KB": (plain * 52)[:4096],
        "accented, 4 KB": (accented * 48)[:4096],
        "dense, 1 KB": (numbers * 11)[:1024],
        "plain, 100 KB": (plain * 1300)[:102_400],
    }
    rows = []
    for name, text in texts.items():
        beginning = text[:REFUSAL_PREFIX_CHARACTERS]
        rows.append(
            [
                name,
                call_us(partial(injection.find, text)),
                call_us(partial(pii.find, text)),
                call_us(partial(refusal.find, beginning)),
            ]
        )
    table("Cost of a call [us]", ("text", "injection", "pii (whole text)", "refusal (first 300)"), rows)


def main() -> None:
    """Print every table for the folder named on the command line, or for the sample."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1] / "corpus"
    injection, refusal = InjectionDetector.shipped(), RefusalDetector()
    pii = PiiDetector(sorted(set(CORPUS_KINDS.values())))
    binary_report("Injection", folder / "injection", lambda text: bool(injection.find(text)))
    pii_report(folder / "pii", pii)
    binary_report(
        "Refusal", folder / "refusal", lambda text: refusal.find(text[:REFUSAL_PREFIX_CHARACTERS]) is not None
    )
    cost_report(injection, pii, refusal)


if __name__ == "__main__":
    main()
