"""What ``extproc prompts list | show | render | diff`` print, for a person and as data."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.diffs import ToldDifference, UnitDiff, parts_data, print_differences
from extproc.cli.prompt_shapes import (
    FilledVariableJson,
    ListedPromptJson,
    PromptDifferenceJson,
    PromptDiffJson,
    PromptsJson,
    PromptVariableJson,
    RenderedPromptJson,
    ShownPromptJson,
)
from extproc.cli.prompts_read import ReadPrompts
from extproc.cli.tables import plain_text, print_lines, print_table
from extproc.config.load import revision_of
from extproc.config.part_differences import ABSENT
from extproc.config.prompt_catalog import BrokenPrompt, KnownPrompt
from extproc.config.prompt_differences import PromptDifference
from extproc.config.prompt_prefix import estimated_tokens, prefix_warning, shared_prefix
from extproc.config.prompt_values import FilledVariable, variables_of
from extproc.config.prompt_variables import Variable

# --- data ----------------------------------------------------------------------------------------------------------


def list_data(read: ReadPrompts) -> PromptsJson:
    """Of ``prompts list``."""
    listed = [*map(_listed, read.catalog.known), *map(_listed_broken, read.catalog.broken)]
    return {
        "file": str(read.file),
        "revision": revision_of(read.files.loaded.document, read.files.prompts),
        "prompts": listed,
    }


def prompt_data(one: KnownPrompt) -> ShownPromptJson:
    """Of ``prompts show``."""
    prefix = shared_prefix(one.compiled)
    declared = one.front.variables
    return {
        "prompt": _listed(one),
        "notes": one.front.notes,
        "uses": [{"by": use.by, "position": use.position, "version": use.version} for use in one.uses],
        "variables": [_variable(used.name, declared.get(used.name, Variable())) for used in variables_of(one.compiled)],
        "constant_bytes": prefix.constant_bytes,
        "shared_bytes": prefix.shared_bytes,
        "shared_tokens": estimated_tokens(prefix.shared_bytes),
        "warning": ". ".join(prefix_warning(prefix)) if prefix.is_small else None,
        "text": one.compiled.text,
    }


def rendered_data(one: KnownPrompt, variables: Iterable[FilledVariable], text: str) -> RenderedPromptJson:
    """Of ``prompts render``."""
    filled: list[FilledVariableJson] = [
        {
            "name": variable.name,
            "header": variable.header,
            "given": variable.given,
            "value": variable.value,
            "outcome": variable.outcome,
        }
        for variable in variables
    ]
    return {"prompt": one.name, "fingerprint": one.compiled.fingerprint, "variables": filled, "text": text}


def diff_data(compared: UnitDiff[PromptDifference]) -> PromptDiffJson:
    """Of ``prompts diff``."""
    return {"before": compared.before, "after": compared.after, "prompts": list(map(_difference, compared.found))}


def _listed(one: KnownPrompt) -> ListedPromptJson:
    return {
        "prompt": one.name,
        "name": one.prompt.name,
        "version": one.prompt.version,
        "owner": one.front.owner,
        "variables": [variable.name for variable in variables_of(one.compiled)],
        "bytes": len(one.compiled.text.encode()),
        "fingerprint": one.compiled.fingerprint,
        "tests": len(one.front.tests),
        "used_by": [use.by for use in one.uses],
        "problems": [],
    }


def _listed_broken(one: BrokenPrompt) -> ListedPromptJson:
    name, _, version = one.name.rpartition("-")
    return {
        "prompt": one.name,
        "name": name,
        "version": version,
        "owner": "",
        "variables": [],
        "bytes": 0,
        "fingerprint": "",
        "tests": 0,
        "used_by": [],
        "problems": list(map(str, one.problems)),
    }


def _variable(name: str, variable: Variable) -> PromptVariableJson:
    return {
        "name": name,
        "header": variable.header,
        "type": variable.type,
        "values": list(variable.values),
        "default": variable.default,
        "chars_max": variable.chars_max,
    }


def _difference(one: PromptDifference) -> PromptDifferenceJson:
    before, after = one.before, one.after
    return {
        "before": before.name if before else None,
        "after": after.name if after else None,
        "before_fingerprint": before.compiled.fingerprint if before else None,
        "after_fingerprint": after.compiled.fingerprint if after else None,
        "parts": parts_data(one.parts),
        "text_diff": list(one.lines),
    }


# --- for a person --------------------------------------------------------------------------------------------------


def print_prompts(console: Console, data: PromptsJson) -> None:
    """A line for each prompt; what is wrong with files that nobody uses on standard error."""
    if not data["prompts"]:
        print_lines(console, ["No prompts: no version names one, and there is no folder with others."])
        return
    table = Table(box=None, pad_edge=False)
    for name in ("prompt", "owner", "variables", "bytes", "fingerprint", "used by"):
        table.add_column(name, overflow="fold", justify="right" if name == "bytes" else "left")
    for one in data["prompts"]:
        size = f"{one['bytes']:,}" if not one["problems"] else "-"
        users = "nobody (unusable)" if one["problems"] else ", ".join(one["used_by"]) or "nobody"
        cells = (one["prompt"], one["owner"], ", ".join(one["variables"]), size, one["fingerprint"], users)
        table.add_row(*(Text(plain_text(cell or "-")) for cell in cells))
    print_table(console, table)
    for one in data["prompts"]:
        for problem in one["problems"]:
            typer.echo(problem, err=True)


def print_prompt(console: Console, data: ShownPromptJson) -> None:
    """A line for each part, then the text; the warning on standard error."""
    one = data["prompt"]
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    rows = [
        ("prompt", one["prompt"]),
        ("owner", one["owner"] or ABSENT),
        *([("notes", data["notes"].strip())] if data["notes"].strip() else []),
        ("fingerprint", one["fingerprint"]),
        ("used by", "\n".join(f"{use['by']} ({use['position']})" for use in data["uses"]) or "nobody"),
        ("variables", "\n".join(map(_variable_words, data["variables"])) or ABSENT),
        ("size", f"{one['bytes']:,} bytes, about {estimated_tokens(one['bytes']):,} tokens"),
        ("shared", _shared_words(data)),
        ("tests", str(one["tests"])),
    ]
    for name, value in rows:
        table.add_row(name, Text(plain_text(value)))
    print_table(console, table)
    print_lines(console, ["", *data["text"].splitlines()])
    if data["warning"] is not None:
        typer.echo(f"{one['prompt']}: warning: {data['warning']}", err=True)


def _variable_words(one: PromptVariableJson) -> str:
    source = "built in" if one["header"] is None else f"header {one['header']}"
    kind = f"one of {', '.join(one['values'])}" if one["values"] else f"{one['type']} of up to {one['chars_max']}"
    return f"{one['name']}: {source}, {kind}, default {one['default']}"


def _shared_words(data: ShownPromptJson) -> str:
    """What a prefix cache keeps."""
    shared, constant = data["shared_bytes"], data["constant_bytes"]
    if shared == constant:
        return f"all {constant:,} constant bytes, by all requests of a version"
    return (
        f"{shared:,} of {constant:,} constant bytes (about {data['shared_tokens']:,} tokens), which stand before the"
        " first variable that differs between requests"
    )


def print_rendered(data: RenderedPromptJson) -> None:
    """The text on standard output, what became of the variables on standard error."""
    typer.echo(plain_text(data["text"]) if sys.stdout.isatty() else data["text"])
    for line in _variable_notes(data["variables"]):
        typer.echo(line, err=True)


def _variable_notes(variables: Iterable[FilledVariableJson]) -> Iterator[str]:
    """Of each value that is not as given."""
    for one in variables:
        value = plain_text(one["value"])
        match one["outcome"]:
            case "not given":
                yield f"{one['name']}: the default, {value}; nothing was given"
            case "default":
                yield f"{one['name']}: the default, {value}; what was given does not fit"
            case "cleaned":
                yield f"{one['name']}: cleaned to {value}"


def print_diff(console: Console, data: PromptDiffJson) -> None:
    """What differs, prompt by prompt; texts as a unified diff."""
    print_differences(console, (ToldDifference(one, one["parts"], one["text_diff"]) for one in data["prompts"]))
