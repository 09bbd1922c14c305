"""The stop of the tour that shows feedback: a thumb, joined to the version that answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from extproc.demo.stop import Stop

if TYPE_CHECKING:
    from extproc.demo.tour import Tour

_ID_HEADER: Final = "x-llm-exchange-id"
_VERSION_HEADER: Final = "x-llm-served-version"
_QUESTION: Final[list[Any]] = [{"role": "user", "content": "What is Envoy?"}]


def visit_feedback(tour: Tour, stop: Stop) -> None:
    """Ask, give a thumb down, and give it again."""
    client = tour.client("thumbs")
    raw = client.chat.completions.with_raw_response.create(model="tiny-chat", messages=_QUESTION)
    model, _, version = raw.headers[_VERSION_HEADER].partition("/")
    labels: dict[str, Any] = {"feedback_type": "negative", "model": model, "version": version}
    before = tour.metric("llm_user_feedback_total", **labels)
    thumb = {"exchange_id": raw.headers[_ID_HEADER], "type": "negative"}
    first, again = (client.post("/feedback", body=thumb, cast_to=dict[str, str])["status"] for _ in range(2))
    stop.client_saw = f"{first}, sent again: {again}"
    stop.outcome = f"a thumb down for {version}"
    stop.model_saw = "nothing of it"
    stop.expect("what became of it", (first, again), ("created", "repeated"))
    risen = tour.risen("llm_user_feedback_total", before, **labels)
    stop.expect("thumbs counted", risen, 1)
    stop.measured = f"{risen:g} negative for {model}/{version}"
