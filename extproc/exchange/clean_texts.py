"""Texts that a policy's guards have found clean, so that a conversation that comes back costs what is new in it.

A client sends the whole conversation with each turn. Only a keyed hash of a text is kept, together with what it was
judged by and whose it is: who knows the process's memory learns no text, and who chooses texts cannot make two of them
meet. What guards make of a text that is judged alone depends on nothing else, so an exchange ends the same with and
without this memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

from extproc.payload.view import TextField

CHARS_MIN = 128
"""Shorter texts are judged faster than they are looked up."""
_HASH_BYTES = 16


class CleanTexts:
    """Remembers up to ``texts_max`` texts, those last seen rather than others.

    Args:
        key: secret of this process. [up to 64 bytes]
        texts_max: about 100 bytes of memory each; 0: nothing is remembered.
    """

    def __init__(self, key: bytes, texts_max: int) -> None:
        self._key = key
        self._generation_max = (texts_max + 1) // 2
        self._recent: set[bytes] = set()
        self._older: set[bytes] = set()

    def recognize(self, judged_by: str, fields: Iterable[TextField]) -> list[tuple[TextField, bytes]]:
        """Mark the fields that are known to be clean; returns the others, each with its hash for ``remember``.

        Args:
            judged_by: names the guards and their configuration.
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
        """Remember those of the judged fields in which no guard has found anything."""
        for field, text_hash in judged:
            if not field.found:
                self._add(text_hash)

    def __len__(self) -> int:
        """How many texts are remembered."""
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
