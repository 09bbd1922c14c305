"""What the pages say can be done: commands, links, examples. Each page is held to it, wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extproc.cli import COMMANDS
from extproc.cli import _app as app
from extproc.config.load import parse_document
from tests.docs.cli_tables import GROUPS, commands
from tests.docs.pages import DOCS, GUARD_PAGES, INDEX, PAGES, README, RECORDS, ROOT, anchors, blocks, links, name_of

EXAMPLES = [(page, number) for page in PAGES for number in range(len(blocks(page, "yaml")))]
(TWO_VERSIONS,) = blocks(DOCS / "getting-started.md", "yaml")


# --- commands ------------------------------------------------------------------------------------------------------


def called() -> Iterator[str]:
    """Every `extproc ...` line in a shell block, or in a block that is set in."""
    for page in PAGES:
        lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
        lines += re.findall(r"^ {4}(extproc .*)$", page.read_text(), re.MULTILINE)
        yield from (line.split("#")[0].strip().removesuffix(" &") for line in lines if line.startswith("extproc "))


def command_of(line: str) -> str:
    """The command of a line: one word, or two where the first names a group."""
    words = line.split()[1:]
    return " ".join(words[: 2 if words[0] in GROUPS else 1])


@pytest.mark.parametrize("name", sorted({command_of(line) for line in called()}))
def test_every_command_exists_and_explains_itself(name: str) -> None:
    """`extproc COMMAND --help` works and knows the options that the pages use."""
    result = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 0
    used = {word for line in called() if command_of(line) == name for word in line.split() if word.startswith("-")}
    assert {option for option in used if not re.search(rf"(?<![\w-]){option}(?![\w-])", result.output)} == set()


def test_every_command_is_documented() -> None:
    """The command line has nothing that no page shows."""
    in_groups = {f"{name} {one}" for name, group in GROUPS.items() for one in group}
    assert COMMANDS.keys() - GROUPS.keys() | in_groups == {command_of(line) for line in called()}
    assert [name for name, _ in commands()] == [
        one for name in COMMANDS for one in ([f"{name} {sub}" for sub in GROUPS[name]] if name in GROUPS else [name])
    ]


def test_every_make_target_that_is_named_exists() -> None:
    """On all pages."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name for page in PAGES for name in re.findall(r"(?:^|`| {4})make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert named - targets == set()
    assert {"demo", "test", "check"} <= named


# --- examples ------------------------------------------------------------------------------------------------------


def parts(text: str) -> dict[str, str]:
    """The sections of a configuration, as they are written, by their key."""
    return {part.split(":")[0]: part for part in re.split(r"^(?=[a-z_]+:)", text, flags=re.MULTILINE) if part}


@pytest.mark.parametrize(("page", "number"), EXAMPLES, ids=lambda one: name_of(one) if isinstance(one, Path) else None)
def test_every_example_is_valid(page: Path, number: int) -> None:
    """A whole configuration as it stands; of a part, the keys it has take the place of those of "Two versions"."""
    example = blocks(page, "yaml")[number]
    whole = {"models", "filters"} <= parts(example).keys()
    text = example if whole else "".join((parts(TWO_VERSIONS) | parts(example)).values())
    assert parse_document(text, name_of(page)).models


def test_there_are_examples() -> None:
    """The README's, that of two versions, its policies, a shared service."""
    assert {README, DOCS / "getting-started.md", DOCS / "concepts.md", DOCS / "operations.md"} <= {
        page for page, _ in EXAMPLES
    }
    policies, _ = blocks(DOCS / "concepts.md", "yaml")
    laid_over = parts(TWO_VERSIONS) | parts(policies)
    document = parse_document("".join(laid_over.values()), "concepts.md")
    assert [policy.name for policy in document.policies] == ["canary", "default"]


# --- links ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_into_the_project_leads_somewhere(page: Path) -> None:
    """Files, folders and headings that pages link to, or name as a path, are there."""
    text = page.read_text()
    missing = [f"{target}#{anchor}" for target, anchor in links(page) if not leads(target, anchor)]
    paths = re.findall(r"`((?:extproc|tests|docs|envoy|deploy|protos)/[\w./-]+)`", text)
    missing += [path for path in paths if not (ROOT / path).exists() and "yours" not in path]
    assert missing == []


def leads(target: Path, anchor: str) -> bool:
    """Whether a file or folder is there, and in a page the heading too."""
    if not anchor:
        return target.exists()
    return target.suffix == ".md" and target.exists() and anchor in anchors(target)


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    """Small letters, hyphens for blanks, without other signs; the second of a name has a number."""
    page = tmp_path / "page.md"
    page.write_text("# A `guard: pii`, and more\n\n```sh\n# none\n```\n\n## [Linked](x.md) one\n\n## Same\n\n## Same\n")
    assert anchors(page) == {"a-guard-pii-and-more", "linked-one", "same", "same-1"}


def test_the_index_has_every_page() -> None:
    """Every page is found from there; guards and decision records have an index of their own."""
    listed = {target for target, _ in links(INDEX) if target.suffix == ".md"}
    assert listed == set(DOCS.rglob("*.md")) - {INDEX} - set(RECORDS) - set(GUARD_PAGES.glob("*.md"))
