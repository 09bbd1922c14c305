"""The process that a model runs in: ``python -m extproc.classifiers.worker``.

It reads lines of JSON: first the section of the classifier, then texts with the context that they are judged against
("": none), and answers each with one line. What fails is answered by the type of the error: its message might quote a
text. It ends when its input does.
"""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

import orjson

from extproc.classifiers.adapters import LOADERS
from extproc.classifiers.adapters.base import ModelUnusable, PairModel, TextModel

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # a worker is one thread: more workers are asked for by `workers`
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",  # nothing is ever downloaded
    "TRANSFORMERS_OFFLINE": "1",
}

_NICENESS = 5


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Load the model that the first line tells of, and judge the texts of the others."""
    model: TextModel | PairModel | None = None
    for line in questions:
        try:
            question = orjson.loads(line)
            if model is None:
                model = LOADERS[question["adapter"]](question)
                answer: dict[str, object] = {"ready": True}
            else:
                answer = {"scores": _scores(model, question["texts"], question["context"])}
        except ImportError as error:
            answer = {"error": f"{error.name} is not installed: see the extras of llm-extproc"}
        except ModelUnusable as error:
            answer = {"error": str(error)}
        except Exception as error:
            answer = {"error": type(error).__name__}
        answers.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE))
        answers.flush()


def _scores(model: TextModel | PairModel, texts: list[str], context: str) -> list[dict[str, float]]:
    if isinstance(model, PairModel):
        return model.scores_against(context, texts)
    return [model.scores(text) for text in texts]


def main() -> None:
    """Serve on the standard streams; what libraries print goes elsewhere. It is nice: exchanges come first."""
    os.environ.update(_ENVIRONMENT)
    os.nice(_NICENESS)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
