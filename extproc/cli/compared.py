"""``extproc check --diff OLD NEW``: what another configuration changes for traffic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from extproc.cli.output import refuse_configuration
from extproc.cli.shapes import DiffJson
from extproc.config.checks import check_for_envoy
from extproc.config.differences import (
    Compared,
    KeyDifference,
    budget_differences,
    classifier_differences,
    filter_differences,
    model_differences,
    other_differences,
)
from extproc.config.load import revision_of
from extproc.config.policy_differences import policy_differences
from extproc.config.problems import ConfigInvalid
from extproc.config.route_differences import route_differences
from extproc.envoy_config.dynamic import bootstrap_of
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.generate import bootstrap
from extproc.server.operations.config_files import ConfigFiles, read_config

ForEnvoy = Literal["same", "changes", "restart", "unknown"]
_AREAS = {
    "models": model_differences,
    "routes": route_differences,
    "policies": policy_differences,
    "filters": filter_differences,
    "classifiers": classifier_differences,
    "budgets": budget_differences,
}


def compared(old: Path, new: Path) -> DiffJson:
    """What differs between two files; ends the command if one of them is invalid."""
    try:
        before, after = (read_config(file, with_certificates=True) for file in (old, new))
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    from extproc.server.operations.reload import restart_needed  # here: it brings the guards, which no check needs

    documents = before.loaded.document, after.loaded.document
    return {
        "old": str(old),
        "new": str(new),
        "old_revision": revision_of(documents[0], before.prompts),
        "new_revision": revision_of(documents[1], after.prompts),
        "differences": [
            {
                "area": area,
                "path": one.path,
                "kind": one.kind,
                "words": one.words,
                "before": one.before,
                "after": one.after,
            }
            for area, one in _differences(before, after)
        ],
        "restart": list(restart_needed(*documents)),
        "envoy": _for_envoy(before, after),
    }


def in_words(diff: DiffJson) -> Iterator[str]:
    """The same for a person, a line each."""
    area = ""
    for one in diff["differences"]:
        if one["area"] != area:
            area = one["area"]
            yield area
        yield f"  {one['words']}"
    if not diff["differences"]:
        yield "Nothing changes."
    if diff["restart"]:
        yield f"llm-extproc needs a restart for {', '.join(diff['restart'])}."
    if diff["envoy"] == "changes":
        yield "Envoy's configuration changes: generate it with `extproc envoy-config`. With `envoy.folder` it follows."
    if diff["envoy"] == "restart":
        yield "Envoy's configuration changes, and Envoy needs a restart."


def _differences(old: ConfigFiles, new: ConfigFiles) -> Iterator[tuple[str, KeyDifference]]:
    before, after = (Compared.of(one.loaded.document, one.prompts) for one in (old, new))
    for area, differences in _AREAS.items():
        yield from ((area, one) for one in differences(before, after))
    for one in other_differences(before, after, _AREAS):
        yield one.path.partition(".")[0], one


def _for_envoy(old: ConfigFiles, new: ConfigFiles) -> ForEnvoy:
    """Whether Envoy's configuration differs: ``same``, ``changes``, ``restart``, or ``unknown`` if there is none."""
    loaded = old.loaded, new.loaded
    if any(check_for_envoy(one.document, one.places) for one in loaded):
        return "unknown"
    try:
        whole = [bootstrap(one.document) for one in loaded]
        fixed = [bootstrap_of(one.document) for one in loaded]
    except EnvoyConfigError:
        return "unknown"
    if whole[0] == whole[1]:
        return "same"
    follows = all(one.document.envoy.folder is not None for one in loaded)
    return "restart" if follows and fixed[0] != fixed[1] else "changes"
