"""What plain rules find: banned phrases in disguise, URLs, topics by words and by examples, and what a look costs.

    python tests/tools/rules_report.py

Sources are in ``tests/corpus``. ``rules`` is our own, so it shows that something works, not how often; false positives
of URLs are counted on texts of others.
"""

from __future__ import annotations

import json
import sys
import time
import unicodedata
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from extproc.detectors.rules.hosts import HostRules
from extproc.detectors.rules.topics import TopicBook
from extproc.detectors.rules.urls import UrlRules, UrlScan, may_hold_url
from extproc.detectors.text.phrases import PhraseBook

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
SCHEMES = frozenset({"javascript", "vbscript", "data", "file", "blob"})
TOPIC_THRESHOLD = 0.05
CALLS = 200
LOOK_ALIKES = str.maketrans("aceopxyis", "асеорхуіѕ")
DISGUISES: dict[str, Callable[[str], str]] = {
    "none": str,
    "capitals": str.upper,
    "zero width": lambda text: "\u200b".join(text),
    "soft hyphen": lambda text: "\u00ad".join(text),
    "combining mark": lambda text: "".join(character + "\u0301" * character.isalpha() for character in text),
    "Cyrillic": lambda text: text.translate(LOOK_ALIKES),
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "Unicode tags": lambda text: "".join(chr(ord(character) + 0xE0000) for character in text),
    "hyphen between words": lambda text: text.replace(" ", "-"),
    "spaced letters": " ".join,
    "leetspeak": lambda text: text.translate(str.maketrans("aeio", "4310")),
}
PHRASES = ("project falcon", "internal only", "acme merger", "operation sunrise", "blue harvest", "salaries")


def report() -> dict[str, float]:
    """Shares from 0 to 1, and costs in microseconds (``_us``) or milliseconds (``_ms``)."""
    return {**_banned(), **_urls(), **_topics()}


def _banned() -> dict[str, float]:
    book = PhraseBook(PHRASES)
    figures: dict[str, float] = {}
    for name, disguise in DISGUISES.items():
        found = [bool(book.find(f"What of {disguise(phrase)} now?")) for phrase in PHRASES]
        figures[f"banned/recall/{name}"] = sum(found) / len(found)
    benign = [text for text in _texts_of_others() if book.find(text)]
    figures["banned/false_positives"] = len(benign) / len(_texts_of_others())
    many = [f"{first} {second}" for first in _words()[:100] for second in _words()[100:150]]
    begin = time.perf_counter()
    large = PhraseBook(many)
    figures["banned/load_5000_ms"] = (time.perf_counter() - begin) * 1e3
    figures["banned/look_4kb_us"] = _cost_us(lambda: large.might_match(_prose()))
    return figures


def _urls() -> dict[str, float]:
    allowing = UrlRules(HostRules(["good.example"], (), ip_addresses=False), SCHEMES, images=True)
    usual = UrlRules(HostRules(None, (), ip_addresses=False), SCHEMES, images=True)
    rows = _rows(CORPUS / "rules" / "urls.jsonl")
    bad, good = ([row["text"] for row in rows if row["label"] == label] for label in (1, 0))
    others = _texts_of_others()
    return {
        "urls/recall": sum(map(bool, (_found(allowing, text) for text in bad))) / len(bad),
        "urls/false_positives": sum(map(bool, (_found(allowing, text) for text in good))) / len(good),
        "urls/false_positives/others": sum(map(bool, (_found(usual, text) for text in others))) / len(others),
        "urls/look_4kb_us": _cost_us(lambda: may_hold_url(_prose())),
    }


def _found(rules: UrlRules, text: str) -> list[Any]:
    return UrlScan(rules).push(text, closing=True).found


def _topics() -> dict[str, float]:
    data = json.loads((CORPUS / "rules" / "topics.json").read_text())
    book = TopicBook(list(data["words"].items()))
    figures = _topic_figures("words", lambda text: book.score(text), data["questions"], TOPIC_THRESHOLD)
    figures["topics/words/look_4kb_us"] = _cost_us(lambda: book.score(_prose()))
    if find_spec("llm_extproc_models") is None or find_spec("tokenizers") is None:
        return figures
    from extproc.detectors.rules.topic_vectors import TopicVectors

    vectors = TopicVectors(data["examples"])
    scores = sorted(
        score
        for row in data["questions"]
        for topic, score in vectors.score(row["text"]).items()
        if topic != row["topic"]
    )
    threshold = scores[int(len(scores) * 0.95)]
    figures |= _topic_figures("vectors", vectors.score, data["questions"], threshold)
    figures["topics/vectors/threshold"] = threshold
    figures["topics/vectors/short_us"] = _cost_us(lambda: vectors.score("What helps against a sore throat?"))
    figures["topics/vectors/4kb_us"] = _cost_us(lambda: vectors.score(_prose()))
    return figures


def _topic_figures(
    name: str, score: Callable[[str], dict[str, float]], rows: list[dict[str, Any]], threshold: float
) -> dict[str, float]:
    """Recall of each question's topic, and how often another topic than its own is found."""
    topical = [row for row in rows if row["topic"]]
    found = [score(row["text"]).get(row["topic"], 0.0) >= threshold for row in topical]
    wrong = [
        any(value >= threshold for topic, value in score(row["text"]).items() if topic != row["topic"]) for row in rows
    ]
    return {f"topics/{name}/recall": sum(found) / len(found), f"topics/{name}/wrong": sum(wrong) / len(wrong)}


def _texts_of_others() -> list[str]:
    """Texts of the committed samples that are labelled harmless."""
    files = [file for folder in ("injection", "refusal") for file in sorted((CORPUS / folder).glob("*.jsonl"))]
    return [row["text"] for file in files for row in _rows(file) if row["label"] == 0]


def _rows(file: Path) -> list[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _words() -> list[str]:
    words = {word.lower() for text in _texts_of_others() for word in text.split() if word.isalpha() and len(word) > 3}
    return sorted(word for word in words if unicodedata.normalize("NFKC", word) == word)


def _prose() -> str:
    return ("The quick brown fox jumps over the lazy dog, and it was fine. " * 70)[:4_096]


def _cost_us(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - begin) / CALLS * 1e6


def main() -> None:
    """Print the report as a table in Markdown."""
    print("| figure | value |\n|---|---|")
    for name, value in report().items():
        print(f"| {name} | {value:.3g} |")


if __name__ == "__main__":
    main()
