"""Names that findings are chosen by: one that does not exist is refused, with those that do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from extproc.config.document import Document
from extproc.config.policies import guards_of
from extproc.config.problems import did_you_mean, names, shown
from extproc.domain.feedback import FEEDBACK
from extproc.sinks.review.entries import FindingQuery

if TYPE_CHECKING:
    from extproc.sinks.review.store import Store

_COUNTED_TEAMS = ("other", "unknown")


def unknown_name(wanted: FindingQuery, document: Document, store: Store) -> str | None:
    """What is wrong with the names of a query; None if all exist in the configuration or in the store.

    Any team may exist where the configuration lists none; then one without findings is only absent.
    """
    if _is_configured(wanted, document):
        return None
    stored = store.names()
    guards = stored.guards | _guards(document)
    if wanted.guard is not None and wanted.guard not in guards:
        return _refusal("guard", wanted.guard, guards)
    versions = stored.versions | _versions(document)
    if wanted.version is not None and wanted.version not in versions | _short(versions):
        return _refusal("version", wanted.version, versions)
    teams = stored.teams.union(document.identity.teams, _COUNTED_TEAMS)
    if wanted.team is not None and document.identity.teams and wanted.team not in teams:
        return _refusal("team", wanted.team, teams)
    return None


def _refusal(what: str, name: str, known: Iterable[str]) -> str:
    every = sorted(known)
    hint = did_you_mean(name, every)
    return f"no {what} is called {shown(name)}. {hint}{' ' if hint else ''}Known: {names(every)}."


def _is_configured(wanted: FindingQuery, document: Document) -> bool:
    versions = _versions(document)
    return (
        (wanted.guard is None or wanted.guard in _guards(document))
        and (wanted.version is None or wanted.version in versions | _short(versions))
        and (wanted.team is None or not document.identity.teams or wanted.team in document.identity.teams)
    )


def _guards(document: Document) -> frozenset[str]:
    """With that of comments, if there can be any."""
    named = {guard.name or guard.guard for _, guard in guards_of(document.policies)}
    return frozenset(named if document.feedback is None else {*named, FEEDBACK})


def _versions(document: Document) -> frozenset[str]:
    return frozenset(f"{model}/{name}" for model, entry in document.models.items() for name in entry.versions)


def _short(versions: Iterable[str]) -> frozenset[str]:
    """The names of versions without their models, which may contain slashes too."""
    return frozenset(
        version.split("/", count)[-1] for version in versions for count in range(1, version.count("/") + 1)
    )
