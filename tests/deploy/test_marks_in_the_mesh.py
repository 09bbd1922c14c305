"""Marks behind an Envoy as Istio would have patched it, which removes no header early: the processor takes them off."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from extproc.domain.contract import MARK_HEADER
from extproc.exchange.hop_marks import HopMark, body_digest, hop_key, signed_mark
from tests.deploy.test_live_proxy import CHAT, PERSONAL, Block, as_guard, in_the_mesh
from tests.e2e.harness import Stack, require_envoy, wait_until

KEY = b"k" * 32
MARKS = "llm_extproc_hop_marks_total"
BODY = json.dumps({"model": "tiny-chat", "messages": [{"role": "user", "content": PERSONAL}]}).encode()


def mark_of_the_gateway() -> str:
    """For this body: its guards were skipped there, so that one sees here whether they run."""
    key = hop_key(KEY)
    return signed_mark(
        HopMark("e-1", "tiny-chat/v1", "chat", (), True, True, int(time.time()), body_digest(BODY, key)), key
    )


@pytest.mark.parametrize("is_marked", [True, False])
def test_a_mark_is_taken_behind_the_meshs_proxy(tmp_path: Path, is_marked: bool) -> None:
    """With it nothing is inserted or counted here; without it all is. The model server sees it in neither case."""
    require_envoy()
    (tmp_path / "hop.key").write_bytes(KEY)

    def trusting(data: Block) -> None:
        as_guard(data)
        data["hops"] = {"key_files": ["hop.key"], "skip_guards": "all"}

    with Stack(tmp_path, change=trusting, change_envoy=in_the_mesh) as stack:
        options = ("-H", f"{MARK_HEADER}: {mark_of_the_gateway()}") if is_marked else ()
        answer = stack.curl(CHAT, *options, body=BODY)
        assert answer.status == 200
        wait_until(lambda: stack.metric(MARKS, result="good" if is_marked else "absent") == 1, "the mark is counted")
        (seen,) = stack.models["v1"].seen
        assert seen.request.header(MARK_HEADER) is None
        assert (seen.request.document["messages"][0]["role"] == "system") != is_marked
        assert ("<EMAIL>" in answer.body.decode()) != is_marked
        assert stack.metric("llm_requests_total") == (0 if is_marked else 1)
