"""Cache of scores: a conversation repeats all its messages in each turn.

Keys are keyed digests of texts; the digest key never leaves the process, so the cache reveals nothing of the texts.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence

from extproc.classifiers.pool import ClassifierDropReason
from extproc.classifiers.scores import Scores

_DIGEST_BYTES = 16
ScoresOrDrop = Sequence[Scores] | ClassifierDropReason


class Memory:
    """LRU cache of the scores of ``texts_max`` texts of one classifier; 0 disables it."""

    def __init__(self, texts_max: int) -> None:
        self._texts_max = texts_max
        self._key = secrets.token_bytes(_DIGEST_BYTES)
        self._scores: OrderedDict[bytes, Scores] = OrderedDict()

    def look_up(
        self, texts: Sequence[str], done: Callable[[ScoresOrDrop], None]
    ) -> tuple[list[str], Callable[[ScoresOrDrop], None]]:
        """Split texts into cached ones and those to classify; ``done`` then gets the scores of all of them."""
        digests = [self._digest(text) for text in texts]
        known = {digest: self._recall(digest) for digest in digests}
        unknown = {digest: text for digest, text in zip(digests, texts, strict=True) if known[digest] is None}

        def tell(outcome: ScoresOrDrop) -> None:
            if isinstance(outcome, ClassifierDropReason) or len(outcome) != len(unknown):
                done(outcome)
                return
            judged = dict(zip(unknown, outcome, strict=True))
            for digest, scores in judged.items():
                self._keep(digest, scores)
            done([judged.get(digest) or known[digest] or {} for digest in digests])

        return list(unknown.values()), tell

    def _digest(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=_DIGEST_BYTES).digest()

    def _recall(self, digest: bytes) -> Scores | None:
        scores = self._scores.get(digest)
        if scores is not None:
            self._scores.move_to_end(digest)
        return scores

    def _keep(self, digest: bytes, scores: Scores) -> None:
        self._scores[digest] = scores
        self._scores.move_to_end(digest)
        while len(self._scores) > self._texts_max:
            self._scores.popitem(last=False)
