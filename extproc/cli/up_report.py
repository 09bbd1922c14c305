"""What ``extproc up`` tells a person: where it is, what is guarded, what to paste, and what a question gets."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any, Final

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from extproc.cli.output import reachable
from extproc.config.document import Document
from extproc.config.guards.base import GuardSection
from extproc.domain.contract import ENDPOINT_PATHS
from extproc.launch.envoy_binary import EnvoyBinary
from extproc.launch.supervisor import Launch

_ANSWER_S_MAX: Final = 120.0
_SHOWN_CHARS_MAX: Final = 300
_PASTE: Final = """
Paste this into another terminal:

  curl {base}/chat/completions \\
    -H 'content-type: application/json' \\
    -d '{{"model": {model}, "messages": [{{"role": "user",
         "content": "Write to jane.doe@example.com"}}]}}'

or this into Python (pip install openai):

  from openai import OpenAI
  client = OpenAI(base_url="{base}", api_key="none")
  for chunk in client.chat.completions.create(
      model={model}, stream=True,
      messages=[{{"role": "user", "content": "Write to jane.doe@example.com"}}],
  ):
      print(chunk.choices[0].delta.content or "", end="")
"""


class UpReport:
    """Tells a person at a terminal, on standard error.

    Args:
        question: asked once both serve; empty: none.
        saved: whether what is run is kept.
    """

    def __init__(self, launch: Launch, question: str, saved: bool) -> None:
        self._launch = launch
        self._question = question
        self._saved = saved
        self._base = f"http://{reachable(launch.document.envoy.listen)}/v1"
        self._model = next(iter(launch.document.models))

    def ready(self, document: Document, envoy: EnvoyBinary) -> None:
        """Both serve."""
        typer.echo(f"\nextproc is up. Base URL for any OpenAI client: {self._base}\n", err=True)
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for row in self._rows(document, envoy):
            table.add_row(*map(Text, row))
        Console(stderr=True, highlight=False).print(Padding(table, (0, 0, 0, 2)))
        typer.echo(_PASTE.format(base=self._base, model=json.dumps(self._model)), err=True)
        typer.echo("Ctrl-C drains and ends.\n", err=True)

    def event(self, text: str, **fields: Any) -> None:
        """Something else."""
        more = " ".join(f"{name}={value}" for name, value in fields.items())
        typer.echo(f"extproc: {text} {more}".rstrip(), err=True)

    def ask_question(self) -> None:
        """Ask the first model through Envoy, and show what a client gets."""
        if not self._question:
            return
        typer.echo(f"Asking {self._model}: {self._question}", err=True)
        started_s = time.monotonic()
        status, text = self._asked()
        typer.echo(f"  {status} after {time.monotonic() - started_s:.1f} s: {_one_line(text)}", err=True)

    def _asked(self) -> tuple[str, str]:
        """The status, and the text of the answer or of the error."""
        body = {"model": self._model, "max_tokens": 64, "messages": [{"role": "user", "content": self._question}]}
        request = urllib.request.Request(
            self._base.removesuffix("/v1") + ENDPOINT_PATHS["chat"],
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_S_MAX) as answer:
                return str(answer.status), str(json.load(answer)["choices"][0]["message"]["content"])
        except urllib.error.HTTPError as error:
            return str(error.code), error.read(_SHOWN_CHARS_MAX).decode("utf-8", "replace")
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            return "no answer", str(error)

    def _rows(self, document: Document, envoy: EnvoyBinary) -> list[tuple[str, str]]:
        pages = f"http://{reachable(document.server.metrics)}"
        models = [
            (
                "model",
                f"{name}: " + ", ".join(f"{key} at {', '.join(one.endpoints)}" for key, one in entry.versions.items()),
            )
            for name, entry in document.models.items()
        ]
        guards = [
            ("guards", f"{policy.name}: {', '.join(map(_guard, policy.guards)) or 'none'}")
            for policy in document.policies
        ]
        return [
            *models,
            *(guards or [("guards", "none")]),
            ("metrics", f"{pages}/metrics"),
            ("health", f"{pages}/readyz"),
            ("log", "below: one line for each request"),
            ("config", str(self._launch.file)),
            ("", "a change is in force within a second" + ("" if self._saved else "; --save DIR keeps it")),
            ("Envoy", f"from {envoy.origin}: {envoy.path}"),
        ]


def _guard(section: GuardSection) -> str:
    return f"{section.name or section.guard} ({section.action})"


def _one_line(text: str) -> str:
    """For a terminal: no line ends, nothing that moves the cursor."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown if len(shown) <= _SHOWN_CHARS_MAX else f"{shown[:_SHOWN_CHARS_MAX]}…"
