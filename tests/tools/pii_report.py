"""How good the detector for personal data and secrets is: per source and type, on rows without any, on code; its cost.

    python -m tests.tools.pii_report [FOLDER]

FOLDER holds ``SOURCE.jsonl.gz`` or ``SOURCE.jsonl``; default: ``tests/corpus/shared/pii``. A row has ``text``,
``spans`` of ``{start, end, type}`` [characters] and, where only one type is labelled, ``tests``. A span is found if one
of its type overlaps it by half or more of the longer of the two; parts of one date with nothing but blanks and commas
between are one span.

Postal addresses, which a guard does not look for by default, have figures of their own: ``pii.addresses``. An address
that is found counts as false unless it overlaps a labelled one as above.

Nobody who wrote a pattern has read the sentences of ``UNSEEN`` sources; how Faker writes their numbers was in view.
Intervals are over languages, since a number is written alike within one. How Faker writes addresses was in view too;
``ADDRESS_LOCALES`` are those for whose countries the forms of addresses are written.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import sys
import sysconfig
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.kinds import ENTITIES
from extproc.detectors.pii.postal_addresses import POSTAL_ADDRESS, postal_addresses
from extproc.domain.finding import Finding
from tests.tools import corpora

Row = dict[str, Any]
Span = tuple[str, int, int]

CORPUS = Path(__file__).resolve().parents[1] / "corpus" / "shared" / "pii"
CORPUS_KINDS = {
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "IBAN_CODE": "IBAN",
    "API_KEY": "SECRET",
    "PASSWORD": "SECRET",
    "US_PASSPORT": "PASSPORT",
}
"""The corpora's names of our kinds, where they differ."""
FINDING_KINDS = {"JWT": "SECRET", "URL_CREDENTIALS": "SECRET"}
"""Kinds that the corpora do not tell apart."""
SECRET_KINDS = frozenset({"SECRET", "JWT", "URL_CREDENTIALS"})
UNSEEN = ("presidio_templates",)
ADDRESS_LOCALES = frozenset((
    "en_US", "en_CA", "en_GB", "en_IE", "en_AU", "en_IN", "de_DE", "de_AT", "de_CH", "nl_NL", "nl_BE", "sv_SE", "no_NO",
    "da_DK", "fi_FI", "pl_PL", "cs_CZ", "fr_FR", "fr_CH", "es_ES", "it_IT", "pt_PT", "pt_BR",
))  # fmt: skip
RESAMPLES = 1_000
CODE_LINES = 10_000
ROUNDS = 7
ROUND_SECONDS = 0.03


def main() -> None:
    """Print every table."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CORPUS
    detector = PiiDetector(ENTITIES)
    by_kind, flagged = accuracy(detector, folder)
    print("| source | type | spans | precision | recall | F1 |\n|---|---|---|---|---|---|")
    for (source, kind), counts in sorted(by_kind.items()):
        numbers = " | ".join(f"{value:.3f}" for value in rates(counts))
        print(f"| {source} | {kind} | {counts['hit'] + counts['missed']} | {numbers} |")
    print("\n| source | rows without a span | flagged |\n|---|---|---|")
    for source, counts in sorted(flagged.items()):
        print(f"| {source} | {counts['rows']} | {counts['flagged'] / max(1, counts['rows']):.3f} |")
    print("\n| unseen | precision | recall | F1 | F1, 95 % |\n|---|---|---|---|---|")
    for kind, group in unseen(detector, folder).items():
        low, high = interval(group)
        numbers = " | ".join(f"{value:.3f}" for value in rates(total(group.values())))
        print(f"| {kind} | {numbers} | {low:.3f} to {high:.3f} |")
    print("\n| addresses, if they are looked for | figure |\n|---|---|")
    for name, value in address_figures(folder).items():
        print(f"| {name} | {value:.3f} |")
    print(f"\nSecrets found in {CODE_LINES} lines of code and lock files: {secrets_in_code(detector)}")
    print("\n| text | us a call |\n|---|---|")
    for name, text in cost_texts().items():
        print(f"| {name} | {call_us(partial(detector.find, text)):.1f} |")


def report() -> dict[str, float]:
    """Every figure by a flat name: ``pii.SOURCE.KIND.f1``, ``pii.SOURCE.rows_flagged``, ``pii.code.secrets``,
    ``pii.detector_us.TEXT``, and of the unseen sources ``pii.left_out.KIND.f1``; the kind ``all`` has every finding.
    ``pii.addresses.in_view`` are those of own_faker, ``left_out`` of the unseen sources.
    """
    detector = PiiDetector(ENTITIES)
    by_kind, flagged = accuracy(detector, CORPUS)
    figures: dict[str, float] = {}
    for (source, kind), counts in sorted(by_kind.items()):
        for name, value in zip(("precision", "recall", "f1"), rates(counts), strict=True):
            figures[f"pii.{source}.{kind}.{name}"] = value
        figures[f"pii.{source}.{kind}.spans"] = counts["hit"] + counts["missed"]
    for source, counts in sorted(flagged.items()):
        figures[f"pii.{source}.rows_flagged"] = counts["flagged"] / max(1, counts["rows"])
    for kind, group in unseen(detector, CORPUS).items():
        for name, value in zip(("precision", "recall", "f1"), rates(total(group.values())), strict=True):
            figures[f"pii.left_out.{kind}.{name}"] = value
        figures[f"pii.left_out.{kind}.f1_low"], figures[f"pii.left_out.{kind}.f1_high"] = interval(group)
    figures |= address_figures(CORPUS)
    figures["pii.code.secrets"] = secrets_in_code(detector)
    for name, text in cost_texts().items():
        figures[f"pii.detector_us.{name}"] = call_us(partial(detector.find, text))
    return figures


# --- accuracy ------------------------------------------------------------------------------------------------------


def accuracy(
    detector: PiiDetector, folder: Path
) -> tuple[dict[tuple[str, str], Counter[str]], dict[str, Counter[str]]]:
    """Hits, misses and false findings by source and type, and how many rows without a span were flagged."""
    by_kind: dict[tuple[str, str], Counter[str]] = {}
    flagged: dict[str, Counter[str]] = {}
    for source, row in rows_of(folder):
        found = [span for span in spans_of(row["text"], detector) if judged(span[0], row)]
        wanted = [(kind, span["start"], span["end"]) for span in row["spans"] if (kind := kind_of(span["type"]))]
        count_spans(source, found, wanted, by_kind)
        if not row["spans"]:
            flagged.setdefault(source, Counter()).update(rows=1, flagged=int(bool(found)))
    return by_kind, flagged


def rows_of(folder: Path) -> Iterator[tuple[str, Row]]:
    """Each source's name with each of its rows."""
    for path in sorted((*folder.glob("*.jsonl"), *folder.glob("*.jsonl.gz"))):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield path.name.partition(".")[0], json.loads(line)


def kind_of(corpus_type: str) -> str | None:
    """Our kind for a type of the corpora; None for what is not looked for by default (names, addresses)."""
    kind = CORPUS_KINDS.get(corpus_type, corpus_type)
    return kind if kind in ENTITIES else None


def judged(kind: str, row: Row) -> bool:
    """Whether findings of this kind count in this row."""
    return "tests" not in row or kind == kind_of(row["tests"])


def spans_of(text: str, detector: PiiDetector) -> list[Span]:
    """The findings, dates in one piece."""
    spans: list[Span] = []
    for finding in detector.find(text):
        kind = FINDING_KINDS.get(finding.kind, finding.kind)
        if kind == "DATE_OF_BIRTH" and continues(spans, finding, text):
            spans[-1] = (kind, spans[-1][1], finding.end)
        else:
            spans.append((kind, finding.start, finding.end))
    return spans


def continues(spans: list[Span], finding: Finding, text: str) -> bool:
    """Whether a finding is the next part of the date before it."""
    return bool(spans) and spans[-1][0] == finding.kind and not text[spans[-1][2] : finding.start].strip(" ,")


def count_spans(
    source: str, found: list[Span], wanted: list[Span], by_kind: dict[tuple[str, str], Counter[str]]
) -> None:
    """Add one row's hits, misses and false findings."""
    left = list(found)
    for want in wanted:
        match = next((have for have in left if overlaps(have, want)), None)
        by_kind.setdefault((source, want[0]), Counter())["hit" if match else "missed"] += 1
        if match:
            left.remove(match)
    for kind, _, _ in left:
        by_kind.setdefault((source, kind), Counter())["false"] += 1


def overlaps(have: Span, want: Span) -> bool:
    """Whether two spans of one kind share half or more of the longer."""
    shared = min(have[2], want[2]) - max(have[1], want[1])
    return have[0] == want[0] and 2 * shared >= max(have[2] - have[1], want[2] - want[1])


def rates(counts: Counter[str]) -> tuple[float, float, float]:
    """Precision, recall and F1; 0 of nothing."""
    hit, false, missed = counts["hit"], counts["false"], counts["missed"]
    return hit / max(1, hit + false), hit / max(1, hit + missed), 2 * hit / max(1, 2 * hit + false + missed)


# --- unseen ---------------------------------------------------------------------------------------------------------


def unseen(detector: PiiDetector, folder: Path) -> dict[str, dict[str, Counter[str]]]:
    """Counts of the unseen sources by kind and language; the kind ``all`` has every finding."""
    groups: dict[str, dict[str, Counter[str]]] = {}
    for source, row in rows_of(folder):
        if source not in UNSEEN:
            continue
        by_kind: dict[tuple[str, str], Counter[str]] = {}
        found = spans_of(row["text"], detector)
        wanted = [(kind, span["start"], span["end"]) for span in row["spans"] if (kind := kind_of(span["type"]))]
        count_spans(source, found, wanted, by_kind)
        for (_, kind), counts in by_kind.items():
            for name in (kind, "all"):
                groups.setdefault(name, {}).setdefault(row["lang"], Counter()).update(counts)
    return dict(sorted(groups.items()))


def total(counts: Iterable[Counter[str]]) -> Counter[str]:
    """All of them together."""
    return sum(counts, Counter())


def interval(by_language: dict[str, Counter[str]]) -> tuple[float, float]:
    """F1 of languages drawn with replacement: its 2.5th and 97.5th percentile."""
    draw, groups = random.Random(7), list(by_language.values())
    drawn = sorted(rates(total(draw.choices(groups, k=len(groups))))[2] for _ in range(RESAMPLES))
    return drawn[RESAMPLES // 40], drawn[-RESAMPLES // 40]


# --- addresses ------------------------------------------------------------------------------------------------------


def address_figures(folder: Path) -> dict[str, float]:
    """Figures of postal addresses: in view, in the unseen sources, there in the locales they are written for, and how
    many honest texts have one.
    """
    in_view, unseen_by_language = addresses(folder, ("own_faker",)), addresses(folder, UNSEEN)
    ours = {lang: counts for lang, counts in unseen_by_language.items() if lang in ADDRESS_LOCALES}
    groups = {"in_view": in_view, "left_out": unseen_by_language, "left_out.our_locales": ours}
    figures: dict[str, float] = {}
    for group, by_language in groups.items():
        counts = total(by_language.values())
        for name, value in zip(("precision", "recall", "f1"), rates(counts), strict=True):
            figures[f"pii.addresses.{group}.{name}"] = value
        if len(by_language) > 1:
            figures[f"pii.addresses.{group}.f1.low"], figures[f"pii.addresses.{group}.f1.high"] = interval(by_language)
        figures[f"pii.addresses.{group}.spans"] = counts["hit"] + counts["missed"]
    honest = corpora.in_view("honest")
    flagged = sum(bool(postal_addresses(row.text)) for row in honest)
    figures["pii.addresses.in_view.honest_flagged"] = flagged / len(honest)
    return figures


def addresses(folder: Path, sources: Iterable[str]) -> dict[str, Counter[str]]:
    """Counts of addresses in some sources by language, empty where a row has none."""
    groups: dict[str, Counter[str]] = {}
    for source, row in rows_of(folder):
        if source in sources:
            found = [(POSTAL_ADDRESS, one.start, one.end) for one in postal_addresses(row["text"])]
            labelled = [span for span in row["spans"] if span["type"] == "ADDRESS"]
            wanted = [(POSTAL_ADDRESS, span["start"], span["end"]) for span in labelled]
            by_kind: dict[tuple[str, str], Counter[str]] = {}
            count_spans(source, found, wanted, by_kind)
            groups.setdefault(row.get("lang", ""), Counter()).update(total(by_kind.values()))
    return groups


# --- code ----------------------------------------------------------------------------------------------------------


def secrets_in_code(detector: PiiDetector) -> int:
    """How many secrets are found in ordinary code, which has none."""
    return sum(finding.kind in SECRET_KINDS for text in code_texts() for finding in detector.find(text))


def code_texts() -> Iterator[str]:
    """CODE_LINES lines of the standard library, then lock files with hashes, identifiers, minified script."""
    lines = 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        lines += text.count("\n")
        yield text
        if lines >= CODE_LINES:
            break
    yield from written_texts()


def written_texts() -> Iterator[str]:
    """Texts full of random characters that are no secrets."""
    draw = random.Random(20)
    for number in range(300):
        digest = hashlib.sha512(str(number).encode())
        short = hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest()
        name, version = f"left-pad-{number}", f"{number % 9}.{number % 7}.{number % 5}"
        identifier = uuid.UUID(int=draw.getrandbits(128))
        yield f'"{name}": {{"version": "{version}", "resolved": "https://r.example/{name}-{version}.tgz",'
        yield f'"integrity": "sha512-{b64(digest.digest())}"}},\n'
        yield f"{name}=={version} \\\n    --hash=sha256:{digest.hexdigest()[:64]}\n"
        yield f"commit {short}\nindex {short[:7]}..{short[7:14]} 100644\nrequest_id={identifier} etag: {short}\n"
        yield f'[[package]]\nname = "{name}"\nchecksum = "{digest.hexdigest()[:64]}"\n'
        yield f"!function(e,t{number}){{var n=t{number}[e]||(t{number}[e]=function(r){{return r<{number}?e:r}})}}();"
        yield f"\ntoken = tokens[i + {number}]\npassword = get_password(user{number})\n"
        yield f"api_key=os.environ['API_KEY_{number}']\n"


def b64(data: bytes) -> str:
    """Base64 text."""
    return base64.b64encode(data).decode("ascii")


# --- cost ----------------------------------------------------------------------------------------------------------


def cost_texts() -> dict[str, str]:
    """Texts of our own, by name."""
    plain = "The museum opens at nine and closes when the last visitor has left the garden. "
    dense = "Call +49 30 1234567 or mail ann@example.com, card 4111 1111 1111 1111, host 192.0.2.17, ref 20240611. "
    return {"plain_1kb": (plain * 13)[:1024], "dense_1kb": (dense * 11)[:1024], "plain_100kb": (plain * 1300)[:102_400]}


def call_us(call: Callable[[], object]) -> float:
    """The least of several mean costs of a call [us of CPU time]."""
    best = float("inf")
    for _ in range(ROUNDS):
        rounds, begin = 0, time.process_time()
        while time.process_time() - begin < ROUND_SECONDS:
            for _ in range(10):
                call()
            rounds += 10
        best = min(best, (time.process_time() - begin) / rounds)
    return best * 1e6


if __name__ == "__main__":
    main()
