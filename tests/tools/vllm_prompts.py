"""Runs golden cases of two prompts against a real vLLM, and looks at what `extproc prompts test` tells of them.

    python -m tests.tools.vllm_prompts --url http://127.0.0.1:8000 --model tiny-chat

The tiny model answers nonsense, so what it must say is chosen to hold, or to fail, for any answer.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.unit.config.conftest import MINIMAL

_TESTS: Final = """\
---
variables: { city: { header: x-city, type: text } }
tests:
  - { name: answers, input: Hello, variables: { city: Oslo }, expect: { chars_min: 1, chars_max: 4000 } }
  - { name: matches, input: [{ role: user, content: Hello }], expect: { matches: "(?s).", not_matches: "^$" } }
  - { name: cannot hold, input: Hello, expect: { contains: no model says this } }
  - { name: is judged, input: Hello, expect: { judge: "Is it polite?" } }
---
"""
_LONG: Final = "You help the customers of a bookshop, in whole sentences, and you say what you do not know. " * 4
_NAMED: Final = MINIMAL.replace("        price", "        prompt: { name: system, version: v2 }\n        price")
_CONFIG: Final = _NAMED.replace("  - filter: meter", "  - filter: prompt\n  - filter: meter")


def _ran(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "extproc", "prompts", "test", "system-v2", "-c", str(folder / "config.yaml")]
    ran = subprocess.run(
        [*command, *words, "--json", "--max-tokens", "16"], capture_output=True, text=True, check=False
    )
    sys.stderr.write(ran.stderr)
    return ran.returncode, json.loads(ran.stdout)


def _mistakes(folder: Path, url: str, model: str) -> Iterator[str]:
    """What is not as it must be."""
    judge = ("--judge-url", url, "--judge-model", model)
    code, data = _ran(folder, "--url", url, "--model", model, "--against", "v1", *judge)
    statuses = [one["status"] for one in data["results"]]
    print(f"golden cases: {', '.join(statuses)}; exit {code}")
    if (code, statuses[:3]) != (1, ["passed", "passed", "failed"]):
        yield f"expected passed, passed, failed and exit 1: {json.dumps(data, indent=2)}"
    judged = data["results"][3]
    if judged["status"] != "error" or "the judge does not reply" not in judged["reason"]:
        yield f"a judge that talks nonsense is an error: {judged}"
    long, short = (sum(one["prompt_tokens"] or 0 for one in data[key]) for key in ("results", "against_results"))
    cached = sum(one["cached_tokens"] or 0 for one in data["results"])
    print(f"tokens of the prompts: {long} and {short}, {cached} of the first from the prefix cache")
    if long <= short:
        yield "the longer prompt has not reached the model"
    if not cached:
        yield "nothing was taken from the prefix cache, although the cases share their prompt"
    code, data = _ran(folder, "--url", f"{url}/v1", "--model", "nobody")
    reasons = {one["reason"] for one in data["results"] if one["status"] == "error"}
    print(f"an unknown model: {', '.join(sorted(reasons))}; exit {code}")
    if code != 1 or not all(reason.startswith("the server answers 404: ") for reason in reasons):
        yield f"expected the words of the server: {reasons}"


def main() -> int:
    """Exit 0: everything is as it must be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--url", required=True, help="the vLLM's")
    parser.add_argument("--model", required=True, help="its model")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="llm-prompts-") as name:
        folder = Path(name)
        (folder / "prompts").mkdir()
        (folder / "config.yaml").write_text(f"{_CONFIG}prompts: {{ folder: prompts }}\n")
        (folder / "prompts" / "system-v1.md").write_text("Be brief.")
        (folder / "prompts" / "system-v2.md").write_text(f"{_TESTS}{_LONG}The customer is in {{{{ city }}}}.")
        mistakes = list(_mistakes(folder, given.url, given.model))
    for one in mistakes:
        print(one, file=sys.stderr)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
