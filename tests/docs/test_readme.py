"""Everything that the README documents exists, and everything that exists is documented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extproc.cli import COMMANDS, command
from extproc.cli import _app as app
from extproc.config.document import Limits
from extproc.config.load import parse_document
from extproc.domain.record import Coverage
from extproc.filters.registry import FILTERS, GUARDS
from extproc.payload.endpoints import ENDPOINTS
from tests.docs.reference import README, written

ROOT = README.parent
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "docs" / "design.md", ROOT / "envoy" / "README.md"]
TEXT = README.read_text()
GROUPS = {name: list(group.commands) for name in COMMANDS if hasattr(group := command(name), "commands")}


def table_under(heading: str) -> list[str]:
    """First cells of the first table under a heading, without backticks."""
    section = TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = section[section.index("\n|") + 1 :].split("\n\n", 1)[0]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [row.split("|")[1].strip().strip("`") for row in rows]


def test_the_reference_tables_are_those_of_the_code() -> None:
    """`python -m tests.docs.reference` writes them; a key or a metric cannot be added without its row."""
    assert written(TEXT) == TEXT


def test_every_filter_has_a_row() -> None:
    """In the table of filters or of guards, and no row is of one that is not there."""
    assert [name for name in table_under("Filters") if name != "guards"] == list(FILTERS)
    assert table_under("Policies and guards") == list(GUARDS)


def test_every_dialect_has_a_row() -> None:
    """In the table of paths."""
    assert table_under("What it understands") == list(ENDPOINTS)


def test_every_limit_has_a_row() -> None:
    """As a security limit, with what happens there."""
    documented = {cell.removeprefix("limits.") for cell in table_under("Limits, as security limits")}
    assert set(Limits.model_fields) <= documented


def test_the_coverage_word_that_is_named_exists() -> None:
    """`skipped_unreadable` is a value of the metric."""
    assert "`skipped_unreadable`" in TEXT
    assert Coverage.SKIPPED_UNREADABLE.value == "skipped_unreadable"


def commands() -> Iterator[str]:
    """Every `extproc ...` line in a shell block."""
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("extproc "):
                yield line.split("#")[0].strip()


def name_of(line: str) -> str:
    """The command of a line: one word, or two where the first names a group."""
    words = line.split()[1:]
    return " ".join(words[: 2 if words[0] in GROUPS else 1])


@pytest.mark.parametrize("name", sorted({name_of(line) for line in commands()}))
def test_every_command_exists_and_explains_itself(name: str) -> None:
    """`extproc COMMAND --help` works and knows the options that the README uses."""
    result = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 0
    used = {word for line in commands() if name_of(line) == name for word in line.split() if word.startswith("--")}
    assert {option for option in used if option not in result.output} == set()


def test_every_command_is_documented() -> None:
    """The command line has nothing that the README does not name."""
    in_groups = {f"{name} {one}" for name, group in GROUPS.items() for one in group}
    assert COMMANDS.keys() - GROUPS.keys() | in_groups == {name_of(line) for line in commands()}


def test_the_example_configuration_is_valid() -> None:
    """The first YAML block can be used as it stands, and with the policies of the second in the place of its own."""
    example, policies, *_ = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert "llama" in parse_document(example, "README.md").models
    swapped = example[: example.index("policies:\n")] + policies
    assert [policy.name for policy in parse_document(swapped, "README.md").policies] == ["canary", "default"]


def test_every_make_target_that_is_named_exists() -> None:
    """In the README and in CONTRIBUTING.md."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name for page in PAGES for name in re.findall(r"(?:^|`| {4})make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert named - targets == set()
    assert {"demo", "test", "check"} <= named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_into_the_project_leads_somewhere(page: Path) -> None:
    """Files and folders that pages link to, or name as a path, are there."""
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    paths = re.findall(r"`((?:extproc|tests|docs|envoy|deploy|protos)/[\w./-]+)`", text)
    missing = [link for link in links if not (page.parent / link).exists()]
    missing += [path for path in paths if not (ROOT / path).exists() and "yours" not in path]
    assert missing == []
