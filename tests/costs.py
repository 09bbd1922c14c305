"""Texts that could be dear to judge, honest and not, and what judging them costs beside prose.

Fixed patterns, repeated, never fill an automaton; random texts over an alphabet do. So texts are generated: words of
some lengths over alphabets, and mixtures of such, beside what people really send a model: tables, logs, dumps, code.
"""

from __future__ import annotations

import gzip
import json
import random
import string
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

_CORPUS = Path(__file__).parent / "corpus" / "shared" / "injection" / "gsm8k_benign.jsonl.gz"
_SOURCE = Path(__file__).parents[1] / "extproc" / "detectors" / "rules" / "urls.py"
SEPARATORS = " .,-/:_\n\t;+()\u00a0"
POOLS = {
    "digits": string.digits,
    "hexadecimal": "0123456789abcdef",
    "base64": string.ascii_letters + string.digits + "+/",
    "small": string.ascii_lowercase,
    "capitals": string.ascii_uppercase,
    "printable": "".join(map(chr, range(33, 127))),
    "Latin-1": "".join(map(chr, range(0xC0, 0x180))),
    "Greek and Cyrillic": "".join(map(chr, range(0x391, 0x460))),
    "Chinese": "".join(map(chr, range(0x4E00, 0x5200))),
    "long compatibility forms": "\ufdfa\ufdfb\u33af\u3316\u2a0c\u2057\ufb03\u1e9b",
    "marks": "e\u0301\u0327\u20dd\u200b\u200d\ufe0f\u202e",
    "emoji": "\U0001f600\U0001f1e6\U0001f468\u200d\U0001f4bb",
    "signs of escapes": "\\ux%&#;<>=",
}
"""What alphabets are drawn from."""


def words(chance: random.Random, alphabet: str, separators: str, lengths: tuple[int, int], size_chars: int) -> str:
    """Random words over an alphabet, with any of the separators between them."""
    pieces: list[str] = []
    size = 0
    while size < size_chars:
        word = "".join(chance.choices(alphabet, k=chance.randint(*lengths)))
        pieces += (word, chance.choice(separators) if separators else "")
        size += len(word) + 1
    return "".join(pieces)[:size_chars]


def _lines(line: Callable[[], str], size_chars: int) -> str:
    pieces: list[str] = []
    size = 0
    while size < size_chars:
        pieces.append(line())
        size += len(pieces[-1])
    return "".join(pieces)[:size_chars]


def prose(size_chars: int) -> str:
    """Honest sentences: what all else is compared with."""
    with gzip.open(_CORPUS, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    random.Random(size_chars).shuffle(texts)
    return " ".join(texts)[:size_chars]


def _csv(chance: random.Random) -> str:
    return f"{chance.randint(1, 99_999)},{chance.random():.4f},Anna {chance.randint(1, 99)},{chance.randint(1, 9)}\n"


def _record(chance: random.Random) -> str:
    return f'{{"id": {chance.randint(1, 9_999)}, "name": "Item {chance.randint(1, 99)}", "price": 9.95}}, '


def _access(chance: random.Random) -> str:
    when = f"[28/Nov/2026:08:{chance.randint(10, 59)}:11 +0000]"
    return f'10.{chance.randint(0, 255)}.0.7 - - {when} "GET /a/{chance.randint(1, 9_999)} HTTP/1.1" 200 5\n'


def _dump(chance: random.Random) -> str:
    return f"{chance.randint(0, 1 << 32):08x}  {chance.randbytes(16).hex(' ')}\n"


def _phone(chance: random.Random) -> str:
    return f"+1 {chance.randint(200, 999)} {chance.randint(200, 999)} {chance.randint(1_000, 9_999)}\n"


def _mail(chance: random.Random) -> str:
    return f"user{chance.randint(1, 99_999)}@example.com, "


def _script(chance: random.Random) -> str:
    return f"function {chance.choice('abcdef')}(e,t){{return e[{chance.randint(0, 9)}]&&t.n(e,!0)}};"


def _uuid(chance: random.Random) -> str:
    digits = chance.randbytes(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}\n"


LINES: dict[str, Callable[[random.Random], str]] = {
    "CSV": _csv,
    "JSON of floats": lambda chance: f"{chance.random()}, ",
    "JSON records": _record,
    "an access log": _access,
    "a hex dump": _dump,
    "a list of phones": _phone,
    "a list of mails": _mail,
    "minified JavaScript": _script,
    "UUIDs": _uuid,
    "one word again and again": lambda _: "word ",
}
WORDS = {
    "a table of integers": (string.digits, " ", (1, 6)),
    "DNA": ("ACGT", "\n", (60, 60)),
    "base64": (POOLS["base64"], "\n", (76, 76)),
    "Chinese": (POOLS["Chinese"], "，。", (5, 20)),
    "capitals": (string.ascii_uppercase, " ", (2, 10)),
}


@cache
def hard_texts(size_chars: int) -> dict[str, str]:
    """What is honest and hard: much of it is sent every day."""
    chance = random.Random(size_chars)
    texts = {name: _lines(partial(line, chance), size_chars) for name, line in LINES.items()}
    texts |= {name: words(chance, *of_words, size_chars) for name, of_words in WORDS.items()}
    return texts | {"source code": (_SOURCE.read_text() * (size_chars // 10_000 + 1))[:size_chars]}


class Recipe(NamedTuple):
    """How a text is generated."""

    pools: tuple[str, ...]
    separators: str
    lengths: tuple[int, int]
    seed: int

    def text(self, size_chars: int) -> str:
        """The text; of several pools, a piece of each in turn."""
        chance = random.Random(self.seed)
        pieces = [words(chance, POOLS[pool], self.separators, self.lengths, size_chars) for pool in self.pools]
        step = 997
        mixed = [piece[start : start + step] for start in range(0, size_chars, step) for piece in pieces]
        return "".join(mixed)[:size_chars]


def cost_us_per_kb(work: Callable[[str], object], text: str) -> float:
    """The processor's time for a text, by its length in UTF-8. [us per 1,024 bytes]"""
    size_kb = len(text.encode("utf-8", "replace")) / 1_024
    begin_ns = time.thread_time_ns()
    work(text)
    return (time.thread_time_ns() - begin_ns) / 1_000 / size_kb
