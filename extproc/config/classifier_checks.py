"""Checks of classifiers: an API key instead of its variable name, an unsuitable detector, an unused classifier."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.classifiers import Classifier, EnsembleSection, RemoteSection
from extproc.config.document import Document
from extproc.config.guards.asking import AskingSection
from extproc.config.guards.classifier import ClassifierSection
from extproc.config.problems import Places, Problem, Severity, shown
from extproc.config.secrecy import is_key_itself


def classifier_problems(document: Document, places: Places) -> Iterator[Problem]:
    """All problems of classifiers that do not depend on a guard."""
    guards = [guard for policy in document.policies for guard in policy.guards]
    used = {guard.classifier for guard in guards if isinstance(guard, ClassifierSection | AskingSection)}
    for name, classifier in document.classifiers.items():
        yield from _detector_problems(name, classifier, places)
        yield from _key_problems(name, classifier, places)
    for name in document.classifiers.keys() - used:
        hint = f"Name it in a policy: `- guard: classifier` with {shown(f'classifier: {name}')}, or remove it."
        yield places.problem(
            ("classifiers", name), "no guard uses it", hint=hint, severity=Severity.WARNING, at_key=True
        )


def _detector_problems(name: str, classifier: Classifier, places: Places) -> Iterator[Problem]:
    """A detector finds one kind only, so a model in an ensemble with it must have that single label."""
    if not isinstance(classifier, EnsembleSection) or classifier.with_detector is None:
        return
    if classifier.judges_pairs or len(classifier.counts) > 1:
        hint = "Remove `with_detector`, or keep only the injection label in `labels`."
        what = "the detector finds only injections, and the classifier has other labels"
        yield places.problem(("classifiers", name, "with_detector"), what, hint=hint)


def _key_problems(name: str, classifier: Classifier, places: Places) -> Iterator[Problem]:
    """The key belongs in the environment. Written here, it would silently be used as a variable name."""
    if not isinstance(classifier, RemoteSection) or classifier.api_key_env is None:
        return
    if is_key_itself(classifier.api_key_env):
        hint = "Move the key to an environment variable, and write the variable's name here."
        found = "a text that looks like the key itself (not shown)"
        at = ("classifiers", name, "api_key_env")
        yield places.problem(at, found, expected="the name of an environment variable", hint=hint)
