"""One case a mistake, and with it the exact words that a person reads: tests/config/bad/TOPIC.yaml.

A case is a change of `base.yaml`, a valid document, and what is `told` about it, by line and column of the changed
document. Its keys, in the order in which they are written:

- `add`: blocks that stand above the base.
- a heading of the base without its colon, such as `guards`: the lines that stand under it instead.
- a whole line of the base, such as `"weight: 80"`: the lines in its place; what stands under it stays.
- either with `~`: the line goes, with what stands under it.
- `text`: a whole document, where it has nothing of the base.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from extproc.config.environment import elsewhere_hint
from extproc.config.guards import SECTIONS_BY_GUARD
from extproc.config.load import load, parse_document
from extproc.config.problems import ConfigInvalid, names
from extproc.config.yaml_nodes import decode
from extproc.config.yaml_tree import read_yaml
from extproc.detectors.pii.kinds import ENTITIES

Case = dict[str, str | None]

BAD = Path(__file__).parents[2] / "config" / "bad"
BASE = (BAD / "base.yaml").read_text(encoding="utf-8")


def cases_of(topic: Path) -> dict[str, Case]:
    """The cases of a file by their names; a name or key that is written twice is refused."""
    cases, _, problems = read_yaml(decode(topic.read_bytes(), topic.name), topic.name)
    assert not problems, "\n".join(map(str, problems))
    assert isinstance(cases, dict), f"{topic.name} holds no cases"
    for name, case in cases.items():
        assert isinstance(case, dict), f"{topic.name}: {name} is no case"
        assert case.get("told"), f"{topic.name}: {name} tells nothing"
    return cases


# Every file of the folder is read, so that none lies there unused.
TOPICS = {file.name: cases_of(file) for file in sorted(BAD.iterdir()) if file.name != "base.yaml"}
KNOWN = {
    "{guards}": names(sorted(SECTIONS_BY_GUARD)),
    "{entities}": names(ENTITIES),
    "{variables}": elsewhere_hint(),
}
"""What stands for these words in a message, so that a new guard or kind of personal data changes none here."""
CASES = [(name, case) for cases in TOPICS.values() for name, case in cases.items()]


def document_of(case: Case) -> str:
    """The text that a case makes."""
    made = {key: new for key, new in case.items() if key != "told"}
    if "text" in made:
        assert len(made) == 1, "a whole `text` is no change of the base"
        return made["text"] or ""
    above = made.pop("add", None) or ""
    text = BASE
    for where, new in made.items():
        text = changed(text, where, new)
    return above + text


def changed(text: str, where: str, new: str | None) -> str:
    """A text with other lines under a heading or in place of a line; with None, without it and what is under it."""
    found = list(re.finditer(rf"(?m)^( *){re.escape(where)}(:?)\n((?:\1 +\S.*\n)*)", text))
    assert len(found) == 1, f"`{where}` stands {len(found)} times in the base"
    indent, heading, under = found[0].groups()
    if new is None:
        lines = ""
    elif heading:
        lines = f"{indent}{where}:\n{indented(new, f'{indent}  ')}"
    else:
        lines = indented(new, indent) + under
    return text[: found[0].start()] + lines + text[found[0].end() :]


def indented(text: str, indent: str) -> str:
    """The text with each line moved to the right."""
    return "".join(f"{indent}{line}\n" for line in text.splitlines())


def test_the_base_is_right() -> None:
    """Nothing is told about the base, so what a case is told comes from its change."""
    assert load(BASE, "base.yaml").warnings == ()


@pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
def test_a_mistake_is_told_exactly(name: str, case: Case) -> None:
    """Each case is refused with exactly the lines that it is told, each of them behind the name of its file."""
    source = f"{name}.yaml"
    with pytest.raises(ConfigInvalid) as refused:
        parse_document(decode(document_of(case).encode(), source), source)
    told = case["told"] or ""
    for word, known in KNOWN.items():
        told = told.replace(word, known)
    assert f"{refused.value}\n" == re.sub(r"(?m)^(?=\d+:\d+: )", f"{source}:", told)


def test_every_case_has_a_name_of_its_own() -> None:
    """No topic is empty, no name is given twice, and none of the folder is lost."""
    assert all(TOPICS.values())
    assert [name for name, times in Counter(name for name, _ in CASES).items() if times > 1] == []
    assert len(CASES) >= 132


@pytest.mark.parametrize("where", ["weight: 8", "endpoints", "filter: meter", "no line"])
def test_a_change_of_what_the_base_does_not_hold_is_refused(where: str) -> None:
    """Otherwise a case could outlive the line that it changes."""
    with pytest.raises(AssertionError, match="stands 0 times"):
        document_of({where: "x: 1", "told": "1:1: x."})
