"""No guard's time grows faster than a text: hostile texts before each of the demo's guards, in requests and in answers.

``make hunt`` asks with a megabyte.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from extproc.demo.installation import DEMO_CONFIG
from extproc.domain.record import ExchangeRecord
from extproc.domain.text import Direction, Kind, Speaker, TextSource
from extproc.exchange import request as requests
from extproc.exchange.snapshot import compile_snapshot
from extproc.filters.base import ExchangeFacts
from extproc.filters.chain import Channels
from extproc.payload.endpoints import CHAT
from extproc.server.config_files import read_config
from tests.bench.detectors import ALL, measured_policies
from tests.growth import grows_in_proportion

LONG_CHARS = 1_000_000 if os.environ.get("HYPOTHESIS_PROFILE") == "hunt" else 40_000
PIECE_CHARS = 4_000
ANSWER = TextSource(Direction.RESPONSE, Speaker.ASSISTANT, Kind.CONTENT)

HOSTILE = {
    "words": "word ",
    "one word": "ab9",
    "digits": "1 ",
    "capitals": "AB12 ",
    "quotes": '"',
    "brackets": "[{(",
    "sentences": "Is it? No. ",
    "links": "http://a.b/",
    "schemes": "a://b:c@",
    "images": "![a](",
    "overrides": "ignore all the previous ",
    "misspelt": "sysetm pormpt ",
    "other scripts": "忽略之前的所有",
    "marks": "e\u0301\u200b",
    "escapes": "\\u0069&lt;%41",
    "phrases": "project ",
    "insults": "you are such a ",
    "one loop": "abc abd ",
    "names": "Anna Schmidt of Kiel, ",
    "parameters": "&password=Aa1",
}

FILES = read_config(DEMO_CONFIG)
SNAPSHOT = replace(compile_snapshot(FILES.loaded.document, FILES.prompts), last_filters=())
POLICIES = measured_policies(SNAPSHOT)
JUDGED = [name for name, policy in POLICIES.items() if name != ALL and (policy.request_guards or policy.answer_filters)]


def judge(name: str, text: str) -> None:
    """A request with the text in it, and the text as its streamed answer."""
    policy = POLICIES[name]
    body = {"model": "m", "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}]}
    request = CHAT.read_request(json.dumps(body).encode(), SNAPSHOT.requests)
    exchange = ExchangeFacts(CHAT, {}, {}, ExchangeRecord("hostile", "hostile", 0))
    requests.judge(request, exchange, SNAPSHOT, policy)
    chain = Channels(policy.answer_filters, exchange, SNAPSHOT.limits.channels_max).chain(ANSWER)
    for start in range(0, len(text), PIECE_CHARS):
        chain.feed(text[start : start + PIECE_CHARS])
    chain.close()


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("name", JUDGED)
def test_time_grows_with_the_text_and_no_faster(name: str, piece: str) -> None:
    """Whatever a text repeats."""
    assert grows_in_proportion(lambda text: judge(name, text), piece, LONG_CHARS)
