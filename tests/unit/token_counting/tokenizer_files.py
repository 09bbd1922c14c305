"""Small tokenizers, built here: no file of a model is needed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SAID = "The sea is wide and deep and blue, and the ships on it carry lamps, bread and books."


def tokenizer() -> Tokenizer:
    """Byte-level BPE that knows the words of ``SAID``, so any text has tokens."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator([SAID] * 20, trainer)
    return made


def write_tokenizer(file: Path, truncated: bool = False) -> str:
    """Write it. Args: truncated: with the settings of a model that reads 8 tokens. Returns: its SHA-256."""
    made = tokenizer()
    if truncated:
        made.enable_truncation(8)
        made.enable_padding(length=8)
    made.save(str(file))
    return sha256_of(file)


def sha256_of(file: Path) -> str:
    """Of its content."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def tokens_of(*texts: str) -> int:
    """As the library counts them."""
    made = tokenizer()
    return sum(len(made.encode(text, add_special_tokens=False)) for text in texts)
