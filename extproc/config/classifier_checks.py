"""What guards that use classifiers can get wrong: one that is not there, or a verdict that comes too late."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.classifiers import Classifier, HeardSection, RemoteSection
from extproc.config.document import Document
from extproc.config.guards.classifier import ClassifierGuard
from extproc.config.problems import KeyPath, Places, Problem, Severity, did_you_mean, names, shown
from extproc.config.secrecy import is_key_itself


def classifier_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Everything that is wrong between classifiers and the guards that use them."""
    used: set[str] = set()
    for number, policy in enumerate(document.policies):
        for index, guard in enumerate(policy.guards):
            if isinstance(guard, ClassifierGuard):
                used.add(guard.classifier)
                yield from _guard_problems(guard, ("policies", number, "guards", index), document, places)
    for name, classifier in document.classifiers.items():
        yield from _detector_problems(name, classifier, places)
        yield from _key_problems(name, classifier, places)
    for name in document.classifiers.keys() - used:
        hint = f"Name it in a policy: `- guard: classifier` with {shown(f'classifier: {name}')}, or remove it."
        yield places.problem(
            ("classifiers", name), "no guard uses it", hint=hint, severity=Severity.WARNING, at_key=True
        )


def _detector_problems(name: str, classifier: Classifier, places: Places) -> Iterator[Problem]:
    """A detector knows one thing, so the model that it is heard with must look for that alone."""
    if not isinstance(classifier, HeardSection) or classifier.with_detector is None:
        return
    if classifier.judges_pairs or len(classifier.counts) > 1 or classifier.counts == ("abuse",):
        hint = "Leave `with_detector` out, or name only the label of `labels` that means an injection."
        what = "the detector knows injections, and the classifier looks for something else or for more"
        yield places.problem(("classifiers", name, "with_detector"), what, hint=hint)


def _key_problems(name: str, classifier: Classifier, places: Places) -> Iterator[Problem]:
    """A key stands in the environment. Written in its place it would be looked for, not found, and told to nobody."""
    if not isinstance(classifier, RemoteSection) or classifier.api_key_env is None:
        return
    if is_key_itself(classifier.api_key_env):
        hint = "Take the key out of this file, set a variable to it, and write the variable's name here."
        found = "a text that looks like the key itself (not shown)"
        at = ("classifiers", name, "api_key_env")
        yield places.problem(at, found, expected="the name of an environment variable", hint=hint)


def _guard_problems(guard: ClassifierGuard, at: KeyPath, document: Document, places: Places) -> Iterator[Problem]:
    known = list(document.classifiers)
    if guard.classifier not in known:
        hint = did_you_mean(guard.classifier, known) or (
            f"Known classifiers: {names(known)}." if known else "Add it to `classifiers:`."
        )
        yield places.problem((*at, "classifier"), f"unknown classifier {shown(guard.classifier)}", hint=hint)
    if guard.action == "block" and guard.await_ms is None:
        hint = "Add `await_ms`, or write `action: flag`."
        yield places.problem((*at, "action"), "a request that does not wait for a verdict cannot be refused", hint=hint)
    yield from _pair_problems(guard, at, document, places)
    if guard.await_ms is None:
        return
    if guard.on != "request":
        hint = "Write `on: request`, and judge answers by a second guard without `await_ms`."
        yield places.problem((*at, "on"), "only a request can wait for a verdict", hint=hint)
    if guard.await_ms >= document.envoy.message_timeout_ms:
        hint = f"`envoy.message_timeout_ms` is {document.envoy.message_timeout_ms}: choose less, or raise that."
        yield places.problem((*at, "await_ms"), "Envoy does not wait for so long", hint=hint)


def _pair_problems(guard: ClassifierGuard, at: KeyPath, document: Document, places: Places) -> Iterator[Problem]:
    """A classifier of pairs needs both, and one of texts would not look at the second."""
    if guard.against is not None and guard.on != "response":
        hint = "Write `on: response`."
        yield places.problem((*at, "on"), "only answers are held against documents", hint=hint)
    classifier = document.classifiers.get(guard.classifier)
    if classifier is None or classifier.judges_pairs == (guard.against is not None):
        return
    if classifier.judges_pairs:
        hint = "Add `against: documents` and `on: response`."
        yield places.problem((*at, "classifier"), f"{shown(guard.classifier)} judges answers with documents", hint=hint)
    else:
        hint = "Use one with `adapter: grounding`, with `pairs: true`, or with `{context}` in its `prompt`."
        what = f"{shown(guard.classifier)} judges texts by themselves, not against documents"
        yield places.problem((*at, "classifier"), what, hint=hint)
