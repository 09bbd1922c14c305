"""Tables that come from other people's lists: written as committed, complete or decided, and nothing lost."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.kinds import ENTITIES
from extproc.detectors.pii.secret_patterns import SECRET_CHARACTERS_MIN, secret_plausible
from extproc.detectors.text.normalize import plain
from tests.thorough import THOROUGH
from tests.tools.tables import gitleaks, look_alikes
from tests.tools.tables.__main__ import MODULES
from tests.unit.detectors.pii.regex_samples import RegexSampler

detector = PiiDetector(ENTITIES)

DETECTORS = Path(__file__).parent / "detectors"
SHAPES_BY_HAND = (DETECTORS / "pii" / "secret_shapes.txt").read_text().splitlines()
SAMPLES = 400 if THOROUGH else 12
"""Of each shape, and more of one that has more alternatives."""
LETTERS_BY_HAND = (DETECTORS / "text" / "look_alikes.txt").read_text().splitlines()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_the_committed_module_is_what_the_command_writes(path: Path) -> None:
    """``make tables`` after a change of a source or of the choice."""
    assert path.read_text() == MODULES[path]()


def samples(name: str) -> list[str]:
    """Tokens that a rule of gitleaks takes."""
    return drawn(gitleaks.own_dialect(gitleaks.rules()[name]))


def drawn(shape: str) -> list[str]:
    """Tokens of a shape that could be ours: long and varied enough."""
    sampler = RegexSampler(shape, random.Random(shape))
    number = max(SAMPLES, sampler.alternatives_max)
    texts = [text for text in (sampler.sample() for _ in range(number)) if re.fullmatch(shape, text)]
    return [text for text in texts if len(text) >= SECRET_CHARACTERS_MIN and secret_plausible(text)]


def is_found(token: str) -> bool:
    """Whether one finding covers the whole token."""
    return any(one.start <= 4 and one.end >= 4 + len(token) for one in detector.find(f"see {token} there"))


@pytest.mark.parametrize("name", [name for name in gitleaks.rules() if name not in gitleaks.LEFT_OUT])
def test_what_a_rule_of_gitleaks_takes_is_found(name: str) -> None:
    """By our own list or by the rules that were taken; a new rule is taken, covered or left out with a reason."""
    tokens = samples(name)
    assert tokens
    assert [token for token in tokens if not is_found(token)] == []


@pytest.mark.parametrize("name", gitleaks.LEFT_OUT)
def test_what_is_left_out_is_a_rule_with_a_reason(name: str) -> None:
    """Else the list would go on when the rule has gone, or when we find its tokens after all."""
    assert gitleaks.LEFT_OUT[name]
    tokens = samples(name)
    assert [token for token in tokens if not is_found(token)]


@pytest.mark.parametrize(
    ("regex", "shape"),
    [
        (r"""\b(p8e-(?i)[a-z0-9]{32})(?:[\x60'"\s;]|\\[nr]|$)""", "p8e-(?i:[a-z0-9]{32})"),
        (r"(?i)\b(npm_[a-z]{36})\b", "(?i:npm_[a-z]{36})"),
        (r"\b((?:hvs\.[\w-]{90,120}|s\.(?i:[a-z]{24})))\b", r"(?:hvs\.[A-Za-z0-9_-]{90,}|s\.(?i:[a-z]{24}))"),
        (r"\b(pat[[:alnum:]]{14}\.\d{2})\b", r"pat[A-Za-z0-9]{14}\.[0-9]{2}"),
    ],
)
def test_an_expression_is_put_into_our_dialect(regex: str, shape: str) -> None:
    """Without what may stand around it, with flags in groups and no classes with names."""
    assert gitleaks.own_dialect(regex) == shape


def test_every_confusable_letter_is_read_as_latin() -> None:
    """Of the scripts in which nobody writes to models; more than one reading is Latin too (I and l, u and v)."""
    assert [letter for letter in look_alikes.taken() if not plain(letter).isascii()] == []
    assert all(plain(letter) for letter in look_alikes.taken())


def test_living_scripts_are_left_alone() -> None:
    """A letter of theirs is Latin only where we chose it by hand."""
    for letter in "αβσ вжя աբգ אבו اه ०ഠ ๐ ҽԝ":
        if letter in look_alikes.taken():
            pytest.fail(f"{letter} is taken")


@pytest.mark.parametrize("shape", SHAPES_BY_HAND)
def test_no_shape_of_a_secret_is_lost(shape: str) -> None:
    """What our own list found before there was another one, whatever is generated beside it."""
    tokens = drawn(shape)
    assert tokens
    assert [token for token in tokens if not is_found(token)] == []


def test_no_look_alike_is_lost() -> None:
    """Letters, quotation marks and dashes that were chosen by hand, each with its own reading."""
    for line in LETTERS_BY_HAND:
        latin, _, letters = line.partition(" ")
        assert {plain(letter) for letter in letters} == {latin}
