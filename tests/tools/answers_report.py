"""How often the guards of answers are right: leaked prompts, loops, languages; and what an event costs them.

    python tests/tools/answers_report.py

Answers are those of ``tests/corpus/refusal`` (models' own, some of them stuck) and ``tests/corpus/shared/halluc``;
prompts are the contexts of the latter. Nothing is trained. What should be found is made from them: a run of a prompt's
words in another layout, a sentence that comes again and again, an answer where another language was expected.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from extproc.detectors.answers.loops import TAIL_CHARS_MAX, loop_chars
from extproc.detectors.answers.prompt_leak import PromptIndex, RunMatcher, compared, words_of
from extproc.detectors.text.languages import expected_of, is_unexpected
from extproc.filters.degenerate import LANGUAGE_CHARS, LANGUAGE_CHARS_MIN, STEP_CHARS
from tests.tools.grounding_report import rows_of as grounded_rows_of

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
WORDS_MIN = 12
LOOP_CHARS_MIN = 200
SAMPLE_MAX = 400


def answers() -> dict[str, list[str]]:
    """Texts of answers, by source."""
    found: dict[str, list[str]] = {}
    for path in sorted((CORPUS / "refusal").glob("*.jsonl")):
        lines = path.read_text(encoding="utf-8").splitlines()
        found[path.stem] = [json.loads(line)["text"] for line in lines]
    for source, rows in grounded_rows_of(CORPUS / "shared" / "halluc").items():
        found[source] = [row["text"] for row in rows[:SAMPLE_MAX]]
    return found


def prompts() -> list[str]:
    """Texts that are long enough to leak."""
    rows = (row for rows in grounded_rows_of(CORPUS / "shared" / "halluc").values() for row in rows[:SAMPLE_MAX])
    return [row["context"] for row in rows if len(row["context"].split()) >= 3 * WORDS_MIN]


def leaks(index: PromptIndex, answer: str) -> bool:
    """Whether an answer has a run of a prompt's words."""
    matcher = RunMatcher(index)
    return any(matcher.word(word) for match in words_of(answer) if (word := compared(match.group())))


def has_loop(text: str) -> bool:
    """Whether a text is stuck at any of the places at which the guard looks."""
    ends = [*range(STEP_CHARS, len(text) + 1, STEP_CHARS), len(text)]
    return any(loop_chars(text[max(0, end - TAIL_CHARS_MAX) : end], LOOP_CHARS_MIN) for end in ends)


def is_foreign(text: str, language: str) -> bool:
    """Whether any piece of a text is in another language than the one expected."""
    pieces = (text[start : start + LANGUAGE_CHARS] for start in range(0, len(text), LANGUAGE_CHARS))
    expected = expected_of((language,))
    return any(is_unexpected(piece, expected) for piece in pieces if len(piece) >= LANGUAGE_CHARS_MIN)


def share(found: Iterable[bool]) -> float:
    """The share of what is true."""
    listed = list(found)
    return sum(listed) / len(listed) if listed else 0.0


def disguised_run(prompt: str, random: Random) -> str:
    """A run of a prompt's words as a model might show them: in capitals, in a list, in bold."""
    words = [word for word in prompt.split() if any(map(str.isalnum, word))]
    begin = random.randrange(len(words) - WORDS_MIN - 4)
    run = words[begin : begin + WORDS_MIN + 4]
    layouts: Sequence[Callable[[], str]] = (
        lambda: " ".join(run).upper(),
        lambda: "\n- ".join(run),
        lambda: " ".join(f"**{word}**" for word in run),
        lambda: "> " + "\n> ".join(run),
    )
    return f"Well, I was told this: {random.choice(layouts)()} And nothing else."


def report() -> dict[str, float]:
    """Flat figures: shares of answers and of made texts in which something was found."""
    random = Random(7)
    by_source = answers()
    figures: dict[str, float] = {}
    known = prompts()
    indexes = [PromptIndex([prompt], WORDS_MIN) for prompt in known]
    texts = [text for found in by_source.values() for text in found]
    figures["prompt_leak.false_share"] = share(leaks(random.choice(indexes), text) for text in texts)
    figures["prompt_leak.recall_in_other_layout"] = share(
        leaks(index, disguised_run(prompt, random)) for prompt, index in zip(known, indexes, strict=True)
    )
    for source, found in by_source.items():
        figures[f"degenerate.{source}.loop_share"] = share(map(has_loop, found))
        figures[f"degenerate.{source}.not_english_share"] = share(is_foreign(text, "en") for text in found)
    stuck = [text + " " + text[:100].strip() * 9 for text in texts if len(text) > LANGUAGE_CHARS_MIN]
    figures["degenerate.made_loops.recall"] = share(map(has_loop, stuck))
    long = [text for text in texts if len(text) >= LANGUAGE_CHARS / 2]
    for language in ("de", "fr", "ru", "zh"):
        figures[f"degenerate.english_where_{language}_was_expected.recall"] = share(
            is_foreign(text, language) for text in long
        )
    return figures


def call_us(call: Callable[[], object]) -> float:
    """Best of five mean costs of a call. [us]"""
    costs = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(200):
            call()
        costs.append((time.perf_counter() - begin) / 200)
    return min(costs) * 1e6


def main() -> None:
    """Print the figures, and costs of single calls."""
    print("### Guards of answers\n\n| figure | share |\n|---|---|")
    for name, value in report().items():
        print(f"| {name} | {value:.4f} |")
    text = prompts()[0][:LANGUAGE_CHARS]
    index = PromptIndex(prompts()[:1], WORDS_MIN)
    print("\n| call | cost [us] |\n|---|---|")
    print(f"| words of {len(text)} characters against a prompt | {call_us(partial(leaks, index, text)):.1f} |")
    print(f"| loops at the end of {len(text)} characters | {call_us(partial(loop_chars, text, LOOP_CHARS_MIN)):.1f} |")
    print(f"| language of {len(text)} characters | {call_us(partial(is_foreign, text, 'en')):.1f} |")


if __name__ == "__main__":
    main()
