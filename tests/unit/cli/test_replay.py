"""``extproc replay``: the same requests to two servers, over real HTTP, and both answers side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from extproc.cli.exit_codes import ExitCode
from extproc.cli.shapes import SHAPES
from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Gate, Scripted
from extproc.sinks.review.store import Store
from tests.docs.json_shapes import keys_of
from tests.unit.cli.programs import started
from tests.unit.cli.prompt_servers import model_server, scripted, texts_of
from tests.unit.cli.shape_check import paths_of
from tests.unit.config.conftest import MINIMAL
from tests.unit.sinks.review.samples import entry

SECOND = """\
      v2:
        weight: 9
        endpoints: ["127.0.0.1:8002"]
        served_model: tiny-next
        prompt: { file: brief.md }
        price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 }
"""
REVIEW = "review: { url: 'sqlite:///review.db' }\n"
SENDS = ("--from", "requests.jsonl", "--against", "tiny-chat/v1")


def says(text: str) -> dict[str, Any]:
    """A chat completion as a client stored it."""
    return {"model": "tiny-chat", "messages": [{"role": "user", "content": text}]}


def old(body: dict[str, Any]) -> Scripted | str:
    """The answers of v1."""
    return "Which envoy do you mean?" if "Envoy" in texts_of(body, "user") else "It is a proxy server."


def new(body: dict[str, Any]) -> Scripted | str:
    """The answers of v2, which has another prompt and a name of its own."""
    assert body["model"] == "tiny-next"
    assert texts_of(body, "system") == "Be brief."
    return "" if "Envoy" in texts_of(body, "user") else "It is a proxy server, mail ann@example.org"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three requests: a body, a line of a batch with a stream, and one that is none."""
    monkeypatch.chdir(tmp_path)
    lines = [says("What is Envoy?"), {"custom_id": "second", "body": {**says("What is it?"), "stream": True}}, {"a": 1}]
    (tmp_path / "requests.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in lines))
    (tmp_path / "brief.md").write_text("Be brief.\n")
    return tmp_path


@pytest.fixture
def servers(folder: Path) -> Iterator[tuple[ModelServer, ModelServer]]:
    """Both, named by the configuration."""
    with model_server(old) as one, model_server(new) as other:
        write(folder, one.port, other.port)
        yield one, other


def write(folder: Path, port: int, other_port: int, further: str = "") -> None:
    """The configuration of two versions."""
    first = MINIMAL.replace(":8001", f":{port}")
    both = first.replace("filters:", f"{SECOND.replace(':8002', f':{other_port}')}filters:", 1)
    prompted = both.replace("  - filter: meter", "  - filter: prompt\n  - filter: meter")
    (folder / "llm-extproc.yaml").write_text(prompted + further)


def run(*arguments: str) -> Result:
    """The command."""
    return CliRunner().invoke(app, ["replay", *arguments])


@pytest.mark.usefixtures("servers")
def test_both_answers_stand_below_each_request() -> None:
    """With what they are like, and a line for each signal of all of them."""
    ran = run("--from", "requests.jsonl", "--against", "tiny-chat/v2")
    assert ran.exit_code == 0, ran.output
    lines = [re.sub(r"\d\.\d s", "0.0 s", " ".join(line.split())) for line in ran.stdout.splitlines()]
    assert lines[:5] == [
        "line 1",
        "asked: What is Envoy?",
        "tiny-chat/v1 (3 tokens, 0.0 s, asks_back):",
        "Which envoy do you mean?",
        "tiny-chat/v2 (3 tokens, 0.0 s, empty):",
    ]
    assert "second" in lines
    assert "tiny-chat/v2 (3 tokens, 0.0 s, 1 findings):" in lines
    assert "empty 0 of 2 1 of 2" in lines
    assert "asks_back 1 of 2 0 of 1" in lines
    assert "tokens, mean 3.0 3.0" in lines
    assert lines[-1] == "1 left out: is no chat completion, or has no text."


@pytest.mark.usefixtures("servers")
def test_what_is_sent_is_what_guards_leave(servers: tuple[ModelServer, ModelServer], folder: Path) -> None:
    """Personal data is masked, and nothing is streamed; what a guard refuses is sent to nobody."""
    (folder / "requests.jsonl").write_text(json.dumps({**says("To ann@example.org"), "stream": True}))
    assert run(*SENDS).exit_code == 0
    for server in servers:
        (seen,) = server.seen
        body = json.loads(seen.body)
        assert texts_of(body, "user") == "To <EMAIL>"
        assert "stream" not in body
    (folder / "requests.jsonl").write_text(json.dumps({"messages": ["What?"]}))
    ran = run(*SENDS)
    assert ran.exit_code == ExitCode.FAILED
    assert "tiny-chat/v1: it is not sent: invalid_type" in ran.stdout
    assert [len(server.seen) for server in servers] == [1, 1]


@pytest.mark.usefixtures("servers")
def test_json_has_both_answers() -> None:
    """And how many have which signal; its shape is held below, with a judge."""
    ran = run("--from", "requests.jsonl", "--against", "tiny-chat/v1", "--base", "v2", "--json")
    data = json.loads(ran.stdout)
    assert (data["ok"], data["base"], data["against"], data["left_out"]) == (True, "tiny-chat/v2", "tiny-chat/v1", 1)
    first, second = data["requests"]
    assert (first["against"]["text"], first["against"]["signals"]) == ("Which envoy do you mean?", ["asks_back"])
    assert (first["base"]["text"], first["base"]["signals"], first["similarity"]) == ("", ["empty"], None)
    assert second["base"]["findings"] == 1
    assert second["similarity"] == pytest.approx(4 / 8, abs=0.2)
    assert {one["signal"]: one["base"] for one in data["signals"]}["empty"] == {"hits": 1, "judged": 2}


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (scripted(500, "{}"), "the server answers 500"),
        (scripted(200, "<html>", "text/html"), "the server answers no chat completion"),
        (scripted(200, '{"choices": []}'), "the server answers no chat completion"),
        (scripted(200, "[]"), "the server answers no chat completion"),
    ],
)
def test_an_answer_that_is_none_fails_the_command(folder: Path, reply: Scripted, problem: str) -> None:
    """The other one is shown all the same."""
    with model_server(old) as one, model_server(lambda _: reply) as other:
        write(folder, one.port, other.port)
        ran = run(*SENDS)
    assert ran.exit_code == ExitCode.FAILED
    assert f"  tiny-chat/v2: {problem}" in ran.stdout
    assert "Which envoy do you mean?" in ran.stdout


def test_an_answer_without_usage_has_no_tokens(folder: Path) -> None:
    """A tool call is an answer, too."""
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [call]}}
    with model_server(old) as one, model_server(lambda _: scripted(200, json.dumps({"choices": [choice]}))) as other:
        write(folder, one.port, other.port)
        data = json.loads(run(*SENDS, "--limit", "1", "--json").stdout)
    (request,) = data["requests"]
    assert (request["base"]["tokens"], request["base"]["signals"]) == (None, ["bad_call"])


@pytest.mark.usefixtures("servers")
def test_findings_of_the_review_queue_are_sent(servers: tuple[ModelServer, ModelServer], folder: Path) -> None:
    """Each excerpt of a request once, and no answer; straight from the store, or from an export."""
    store = Store("sqlite:///review.db", folder)
    store.add(
        [
            entry(exchange="a", direction="request", excerpt="What is Envoy?"),
            entry(exchange="a", direction="request", excerpt="What is Envoy?", kind="OTHER"),
            entry(exchange="b", direction="response", excerpt="It is."),
            entry(exchange="c", direction="request", excerpt=""),
        ]
    )
    store.close()
    one, other = servers
    write(folder, one.port, other.port, REVIEW)
    data = json.loads(run("--from", "review", "--against", "tiny-chat/v1", "--json").stdout)
    assert ([one["question"] for one in data["requests"]], data["left_out"]) == (["What is Envoy?"], 2)
    exported = CliRunner().invoke(app, ["review", "export", "--with-unlabelled"])
    (folder / "export.jsonl").write_text(exported.stdout)
    data = json.loads(run("--from", "export.jsonl", "--against", "tiny-chat/v1", "--json").stdout)
    assert ([one["name"] for one in data["requests"]], data["left_out"]) == (["finding 1", "finding 2"], 2)
    write(folder, one.port, other.port, "review: { url: 'sqlite:///review.db', texts: none }\n")
    refused = run("--from", "review", "--against", "tiny-chat/v1")
    assert (refused.exit_code, refused.stderr) == (
        ExitCode.UNUSABLE,
        "The review queue keeps no texts (review.texts: none), so there is nothing to send.\n",
    )


JUDGED = ("--rubric", "rubric.md", "--judge-model", "judge", "--judge-url")


def likes_short(body: dict[str, Any]) -> str:
    """A judge who prefers the shorter answer, wherever it stands."""
    asked = json.loads(texts_of(body, "user"))
    assert asked["rubric"] == "Short is good."
    first, second = len(asked["first"]), len(asked["second"])
    better = "first" if first < second else "second" if second < first else "same"
    return json.dumps({"reason": "It is shorter.", "better": better})


@pytest.mark.usefixtures("servers")
def test_a_judge_compares_each_pair_in_both_orders(folder: Path) -> None:
    """One who prefers a place decides nothing."""
    (folder / "rubric.md").write_text("Short is good.")
    with model_server(likes_short) as judge:
        ran = run(*SENDS, *JUDGED, judge.base_url)
        data = json.loads(run(*SENDS, *JUDGED, judge.base_url, "--json").stdout)
    assert ran.exit_code == 0, ran.output
    assert ran.stdout.splitlines()[-2] == "better in both orders: tiny-chat/v2 1, tiny-chat/v1 1, undecided 0"
    assert "  judge: tiny-chat/v2 is better. It is shorter." in ran.stdout
    assert paths_of(data, SHAPES["replay"]) == {key.path for key in keys_of(SHAPES["replay"])}
    assert [one["judged"]["verdict"] for one in data["requests"]] == ["base", "against"]
    with model_server(lambda _: '{"better": "first"}') as judge:
        assert "undecided 2" in run(*SENDS, *JUDGED, judge.base_url).stdout


@pytest.mark.usefixtures("servers")
def test_a_judge_that_fails_is_told(folder: Path) -> None:
    """The answers are shown all the same, and the command fails."""
    (folder / "rubric.md").write_text("Short is good.")
    with model_server(lambda _: "I like both.") as judge:
        unclear = run(*SENDS, *JUDGED, judge.base_url)
    assert unclear.exit_code == ExitCode.FAILED
    assert "not judged: the judge does not reply with" in unclear.stdout
    gone = run(*SENDS, *JUDGED, judge.base_url)
    assert "not judged: the judge does not answer" in gone.stdout
    assert "Which envoy do you mean?" in gone.stdout


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        (b"x", JUDGED[:2], "--rubric, --judge-url and --judge-model go together."),
        (b" ", (*JUDGED, "http://h"), "rubric.md: a rubric has 1 to 32768 characters."),
        (b"\xff", (*JUDGED, "http://h"), "rubric.md is not UTF-8 text."),
        (None, (*JUDGED, "http://h"), "rubric.md: no such file or directory."),
    ],
)
def test_a_rubric_that_cannot_be_used_ends_it(
    folder: Path, text: bytes | None, options: tuple[str, ...], told: str
) -> None:
    """Before anything is sent."""
    if text is not None:
        (folder / "rubric.md").write_bytes(text)
    ran = run(*SENDS, *options)
    assert (ran.exit_code, ran.stderr) == (ExitCode.UNUSABLE, f"{told}\n")


def test_ctrl_c_does_not_wait_for_answers(folder: Path) -> None:
    """They may take long."""
    gate = Gate()
    silent = Scripted(200, (("content-length", "9"),), [gate])
    with model_server(lambda _: silent) as one, model_server(lambda _: silent) as other:
        write(folder, one.port, other.port)
        with started("replay", *SENDS) as program:
            while not (one.seen and other.seen):
                assert program.process.poll() is None, program.output
            program.ctrl_c()
            assert program.ended() == ExitCode.INTERRUPTED
        gate.open()
    assert "extproc: interrupted" in program.output
