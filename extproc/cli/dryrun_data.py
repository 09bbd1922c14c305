"""Dry runs as JSON: the parts that ``try`` and ``explain`` share."""

from __future__ import annotations

from collections.abc import Iterable

from extproc.cli.shapes import (
    AnswerJson,
    ExplainedFindingJson,
    SeenTextJson,
    StreamPieceJson,
    TryJson,
    UnaskedJson,
    VersionJson,
)
from extproc.domain.text import Direction
from extproc.dryrun.outcome import DryRun, Unasked
from extproc.dryrun.texts import SourcedText


def tried_data(run: DryRun) -> TryJson:
    """Of ``try``."""
    return {
        "revision": run.snapshot.revision,
        "outcome": outcome_of(run),
        "refused": run.is_refused,
        "blocked_by": list(run.blocking_guards),
        "policy": run.record.policy or None,
        "route": run.record.route or None,
        "version": version_data(run),
        "texts": [text for direction in Direction for text in texts_data(run.texts(direction))],
        "model_texts": None if run.model is None else texts_data(run.texts_after(Direction.REQUEST)),
        "client_texts": None if run.answer is None else texts_data(run.texts_after(Direction.RESPONSE)),
        "reply": reply_data(run),
        "explained": explained_data(run),
        "pieces": pieces_data(run),
        "unasked": unasked_data(run.unasked),
    }


def outcome_of(run: DryRun) -> str:
    """How it ended, as in the log; ``forwarded`` for a request without an answer."""
    return "forwarded" if run.upstream is None and run.model is not None and run.reply is None else run.record.outcome


def version_data(run: DryRun) -> VersionJson | None:
    """The chosen version."""
    version = run.record.version
    if version is None:
        return None
    return {"model": version.model, "version": version.version, "fingerprint": version.fingerprint}


def reply_data(run: DryRun) -> AnswerJson | None:
    """The processor's own reply."""
    return None if run.reply is None else {"status": run.reply.status, "body": run.reply.body.decode()}


def client_data(run: DryRun) -> AnswerJson | None:
    """What is left of the answer."""
    if run.answer is None:
        return None
    return {"status": int(run.answer.headers[":status"]), "body": run.answer.body.decode("utf-8", "replace")}


def explained_data(run: DryRun) -> list[ExplainedFindingJson]:
    """Each finding with its place and its reasons."""
    return [
        {
            "guard": found.guard,
            "direction": found.direction.value,
            "speaker": found.evidence.speaker,
            "kind": found.finding.kind,
            "action": found.action.value,
            "score": found.finding.score,
            "detector": found.finding.detector,
            "detail": found.finding.detail,
            "thresholds": [{"action": action, "score": score} for action, score in found.thresholds.items()],
            "words": found.words,
            "place": None if place is None else {"text": place.number, "start": place.start, "end": place.end},
            "reasons": [
                {"cause": reason.cause, "said": reason.said, "weight": reason.weight} for reason in found.reasons()
            ],
        }
        for found, place in run.located()
    ]


def texts_data(texts: Iterable[SourcedText]) -> list[SeenTextJson]:
    """Texts with their sources."""
    return [
        {
            "direction": source.direction.value,
            "speaker": source.speaker.value,
            "kind": source.kind.value,
            "choice": source.choice,
            "text": text,
        }
        for source, text in texts
    ]


def pieces_data(run: DryRun) -> list[StreamPieceJson]:
    """The pieces of a stream."""
    return [{"arrived": one.arrived, "released": one.released, "held": one.held} for one in run.pieces]


def unasked_data(unasked: Iterable[Unasked]) -> list[UnaskedJson]:
    """The classifiers that were not asked."""
    return [
        {
            "guard": one.guard,
            "classifier": one.classifier,
            "direction": one.direction.value,
            "texts": one.texts,
            "awaited": one.awaited,
        }
        for one in unasked
    ]
