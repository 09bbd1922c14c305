"""What ``extproc versions`` prints, for a person and as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.diff_shapes import PartDifferenceJson
from extproc.cli.diffs import ToldDifference, UnitDiff, parts_data, print_differences
from extproc.cli.fallback_output import fallback_data, fallback_rows, later_versions
from extproc.cli.tables import plain_text, print_lines, print_table
from extproc.cli.version_shapes import (
    ListedVersionJson,
    LockedJson,
    ShownVersionJson,
    VersionDifferenceJson,
    VersionDiffJson,
    VersionsJson,
    unlocked_data,
)
from extproc.config.compiled_rollouts import share_of_version
from extproc.config.models import CompiledModel, CompiledVersion
from extproc.config.part_differences import ABSENT
from extproc.config.version_differences import VersionDifference
from extproc.config.version_lock import Unlocked

# --- data ----------------------------------------------------------------------------------------------------------


def list_data(file: Path, revision: str, models: Mapping[str, CompiledModel]) -> VersionsJson:
    """Of ``versions list``."""
    listed = [_listed(models, version) for model in models.values() for version in model.versions]
    return {"file": str(file), "revision": revision, "versions": listed}


def version_data(
    models: Mapping[str, CompiledModel], version: CompiledVersion, endpoints: Sequence[str]
) -> ShownVersionJson:
    """Of ``versions show``."""
    return {
        "version": _listed(models, version),
        "endpoints": list(endpoints),
        "provider": None if version.provider is None else version.provider.name,
        "parts": [{"key": key, "value": value} for key, value in version.parts.items()],
        "prompt_text": version.prompt.text if version.prompt else None,
    }


def diff_data(compared: UnitDiff[VersionDifference]) -> VersionDiffJson:
    """Of ``versions diff``."""
    return {"before": compared.before, "after": compared.after, "versions": list(map(_difference, compared.found))}


def locked_data(file: Path, versions: int, changes: Sequence[Unlocked]) -> LockedJson:
    """Of ``versions lock``."""
    return {"file": str(file), "versions": versions, "changed": [unlocked_data(one) for one in changes]}


def _listed(models: Mapping[str, CompiledModel], version: CompiledVersion) -> ListedVersionJson:
    facts = version.facts
    return {
        "model": facts.model,
        "version": facts.version,
        "fingerprint": facts.fingerprint,
        "weight": version.weight,
        "share": share_of_version(models[facts.model], version),
        "served_model": version.served_model,
        "prompt": facts.prompt,
        "prompt_fingerprint": facts.prompt_fingerprint,
        "fallback": fallback_data(version, models),
    }


def _difference(one: VersionDifference) -> VersionDifferenceJson:
    before, after = one.before, one.after
    return {
        "before": before.name if before else None,
        "after": after.name if after else None,
        "before_fingerprint": before.facts.fingerprint if before else None,
        "after_fingerprint": after.facts.fingerprint if after else None,
        "before_weight": before.weight if before else None,
        "after_weight": after.weight if after else None,
        "parts": parts_data(one.parts),
        "prompt_diff": list(one.prompt_lines),
    }


# --- for a person --------------------------------------------------------------------------------------------------


def print_versions(console: Console, data: VersionsJson) -> None:
    """A line for each version."""
    table = Table(box=None, pad_edge=False)
    later = [later_versions(one["model"], one["fallback"]) for one in data["versions"]]
    columns = (
        "model",
        "version",
        "share",
        "fingerprint",
        "served model",
        "prompt",
        *(["fallback"] if any(later) else []),
    )
    for name in columns:
        table.add_column(name, overflow="fold", justify="right" if name == "share" else "left")
    for one, others in zip(data["versions"], later, strict=True):
        cells = [one["model"], one["version"], f"{one['share']:.3%}".replace(".000", ""), one["fingerprint"]]
        cells += [one["served_model"], one["prompt"] or ABSENT, others or ABSENT]
        table.add_row(*(Text(plain_text(cell)) for cell in cells[: len(columns)]))
    print_table(console, table)


def print_version(console: Console, data: ShownVersionJson) -> None:
    """A line for each part, then the prompt."""
    one = data["version"]
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    rows = [
        ("version", f"{one['model']}/{one['version']}"),
        ("fingerprint", one["fingerprint"]),
        ("weight", f"{one['weight']} ({one['share']:.3%} of its model)".replace(".000", "")),
        ("endpoints", ", ".join(data["endpoints"]) or ABSENT),
        *((("provider", data["provider"]),) if data["provider"] is not None else ()),
        *(fallback_rows(one["fallback"]) if one["fallback"] is not None else ()),
        *((part["key"], part["value"]) for part in data["parts"]),
    ]
    for name, value in rows:
        table.add_row(plain_text(name), Text(plain_text(value)))
    print_table(console, table)
    if data["prompt_text"] is not None:
        print_lines(console, ["", *data["prompt_text"].splitlines()])


def print_diff(console: Console, data: VersionDiffJson) -> None:
    """What differs, version by version; prompts as a unified diff."""
    print_differences(console, (ToldDifference(one, _told(one), one["prompt_diff"]) for one in data["versions"]))


def _told(one: VersionDifferenceJson) -> list[PartDifferenceJson]:
    """Its parts; before them the weight, where that of one version has changed."""
    before, after = one["before_weight"], one["after_weight"]
    if one["before"] != one["after"] or before == after:
        return one["parts"]
    return [{"key": "weight", "before": str(before), "after": str(after)}, *one["parts"]]


def print_locked(data: LockedJson) -> None:
    """What is not as it was, and the file."""
    for one in data["changed"]:
        typer.echo(f"{one['version']} {'is new' if one['problem'] == 'not locked' else 'changed:'}")
        for key in one["changed"]:
            typer.echo(f"  {key}")
    count = data["versions"]
    typer.echo(f"{data['file']}: {count} {'version' if count == 1 else 'versions'} locked. Commit it.")
