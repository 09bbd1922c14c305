"""What classifiers can get wrong: a key in the place of its name, a second detector, a classifier that nobody uses."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.classifiers import Classifier, HeardSection, RemoteSection
from extproc.config.document import Document
from extproc.config.guards.classifier import ClassifierGuard
from extproc.config.problems import Places, Problem, Severity, shown
from extproc.config.secrecy import is_key_itself


def classifier_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Everything that is wrong with classifiers, whoever uses them."""
    guards = [guard for policy in document.policies for guard in policy.guards]
    used = {guard.classifier for guard in guards if isinstance(guard, ClassifierGuard)}
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
        hint = "Remove `with_detector`, or keep only the injection label in `labels`."
        what = "the detector finds only injections, and the classifier has other labels"
        yield places.problem(("classifiers", name, "with_detector"), what, hint=hint)


def _key_problems(name: str, classifier: Classifier, places: Places) -> Iterator[Problem]:
    """A key stands in the environment. Written in its place it would be looked for, not found, and told to nobody."""
    if not isinstance(classifier, RemoteSection) or classifier.api_key_env is None:
        return
    if is_key_itself(classifier.api_key_env):
        hint = "Move the key to an environment variable, and write the variable's name here."
        found = "a text that looks like the key itself (not shown)"
        at = ("classifiers", name, "api_key_env")
        yield places.problem(at, found, expected="the name of an environment variable", hint=hint)
