"""Writes attacks and honest look-alikes of our own from small grammars, to train on: ``own_attacks.jsonl``.

    python -m tests.tools.own_attacks FOLDER

The grammars (``attack_grammar/LANGUAGE.txt``) say in general words how people ask a model to drop its rules, give away
its prompt or play one without scruples, and how the same words are used honestly, in seven languages: no public data
set has honest text in all of them. Never a source that figures are reported of. Licence: CC0-1.0.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
from collections.abc import Mapping
from pathlib import Path

GRAMMARS = Path(__file__).with_name("attack_grammar")
ROWS = {"en": 2_400, "de": 500, "es": 500, "fr": 500, "it": 500, "nl": 250, "pt": 500}
"""How many attacks, and as many honest texts, of each language."""

_SLOT = re.compile(r"<([a-z0-9]+)>")
_TRIES_PER_ROW = 20


def read_grammar(text: str) -> dict[str, list[str]]:
    """Sections with their alternatives: a line each, or several with `` | `` between them."""
    grammar: dict[str, list[str]] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("[") and line.endswith("]") and line[1:-1].isalnum() and line == line.lower():
            section = line[1:-1]
            grammar[section] = []
        elif line and not line.startswith("# "):
            grammar[section] += line.split(" | ")
    return grammar


def sentence(grammar: Mapping[str, list[str]], section: str, draw: random.Random) -> str:
    """One text of a section, its slots filled."""
    template = draw.choice(grammar[section])
    return _SLOT.sub(lambda slot: sentence(grammar, slot[1], draw) if slot[1] in grammar else slot[0], template)


def text_of(grammar: Mapping[str, list[str]], section: str, draw: random.Random) -> str:
    """One text; now and then honest sentences stand before it, or its first letter is small, or it has no full stop."""
    parts = [sentence(grammar, section, draw)]
    while draw.random() < (0.1 if section == "attack" else 0.25) and len(parts) < 4:
        parts.insert(0, sentence(grammar, "honest", draw))
    text = " ".join(part[:1].upper() + part[1:] if draw.random() < 0.8 else part for part in parts)
    text = re.sub(r"(?<=\w)\.\.", ".", text)
    return text.rstrip(".") if draw.random() < 0.35 else text


def rows() -> list[dict[str, object]]:
    """All rows, the same every time."""
    made: list[dict[str, object]] = []
    for language, wanted in ROWS.items():
        grammar = read_grammar((GRAMMARS / f"{language}.txt").read_text(encoding="utf-8"))
        for section, label in (("attack", 1), ("honest", 0)):
            draw = random.Random(f"{language} {section}")
            texts: dict[str, None] = {}
            for _ in range(wanted * _TRIES_PER_ROW):
                texts[text_of(grammar, section, draw)] = None
                if len(texts) == wanted:
                    break
            made += [{"text": text, "label": label, "language": language, "source": "own_attacks"} for text in texts]
    return made


def main() -> None:
    """Write the file into the folder named on the command line."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows())
    target = Path(sys.argv[1]) / "own_attacks.jsonl.gz"
    target.write_bytes(gzip.compress(lines.encode("utf-8"), 9, mtime=0))


if __name__ == "__main__":
    main()
