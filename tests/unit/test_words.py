"""Prose and names use the field's words, and a public class has a name of its own."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ROOT / "extproc"
WORDS = [
    line.partition(" -> ")[0]
    for line in (Path(__file__).parent / "banned_words.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
BANNED = re.compile(rf"\b({'|'.join(WORDS)})\b", re.IGNORECASE)


def packages() -> list[str]:
    """The folders that are looked at."""
    inner = [path.parent for path in CODE.glob("*/__init__.py") if path.parent.name != "_pb"]
    return ["docs", "extproc", *sorted(f"extproc/{path.name}" for path in inner)]


def modules() -> list[Path]:
    """Every module but those that protoc writes."""
    return [path for path in sorted(CODE.rglob("*.py")) if "_pb" not in path.parts]


def files_of(package: str) -> list[Path]:
    """The files of a package or of the pages; of ``extproc`` only those outside of its packages."""
    if package == "docs":
        return [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    if package == "extproc":
        return sorted(CODE.glob("*.py"))
    return [path for path in modules() if (ROOT / package) in path.parents]


def prose_of(path: Path) -> str:
    """Everything of a page; of a module its names, comments and texts that are sentences, but not its patterns."""
    text = path.read_text()
    if path.suffix != ".py":
        return text
    comments = [
        one.string for one in tokenize.generate_tokens(io.StringIO(text).readline) if one.type == tokenize.COMMENT
    ]
    names, strings = [], []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Constant(value=str(value)) if is_sentence(value):
                strings.append(value)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                names.append(name.replace("_", " "))
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.append(re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name))
    return "\n".join([*comments, *strings, *names])


def is_sentence(text: str) -> bool:
    """Whether a text is prose: patterns and lists of words that detectors look for are none."""
    return " " in text and re.search(r"[|\\]|\(\?", text) is None


def banned_in(package: str) -> list[str]:
    """The words on the list, each with its file."""
    found = []
    for path in files_of(package):
        words = {one[0].lower() for one in BANNED.finditer(prose_of(path))}
        found += [f"{path.relative_to(ROOT)}: {word}" for word in sorted(words)]
    return found


@pytest.mark.parametrize("package", packages())
def test_prose_and_names_use_the_words_of_the_field(package: str) -> None:
    """``banned_words.txt`` has a better word for each."""
    assert banned_in(package) == []


def public_types(path: Path) -> list[str]:
    """Classes and type aliases at the top of a module; not type variables, which are local."""
    names: list[str] = []
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.ClassDef(name=name):
                names.append(name)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if "TypeVar" not in ast.dump(value):
                names.append(name)
    return [name for name in names if name[0].isupper() and not name.isupper()]


def test_a_public_type_has_a_name_of_its_own() -> None:
    """One name, one meaning: nobody has to look which of two classes is meant."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        for name in public_types(path):
            places[name].append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}
