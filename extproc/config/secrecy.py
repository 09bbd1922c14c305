"""Detects texts in a configuration that may be secrets pasted by mistake, so that messages do not quote them.

Messages go to terminals, logs and ``/readyz``. The author finds the text by its line, so a false positive costs little.
"""

from __future__ import annotations

import re
from itertools import groupby, pairwise

MIXED_CHARS_MIN = 12
"""Minimum length of a mixed run of letters and digits: names of models and versions have shorter runs."""
PASSWORD_CHARS_MIN = 8
_BEGINNINGS = (
    "AIza",
    "AKIA",
    "ASIA",
    "SG.",
    "eyJ",
    "gho_",
    "ghp_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "gsk_",
    "hf_",
    "lx-",
    "npg_",
    "pk-",
    "pk_",
    "rk_",
    "sk-",
    "sk_",
    "xox",
    "ya29.",
)
_BEGINNING_CHARS_MIN = 14
_SIGNS = ("-----begin", "basic ", "bearer ", "key=", "token=", "secret=", "password=", "passwd=", "pwd=")
_WORDS = re.compile(r"[\s\"'`,;:=<>()\[\]{}/]+")
_PARTS = re.compile(r"[-._+~]+")
_PASSWORD_SIGNS = frozenset("!@#$%^&*?")


def may_be_secret(text: str) -> bool:
    """Whether a text may contain a key, a token, a password, or a URL with one."""
    lower = text.lower()
    if ("://" in text and "@" in text) or any(sign in lower for sign in _SIGNS):
        return True
    return any(_is_secret(word) for word in _WORDS.split(text))


def is_key_itself(name: str) -> bool:
    """Whether a variable name looks like the secret value instead."""
    longest = max(_PARTS.split(name), key=len)
    return _begins_as_one(name) or (len(longest) >= MIXED_CHARS_MIN and _is_mixed(longest))


def _is_secret(word: str) -> bool:
    if is_key_itself(word) or any(_begins_as_one(word[join.end() :]) for join in _PARTS.finditer(word)):
        return True
    if len(word) >= PASSWORD_CHARS_MIN and not _PASSWORD_SIGNS.isdisjoint(word) and _is_mixed(word):
        return True
    parts = _PARTS.split(word)
    if any(len(part) >= MIXED_CHARS_MIN and _humps(part) > 1 for part in parts):
        return True
    runs = ["".join(run) for is_hex, run in groupby(parts, _is_hex) if is_hex]  # a UUID, whatever stands around it
    return any(len(run) >= 2 * MIXED_CHARS_MIN and _is_mixed(run) for run in runs)


def _is_hex(part: str) -> bool:
    return not part.strip("0123456789abcdefABCDEF")


def _begins_as_one(word: str) -> bool:
    """Starts with a vendor's key prefix, and what follows is not a word."""
    return len(word) >= _BEGINNING_CHARS_MIN and word.startswith(_BEGINNINGS) and (_is_mixed(word) or _humps(word) > 0)


def _is_mixed(word: str) -> bool:
    return any(char.isdigit() for char in word) and any(char.isalpha() for char in word)


def _humps(word: str) -> int:
    """Number of capitals after a lower-case letter."""
    return sum(before.islower() and after.isupper() for before, after in pairwise(word))
