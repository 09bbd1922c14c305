"""The process of a model: ``python -m extproc.classifiers.worker``.

It reads JSON lines: first the classifier's section, then texts with their context ("": none), and replies to each with
one line. Errors are reported by type only: their message might quote a text. It ends when its input closes.
"""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

import orjson

from extproc.classifiers.adapters import LOADERS
from extproc.classifiers.adapters.base import LocatingModel, ModelUnusable, PairModel, TextModel

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # one thread per worker: `workers` sets the parallelism
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",  # never download anything
    "TRANSFORMERS_OFFLINE": "1",
}

_NICENESS = 5


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Load the model of the first line, and classify the texts of the others."""
    model: TextModel | PairModel | None = None
    for line in questions:
        try:
            question = orjson.loads(line)
            if model is None:
                model = LOADERS[question["adapter"]](question)
                answer: dict[str, object] = {"ready": True}
            else:
                answer = _answer(model, question["texts"], question["context"])
        except ImportError as error:
            answer = {"error": f"{error.name} is not installed: see the extras of llm-extproc"}
        except ModelUnusable as error:
            answer = {"error": str(error)}
        except Exception as error:
            answer = {"error": type(error).__name__}
        answers.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE))
        answers.flush()


def _answer(model: TextModel | PairModel, texts: list[str], context: str) -> dict[str, object]:
    """Scores of each text, and where a model that locates what it finds has found it."""
    if isinstance(model, LocatingModel):
        places = [model.places(text) for text in texts]
        return {"scores": [model.scores_of(found) for found in places], "places": places}
    return {"scores": _scores(model, texts, context)}


def _scores(model: TextModel | PairModel, texts: list[str], context: str) -> list[dict[str, float]]:
    if isinstance(model, PairModel):
        return model.scores_against(context, texts)
    return [model.scores(text) for text in texts]


def main() -> None:
    """Serve on the standard streams; output of libraries is redirected. Runs at low priority, below exchanges."""
    os.environ.update(_ENVIRONMENT)
    os.nice(_NICENESS)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
