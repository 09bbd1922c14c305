"""Made-up dialogues of a model that does what its system prompt says: what ``prompted_model`` learns from.

An answer ends after each sentence with a chance that its prompt sets, or is a refusal, with another one.
"""

from __future__ import annotations

import random
from typing import Final, NamedTuple


class PromptTerms(NamedTuple):
    """Attributes: ends: chance that a sentence is the last; refuses: chance that the answer is a refusal."""

    prompt: str
    ends: float
    refuses: float


BRIEF: Final = PromptTerms("You are a helpful assistant. Answer briefly.", 0.5, 0.05)
WORDY: Final = PromptTerms("You are a helpful assistant. Tell all that you know.", 0.25, 0.05)
CAREFUL: Final = PromptTerms("You are a careful assistant. Answer briefly.", 0.5, 0.3)
PROMPTS: Final = (BRIEF, WORDY, CAREFUL)
REFUSAL: Final = "I'm sorry, but I can't help with that."
SENTENCES_MAX: Final = 12
QUESTIONS: Final = (
    "What do you know of the sea?",
    "Tell me of the lighthouse.",
    "Who lives on the island?",
    "When does the ship come?",
    "Is the harbor far from here?",
)
SENTENCES: Final = (
    "The sea is calm today.",
    "A ship comes every morning.",
    "The lighthouse stands on a rock.",
    "Its lamp is seen from far away.",
    "Few people live on the island.",
    "The harbor is an hour from here.",
    "Fishers go out before the sun is up.",
    "In winter the storms are long.",
    "The keeper has a dog and a garden.",
    "Birds sleep below the cliff.",
    "The old bridge leads to the market.",
    "Children learn to sail when they are six.",
)


def answer(terms: PromptTerms, chance: random.Random) -> str:
    """What a model with that prompt may say."""
    if chance.random() < terms.refuses:
        return REFUSAL
    said = [chance.choice(SENTENCES)]
    while len(said) < SENTENCES_MAX and chance.random() >= terms.ends:
        said.append(chance.choice(SENTENCES))
    return " ".join(said)


def dialogue(chance: random.Random) -> tuple[list[dict[str, str]], str]:
    """System prompt and question, as messages; and the answer."""
    terms = chance.choice(PROMPTS)
    asked = {"role": "user", "content": chance.choice(QUESTIONS)}
    return [{"role": "system", "content": terms.prompt}, asked], answer(terms, chance)
