"""Stops of the tour that show routes and prompts."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from extproc.demo.guard_tour import HELLO
from extproc.demo.stop import Stop

if TYPE_CHECKING:
    from extproc.demo.tour import Tour

ALIAS: Final = "generation"
NEW_PROMPT: Final = "You answer in one short sentence."
_QUESTION: Final[list[Any]] = [{"role": "user", "content": "What is Envoy?"}]
_SWAP_S_MAX: Final = 2.0


def visit_alias(tour: Tour, stop: Stop) -> None:
    """Ask for an alias, as a client who tries the new version; whole and streamed."""
    labels = {"route": "beta", "model": "tiny-chat"}
    before = tour.metric("llm_route_total", **labels)
    client, headers = tour.client(), {"x-tier": "beta"}
    raw = client.chat.completions.with_raw_response.create(model=ALIAS, messages=_QUESTION, extra_headers=headers)
    stream = client.chat.completions.create(model=ALIAS, messages=_QUESTION, stream=True, extra_headers=headers)
    names = {raw.parse().model, *(chunk.model for chunk in stream)}
    version = raw.headers["x-llm-served-version"]
    listed = [model.id for model in client.models.list()]
    stop.client_saw = f"model {', '.join(sorted(names))}, served by {version}, listed as {', '.join(listed)}"
    stop.outcome = f"{', '.join(sorted(names))}, served by {version.partition('/')[2]}"
    stop.expect("the model's name for the client", names, {ALIAS})
    stop.expect("the version of the route", version, "tiny-chat/v2")
    stop.expect("the alias in the list of models", ALIAS in listed, True)
    stop.model_saw = f"model {tour.last_request()['model']}"
    stop.expect("the model's own name", tour.last_request()["model"], "tiny-chat-next")
    taken = tour.risen("llm_route_total", before, expected=2, **labels)
    stop.expect("requests of the route, counted", taken, 2)
    stop.measured = f"{taken:g} by route beta"


def visit_prompt_swap(tour: Tour, stop: Stop) -> None:
    """Replace the prompt of a version while it serves, and see when a model gets it."""
    file = tour.installation.prompts / "v1.txt"
    old, revision = file.read_text(), _revision(tour)
    _replace(file, NEW_PROMPT)
    try:
        begun_s = time.monotonic()
        _wait(lambda: _prompt_told(tour) == NEW_PROMPT)
        told = _prompt_told(tour)
        stop.measured = f"{time.monotonic() - begun_s:.1f} s later, without a restart"
        stop.model_saw = f"system: {told}"
        stop.client_saw, stop.outcome = HELLO, f"the model is told: {told}"
        stop.expect("what the model is told", told, NEW_PROMPT)
    finally:
        _replace(file, old)
        _wait(lambda: _revision(tour) == revision)


def _replace(file: Path, text: str) -> None:
    """Replace a file at once, as editors and ConfigMaps do."""
    written = file.with_suffix(".new")
    written.write_text(text)
    os.replace(written, file)


def _wait(holds: Callable[[], bool]) -> None:
    """Wait for a change of the configuration, for as long as one may take."""
    until_s = time.monotonic() + _SWAP_S_MAX
    while not holds() and time.monotonic() < until_s:
        time.sleep(0.05)


def _revision(tour: Tour) -> str:
    """Of the configuration in force, with its prompts."""
    revision: str = json.loads(tour.installation.processor.page("/readyz"))["revision"]
    return revision


def _prompt_told(tour: Tour) -> str:
    tour.client().chat.completions.create(
        model="tiny-chat", messages=_QUESTION, extra_headers={"x-model-version": "v1"}
    )
    told: str = tour.last_request()["messages"][0]["content"]
    return told
