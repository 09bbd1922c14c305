"""A configuration in several files is the one that they would make together, with lines of each file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from extproc.config.includes import INCLUDE_DEPTH_MAX
from extproc.config.load import Loaded, load, revision_of
from extproc.config.problems import ConfigInvalid
from extproc.config.yaml_nodes import CONFIG_BYTES_MAX
from extproc.config.yaml_tree import read_yaml
from tests.unit.config.conftest import MINIMAL

Files = Mapping[str, str | OSError]
WHOLE = read_yaml(MINIMAL, "c.yaml")[0]
assert isinstance(WHOLE, dict)
HEAD, _, POLICIES = MINIMAL.partition("policies:\n")
MODELS, _, FILTERS = HEAD.partition("filters:\n")
PARTS = "include: [models.yaml]\n" + MINIMAL.removeprefix(MODELS)


def loaded(main: str, **files: str | OSError) -> Loaded:
    """A configuration `conf/main.yaml` with files beside it; `a__b` is the file `a/b.yaml`."""
    return load_files({"main.yaml": main, **{f"{name.replace('__', '/')}.yaml": text for name, text in files.items()}})


def load_files(files: Files) -> Loaded:
    """The configuration `main.yaml` of these files, by their paths from its folder."""

    def read(path: str) -> bytes | OSError:
        content = files.get(resolved(path), FileNotFoundError())
        return content.encode() if isinstance(content, str) else content

    main = files["main.yaml"]
    assert isinstance(main, str)
    return load(main, "conf/main.yaml", read=read)


def resolved(path: str) -> str:
    """A path as a file system reads it."""
    parts: list[str] = []
    for part in PurePosixPath(path).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def told(main: str, **files: str | OSError) -> list[str]:
    """What is told about a configuration."""
    with pytest.raises(ConfigInvalid) as refused:
        loaded(main, **files)
    return [str(problem).removeprefix("conf/") for problem in refused.value.problems]


# --- what is included ----------------------------------------------------------------------------------------------


def test_sections_of_other_files() -> None:
    """They belong to the configuration and to its revision."""
    document = loaded(PARTS, models=MODELS).document
    assert document == load(MINIMAL, "c.yaml").document
    other = loaded(PARTS, models=MODELS.replace("weight: 1", "weight: 2")).document
    assert revision_of(document, {}) == revision_of(load(MINIMAL, "c.yaml").document, {})
    assert revision_of(document, {}) != revision_of(other, {})


def test_items_of_policies_and_of_their_guards() -> None:
    """At their place in the list; a file may serve several lists."""
    main = f"{HEAD}policies:\n  - include: first.yaml\n  - name: default\n    guards:\n      - include: guards.yaml\n"
    first = (
        "- name: one\n  when: [{ models: [tiny-chat] }]\n  guards:\n"
        "    - include: guards.yaml\n    - { guard: size, messages_max: 3 }\n"
    )
    document = loaded(main, first=first, guards="- guard: pii\n- guard: injection\n").document
    named = {policy.name: [guard.guard for guard in policy.guards] for policy in document.policies}
    assert named == {"one": ["pii", "injection", "size"], "default": ["pii", "injection"]}
    assert [policy.name for policy in document.policies] == ["one", "default"]


def test_a_path_is_relative_to_the_file_that_holds_it() -> None:
    """Of a file, of a prompt, of a list, and of a store; not one on Envoy's machine."""
    prompt = MODELS.replace("weight: 1", "weight: 1\n        prompt: { file: prompts/v1.txt }")
    more = (
        "include: [../shared/review.yaml]\n"
        "envoy: { processor: { address: 'p:1', sds_folder: sds } }\n"
        "policies:\n  - name: default\n    guards:\n      - { guard: banned, phrases: { file: /abs/words.txt } }\n"
        "      - { guard: facts, file: facts.yaml }\n"
    )
    document = loaded(
        f"include: [teams/more.yaml, teams/models.yaml]\nfilters:\n{FILTERS}",
        teams__more=more,
        teams__models=prompt,
        shared__review="review: { url: 'sqlite:///review.db' }\n",
    ).document
    version = document.models["tiny-chat"].versions["v1"]
    assert version.prompt is not None
    assert version.prompt.file == "teams/prompts/v1.txt"
    assert document.review is not None
    assert document.review.url == "sqlite:///teams/../shared/review.db"
    assert document.envoy.processor.sds_folder == "sds"
    files = [one.file for guard in document.policies[0].guards for one in guard.text_files()]
    assert files == ["/abs/words.txt", "teams/facts.yaml"]


SECTIONS: dict[str, object] = {**WHOLE, "role": "route", "limits": {"json_depth_max": 32}, "log": {"text": True}}
FOLDERS = st.sampled_from(["", "a/", "a/b/", "c/"])


@given(st.data())
def test_any_split_is_the_whole(data: st.DataObject) -> None:
    """Sections in any files, which include each other in any depth: the same document, and each place is true."""
    names = [f"{data.draw(FOLDERS)}f{number}.yaml" for number in range(data.draw(st.integers(0, 4)))]
    parents = [data.draw(st.sampled_from(["main.yaml", *names[:number]])) for number in range(len(names))]
    held: dict[str, dict[str, object]] = {name: {} for name in ("main.yaml", *names)}
    for key, value in SECTIONS.items():
        held[data.draw(st.sampled_from(list(held)))][key] = value
    for name, parent in zip(names, parents, strict=True):
        includes = held[parent].setdefault("include", [])
        assert isinstance(includes, list)
        includes.append("/".join([".."] * (len(PurePosixPath(parent).parts) - 1) + [name]))
    assume(all(held.values()))
    files = {name: yaml.safe_dump(sections, sort_keys=False) for name, sections in held.items()}
    read = load_files(files)
    assert read.document == load(yaml.safe_dump(SECTIONS), "c.yaml").document
    for key in SECTIONS:
        place = read.places.place((key,))
        name = resolved(place.source.removeprefix("conf/"))
        assert files[name].splitlines()[place.line - 1].startswith(f"{key}:")


def test_the_example_of_the_documentation() -> None:
    """Each file that it names, with what the comment says that it has."""
    page = (Path(__file__).parents[3] / "docs/operations.md").read_text()
    (example,) = [block for block in re.findall(r"```text\n(.*?)```", page, re.DOTALL) if "include:" in block]
    assert set(re.findall(r"[\w/-]+\.yaml", example)) == {
        "llm-extproc.yaml",
        "models.yaml",
        "teams/review.yaml",
        "teams/support.yaml",
        "guards/base.yaml",
    }
    document = loaded(
        example,
        models=f"{MODELS}filters:\n{FILTERS}",
        teams__review="review: { url: 'sqlite:///review.db' }\n",
        teams__support="- { name: support, when: [{ teams: [support] }], extends: default }\n",
        guards__base="- guard: injection\n- guard: pii\n",
    ).document
    guards = ["injection", "pii", "size"]
    assert [[guard.guard for guard in policy.guards] for policy in document.policies] == [guards, guards]
    assert document.review is not None
    assert document.review.url == "sqlite:///teams/review.db"


# --- mistakes ------------------------------------------------------------------------------------------------------


def test_a_section_that_is_there_twice() -> None:
    """Both places are told; nothing is merged."""
    assert told(PARTS, models=f"{MODELS}filters: []\n") == [
        "models.yaml:8:1: filters: duplicate key, first on line 2 of conf/main.yaml. Keep one of the two."
    ]


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        (
            "include: models.yaml\n",
            ["main.yaml:1:10: include: found `models.yaml`, expected a list of files. Write `include: [models.yaml]`."],
        ),
        (
            "include: { a: b }\n",
            ["main.yaml:1:10: include: found a block of keys, expected a list of files. Begin each file with `- `."],
        ),
        ("include: [[a]]\n", ["main.yaml:1:11: include: found a list, expected the path of a file."]),
        (
            "include: [absent.yaml]\n",
            ["main.yaml:1:11: include: `absent.yaml` is not a file. The path is relative to the folder of this file."],
        ),
        ("include: [locked.yaml]\n", ["main.yaml:1:11: include: `locked.yaml` cannot be read (permission denied)."]),
        (
            "include: [main.yaml]\n",
            ["main.yaml:1:11: include: the file includes itself, here or by way of others. Remove it."],
        ),
        (
            "include: [loop.yaml]\n",
            ["other.yaml:1:11: include: the file includes itself, here or by way of others. Remove it."],
        ),
        (
            "include: ['${TEAM}.yaml']\n",
            [
                "main.yaml:1:11: include: an environment variable, which is not read here. Which files belong to a"
                " configuration is the same everywhere: write the path."
            ],
        ),
        (
            "include: [models.yaml]\ninclude: [models.yaml]\n",
            ["main.yaml:2:1: include: duplicate key, first on line 1. Keep one of the two."],
        ),
        (
            "include: [list.yaml]\n",
            ["list.yaml:1:1: found a list in an included file, expected keys such as `models:` and `policies:`."],
        ),
        (
            "include: [broken.yaml]\n",
            ["broken.yaml:1:9: a `[` or `{` that is not closed. Close it, with `,` between the entries."],
        ),
        ("include: [empty.yaml]\n", ["empty.yaml:1:1: the file is empty."]),
        (
            "policies:\n  - include: models.yaml\n",
            [
                "models.yaml:1:1: found a block of keys in an included file, expected a list, as it would stand in its"
                " place."
            ],
        ),
        (
            "policies:\n  - include: list.yaml\n    name: x\n",
            ["main.yaml:2:14: include: `include` with other keys. Write `- include: FILE` as an entry of its own."],
        ),
    ],
)
def test_a_mistake_is_told_exactly(main: str, expected: list[str]) -> None:
    """In the file that holds it."""
    assert [
        line[: len(one)]
        for line, one in zip(
            told(
                main,
                models=MODELS,
                locked=PermissionError(13, "Permission denied"),
                loop="include: [other.yaml]\n",
                other="include: [loop.yaml]\n",
                list="- guard: pii\n",
                broken="models: [a\nb: c\n",
                empty="# nothing\n",
            ),
            expected,
            strict=True,
        )
    ] == expected


def test_a_mistake_in_an_included_file_names_it() -> None:
    """By its own line, as in the file of the configuration."""
    assert told(PARTS, models=MODELS.replace("weight: 1", "wieght: 1")) == [
        "models.yaml:4:7: models.tiny-chat.versions.v1.weight: missing, expected a whole number from 0 to 1000000:"
        " share of exchanges, relative to the other versions.",
        "models.yaml:5:9: models.tiny-chat.versions.v1.wieght: unknown key. Did you mean `weight`?",
    ]


def test_a_mistake_in_a_shared_file_is_told_once() -> None:
    """However many lists it is used in."""
    main = (
        f"{HEAD}policies:\n  - name: one\n    when: [{{ models: [tiny-chat] }}]\n    guards: [{{ include: g.yaml }}]\n"
        "  - name: default\n    guards: [{ include: g.yaml }]\n"
    )
    assert told(main, g="- guard: pii\n  on: sideways\n") == [
        "g.yaml:2:7: policies[one].guards[pii].on: found the text `sideways`, expected one of `request`, `response`,"
        " `both`."
    ]


# --- limits --------------------------------------------------------------------------------------------------------


def test_a_chain_of_files_ends() -> None:
    """Also one that no comparison of names would end, such as by symbolic links."""
    files = {f"f{number}.yaml": f"include: [f{number + 1}.yaml]\n" for number in range(INCLUDE_DEPTH_MAX + 2)}
    with pytest.raises(ConfigInvalid, match=r"f7\.yaml:1:11: include: more than 8 files deep, or 1000 in all"):
        load_files({"main.yaml": "include: [f0.yaml]\n", **files})


def test_all_files_together_have_a_size() -> None:
    """That of a single one."""
    large = "#" * (CONFIG_BYTES_MAX // 2) + "\n"
    (line,) = told("include: [a.yaml, b.yaml]\n", a=f"{large}log: {{}}\n", b=f"{large}limits: {{}}\n")
    assert line == "main.yaml:1:19: include: more than 1000000 bytes in all files. Simplify them."


def test_files_that_multiply_are_counted() -> None:
    """Each use counts, so that a few small files are no bomb."""
    ten = "".join("- include: {}.yaml\n" for _ in range(10))
    files = {f"f{number}.yaml": ten.format(*[f"f{number + 1}"] * 10) for number in range(5)}
    with pytest.raises(ConfigInvalid, match=r"more than 8 files deep, or 1000 in all"):
        load_files({"main.yaml": "policies:\n  - include: f0.yaml\n", **files, "f5.yaml": "- guard: pii\n"})
