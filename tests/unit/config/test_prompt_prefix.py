"""How much of a prompt all requests of a version share, and when that is too little."""

from __future__ import annotations

import pytest

from extproc.config.load import load
from extproc.config.prompt_prefix import BLOCK_BYTES, estimated_tokens, prefix_problems, shared_prefix
from extproc.config.prompt_template import CompiledPrompt, compile_prompt
from extproc.config.prompt_variables import Variable
from extproc.config.prompts import prompt_key
from tests.unit.config.conftest import MINIMAL

LONG = "You help customers, briefly and in whole sentences, and you say what you do not know."
NAMED = MINIMAL.replace("        price", "        prompt: { name: system, version: v1 }\n        price")
CONFIG = f"{NAMED.replace('  - filter: meter', '  - filter: prompt')}prompts: {{ folder: prompts }}\n"

VERSION = CONFIG.partition("      v1:")[2].partition("filters:")[0]


def compiled(text: str) -> CompiledPrompt:
    """A prompt with a variable of a header."""
    return compile_prompt("system-v1", "f", "first", text, {"city": Variable(header="x-city")})


@pytest.mark.parametrize(
    ("text", "shared", "constant", "variable"),
    [
        ("abc", 3, 3, ""),
        ("Ä b {{ team }} c", 5, 7, "team"),
        ("{{ city }} c", 0, 2, "city"),
        ("{{ date }} {{ model }} {{ version }} c {{ project }}", 5, 5, "project"),
        ("", 0, 0, ""),
    ],
)
def test_a_variable_that_differs_between_requests_ends_it(text: str, shared: int, constant: int, variable: str) -> None:
    """In bytes. What is the same for all requests of a version on a day ends nothing."""
    prefix = shared_prefix(compiled(text))
    assert (prefix.shared_bytes, prefix.constant_bytes, prefix.variable) == (shared, constant, variable)


@pytest.mark.parametrize(
    ("text", "is_small"),
    [
        (f"{{{{ city }}}} {LONG}", True),
        (f"{LONG} {{{{ city }}}} {LONG} Always.", True),
        (f"{LONG} {{{{ city }}}} {LONG}", False),
        (f"{LONG} {{{{ city }}}}", False),
        (f"{{{{ date }}}} {LONG} {{{{ city }}}}", False),
        (f"{{{{ city }}}}{'x' * (BLOCK_BYTES - 1)}", False),
        (f"{{{{ city }}}}{'x' * BLOCK_BYTES}", True),
        (LONG, False),
    ],
)
def test_it_is_small_if_more_stands_behind_the_variable(text: str, is_small: bool) -> None:
    """And if what is lost could have filled a block of the cache."""
    assert shared_prefix(compiled(text)).is_small is is_small


def test_tokens_are_estimated_as_for_requests() -> None:
    """With the rate that is assumed before a server has counted."""
    assert estimated_tokens(440) == 100


def test_a_check_warns_at_the_key_that_names_the_prompt() -> None:
    """Once, in these words."""
    loaded = load(CONFIG.replace("      v1:", f"      v0:{VERSION}      v1:"), "c.yaml")
    early = f"---\nvariables: {{ city: {{ header: x-city }} }}\n---\nIn {{{{ city }}}}. {LONG}"
    told = [str(one) for one in prefix_problems(loaded.document, {prompt_key("system", "v1"): early}, loaded.places)]
    assert told == [
        "c.yaml:7:42: warning: models.tiny-chat.versions.v0.prompt.version: the variable `city` stands behind 3 of 90"
        " constant bytes, so requests share little of the prompt in the server's prefix cache. Move variables to its"
        " end."
    ]
    late = {prompt_key("system", "v1"): early.replace("In {{ city }}. ", "")}
    assert list(prefix_problems(loaded.document, late, loaded.places)) == []
