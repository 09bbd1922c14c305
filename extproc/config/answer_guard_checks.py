"""What guards of answers can still get wrong: keys that have no effect, so that nothing would ever be found."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.document import Document
from extproc.config.guards.degenerate import DegenerateGuard
from extproc.config.guards.prompt_leak import PromptLeakGuard
from extproc.config.problems import KeyPath, Places, Problem


def answer_guard_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Everything that is wrong between guards of answers and the rest of a valid document."""
    prompts = any(version.prompt for model in document.models.values() for version in model.versions.values())
    for number, policy in enumerate(document.policies):
        for index, guard in enumerate(policy.guards):
            path: KeyPath = ("policies", number, "guards", index)
            if isinstance(guard, PromptLeakGuard) and guard.of == "version" and not prompts:
                hint = "Give a version a `prompt:`, or write `of: client`."
                yield places.problem(path, "no version has a prompt that could leak", hint=hint, at_key=True)
            if isinstance(guard, DegenerateGuard) and guard.languages and "LANGUAGE" not in guard.kinds:
                hint = "Add it to `kinds`, or remove `languages`."
                yield places.problem((*path, "languages"), "LANGUAGE is not looked for", hint=hint, at_key=True)
