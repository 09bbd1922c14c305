"""The drawing of the path of a fallback: ``python -m tests.docs.fallback_drawing`` writes it.

Names are those of Envoy's configuration. Each party has a line, from top to bottom in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from extproc.envoy_config.names import EGRESS_FILTER_NAME, FILTER_NAME, cluster_names, egress_name
from tests.docs.pages import DOCS

DRAWING = DOCS / "fallback.svg"
LINES: Final = {"client": 70, "Envoy": 235, "processor": 560, "vllm-v1": 705, "vllm-v2": 830}
"""Where the line of each party is. [pixels]"""
WIDTH, TOP, ROW, BOX, BOX_HEIGHT, EDGE = 900, 20, 34, 100, 30, 20  # pixels

_STYLE: Final = (
    "text{font:13px ui-sans-serif,system-ui,sans-serif;fill:#1f2328}text.party{font-weight:600;text-anchor:middle}"
    "text.middle{text-anchor:middle}text.attempt{fill:#57606a;text-anchor:end}"
    "rect.party{fill:#eef2ff;stroke:#4051b5;rx:5}rect.attempt{fill:#f6f8fa;stroke:#d0d7de;rx:5}"
    "line{stroke:#d0d7de}path{stroke:#57606a;fill:none}marker path{fill:#57606a}"
    "path.failed{stroke:#cf222e;stroke-dasharray:5 3}text.failed{fill:#cf222e}marker#failed path{fill:#cf222e}"
)
_MODEL = "generation"
NAMES: Final = {
    version: egress_name(name) for (_, version), name in cluster_names(((_MODEL, "v1"), (_MODEL, "v2"))).items()
}
"""The internal listener of each version."""


class Message(NamedTuple):
    """From one party to another."""

    sender: str
    receiver: str
    text: str
    kind: Literal["sent", "failed"] = "sent"


class Attempt(NamedTuple):
    """Messages of one attempt."""

    name: str
    messages: tuple[Message, ...]


PATH: Final[tuple[Message | Attempt, ...]] = (
    Message("client", "Envoy", f"model: {_MODEL}"),
    Message("Envoy", "processor", f"{FILTER_NAME}: guards judge the request, once"),
    Message("processor", "Envoy", "v1 is chosen"),
    Attempt(
        "attempt 1",
        (
            Message("Envoy", "processor", f"{EGRESS_FILTER_NAME} of {NAMES['v1']}"),
            Message("processor", "Envoy", "model name and prompt of v1"),
            Message("Envoy", "vllm-v1", "the request for v1"),
            Message("vllm-v1", "Envoy", "503, a reset, no connection, or silence", "failed"),
        ),
    ),
    Attempt(
        "attempt 2",
        (
            Message("Envoy", "processor", f"{EGRESS_FILTER_NAME} of {NAMES['v2']}"),
            Message("processor", "Envoy", "model name and prompt of v2"),
            Message("Envoy", "vllm-v2", "the request for v2"),
            Message("vllm-v2", "Envoy", "200, and the answer"),
        ),
    ),
    Message("Envoy", "processor", f"{FILTER_NAME}: guards judge the answer, once"),
    Message("processor", "Envoy", "tokens and cost are those of v2"),
    Message("Envoy", "client", f"200, model: {_MODEL}"),
)


def room_for(message: Message) -> tuple[float, float]:
    """Where the text of a message may begin and must end: between lines, so that none crosses it. [pixels]"""
    begin, end = sorted((LINES[message.sender], LINES[message.receiver]))
    return begin, min(end, LINES["processor"])


def messages() -> list[Message]:
    """All, in order."""
    return [one for part in PATH for one in (part.messages if isinstance(part, Attempt) else (part,))]


def drawn() -> str:
    """The drawing."""
    height = TOP + BOX_HEIGHT + ROW * (len(messages()) + 1) + EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        f"<style>{_STYLE}</style>",
        "<defs>",
        *(
            f'<marker id="{kind}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0 0L8 4L0 8z"/></marker>'
            for kind in ("sent", "failed")
        ),
        "</defs>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        *_attempts(),
        *_parties(height),
        *_arrows(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _attempts() -> Iterator[str]:
    """A frame around the messages of each, named at its left."""
    left, row = LINES["Envoy"] - 12, 1
    for part in PATH:
        count = len(part.messages) if isinstance(part, Attempt) else 1
        if isinstance(part, Attempt):
            y = _y(row) - ROW * 0.7
            size = f'width="{WIDTH - EDGE - left}" height="{count * ROW - 2:g}"'
            yield f'<rect class="attempt" x="{left}" y="{y:g}" {size}/>'
            yield f'<text class="attempt" x="{left - 8}" y="{y + 16:g}">{part.name}</text>'
        row += count


def _parties(height: float) -> Iterator[str]:
    for name, x in LINES.items():
        yield f'<line x1="{x}" y1="{TOP + BOX_HEIGHT}" x2="{x}" y2="{height - EDGE}"/>'
        box = f'x="{x - BOX / 2:g}" y="{TOP}" width="{BOX}" height="{BOX_HEIGHT}"'
        yield f'<rect class="party" {box}/>'
        yield f'<text class="party" x="{x}" y="{TOP + 20}">{name}</text>'


def _arrows() -> Iterator[str]:
    for row, one in enumerate(messages(), start=1):
        y, way = _y(row), f"M{LINES[one.sender]} {_y(row)}H{LINES[one.receiver]}"
        yield f'<path class="{one.kind}" d="{way}" marker-end="url(#{one.kind})"/>'
        yield f'<text class="middle {one.kind}" x="{sum(room_for(one)) / 2:g}" y="{y - 6}">{one.text}</text>'


def _y(row: int) -> int:
    return TOP + BOX_HEIGHT + ROW * row


if __name__ == "__main__":
    DRAWING.write_text(drawn())
