"""A policy that extends another one is the policy that it would be in full, with the lines of both."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.load import load, revision_of
from extproc.config.problems import ConfigInvalid
from extproc.config.yaml_nodes import NODES_MAX
from tests.unit.config.conftest import MINIMAL

HEAD = MINIMAL.partition("policies:\n")[0]
LAST = """\
  - name: default
    guards:
      - guard: injection
      - guard: pii
        action: flag
      - { guard: size, messages_max: 3 }
"""


def policies_of(text: str) -> dict[str, list[dict[str, Any]]]:
    """The guards of each policy, as they are written out."""
    document = load(f"{HEAD}policies:\n{text}", "c.yaml").document
    return {
        policy.name: [guard.model_dump(mode="json", exclude_unset=True) for guard in policy.guards]
        for policy in document.policies
    }


def told(text: str) -> list[str]:
    """What is told about these policies; lines are counted from the first of them."""
    with pytest.raises(ConfigInvalid) as refused:
        load(f"{HEAD}policies:\n{text}", "c.yaml")
    first = HEAD.count("\n") + 1
    return [str(one).replace(f"c.yaml:{one.line}:", f"{one.line - first}:", 1) for one in refused.value.problems]


def test_guards_are_replaced_added_and_left_out() -> None:
    """Each by its name: replaced as a whole and at its place, added behind, and left out."""
    changes = """\
  - name: support
    when: [{ models: [tiny-chat] }]
    extends: default
    without: [size]
    guards:
      - { guard: banned, phrases: [gold] }
      - { guard: pii, on: request }
"""
    assert policies_of(changes + LAST)["support"] == [
        {"guard": "injection"},
        {"guard": "pii", "on": "request"},
        {"guard": "banned", "phrases": ["gold"]},
    ]


def test_guards_of_a_kind_are_told_apart_by_their_names() -> None:
    """As metrics tell them apart."""
    changes = """\
  - name: support
    when: [{ models: [tiny-chat] }]
    extends: default
    guards: [{ guard: pii, name: cards, entities: [CREDIT_CARD], action: block }]
"""
    assert [guard.get("name", guard["guard"]) for guard in policies_of(changes + LAST)["support"]] == [
        "injection",
        "pii",
        "size",
        "cards",
    ]


def test_it_is_the_policy_in_full() -> None:
    """Nothing that reads the document, its revision included, knows how it was written."""
    short = "  - { name: a, when: [{ models: [tiny-chat] }], extends: default, without: [pii, size] }\n"
    full = "  - { name: a, when: [{ models: [tiny-chat] }], guards: [{ guard: injection }] }\n"
    one, other = (load(f"{HEAD}policies:\n{text}{LAST}", "c.yaml").document for text in (short, full))
    assert one == other
    assert one.model_dump_json(exclude_unset=True) == other.model_dump_json(exclude_unset=True)
    assert revision_of(one, {}) == revision_of(other, {})


KINDS = ["injection", "pii", "harm", "urls"]


@given(st.data())
def test_any_chain_is_what_a_person_would_write(data: st.DataObject) -> None:
    """In any order of the policies: a few lines of plain lists say the same. Messages tell whose guard it is."""
    wanted: dict[str, dict[str, str]] = {}
    written: list[dict[str, Any]] = []
    for name in ("a", "b", "c", "d"):
        base = data.draw(st.sampled_from([None, *wanted]))
        inherited = wanted[base] if base else {}
        own = dict.fromkeys(data.draw(st.lists(st.sampled_from(KINDS), unique=True)), name)
        rest = [kind for kind in inherited if kind not in own]
        without = data.draw(st.lists(st.sampled_from(rest), unique=True)) if rest else []
        wanted[name] = {kind: origin for kind, origin in (inherited | own).items() if kind not in without}
        policy: dict[str, Any] = {"name": name, "when": [{"models": ["tiny-chat"]}]}
        policy["guards"] = [{"guard": kind, "message": origin} for kind, origin in own.items()]
        written.append(policy | ({"extends": base, "without": without} if base else {}))
    policies = [*data.draw(st.permutations(written)), {"name": "last", "guards": []}]
    read = load(f"{HEAD}policies: {json.dumps(policies)}\n", "c.yaml").document.policies
    made = {one.name: [(guard.guard, guard.rejection_message) for guard in one.guards] for one in read}
    assert made == {**{name: list(guards.items()) for name, guards in wanted.items()}, "last": []}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "  - { name: a, extends: defualt }\n",
            ["1:25: policies[a].extends: unknown policy `defualt`. Did you mean `default`?"],
        ),
        (
            "  - { name: a, extends: a }\n",
            ["1:25: policies[a].extends: the policy extends itself, here or by way of others. Remove it."],
        ),
        (
            "  - { name: a, extends: b }\n  - { name: b, extends: a }\n",
            ["2:25: policies[b].extends: the policy extends itself, here or by way of others. Remove it."],
        ),
        (
            "  - { name: a, extends: default, without: [piii] }\n",
            ["1:44: policies[a].without: the extended policy has no guard `piii`. Did you mean `pii`?"],
        ),
        (
            "  - { name: a, extends: default, without: [pii], guards: [{ guard: pii }] }\n",
            [
                "1:44: policies[a].without: the guard `pii` is left out, and stands in `guards`."
                " Remove it here to replace it, or there to leave it out."
            ],
        ),
        (
            "  - { name: a, without: [pii], guards: [] }\n",
            ["1:25: policies[a].without: the policy extends no other one. Add `extends: NAME`, or remove it."],
        ),
        (
            "  - { name: a, extends: [default], guards: [] }\n",
            ["1:25: policies[a].extends: found a list, expected a name: 1 to 63 letters"],
        ),
        (
            "  - { name: a, extends: default, without: pii }\n",
            ["1:43: policies[a].without: found the text `pii`, expected a list."],
        ),
        (
            "  - { name: a, extends: default, guards: { guard: pii } }\n",
            ["1:42: policies[a].guards: found a block of keys, expected a list."],
        ),
        ("  - { name: a }\n", ["1:5: policies[a].guards: missing, expected a list"]),
    ],
)
def test_a_mistake_is_told_exactly(text: str, expected: list[str]) -> None:
    """At the key of the policy that extends."""
    lines = [line for line in told(text + LAST) if "it matches all exchanges" not in line]
    assert [line[: len(one)] for line, one in zip(lines, expected, strict=True)] == expected


def test_a_mistake_of_the_extended_policy_is_told_once() -> None:
    """At its own line, however many policies have the guard."""
    text = "  - { name: a, when: [{ models: [tiny-chat] }], extends: default }\n" + LAST.replace("flag", "flagg")
    (line,) = told(text)
    assert line.startswith("6:17: policies[a].guards[pii].action: found the text `flagg`")


def test_policies_that_multiply_are_counted() -> None:
    """Each policy that extends a long one counts its guards."""
    guards = ", ".join(f"{{ guard: pii, name: g{number} }}" for number in range(1_000))
    many = "".join(f"  - {{ name: p{number}, when: [{{ teams: [a] }}], extends: default }}\n" for number in range(60))
    (line,) = told(f"{many}  - {{ name: default, guards: [{guards}] }}\n")
    assert f"more than {NODES_MAX} values or 32 levels, aliases counted where they are used" in line
