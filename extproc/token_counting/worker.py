"""The process that counts: ``python -m extproc.token_counting.worker``.

It reads JSON lines and replies to each with one line: ``{"load": FILE, "sha256": ...}`` loads a tokenizer, ``{"forget":
FILE}`` drops it, ``{"count": FILE, "texts": [[...], ...]}`` counts the tokens of each list. Errors are reported by type
only: their message might quote a text. It ends when its input closes.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from extproc.domain.extras import how_to_install

CHANGED: Final = "changed"
NOT_JSON: Final = "not JSON"
NO_TOKENIZER: Final = "no tokenizer"
_ENVIRONMENT: Final = {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
_NICENESS: Final = 5


class Unloadable(Exception):
    """A file that is no tokenizer; the message is one of the words above, or the reason of the system."""


def load_tokenizer(file: str, sha256: str) -> Any:
    """Load a tokenizer. Raises: Unloadable."""
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise Unloadable((error.strerror or "input or output error").lower()) from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Unloadable(CHANGED)
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise Unloadable(f"tokenizers is not installed. {how_to_install('tokenizers')}") from None
    try:
        tokenizer = Tokenizer.from_buffer(content)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_batch_fast(["a"], add_special_tokens=False)
    except BaseException as error:  # a panic of the library is no Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        raise Unloadable(NO_TOKENIZER if _is_json(content) else NOT_JSON) from None
    return tokenizer


def _is_json(content: bytes) -> bool:
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Reply to each question."""
    known: dict[str, Any] = {}
    for line in questions:
        try:
            answer = _answer(orjson.loads(line), known)
        except Unloadable as error:
            answer = {"error": str(error)}
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            answer = {"error": type(error).__name__}
        answers.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE))
        answers.flush()


def _answer(question: dict[str, Any], known: dict[str, Any]) -> dict[str, object]:
    if "load" in question:
        known[question["load"]] = load_tokenizer(question["load"], question["sha256"])
    elif "forget" in question:
        known.pop(question["forget"], None)
    else:
        tokenizer = known[question["count"]]
        return {"tokens": [_count(tokenizer, texts) for texts in question["texts"]]}
    return {"done": True}


def _count(tokenizer: Any, texts: list[str]) -> int:
    return sum(map(len, tokenizer.encode_batch_fast(texts, add_special_tokens=False)))


def main() -> None:
    """Serve on the standard streams; output of the library is redirected. Runs at low priority, below exchanges."""
    os.environ.update(_ENVIRONMENT)
    os.nice(_NICENESS)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
