"""Puts texts of every kind before every guard: ``python -m tests.attack.texts SECONDS``. None may fail on any.

Ordinary texts, damaged: characters of any block put in, pieces escaped in any of the ways that guards decode, doubled,
turned, and cut.
"""

from __future__ import annotations

import base64
import html
import json
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from urllib.parse import quote

from tests.unit.filters.judging import JUDGED, judge_everywhere
from tests.unit.filters.test_any_text import ordinary_texts

TEXT_CHARS_MAX = 6_000
SURROGATES = range(0xD800, 0xE000)


def character(chance: random.Random) -> str:
    """Any that JSON can carry, from a block as likely as from another."""
    while (code := chance.randrange(0x110) * 0x1000 + chance.randrange(0x1000)) in SURROGATES or code > 0x10FFFF:
        pass
    return chr(code if chance.random() < 0.5 or code < 0x3000 else code % 0x3000)


WAYS: tuple[Callable[[random.Random, str], str], ...] = (
    lambda _, text: json.dumps(text)[1:-1],
    lambda _, text: quote(text, safe=""),
    lambda _, text: html.escape(text),
    lambda _, text: base64.b64encode(text.encode()).decode(),
    lambda _, text: text.encode().hex(),
    lambda _, text: text[::-1],
    lambda _, text: " ".join(text),
    lambda _, text: "".join(f"&#{ord(letter)};" for letter in text),
    lambda _, text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    lambda chance, text: "".join(f"\\u{chance.randrange(1 << 16):04x}" for _ in text),
    lambda chance, text: "".join(character(chance) for _ in text),
    lambda chance, text: "".join(letter + character(chance) for letter in text),
    lambda chance, text: text * chance.randint(2, 9),
    lambda _, text: text[:0],
)
"""What may become of a piece of a text."""


def damaged(chance: random.Random, text: str) -> str:
    """A text with some pieces written otherwise."""
    for _ in range(chance.randint(0, 6)):
        first = chance.randrange(len(text) + 1)
        last = min(len(text), first + chance.choice((1, 4, 20, 200)))
        text = text[:first] + chance.choice(WAYS)(chance, text[first:last]) + text[last:]
        text = text[:TEXT_CHARS_MAX]
    return text


def main(seconds: float) -> int:
    """Exits 1 at the first failure."""
    chance, ordinary = random.Random(), ordinary_texts()
    tried: Counter[str] = Counter()
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        text = damaged(chance, chance.choice(ordinary))
        for name in JUDGED:
            try:
                judge_everywhere(name, text)
            except Exception:  # whatever it is, it is what is looked for
                traceback.print_exc()
                print(f"{name} fails on {json.dumps(text)}", file=sys.stderr)
                return 1
            tried[name] += 1
    print(f"{sum(tried.values())} texts before {len(tried)} guards, each in seven places; none failed")
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
