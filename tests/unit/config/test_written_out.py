"""What is written out is the same configuration, in one file that a person can read and keep."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.config.load import load, revision_of
from extproc.config.written_out import data_of, written_out
from tests.unit.config.conftest import MINIMAL

TEXTS = st.one_of(
    st.sampled_from(
        ["on", "010", "0o17", "12:30:45", "~", "null", "1e3", "a: b", "# c", "${X}", "a\nb", "\u2028", "="]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
).filter(lambda text: not text.startswith("os.environ/"))
"""Any but the beginning that another gateway has for variables, which is refused."""


@given(TEXTS, st.floats(0, 1))
def test_it_means_the_same(text: str, threshold: float) -> None:
    """Whatever a text looks like to YAML, and with its variables as the file has them."""
    message = json.dumps(text.replace("${", "$${"), ensure_ascii=False)
    whole = MINIMAL.replace("on: both", f"on: both\n        message: {message}")
    whole += "server: { listen: '${LISTEN:127.0.0.1:1}' }\nlimits: { json_depth_max: 20 }\n"
    whole += f"classifiers: {{ a: {{ adapter: chat, url: 'http://a', threshold: {threshold!r} }} }}\n"
    environment = {"LISTEN": "127.0.0.1:2"}
    document = load(whole, "c.yaml", environment).document
    again = load(written_out(document), "c.yaml", environment).document
    assert again == document
    assert revision_of(again, {}) == revision_of(document, {})


MAIN = """\
include: [rest.yaml]
policies:
  - { name: a, extends: default, when: [{ models: [tiny-chat] }] }
  - include: last.yaml
"""


def test_the_command_prints_it(tmp_path: Path) -> None:
    """As YAML or as JSON, with what other files have; a mistake is an error as without it."""
    (tmp_path / "main.yaml").write_text(MAIN)
    head, _, policies = MINIMAL.partition("policies:\n")
    (tmp_path / "rest.yaml").write_text(head)
    (tmp_path / "last.yaml").write_text(policies)
    printed = CliRunner().invoke(app, ["check", "--expanded", str(tmp_path / "main.yaml")])
    assert printed.exit_code == 0
    document = load(printed.stdout, "c.yaml").document
    assert [[guard.guard for guard in policy.guards] for policy in document.policies] == [["pii"], ["pii"]]
    assert "extends" not in printed.stdout
    as_json = CliRunner().invoke(app, ["check", "--expanded", "--json", str(tmp_path / "main.yaml")])
    assert json.loads(as_json.stdout) == data_of(document)
    (tmp_path / "last.yaml").write_text("[]")
    refused = CliRunner().invoke(app, ["check", "--expanded", str(tmp_path / "main.yaml")])
    assert (refused.exit_code, refused.stdout) == (2, "")
