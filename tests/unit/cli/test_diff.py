"""``check --diff``: each difference is told in words of traffic, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from extproc.cli import _app as app
from tests.unit.config.conftest import MINIMAL

OLD = f"""\
{MINIMAL}      - guard: banned
        phrases: {{ file: words.txt }}
      - guard: injection
identity: {{ teams: [search, support] }}
"""
V2 = """\
      v2:
        weight: 3
        endpoints: ["127.0.0.1:8002"]
        price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 }
"""
WHEN = "when: [{ teams: [support] }, { endpoints: [chat] }]"
SUPPORT = f"  - {{ name: support, {WHEN}, extends: default, without: [banned] }}\n"

ENVOY = "Envoy's configuration changes: generate it with `extproc envoy-config`. With `envoy.folder` it follows."


def told(folder: Path, old: str, new: str, *options: str) -> str:
    """What the command prints."""
    for name, text in (("old.yaml", old), ("new.yaml", new)):
        (folder / name).write_text(text)
    if not (folder / "words.txt").exists():
        (folder / "words.txt").write_text("gold\nsilver\n")
    result = CliRunner().invoke(app, ["check", "--diff", str(folder / "old.yaml"), str(folder / "new.yaml"), *options])
    assert result.exit_code == 0, result.output
    return result.stdout


CASES = [
    ("", "", ["Nothing changes."]),
    ("weight: 1\n", "weight: 2\n", ["models", "  tiny-chat/v1 has the weight 2 instead of 1, which is the same share"]),
    (
        "filters:\n",
        f"{V2}filters:\n",
        ["models", "  tiny-chat/v1 gets 25 % instead of 100 %", "  tiny-chat/v2 is new: it gets 75 %", ENVOY],
    ),
    (
        '["127.0.0.1:8001"]',
        '["127.0.0.1:8001", "127.0.0.1:8009"]',
        ["models", "  tiny-chat/v1 endpoints: 127.0.0.1:8001, 127.0.0.1:8009 instead of 127.0.0.1:8001", ENVOY],
    ),
    (
        "  tiny-chat:\n",
        "  tiny-chat:\n    pin_header: x-version\n",
        ["models", "  tiny-chat pin_header: x-version instead of none"],
    ),
    (
        "on: both",
        "action: block",
        ["policies", "  default: guard pii action: block instead of mask: what it finds is refused"],
    ),
    (
        "      - guard: injection\n",
        "      - { guard: size, messages_max: 3 }\n",
        ["policies", "  default: guard injection is gone", "  default: guard size is new: what it finds is refused"],
    ),
    (
        "policies:\n",
        f"policies:\n{SUPPORT}",
        ["policies", "  support is new, for teams support or endpoints chat: pii, injection"],
    ),
    (
        "identity:",
        "routes: [{ name: gold, when: [{ tiers: [gold] }], version: tiny-chat/v1 },"
        " { name: tin, when: [{ tiers: [tin] }], deny: true }, { name: default }]\nidentity:",
        [
            "routes",
            "  gold is new: its exchanges go to tiny-chat/v1",
            "  tin is new: its exchanges go to nobody",
            "  default is new: its exchanges go to the requested model",
        ],
    ),
    ("  - filter: meter\n", "", ["filters", "  meter does not run any more"]),
    (
        "filter: guards\n  - filter: meter\n",
        "filter: meter\n  - filter: guards\n",
        ["filters", "  the order is version, meter, guards"],
    ),
    (
        "identity:",
        "review: { url: 'sqlite:///r.db' }\nidentity:",
        ["review", "  review is new", "llm-extproc needs a restart for review."],
    ),
    (
        "identity:",
        "limits: { json_depth_max: 32 }\nidentity:",
        ["limits", "  limits json_depth_max: 32 instead of 64"],
    ),
    (
        "identity:",
        "server: { metrics: '127.0.0.1:9091' }\nidentity:",
        [
            "server",
            "  server metrics: 127.0.0.1:9091 instead of 127.0.0.1:9090",
            "llm-extproc needs a restart for server.metrics.",
        ],
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), CASES)
def test_a_change_is_told_and_so_is_its_inverse(old: str, new: str, expected: list[str], tmp_path: Path) -> None:
    """In words; the other way round something is told too, unless nothing was."""
    after = OLD.replace(old, new, 1) if old else OLD
    assert told(tmp_path, OLD, after).splitlines() == expected
    assert (told(tmp_path, after, OLD) == "Nothing changes.\n") is (not old)


def test_what_is_gone_is_told(tmp_path: Path) -> None:
    """A model, a version, and a policy: what becomes of their traffic."""
    more = OLD.replace("filters:\n", f"{V2}  other:\n    versions:\n{V2}filters:\n", 1)
    more = more.replace("policies:\n", f"policies:\n{SUPPORT}", 1)
    assert told(tmp_path, more, OLD).splitlines() == [
        "models",
        "  tiny-chat/v1 gets 100 % instead of 25 %",
        "  tiny-chat/v2 is gone: it had 75 %",
        "  other is gone: who asks for it gets 404",
        "policies",
        "  support is gone: its exchanges belong to the next policy that matches",
        ENVOY,
    ]
    assert "  other is new: v2 gets 100 %" in told(tmp_path, OLD, more)


def test_the_sidecar_of_one_version(tmp_path: Path) -> None:
    """It gets all that comes there; weights change nothing."""
    sidecar = OLD.replace("  - filter: version\n", "") + "role: guard\nguard_version: tiny-chat/v1\n"
    assert told(tmp_path, sidecar, sidecar.replace("filters:", f"{V2}filters:")).splitlines()[:2] == [
        "models",
        "  tiny-chat/v2 is new: it gets none here",
    ]


def test_files_are_compared_by_their_texts(tmp_path: Path) -> None:
    """Prompts and the files of guards; what they say is not shown."""
    prompted = OLD.replace("weight: 1", "weight: 1\n        prompt: { file: a.txt }", 1)
    prompted = prompted.replace("  - filter: meter", "  - filter: prompt\n  - filter: meter")
    for name, text in (("a.txt", "Be brief."), ("b.txt", "Be kind."), ("more.txt", "gold\ntin\nzinc\n")):
        (tmp_path / name).write_text(text)
    after = prompted.replace("a.txt", "b.txt").replace("words.txt", "more.txt")
    lines = told(tmp_path, prompted, after)
    assert lines.splitlines() == [
        "models",
        "  tiny-chat/v1 prompt file: b.txt instead of a.txt",
        "  tiny-chat/v1 has another text in its prompt",
        "policies",
        "  default: guard banned phrases file: more.txt instead of words.txt",
        "  default: guard banned: 2 lines of more.txt are new, 1 are gone",
    ]


def test_budgets_are_compared_by_name(tmp_path: Path) -> None:
    """Whatever their order is."""
    head = "ledger: {}\nbudgets:\n"
    one, two = (f"  - {{ name: {name}, per: team, of: tokens, amount: 5, period: day }}\n" for name in ("one", "two"))
    lines = told(tmp_path, OLD + head + one + two, OLD + head + two + one.replace("5", "6")).splitlines()
    assert lines[:2] == ["budgets", "  one amount: 6 instead of 5"]
    assert told(tmp_path, OLD + head + one, OLD + head + two).splitlines()[:3] == [
        "budgets",
        "  one is gone: its grants stay in the store",
        "  two is new: its sums have what was spent before",
    ]


def test_the_environment_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the files say is compared, and told."""
    monkeypatch.setenv("VLLM", "canary-5c1f")
    after = OLD.replace("127.0.0.1:8001", "${VLLM}:8001")
    output = told(tmp_path, OLD, after) + told(tmp_path, OLD, after, "--json")
    assert "canary-5c1f" not in output
    assert "tiny-chat/v1 endpoints: ${VLLM}:8001 instead of 127.0.0.1:8001" in output


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    """Wherever somebody has pasted it."""
    after = OLD.replace("on: both", "message: Ask with sk-proj-4f9a8b7c6d5e4f3a2b1c")
    assert "sk-proj" not in told(tmp_path, OLD, after)


def test_json_for_who_asks(tmp_path: Path) -> None:
    """With values and revisions, for a review by a program."""
    diff: dict[str, Any] = json.loads(told(tmp_path, OLD, OLD.replace("weight: 1", "weight: 2", 1), "--json"))
    assert diff["old_revision"] != diff["new_revision"]
    assert diff["differences"] == [
        {
            "area": "models",
            "path": "models.tiny-chat.versions.v1.weight",
            "kind": "changed",
            "words": "tiny-chat/v1 has the weight 2 instead of 1, which is the same share",
            "before": "1",
            "after": "2",
        }
    ]
    assert (diff["restart"], diff["envoy"]) == ([], "same")


def test_an_envoy_that_follows(tmp_path: Path) -> None:
    """A new endpoint reaches it; its own address does not."""
    follows = f"{OLD}envoy: {{ folder: {tmp_path}/envoy }}\n"
    new_endpoint = follows.replace("127.0.0.1:8001", "127.0.0.1:8002")
    assert json.loads(told(tmp_path, follows, new_endpoint, "--json"))["envoy"] == "changes"
    new_admin = follows.replace("folder:", "admin: '127.0.0.1:9902', folder:")
    assert told(tmp_path, follows, new_admin).endswith("Envoy's configuration changes, and Envoy needs a restart.\n")


@pytest.mark.parametrize("broken", ["old.yaml", "new.yaml"])
def test_a_file_that_is_no_configuration(tmp_path: Path, broken: str) -> None:
    """Its problems are told, as without `--diff`; exit 2."""
    for name in ("old.yaml", "new.yaml"):
        (tmp_path / name).write_text("models: []\n" if name == broken else MINIMAL)
    result = CliRunner().invoke(app, ["check", "--diff", str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml")])
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{tmp_path / broken}:1:9: models: found an empty list" in result.stderr
