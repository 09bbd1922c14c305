"""The file of API keys: what it says, and the words in which its mistakes are told."""

from __future__ import annotations

import pytest

from extproc.config.api_keys import API_KEYS_BYTES_MAX, parse_api_keys
from extproc.config.problems import ConfigInvalid, Places
from extproc.config.text_files import TextFile, text_file_problems

HASH, OTHER = "sha256:" + "0" * 64, "sha256:" + "1" * 64
KEYS = f"""\
keys:
  - id: search-1
    hash: {HASH}
    team: search
  - id: atlas-1
    hash: {OTHER}
    team: atlas
    expires: "2027-06-30T00:00:00Z"
"""
SHORT = f"keys:\n  search: {HASH}\n  atlas: {OTHER}\n"


def problems(text: str) -> list[str]:
    """What is wrong with a file, without its name."""
    with pytest.raises(ConfigInvalid) as invalid:
        parse_api_keys(text, "k.yaml")
    return [str(problem).removeprefix("k.yaml:") for problem in invalid.value.problems]


def test_keys_are_read() -> None:
    """In full, and in short: there the team is the id."""
    assert [(key.id, key.team, key.expires) for key in parse_api_keys(KEYS, "k.yaml")] == [
        ("search-1", "search", None),
        ("atlas-1", "atlas", "2027-06-30T00:00:00Z"),
    ]
    assert [(key.id, key.team, key.hash) for key in parse_api_keys(SHORT, "k.yaml")] == [
        ("search", "search", HASH),
        ("atlas", "atlas", OTHER),
    ]
    assert parse_api_keys("keys: []\n", "k.yaml") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1:1: the file is empty. Write `keys: []`; `extproc keys add` adds one."]),
        ("- a\n", ["1:1: found a list, expected a block with `id`, `hash` and `team`."]),
        ("keys: lx\n", ["1:7: keys: found text (not shown), expected a list of keys, or `TEAM: HASH` lines."]),
        (
            KEYS.replace("    team: atlas\n", ""),
            ["5:5: keys[1].team: missing, expected the name of a team."],
        ),
        (
            KEYS.replace(OTHER, HASH),
            [
                "6:11: keys[1].hash: this key belongs to `search-1` already, on line 3."
                " A key has one owner: make another key with `extproc keys add`."
            ],
        ),
        (
            SHORT.replace(OTHER, HASH),
            [
                "3:10: keys.atlas: this key belongs to `search` already, on line 2."
                " A key has one owner: make another key with `extproc keys add`."
            ],
        ),
        (
            KEYS.replace("id: atlas-1", "id: search-1"),
            ["5:9: keys[1].id: the id `search-1` is a duplicate, first on line 2. Give each key its own."],
        ),
        (
            KEYS.replace(HASH, "lx-32LSIIQMGfmONlm_QY-h9ay0SBw2t5IfgXTL4N6AoKs1mDzaS"),
            [
                "3:11: keys[0].hash: found text (not shown), expected `sha256:` and 64 hexadecimal digits."
                " `extproc keys add` writes it; a key itself never belongs here."
            ],
        ),
        (
            SHORT.replace(HASH, "abc"),
            [
                "2:11: keys.search: found text (not shown), expected `sha256:` and 64 hexadecimal digits."
                " `extproc keys add` writes it; a key itself never belongs here."
            ],
        ),
        (
            SHORT.replace("search:", '"=1+1":'),
            ['2:3: keys."=1+1": found text (not shown), expected the name of a team.'],
        ),
        (
            KEYS.replace("team: search", f"team: {'x' * 10_000}"),
            ["4:11: keys[0].team: found text (not shown), expected the name of a team."],
        ),
        (
            KEYS.replace("team: search", 'team: "a\\nb"'),
            ["4:11: keys[0].team: found text (not shown), expected the name of a team."],
        ),
        (
            KEYS.replace("team: search", "team: search\n    project: =1+1"),
            ["5:14: keys[0].project: found text (not shown), expected the name of a project."],
        ),
        (
            KEYS.replace("2027-06-30T00", "2027-06-31T00"),
            ["8:14: keys[1].expires: text (not shown) is no time, expected a time that exists."],
        ),
        (
            KEYS.replace("2027-06-30T00:00:00Z", "tomorrow"),
            [
                "8:14: keys[1].expires: found text (not shown),"
                " expected a time with its offset, such as `2026-11-30T09:00:00Z`."
            ],
        ),
        (
            KEYS.replace("team: search", "team: search\n    may_claim: { projcts: [a] }"),
            ["5:18: keys[0].may_claim.projcts: unknown key. Did you mean `projects`?"],
        ),
        (
            KEYS.replace(
                "team: search", f"team: search\n    previous: {{ hash: '{HASH}', until: '2027-01-01T00:00:00Z' }}"
            ),
            [
                "5:23: keys[0].previous.hash: this key belongs to `search-1` already, on line 3."
                " A key has one owner: make another key with `extproc keys add`."
            ],
        ),
        (KEYS + "keys: []\n", ["9:1: keys: duplicate key, first on line 1. Keep one of the two."]),
    ],
)
def test_mistakes_are_told_by_their_lines(text: str, expected: list[str]) -> None:
    """And nothing is quoted that could be a key."""
    assert problems(text) == expected


def test_a_file_has_a_largest_size() -> None:
    """Of which somebody is told."""
    one = TextFile(("file",), "k.yaml", "keys", API_KEYS_BYTES_MAX, parse_api_keys)
    content = b" " * (API_KEYS_BYTES_MAX + 1)
    (problem,) = text_file_problems(("identity",), one, content, "k.yaml", Places("c.yaml"))
    assert problem.found == f"the keys are longer than {API_KEYS_BYTES_MAX} bytes"
