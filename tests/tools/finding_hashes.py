"""A hash of all that the detectors find in all corpora: equal where no finding has changed, to the last bit of a score.

    python -m tests.tools.finding_hashes

To compare commits, or compiled code with interpreted, run it in each. Nothing of a text is printed: locked sources are
part of it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from extproc.detectors.answers.refusal import RefusalDetector
from extproc.detectors.harm.detector import HarmDetector
from extproc.detectors.harm.topics import CATEGORIES
from extproc.detectors.injection.detector import InjectionDetector
from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.kinds import ENTITIES

CORPUS: Final = Path(__file__).parents[1] / "corpus"
LONG_CHARS: Final = 20_000
"""All texts of a file are read one after the other too, in pieces of this length."""

Detector = Callable[[str], Any]


def detectors() -> Mapping[str, Detector]:
    """What each finds in a text, with scores and places."""
    injection, harm = InjectionDetector.shipped(), HarmDetector(CATEGORIES, 0.5)
    refusal, pii = RefusalDetector(), PiiDetector(ENTITIES)
    return {
        "injection": lambda text: injection.find(text, 0.0, 1.0),
        "harm": lambda text: [harm.scores(text), harm.find(text)],
        "refusal": refusal.find,
        "pii": pii.find,
    }


def texts(corpus: Path = CORPUS) -> Iterator[str]:
    """All texts, then long ones that are made of them."""
    for file in sorted(corpus.rglob("*.jsonl*")):
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        found = [str(json.loads(line).get("text", "")) for line in content.splitlines()]
        yield from found
        joined = " ".join(found)
        yield from (joined[start : start + LONG_CHARS] for start in range(0, len(joined), LONG_CHARS))


def hash_of(detector: Detector, given: Iterable[str]) -> str:
    """Of all findings, in order."""
    hashed = hashlib.sha256()
    for text in given:
        hashed.update(repr(detector(text)).encode("utf-8", "replace"))
    return hashed.hexdigest()


def main() -> None:
    """Print one line for each detector."""
    given = list(texts())
    for name, detector in detectors().items():
        print(f"{name:10} {hash_of(detector, given)}", flush=True)


if __name__ == "__main__":
    main()
