"""A cache of texts in which a policy's guards found nothing: a repeated conversation costs only its new texts.

A client sends the whole conversation with each turn. The cache keeps only a keyed hash of each text, its source and the
guards that checked it. Reading the process's memory reveals no text, and a client that chooses its texts cannot produce
a collision. The result for a text that is checked alone depends on nothing else, so the cache never changes the outcome
of an exchange.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

from extproc.payload.view import TextField

CHARS_MIN: Final = 128
"""Checking a shorter text is faster than looking it up."""
_HASH_BYTES: Final = 16


class CleanTexts:
    """A cache of up to ``texts_max`` texts in two generations, so that recently used texts stay.

    Args:
        key: secret of this process. [up to 64 bytes]
        texts_max: about 100 bytes of memory each; 0 disables the cache.
    """

    def __init__(self, key: bytes, texts_max: int) -> None:
        self._key = key
        self._generation_max = (texts_max + 1) // 2
        self._recent: set[bytes] = set()
        self._older: set[bytes] = set()

    def recognize(self, judged_by: str, fields: Iterable[TextField]) -> list[tuple[TextField, bytes]]:
        """Mark the fields that are known to be clean. Returns: the others, each with its hash for ``remember``.

        Args: judged_by: identifies the guards and their configuration.
        """
        if not self._generation_max:
            return []
        new: list[tuple[TextField, bytes]] = []
        for field in fields:
            if len(field.text) < CHARS_MIN:
                continue
            text_hash = self._hash(judged_by, field)
            if text_hash in self._recent:
                field.known_clean = True
            elif text_hash in self._older:
                field.known_clean = True
                self._add(text_hash)
            else:
                new.append((field, text_hash))
        return new

    def remember(self, judged: Sequence[tuple[TextField, bytes]]) -> None:
        """Add those of the checked fields in which no guard found anything."""
        for field, text_hash in judged:
            if not field.found:
                self._add(text_hash)

    def __len__(self) -> int:
        """The number of cached texts."""
        return len(self._recent | self._older)

    def _add(self, text_hash: bytes) -> None:
        if len(self._recent) >= self._generation_max:
            self._older, self._recent = self._recent, set()
        self._recent.add(text_hash)

    def _hash(self, judged_by: str, field: TextField) -> bytes:
        source = field.source
        told = f"{judged_by}\0{source.speaker}\0{source.kind}\0{field.keys}\0".encode()
        hasher = blake2b(told, digest_size=_HASH_BYTES, key=self._key)
        hasher.update(field.text.encode("utf-8", "surrogatepass"))
        return hasher.digest()
