"""Stands in for the process that counts: each text has as many tokens as letters, and some words have effects.

python fake_worker.py [STARTS]    # appends a line to STARTS at each start
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main() -> None:
    """Reply to each line."""
    if sys.argv[1:]:
        with Path(sys.argv[1]).open("a") as starts:
            starts.write("start\n")
    for line in sys.stdin:
        question = json.loads(line)
        texts = [text for part in question.get("texts", ()) for text in part]
        if "die" in texts:
            os._exit(1)
        if "hang" in texts:
            time.sleep(600)
        if "refuse" in texts:
            answer: dict[str, object] = {"error": "TypeError"}
        elif "bad" in question.get("load", ""):
            answer = {"error": "no tokenizer"}
        elif texts or "texts" in question:
            answer = {"tokens": [sum(map(len, part)) for part in question["texts"]]}
        else:
            answer = {"done": True}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
