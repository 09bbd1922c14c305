"""How good the transformers are that ``make train`` made here: what each was measured at on sources left out.

    python -m tests.tools.trained_report

A model's figures lie beside it (see ``train_transformer``), since measuring it is training it several times.
"""

from __future__ import annotations

import json

from tests.tools.train_transformer import FIGURES, OUTPUT, TASKS


def report() -> dict[str, float]:
    """``trained.TASK.FIGURE`` for each task that has a model. Raises: ImportError if none has."""
    figures = {
        f"trained.{task}.{name}": float(value)
        for task in TASKS
        if (file := OUTPUT / task / FIGURES).is_file()
        for name, value in json.loads(file.read_text()).items()
    }
    if not figures:
        raise ImportError("make train", name=f"a model by `make train` in {OUTPUT}/")
    return figures


def main() -> None:
    """Print the figures."""
    for name, value in report().items():
        print(f"{name:60} {value:.3f}")


if __name__ == "__main__":
    main()
