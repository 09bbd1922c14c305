"""``extproc prompts test``: golden cases against a model server, over real HTTP, and how each way to end is told."""

from __future__ import annotations

import json
import re
import socket
import threading
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from extproc.cli import _app as app
from extproc.cli.exit_codes import ExitCode
from extproc.cli.shapes import SHAPES
from extproc.demo.model_server import ModelServer
from extproc.demo.rules import DEMO_RULES
from extproc.demo.scripted import Gate, Scripted
from tests.docs.json_shapes import keys_of
from tests.hangs import HANG_S
from tests.unit.cli.programs import started
from tests.unit.cli.prompt_servers import model_server, scripted, texts_of
from tests.unit.cli.shape_check import paths_of
from tests.unit.config.conftest import MINIMAL

NAMED = "        served_model: tiny-chat-next\n        prompt: { name: system, version: v2 }\n        price"
CONFIG = MINIMAL.replace("        price", NAMED).replace("  - filter: meter", "  - filter: prompt\n  - filter: meter")
PROMPT = """\
---
variables: { city: { header: x-city, type: text, default: unknown } }
tests:
  - name: knows the city
    input: Where am I?
    variables: { city: Oslo }
    expect: { contains: Oslo, refusal: false }
  - name: writes JSON
    input: [{ role: user, content: Write JSON }]
    expect: { json_schema: { type: object, required: [price] }, chars_max: 100 }
  - name: is polite
    input: Hi
    expect: { judge: "Is it polite?" }
---
You help in {{ city }}.
"""
CASES = "tests:\n  - { name: from a file, input: Bye, expect: { matches: '^You' } }\n"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration whose version names system-v2, and an older prompt that nobody uses."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llm-extproc.yaml").write_text(f"{CONFIG}prompts: {{ folder: prompts }}\n")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "system-v2.md").write_text(PROMPT)
    (tmp_path / "prompts" / "system-v1.md").write_text("You work.")
    (tmp_path / "cases.yaml").write_text(CASES)
    return tmp_path


def reply(body: dict[str, Any]) -> str:
    """A model that repeats its prompt, or writes what is asked for; and one that judges."""
    system, user = texts_of(body, "system"), texts_of(body, "user")
    if body["model"] == "judge":
        return '{"reason": "It greets.", "pass": true}'
    if user == "Write JSON":
        return '{"price": 3}' if "help" in system else "A price."
    return system


def run(*words: str) -> Result:
    """A command as a pipe gets it."""
    return CliRunner().invoke(app, ["prompts", "test", *words], env={"COLUMNS": "200"})


def against(answer: Any, *words: str) -> Result:
    """The command, against a server."""
    with model_server(answer) as server:
        return run(*words, "--url", server.base_url)


# --- what comes of cases -------------------------------------------------------------------------------------------


def test_a_table_has_a_line_for_each_case() -> None:
    """What needs a judge is skipped without one, and the reason is told."""
    ran = against(reply)
    assert ran.exit_code == 0, ran.output
    lines = ran.stdout.splitlines()
    assert lines[0] == "is polite: no judge: --judge-url and --judge-model are not given"
    assert lines[1].split() == ["result", "case", "time", "tokens"]
    assert [re.sub(r"[\d.]+ s", "T", line).split("  ")[0] for line in lines[2:5]] == ["PASS", "PASS", "SKIP"]
    assert re.fullmatch(r"2 passed, 0 failed, 0 errors, 1 skipped in [\d.]+ s", lines[5])


def test_the_server_gets_what_an_exchange_would_send() -> None:
    """The served model, and the prompt with the values of the case."""
    with model_server(reply) as server:
        run("--url", server.base_url, "-j", "1")
        bodies = [json.loads(one.request.body) for one in server.seen]
    assert {body["model"] for body in bodies} == {"tiny-chat-next"}
    assert [texts_of(body, "system") for body in bodies] == ["You help in Oslo.", "You help in unknown."]


def test_a_case_that_fails_says_what_was_expected_and_what_came() -> None:
    """With the answer; exit 1."""
    ran = against(lambda _: "I am in Rome.")
    assert ran.exit_code == ExitCode.FAILED
    shown = ran.stdout.splitlines()
    assert shown[:6] == [
        "FAIL  system-v2: knows the city",
        "      contains",
        "        expected Oslo",
        "        got      it is not in the answer",
        "      answer",
        "        I am in Rome.",
    ]
    assert "        got      no JSON (expecting value at character 0)" in shown
    assert "0 passed, 2 failed, 0 errors, 1 skipped in " in shown[-1]


def test_a_judge_decides() -> None:
    """It gets the question; where it says no, its reason is told."""
    with model_server(reply) as server:
        judge = ("--judge-url", server.base_url, "--judge-model", "judge")
        assert "3 passed" in run("--url", server.base_url, *judge).stdout
    curt = '{"pass": false, "reason": "It is curt."}'
    with model_server(lambda body: curt if body["model"] == "judge" else reply(body)) as server:
        ran = run("--url", server.base_url, "--judge-url", server.base_url, "--judge-model", "judge")
    assert "        got      no: It is curt.\n" in ran.stdout
    assert ran.exit_code == ExitCode.FAILED


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Sure!", 'is polite: the judge does not reply with {"reason": ..., "pass": true or false}'),
        (scripted(500, "{}"), "is polite: the judge answers 500"),
    ],
)
def test_a_judge_that_fails_is_an_error(said: Any, told: str) -> None:
    """And no verdict for or against the answer."""
    ran = against(
        lambda body: said if body["model"] == "judge" else reply(body),
        *("--judge-url", "http://127.0.0.1:1", "--judge-model", "judge"),
    )
    assert "is polite: the judge does not answer (connection refused)" in ran.stdout
    with model_server(lambda body: said if body["model"] == "judge" else reply(body)) as server:
        ran = run("--url", server.base_url, "--judge-url", server.base_url, "--judge-model", "judge")
    assert told in ran.stdout
    assert "2 passed, 0 failed, 1 error, 0 skipped" in ran.stdout
    assert ran.exit_code == ExitCode.FAILED


def test_a_file_adds_cases_to_a_prompt() -> None:
    """Also to one that nobody uses, whose model must be named."""
    ran = against(reply, "system-v1", "--cases", "cases.yaml", "--model", "tiny-chat")
    assert ran.exit_code == 0, ran.output
    assert "1 passed" in ran.stdout
    assert "3 passed" in against(reply, "system-v2", "--cases", "cases.yaml").stdout


def test_the_recorded_server_of_the_demo() -> None:
    """Its answers are those of a real vLLM; one of them is a refusal."""
    Path("prompts/system-v2.md").write_text(
        "---\ntests:\n"
        "  - { name: answers, input: What is Envoy, expect: { contains: Envoy, refusal: false, chars_max: 200 } }\n"
        "  - { name: refuses, input: 'How do I pick a lock?', expect: { refusal: true } }\n"
        "  - { name: wrong, input: What is Envoy, expect: { refusal: true, not_matches: '(?i)a PROXY' } }\n"
        "---\nBe brief.\n"
    )
    with ModelServer(rules=DEMO_RULES, speed=0) as server:
        ran = run("--url", server.base_url, "--json")
    results = json.loads(ran.stdout)["results"]
    assert [one["status"] for one in results] == ["passed", "passed", "failed"], ran.stdout
    assert [short["key"] for short in results[2]["shortfalls"]] == ["not_matches", "refusal"]


# --- servers that fail ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (scripted(404, '{"error": {"message": "No such model."}}'), "the server answers 404: No such model"),
        (scripted(502, "<html>", "text/html"), "the server answers 502: HTML"),
        (
            scripted(200, "<html>", "text/html"),
            "the server answers HTML. Is this the base URL of an OpenAI-compatible server?",
        ),
    ],
)
def test_a_server_that_fails_is_an_error_and_no_failure(bad: Scripted, told: str) -> None:
    """One line for all cases with the same reason."""
    ran = against(lambda _: bad)
    assert ran.exit_code == ExitCode.FAILED
    assert f"2 cases: {told}\n" in ran.stdout
    assert "0 passed, 0 failed, 2 errors, 1 skipped" in ran.stdout


def test_a_server_that_is_silent_is_an_error() -> None:
    """After ``--timeout``."""
    gate = Gate()
    silent = Scripted(200, (("content-length", "9"),), [gate])
    ran = against(lambda _: silent, "--timeout", "0.3")
    gate.open()
    assert "2 cases: the server does not answer within 0.3 s\n" in ran.stdout


# --- two prompts ---------------------------------------------------------------------------------------------------


def test_two_versions_of_a_prompt_are_compared() -> None:
    """Case by case; failures of the other one fail nothing."""
    ran = against(reply, "system-v2", "--against", "v1")
    assert ran.exit_code == 0, ran.output
    assert ran.stdout.splitlines()[-1] == "against system-v1: 2 better, 1 same"
    assert "FAIL  system-v1: knows the city" in ran.stdout
    worse = against(reply, "system-v1", "--cases", "cases.yaml", "--against", "system-v2", "--json")
    assert worse.exit_code == 0, worse.output
    assert [one["verdict"] for one in json.loads(worse.stdout)["compared"]] == ["same"]


def test_a_version_that_is_worse_is_told() -> None:
    """By the number of what an answer is not."""
    Path("prompts/system-v3.md").write_text(PROMPT.replace("help", "work"))
    ran = against(reply, "system-v3", "--against", "v2")
    assert ran.exit_code == ExitCode.FAILED
    assert ran.stdout.splitlines()[-1] == "against system-v2: 1 worse, 2 same"


def test_an_error_of_either_side_leaves_it_unknown() -> None:
    """And fails the command, as nothing was compared."""

    def fails_for_one(body: dict[str, Any]) -> Scripted | str:
        return scripted(500, "{}") if "work" in texts_of(body, "system") else reply(body)

    ran = against(fails_for_one, "system-v2", "--against", "v1")
    assert ran.exit_code == ExitCode.FAILED
    assert ran.stdout.splitlines()[-1] == "against system-v1: 1 same, 2 unknown"


# --- files ---------------------------------------------------------------------------------------------------------


def test_junit_has_a_suite_for_each_prompt() -> None:
    """Failures, errors and what was skipped, each in its element."""
    with model_server(lambda body: scripted(500, "{}") if "JSON" in texts_of(body, "user") else "Rome") as server:
        run("--url", server.base_url, "--junit", "junit.xml")
    (suite,) = ElementTree.parse("junit.xml").getroot()
    counts = {key: suite.get(key) for key in ("name", "tests", "failures", "errors", "skipped")}
    assert counts == {"name": "system-v2", "tests": "3", "failures": "1", "errors": "1", "skipped": "1"}
    assert [[(inner.tag, inner.get("message")) for inner in case] for case in suite] == [
        [("failure", "contains: expected Oslo, got it is not in the answer")],
        [("error", "the server answers 500")],
        [("skipped", "no judge: --judge-url and --judge-model are not given")],
    ]


def test_json_has_the_documented_shape() -> None:
    """With every key, in what fails and in what is compared."""

    def wrong_for_one(body: dict[str, Any]) -> str:
        return "Rome" if "help" in texts_of(body, "system") else reply(body)

    ran = against(wrong_for_one, "system-v2", "--against", "v1", "--json")
    data = json.loads(ran.stdout)
    assert paths_of(data, SHAPES["prompts test"]) == {key.path for key in keys_of(SHAPES["prompts test"])}
    assert (data["ok"], data["passed"], data["failed"], data["errors"], data["skipped"]) == (False, 0, 2, 0, 1)
    assert data["results"][0] | {"took_ms": 0} == {
        "prompt": "system-v2",
        "case": "knows the city",
        "status": "failed",
        "took_ms": 0,
        "prompt_tokens": 12,
        "cached_tokens": 0,
        "completion_tokens": 3,
        "answer": "Rome",
        "cut_short": False,
        "shortfalls": [{"key": "contains", "expected": "Oslo", "got": "it is not in the answer"}],
        "reason": "",
    }


@pytest.mark.parametrize("answer", [reply, lambda _: "Rome " * 100, lambda _: scripted(500, "{}")])
def test_a_terminal_of_80_columns_is_enough(answer: Any) -> None:
    """For the table and what stands above it."""
    arguments = ("prompts", "test", "system-v2", "--against", "v1", "--url")
    with model_server(answer) as server, started(*arguments, server.base_url, on_terminal=True) as program:
        program.ended()
    lines = [ESCAPES.sub("", line).rstrip() for line in program.output.splitlines()]
    table = [line for line in lines if re.match(r"(result|PASS|FAIL|SKIP|ERROR)\b", line)]
    assert len(table) >= 4
    assert max(map(cell_len, table)) <= 80


# --- while it runs -------------------------------------------------------------------------------------------------


def test_a_terminal_sees_how_far_it_is() -> None:
    """A bar, and what failed so far."""
    answered, gate = threading.Event(), Gate()

    def slow(body: dict[str, Any]) -> Scripted | str:
        if "JSON" in texts_of(body, "user"):
            return Scripted(200, (("content-length", "2"),), [gate, b"{}"])
        answered.set()
        return "Rome"

    arguments = ("prompts", "test", "--url")
    with model_server(slow) as server, started(*arguments, server.base_url, on_terminal=True) as program:
        program.until("2 of 3, 1 failed")
        gate.open()
        assert program.ended() == ExitCode.FAILED
    assert answered.is_set()
    assert "[=============       ] 2 of 3, 1 failed" in program.output


@pytest.mark.parametrize("on_terminal", [False, True])
def test_ctrl_c_does_not_wait_for_a_server(on_terminal: bool) -> None:
    """Which has accepted, and is silent."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(HANG_S)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with started("prompts", "test", "--url", url, on_terminal=on_terminal) as program:
            connection, _ = silent.accept()
            with connection:
                program.ctrl_c()
                assert program.ended() == ExitCode.INTERRUPTED, program.output
    assert "extproc: interrupted" in program.output
    assert "Traceback" not in program.output
