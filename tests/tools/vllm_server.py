"""Starts a real vLLM (CPU) with a tiny model, compares its counts of tokens with ours, runs golden cases of prompts,
and ends it. Then another one with a model that heeds its prompt, for rollouts from one prompt to another.

    python -m tests.tools.vllm_server --python VLLM/bin/python [--times N]

``--python`` is the interpreter that has vLLM; ``make vllm-check`` makes one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from extproc.demo.installation import LOOPBACK
from extproc.server.sockets.free_ports import free_ports

ROOT = Path(__file__).parents[2]
MODEL = "tiny-chat"
RANDOM = ("tests.tools.tiny_model", "--layers", "24")
"""About 10 ms a token: fast enough, and slow enough to be left in mid-answer."""
PROMPTED = ("tests.tools.prompted_model",)
TOOLS: Mapping[tuple[str, ...], tuple[str, ...]] = {RANDOM: ("tokens", "prompts", "allocation"), PROMPTED: ("rollout",)}
"""By the model that they need."""
START_S_MAX = 300.0
END_S_MAX = 30.0
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # pinning threads to cores fails in some containers
    "OMP_NUM_THREADS": "1",
}


@contextmanager
def serving(python: Path, folder: Path, maker: Sequence[str] = RANDOM) -> Iterator[str]:
    """A vLLM with a tiny model. Yields its URL.

    Args: maker: the module that makes the model, and its options.
    Raises: RuntimeError if it does not start.
    """
    environment = os.environ | OFFLINE | {"PYTHONPATH": str(ROOT)}
    model, (module, *options) = folder / "model", maker
    make: list[str | Path] = [python, "-m", module, model, *options]
    subprocess.run(make, env=environment, check=True, stdout=subprocess.DEVNULL)
    (port,) = free_ports(1)
    url = f"http://{LOOPBACK}:{port}"
    arguments = ["--model", model.name, "--served-model-name", MODEL, "--host", LOOPBACK, "--port", str(port)]
    arguments += ["--dtype", "bfloat16", "--max-model-len", "2048", "--max-num-seqs", "16", "--enforce-eager"]
    arguments += ["--enable-auto-tool-choice", "--tool-call-parser", "hermes", "--enable-prompt-tokens-details"]
    command: list[str | Path] = [python, "-m", "vllm.entrypoints.openai.api_server", *arguments]
    with open(folder / "vllm.log", "w+b") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            _await_health(process, url, folder / "vllm.log")
            yield url
        finally:
            process.terminate()
            try:
                process.wait(END_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()


def _await_health(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline_s = time.monotonic() + START_S_MAX
    while process.poll() is None and time.monotonic() < deadline_s:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError(f"vLLM does not serve. The end of its log:\n{log.read_text(errors='replace')[-4_000:]}")


def main() -> int:
    """Exits as the tools do."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--python", type=Path, required=True, help="the interpreter that has vLLM")
    parser.add_argument("--times", default="5", help="requests of each kind")
    parser.add_argument("--only", choices=["tokens", "prompts", "allocation", "rollout"], help="of the tools one")
    given = parser.parse_args()
    codes = [0]
    for maker, tools in TOOLS.items():
        chosen = [tool for tool in tools if given.only in (None, tool)]
        if chosen:
            with (
                tempfile.TemporaryDirectory(prefix="llm-vllm-") as folder,
                serving(given.python.absolute(), Path(folder), maker) as url,
            ):
                tokens = ["--times", given.times, "--tokenizer", f"{folder}/model/tokenizer.json"]
                codes += [_run(tool, url, tokens if tool == "tokens" else []) for tool in chosen]
    return max(codes)


def _run(tool: str, url: str, options: list[str]) -> int:
    command = [sys.executable, "-m", f"tests.tools.vllm_{tool}", "--url", url, "--model", MODEL, *options]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
