"""How commands fail: with a code of the table and sentences on standard error, never with a traceback."""

from __future__ import annotations

import ast
import json
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.cli import command
from extproc.cli.exit_codes import ExitCode
from tests.docs.cli_tables import GROUPS, commands
from tests.unit.cli.programs import PROGRAM, ROOT, environment, piped
from tests.unit.cli.samples import LEDGER, fill
from tests.unit.config.conftest import MINIMAL


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples, and files that cannot be used."""
    monkeypatch.chdir(fill(tmp_path))
    good = (tmp_path / "config.yaml").read_text()
    (tmp_path / "no_queue.yaml").write_text(good.partition("review:")[0])
    (tmp_path / "no_store.yaml").write_text(good.replace("review.db", "absent.db").replace("ledger.db", "no_ledger.db"))
    far = MINIMAL.replace('endpoints: ["127.0.0.1:8001"]', "provider: far\n        served_model: far-1")
    (tmp_path / "no_key.yaml").write_text(
        "providers:\n  far:\n    url: http://127.0.0.1:9\n    key_file: absent.key\n" + far
    )
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "no_endpoint.yaml").write_text(good.replace('endpoints: ["127.0.0.1:8001"]', ""))
    (tmp_path / "unserved.yaml").write_text(f"{good}server: {{ metrics: '127.0.0.1:1' }}\n")
    (tmp_path / "no_ledger.yaml").write_text(good.replace("ledger.db", "absent.db"))
    with_gpus = (tmp_path / "gpus.yaml").read_text()
    (tmp_path / "no_gpu_ledger.yaml").write_text(with_gpus.replace("ledger.db", "absent.db"))
    (tmp_path / "unbudgeted.yaml").write_text(f"{MINIMAL}{LEDGER}")
    (tmp_path / "newer.yaml").write_text(good.replace("ledger.db", "newer.db"))
    shutil.copy(tmp_path / "ledger.db", tmp_path / "newer.db")
    with closing(sqlite3.connect(tmp_path / "newer.db")) as newer, newer:
        newer.execute("UPDATE ledger_schema SET version_num = '9999'")
    (tmp_path / "file").write_text("")
    (tmp_path / "tested.yaml").write_text(good)
    for name, expect in (("system-v6", "chars_min: 1"), ("system-v7", "json_schema: { type: strin }")):
        case = f"{{ name: one, input: Hi, expect: {{ {expect} }} }}"
        (tmp_path / "prompts" / f"{name}.md").write_text(f"---\ntests: [{case}]\n---\nBe brief.")
    return tmp_path


GRANT = ("-c", "config.yaml")
ROLLED = ("-c", "rolling.yaml", "tiny-chat", "--to", "v2")
TESTED = ("-c", "tested.yaml", "--url")
REPLAYED = ("-c", "fallback.yaml", "--from", "absent.jsonl", "--against")
FAILURES = {
    "init": [
        (["config.yaml"], 2, "config.yaml exists and is left as it is."),
        (["absent/new.yaml"], 2, "absent/new.yaml cannot be written: No such file or directory."),
        (["new.yaml", "--endpoint", "here"], 2, "expected HOST:PORT"),
    ],
    "check": [
        (["absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read (no such file or directory)."),
        (["."], 2, "the file cannot be read (is a directory)."),
        (["bytes.yaml"], 2, "bytes.yaml:1:1: bytes that are not UTF-8."),
        (["bad.yaml"], 2, "bad.yaml:5:9: models.tiny-chat.versions.v1.wieght: unknown key."),
        ([], 2, "Which configuration? Name it with --config FILE"),
        (["--json"], 2, "Which configuration? Name it with --config FILE"),
        (["config.yaml", "--locked"], 2, "config.lock does not exist. `extproc versions lock` writes it."),
    ],
    "try": [
        (["-c", "absent.yaml", "Hi"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["-c", "config.yaml"], 2, "What is to be tried? Give a text, - for standard input, or --file FILE"),
        (["-c", "config.yaml", "Hi", "-f", "file"], 2, "What is to be tried?"),
        (["-c", "config.yaml", "-f", "absent"], 2, "absent: no such file or directory"),
        (["-c", "config.yaml", "Hi", "--guard", "pi"], 2, "extproc try: there is no guard `pi`; there are: pii"),
        (["-c", "config.yaml", "Hi", "--policy", "x"], 2, "extproc try: there is no policy `x`; there are: default"),
        (["-c", "config.yaml", "Hi", "--as", "request", "--stream"], 2, "extproc try: --stream shows an answer"),
        (["-c", "config.yaml", "-f", "body.json", "--stream"], 2, "--stream shows an answer, and this is a request"),
        (["-c", "config.yaml", "-f", "answer.json", "--stream"], 2, "--stream shows a stream: give its events"),
        (["-c", "config.yaml", "Hi", "--path", "/x"], 2, "extproc try: /x is the path of no API; known are /v1/chat"),
        (["-c", "config.yaml", "Hi", "--path", "/v1/rerank", "--stream"], 2, "a text is no answer of /v1/rerank"),
        (["-c", "config.yaml", "HTTP/1.1"], 2, "extproc try: the status line of the answer has no number"),
        (["-c", "config.yaml", "Hi", "-H", "none"], 2, "extproc try: the header 'none' has no colon"),
    ],
    "test": [
        ([], 2, "Which cases? Name a file: extproc test cases.yaml"),
        (["absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read (no such file or directory)."),
        (["cases.yaml", "-c", "absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["bytes.yaml"], 2, "bytes.yaml:1:1: bytes that are not UTF-8."),
        (["config.yaml"], 2, "config.yaml:1:1: models: unknown key."),
        (["cases.yaml", "--write"], 2, "--write goes with --update."),
    ],
    "explain": [
        (["-c", "config.yaml", "-", "--answer", "-"], 2, "Standard input is either the request or the answer"),
        (["-c", "config.yaml", "body.json", "--answer", "absent"], 2, "absent: no such file or directory"),
        (["-c", "absent.yaml", "body.json"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["-c", "config.yaml", "absent.json"], 2, "absent.json: no such file or directory"),
        (["-c", "config.yaml", "."], 2, ".: is a directory"),
        (["-c", "config.yaml", "body.json", "-H", "none"], 2, "extproc explain: the header 'none' has no colon"),
        (["-c", "config.yaml", "absent.json", "--json"], 2, "absent.json: no such file or directory"),
    ],
    "versions list": [(["-c", "absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read")],
    "versions show": [
        (["-c", "absent.yaml", "tiny-chat/v1"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["-c", "config.yaml", "v1"], 2, "There is no version v1. There are: tiny-chat/v1."),
    ],
    "versions diff": [
        (["-c", "config.yaml", "absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["-c", "config.yaml", "tiny-chat/v1", "v1"], 2, "There is no version v1. There are: tiny-chat/v1."),
    ],
    "versions lock": [(["-c", "bad.yaml"], 2, "wieght: unknown key.")],
    "prompts list": [(["-c", "absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read")],
    "prompts show": [
        (["-c", "absent.yaml", "system-v1"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["-c", "config.yaml", "system-v9"], 2, "There is no prompt system-v9. Did you mean `system-v"),
        (["-c", "config.yaml", "x"], 2, "There is no prompt x. There are: system-v3, system-v4, system-v6, system-v7."),
        (["-c", "locked.yaml", "x"], 2, "There is no prompt x. There are none."),
        (["-c", "config.yaml", "system-v5"], 2, "prompts/system-v5.md:1:4: the variable `country` is not declared."),
    ],
    "prompts render": [
        (["-c", "absent.yaml", "system-v1"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["-c", "config.yaml", "system-v3", "--var", "city"], 2, "extproc prompts: --var city: write NAME=VALUE"),
        (
            ["-c", "config.yaml", "system-v3", "--var", "citi=Oslo"],
            2,
            "extproc prompts: system-v3 has no variable citi. Did you mean `city`?",
        ),
        (["-c", "config.yaml", "system-v3", "--for", "v1"], 2, "There is no version v1. There are: tiny-chat/v1."),
    ],
    "replay": [
        (["-c", "absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["-c", "fallback.yaml"], 2, "Which requests? Name them with --from review, or --from FILE (JSON Lines)"),
        (["-c", "fallback.yaml", "--from", "review"], 2, "Which version? Name it with --against MODEL/VERSION"),
        ([*REPLAYED, "tiny-chat/v3"], 2, "There is no version tiny-chat/v3. Did you mean `tiny-chat/v"),
        ([*REPLAYED, "v1"], 2, "There is no version v1. There are: tiny-chat/v1, tiny-chat/v2"),
        ([*REPLAYED, "tiny-chat/v1", "--base", "v1"], 2, "--base: tiny-chat has no other version v1. Its others: v2"),
        (["-c", "config.yaml", *REPLAYED[2:], "tiny-chat/v1"], 2, "tiny-chat/v1 is the only version of tiny-chat"),
        (
            ["-c", "far.yaml", *REPLAYED[2:], "tiny-chat/far"],
            2,
            "has no endpoints: only servers of your own are asked.",
        ),
        ([*REPLAYED, "tiny-chat/v1"], 2, "absent.jsonl: no such file or directory."),
        (["-c", "fallback.yaml", "--from", "file", "--against", "tiny-chat/v1"], 2, "file has no request to send: 0"),
        (["-c", "fallback.yaml", "--from", "config.yaml", "--against", "tiny-chat/v1"], 2, "line 1: expected a JSON"),
        (
            ["-c", "fallback.yaml", "--from", "review", "--against", "tiny-chat/v1"],
            2,
            "fallback.yaml has no `review:` section",
        ),
    ],
    "prompts test": [
        (["-c", "absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["-c", "tested.yaml"], 2, "Which server? Name it with --url http://HOST:PORT"),
        ([*TESTED, "file.txt"], 2, "--url: file.txt is no base URL; write it as http://HOST:PORT or https://HOST/v1"),
        ([*TESTED, "http://h", "--api-key-env", "NO_SUCH_KEY"], 2, "--api-key-env: the variable NO_SUCH_KEY holds no"),
        ([*TESTED, "http://h", "--judge-url", "http://h"], 2, "--judge-url goes with --judge-model."),
        ([*TESTED, "http://h", "--judge-key-env", "HOME"], 2, "--judge-key-env goes with --judge-url."),
        ([*TESTED, "http://h"], 2, "No prompt in use has `tests:` in its front matter. Write some, or name a prompt"),
        ([*TESTED, "http://h", "system-v3"], 2, "system-v3 has no `tests:` in its front matter. Write some, or"),
        ([*TESTED, "http://h", "system-v6"], 2, "Which model? No version uses system-v6; name it with --model."),
        ([*TESTED, "http://h", "system-v7"], 2, "system-v7: tests[one].expect.json_schema: no JSON Schema: $.type:"),
        ([*TESTED, "http://h", "--against", "v4"], 2, "No prompt in use has `tests:`"),
        ([*TESTED, "http://h", "--cases", "file"], 2, "--cases is for one prompt: name it."),
        ([*TESTED, "http://h", "system-v3", "--cases", "absent"], 2, "absent: no such file or directory"),
        ([*TESTED, "http://h", "system-v3", "--cases", "cases.yaml"], 2, "cases.yaml:1:1: config: unknown key."),
        ([*TESTED, "http://h", "system-v6", "system-v7", "--against", "v4"], 2, "--against compares one prompt"),
        ([*TESTED, "http://h", "system-v6", "--against", "v9"], 2, "There is no prompt system-v9."),
    ],
    "prompts diff": [
        (["-c", "config.yaml", "absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["-c", "config.yaml", "system-v3", "system-v9"], 2, "There is no prompt system-v9."),
    ],
    "envoy-config": [
        (["absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["no_endpoint.yaml"], 2, "no_endpoint.yaml:4:7: models.tiny-chat.versions.v1.endpoints: no model server."),
        (["config.yaml", "-o", "absent/envoy.yaml"], 2, "cannot write absent/envoy.yaml: no such file or directory"),
        (["config.yaml", "--sds", "file"], 2, "Envoy reads no secrets from files."),
        (["--lint", "absent.yaml"], 2, "absent.yaml: cannot be read: no such file or directory"),
        (["--lint", "bad_envoy.yaml"], 2, "lets requests pass unguarded"),
        (["absent.yaml", "--for", "waypoint"], 2, "absent.yaml:1:1: the file cannot be read"),
        (
            ["config.yaml", "--for", "istio-sidecar"],
            2,
            "config.yaml: models.tiny-chat.versions.v1.endpoints: '127.0.0.1'",
        ),
        (["mesh.yaml", "--for", "istio-gateway"], 2, "--gateway: expected NAMESPACE/NAME of your Gateway, for example"),
        (
            ["mesh.yaml", "--for", "istio-sidecar", "--selector", "app"],
            2,
            "--selector: expected labels of pods, KEY=VAL",
        ),
        (
            ["mesh.yaml", "--for", "istio-sidecar", "--without-filter"],
            2,
            "--without-filter: only the filter of a gateway can come from the Helm chart.",
        ),
        (
            ["mesh.yaml", "--for", "istio-sidecar", "--validate"],
            2,
            "--validate is for an Envoy of one's own, and --for",
        ),
        (
            ["mesh.yaml", "--for", "istio-sidecar", "-o", "absent/a"],
            2,
            "cannot write absent/a: no such file or directory",
        ),
        (["mesh.yaml", "--for", "envoy-gateway"], 2, "--gateway: expected NAMESPACE/NAME of your Gateway, for example"),
        (
            ["mesh.yaml", "--for", "envoy-gateway", "--gateway", "infra/public", "--model-port", "1"],
            2,
            "--selector, --model-port, --telemetry: Envoy Gateway has no use for them.",
        ),
        (
            ["mesh.yaml", "--host", "a.example"],
            2,
            "--namespace, --selector, --gateway, --host, --model-port, --without-filter and --telemetry go with",
        ),
        ([], 2, "Which configuration? Name it with --config FILE"),
    ],
    "doctor": [
        (["absent.yaml", "--file", "sound_envoy.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["--file", "absent.yaml"], 2, "absent.yaml: cannot be read: no such file or directory"),
        (["--file", "config.yaml"], 2, "this is a configuration of llm-extproc"),
        (["--file", "sound_envoy.yaml", "--admin", "127.0.0.1:1"], 2, "--admin and --file: one Envoy at a time."),
        (["--admin", "127.0.0.1:1"], 2, "127.0.0.1:1: no admin server of Envoy answers (connection refused)."),
        (["--probe", "ftp://h"], 2, "--admin, --probe, --direct: expected http://HOST:PORT"),
        (["--probe", "http://127.0.0.1:1", "-H", "key"], 2, "--header: expected `NAME: VALUE`"),
        ([], 2, "Which Envoy? Name its admin server with --admin HOST:PORT"),
    ],
    "ledger query": [
        (["-c", "absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["-c", "no_queue.yaml"], 2, "no_queue.yaml has no `ledger:` section"),
        (["-c", "no_store.yaml"], 5, "no_ledger.db: no such file or directory"),
        (["-c", "config.yaml", "--until", "tomorrow"], 2, "'tomorrow' is not a time"),
    ],
    "ledger tail": [
        (["-c", "no_store.yaml"], 5, "no_ledger.db: no such file or directory"),
        (["-c", "config.yaml", "--follow", "--json"], 2, "--follow prints for a person"),
    ],
    "ledger verify": [(["-c", "no_store.yaml"], 5, "no_ledger.db: no such file or directory")],
    "ledger export": [
        (["-c", "no_store.yaml"], 5, "no_ledger.db: no such file or directory"),
        (["-c", "config.yaml", "--format", "parquet"], 2, "a Parquet file is not for a terminal"),
        (["-c", "config.yaml", "-o", "absent/x.csv"], 2, "absent/.x.csv.unfinished: no such file or directory"),
    ],
    "ledger replay": [
        (["-c", "config.yaml", "absent.jsonl"], 2, "absent.jsonl: no such file or directory"),
        (["-c", "no_store.yaml", "ledger.jsonl"], 5, "no_ledger.db: no such file or directory"),
    ],
    "review list": [
        (["-c", "absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["-c", "no_queue.yaml"], 2, "no_queue.yaml has no `review:` section"),
        (["-c", "no_store.yaml"], 5, "absent.db: no such file or directory"),
        (["-c", "config.yaml", "--since", "yesterday"], 2, "'yesterday' is not a time"),
        (
            ["-c", "config.yaml", "--guard", "harms"],
            2,
            "no guard is called `harms`. Did you mean `harm`? Known: `harm`",
        ),
        (["-c", "config.yaml", "--version", "v9"], 2, "no version is called `v9`. Known: `tiny-chat/v1`, `tiny/v1`."),
    ],
    "review show": [
        (["-c", "config.yaml", "99"], 2, "no such finding"),
        (["-c", "no_store.yaml", "1"], 5, "absent.db: no such file or directory"),
    ],
    "review label": [
        (["-c", "config.yaml", "99", "confirm"], 2, "no such finding"),
        (["-c", "config.yaml", "1", "99", "98", "confirm"], 2, "no such finding: 98, 99. Nothing was stored;"),
        (["-c", "no_store.yaml", "1", "confirm"], 5, "absent.db: no such file or directory"),
    ],
    "review next": [
        (
            ["-c", "config.yaml"],
            2,
            "standard input is no terminal. Label by number (`extproc review label 3 4 7 confirm`)",
        ),
    ],
    "review import": [
        (["-c", "config.yaml", "absent.jsonl"], 2, "absent.jsonl: no such file or directory"),
        (["-c", "config.yaml", "."], 2, ".: is a directory"),
        (["-c", "config.yaml", "config.yaml"], 2, "config.yaml:1: no column `id` and no column `label`"),
        (["-c", "no_store.yaml", "labels.csv"], 5, "absent.db: no such file or directory"),
    ],
    "review what-if": [
        (["-c", "config.yaml", "harm"], 2, "'harm' is no threshold; write GUARD=THRESHOLD from 0 to 1"),
        (["-c", "config.yaml", "harms=0.5"], 2, "no guard is called `harms`. Did you mean `harm`?"),
        (["-c", "no_store.yaml", "harm=0.5"], 5, "absent.db: no such file or directory"),
    ],
    "review export": [(["-c", "no_store.yaml"], 5, "absent.db: no such file or directory")],
    "review stats": [(["-c", "no_store.yaml"], 5, "absent.db: no such file or directory")],
    "run": [
        (["absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["config.yaml", "--envoy", "absent"], 2, "--envoy absent: this is no program"),
        (
            ["no_key.yaml"],
            2,
            "no_key.yaml:4:15: providers.far.key_file: `absent.key` cannot be read (no such file or directory)."
            " Envoy reads it on this machine.",
        ),
    ],
    "up": [
        ([], 2, "extproc up: name your model servers"),
        (["https://vllm"], 2, "extproc up: https://vllm: Envoy would speak HTTP without TLS to it"),
        (["--config", "absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
    ],
    "serve": [
        (["-c", "absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["-c", "bad.yaml"], 2, "wieght: unknown key."),
    ],
    "keys add": [
        (["-c", "absent.yaml", "--team", "a"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["--team", "=1+1", "-k", "keys.yaml"], 2, "expected the name of a team"),
    ],
    "keys list": [
        (["-k", "absent.yaml"], 2, "absent.yaml: no such file or directory"),
        (["-c", "guarded.yaml"], 2, "guarded.yaml names no file of keys."),
    ],
    "keys revoke": [(["nobody", "-k", "keys.yaml"], 2, "keys.yaml has no key with this id.")],
    "keys rotate": [(["hr-1", "-k", "keys.yaml"], 2, "The key hr-1 is expired.")],
    "budget status": [
        (["no_queue.yaml"], 2, "no_queue.yaml has no `ledger:` section"),
        (["no_ledger.yaml"], 5, "absent.db: no such file or directory"),
        (["unbudgeted.yaml"], 2, "unbudgeted.yaml has no `budgets:` section"),
    ],
    "allocate": [
        (["no_queue.yaml"], 2, "no_queue.yaml has no `ledger:` section"),
        (["unbudgeted.yaml"], 2, "extproc allocate: there is no `gpus:` section"),
        (["gpus.yaml", "--method", "guess"], 2, "extproc allocate: there is no method `guess`. There are: weighted_ps"),
        (["no_gpu_ledger.yaml"], 5, "absent.db: no such file or directory"),
    ],
    "savings": [
        (["no_queue.yaml"], 2, "no_queue.yaml has no `ledger:` section"),
        (["unbudgeted.yaml"], 2, "extproc savings: there is no `gpus:` section"),
        (["no_gpu_ledger.yaml"], 5, "absent.db: no such file or directory"),
    ],
    "calibrate": [
        (["no_queue.yaml"], 2, "no_queue.yaml has no `ledger:` section"),
        (["unbudgeted.yaml"], 2, "extproc calibrate: there is no `gpus:` section"),
        (["no_gpu_ledger.yaml"], 5, "absent.db: no such file or directory"),
    ],
    "gpus": [
        (["--bill", "absent.csv"], 2, "absent.csv: no such file or directory"),
        (["--bill", "bill.csv"], 2, "bill.csv:3: 6 hours in its longest day are no whole number of GPUs for 24 hours"),
    ],
    "drift": [
        (["no_queue.yaml"], 2, "no_queue.yaml has no `ledger:` section"),
        (["unbudgeted.yaml"], 2, "unbudgeted.yaml has no `drift:` section"),
        (["no_ledger.yaml"], 5, "absent.db: no such file or directory"),
    ],
    "budget grant": [
        ([*GRANT, "monthly", "search", "--amount", "0"], 2, "extproc budget: --amount 0 changes nothing;"),
        ([*GRANT, "montly", "search", "--amount", "1"], 2, "There is no budget montly. Did you mean `monthly`?"),
        ([*GRANT, "monthly", "serch", "--amount", "1"], 2, "The budget monthly has no team serch. Did you mean `sea"),
        ([*GRANT, "winter", "", "--amount", "1"], 2, "extproc budget: the name of a project has 1 to 100 characters"),
        ([*GRANT, "monthly", "search", "--amount", "1", "--by", ""], 2, "a name has 1 to 200 characters"),
        ([*GRANT, "winter", "index", "--amount", "1"], 2, "winter is over since 2026-01-07T00:00:00+01:00"),
        (
            [*GRANT, "monthly", "hr", "--amount", "-100000001"],
            2,
            "extproc budget: -100000001 is more than what is left (100000000)",
        ),
        (
            [*GRANT, "monthly", "hr", "--amount", "999999999999999"],
            2,
            "it would be above the maximum of 1000000000000000",
        ),
        (["monthly", "hr", "--amount", "1", "-c", "no_ledger.yaml"], 5, "absent.db: no such file or directory"),
    ],
    "budget history": [(["x", "-c", "config.yaml"], 2, "There is no budget x. There are: `monthly`, `winter`.")],
    "report": [
        (["gpus.yaml", "--resource-quotas", "x"], 2, "says nothing of any team, as no quota has a `namespace`: add"),
        (["config.yaml", "--resource-quotas", "x"], 2, "is of GPU time, and there is no `gpus:` section"),
        (["quotas.yaml", "--resource-quotas", "x", "--by", "model"], 2, "is of whole teams: group --by team, without"),
        (["quotas.yaml", "--resource-quotas", "x", "--format", "focus"], 2, "--format focus do not have"),
        (["quotas.yaml", "--resource-quotas", "x", "--reconcile", "bill.csv"], 2, "which --reconcile and --format"),
        (["quotas.yaml", "--resource-quotas", "absent.json"], 2, "report: absent.json: no such file or directory"),
        (["quotas.yaml", "--resource-quotas", "body.json"], 2, "report: body.json: found no `kind`, expected what"),
        (["absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["no_queue.yaml"], 2, "no_queue.yaml has no `ledger:` section, so no entries are kept"),
        (["no_ledger.yaml"], 5, "absent.db: no such file or directory"),
        (["newer.yaml"], 5, "ledger: its schema is 9999, of a newer release, and this release uses schemas up to 999"),
        (["config.yaml", "--by", "teams"], 2, "extproc report: there is no `teams` to group by. Did you mean `team`?"),
        (["config.yaml", "--only", "team"], 2, "extproc report: --only 'team': write NAME=VALUE, such as team=search"),
        (["config.yaml", "--only", "x=1"], 2, "extproc report: there is no `x` to group by. There are: team, project"),
        (["config.yaml", "--from", "monday"], 2, "extproc report: --from 'monday' is no day; write 2026-11-25, today,"),
        (
            ["config.yaml", "--from", "2026-01-02", "--to", "2026-01-01"],
            2,
            "--from 2026-01-02 is after --to 2026-01-01;",
        ),
        (
            ["config.yaml", "--timezone", "Mars/Base"],
            2,
            "extproc report: --timezone 'Mars/Base' is no time zone of this",
        ),
        (["config.yaml", "--from", "2000-01-01", "--period", "day"], 2, "more than 1100 periods of a day; take fewer"),
        (["config.yaml", "--format", "focus", "--by", "team"], 2, "leave out --by, --period, --measure and --timezone"),
        (["config.yaml", "--format", "focus", "--issuer", " "], 2, "--issuer is empty; write the name of who bills"),
        (["config.yaml", "--reconcile", "absent.csv"], 2, "absent.csv: no such file or directory"),
        (["config.yaml", "--reconcile", "labels.csv"], 2, "labels.csv:1: expected the columns day (or start_time and"),
        (["config.yaml", "--reconcile", "body.json"], 2, "body.json: expected a page of OpenAI's usage or costs API"),
        (["config.yaml", "--reconcile", "usage.csv", "--by", "team"], 2, "--reconcile takes its days from the file:"),
        (["config.yaml", "--reconcile", "usage.csv", "--format", "html"], 2, "--reconcile has no --format html;"),
        (["config.yaml", "--json", "--format", "csv"], 2, "--json and --format csv contradict each other; name one"),
    ],
    "rollout start": [
        ([*GRANT, "tiny-chat", "--to", "v1"], 2, "extproc rollout: canary: `v1` is the stable version too."),
        ([*GRANT, "tiny-chat", "--to", "v2", "--by", ""], 2, "extproc rollout: a name has 1 to 200 characters"),
        ([*ROLLED, "--steps", "5,all"], 2, "--steps are whole numbers with commas between them"),
        ([*ROLLED, "--steps", "50,5"], 2, "5 % after 50 %"),
        ([*ROLLED, "--alpha", "0"], 2, "extproc rollout: not possible: `alpha`"),
        (["tiny-chat", "--to", "v2", "-c", "no_ledger.yaml"], 2, "extproc rollout: canary: "),
    ],
    "rollout status": [
        ([*GRANT, "x"], 2, "There is no rollout x. There are: `other-chat-v2`, `tiny-chat-v2`."),
        (["-c", "no_queue.yaml"], 2, "no_queue.yaml has no `ledger:` section"),
        (["-c", "no_ledger.yaml"], 5, "absent.db: no such file or directory"),
    ],
    "rollout watch": [
        ([*GRANT, "tiny-chat-v3"], 2, "There is no rollout tiny-chat-v3. Did you mean `tiny-chat-v2`?"),
        (["-c", "rolling.yaml"], 2, "Nothing was rolled out. `extproc rollout start MODEL --to VERSION` begins."),
        (["-c", "no_ledger.yaml"], 5, "absent.db: no such file or directory"),
        ([*GRANT, "--interval", "0"], 2, "Invalid value for '--interval'"),
    ],
    "rollout report": [
        ([*GRANT, "tiny-chat", "-o", "config.yaml"], 2, "config.yaml exists and is left as it is. Name another file,"),
        ([*GRANT, "tiny-chat", "-o", "absent/x.html"], 2, "cannot write absent/x.html: no such file or directory"),
        ([*GRANT, "tiny-chat", "-o", "prompts", "--force"], 2, "cannot write prompts: is a directory"),
        ([*GRANT, "x", "-o", "x.html"], 2, "There is no rollout x."),
        (["tiny-chat", "-o", "x.html", "-c", "no_ledger.yaml"], 5, "absent.db: no such file or directory"),
    ],
    "rollout simulate": [
        ([*GRANT, "tiny-chat", "--to", "v1"], 2, "extproc rollout: canary: `v1` is the stable version too."),
        ([*ROLLED, "--runs", "0"], 2, "Invalid value for '--runs'"),
        ([*ROLLED, "--correlation", "2"], 2, "Invalid value for '--correlation'"),
    ],
    "rollout pause": [([*GRANT, "other-chat"], 2, "other-chat-v2 is paused, so it cannot be paused.")],
    "rollout resume": [([*GRANT, "tiny-chat"], 2, "tiny-chat-v2 is running, so it cannot be resumed.")],
    "rollout promote": [([*GRANT, "x"], 2, "There is no rollout x.")],
    "rollout rollback": [([*GRANT, "x"], 2, "There is no rollout x.")],
    "rollout history": [([*GRANT, "x"], 2, "There is no rollout x.")],
    "rollout explain": [([*GRANT, "x"], 2, "There is no rollout x.")],
    "size": [
        ([], 2, "Missing option '--requests-per-s'"),
        (["--requests-per-s", "0"], 2, "Input should be greater than or equal"),
        (["--requests-per-s", "-5"], 2, "Input should be greater than or equal"),
        (["--requests-per-s", "1e12"], 2, "Input should be less than or equal to"),
        (["--requests-per-s", "nan"], 2, "Invalid value for '--requests-per-s': Input should be"),
        (["--requests-per-s", "many"], 2, "Input should be a valid number"),
        (["--requests-per-s", "10", "--streamed", "1.5"], 2, "Invalid value for '--streamed': Input should"),
        (["--requests-per-s", "10", "--streamed", "nan"], 2, "Invalid value for '--streamed': Input should"),
        (["--requests-per-s", "10", "--guards", "all"], 2, "'all' is not one of"),
        (["--requests-per-s", "10", "-c", "absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["--requests-per-s", "10", "-c", "bad.yaml"], 2, "models.tiny-chat.versions.v1.wieght: unknown key."),
    ],
    "health": [
        (["-c", "absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["--url", "llm-extproc:9464"], 2, "extproc health: llm-extproc:9464 is no address of pages"),
        (["-c", "unserved.yaml"], 1, "http://127.0.0.1:1/readyz does not answer ("),
    ],
    "status": [
        (["-c", "absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (
            ["-c", "unserved.yaml"],
            1,
            "http://127.0.0.1:1 does not answer (connection refused). Does",
        ),
    ],
    "top": [
        (["-c", "absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["unserved.yaml"], 1, "http://127.0.0.1:1 does not answer (connection refused). Does"),
        (["unserved.yaml", "--json"], 1, "http://127.0.0.1:1 does not answer (connection refused). Does"),
        (["unserved.yaml", "--interval", "0"], 2, "Invalid value for '--interval'"),
        (["unserved.yaml", "--sort", "size"], 2, "Invalid value for '--sort'"),
    ],
    "tail": [
        (["absent.yaml"], 2, "absent.yaml:1:1: the file cannot be read"),
        (["no_queue.yaml"], 2, "no_queue.yaml has no `ledger:` section"),
        (["-c", "no_store.yaml"], 5, "no_ledger.db: no such file or directory"),
    ],
    "demo": [
        (["--logs", "file"], 2, "extproc demo: file: file exists"),
    ],
}
CASES = [(name, *case) for name, cases in FAILURES.items() for case in cases]


def test_every_command_has_a_failure() -> None:
    """A new command is noticed."""
    assert set(FAILURES) == {name for name, _ in commands()}


@pytest.mark.parametrize(
    ("name", "arguments", "code", "sentence"), CASES, ids=[f"{name} {' '.join(words)}" for name, words, *_ in CASES]
)
@pytest.mark.usefixtures("folder")
def test_a_failure_is_a_code_and_a_sentence(name: str, arguments: list[str], code: int, sentence: str) -> None:
    """On standard error; nothing on standard output, which a script may read."""
    ran = CliRunner().invoke(app, [*name.split(), *arguments])
    assert (ran.exit_code, ran.stdout) == (code, "")
    assert code in set(ExitCode)
    assert sentence in ran.stderr
    assert "Errno" not in ran.stderr


EACH_IMPORTS_ITS_OWN = """\
import contextlib, gc, io, json, os, runpy, sys
import alembic, numpy, orjson, prometheus_client, pydantic, re2, rich.console, sqlalchemy, typer.main, yaml
gc.disable()
gc.freeze()
for number, arguments in enumerate(json.loads(sys.argv[1])):
    if os.fork() == 0:
        for fd, kind in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{number}.{kind}", os.O_WRONLY | os.O_CREAT), fd)
        sys.argv[1:] = arguments
        runpy.run_module("extproc", run_name="__main__", alter_sys=True)
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


@pytest.mark.usefixtures("folder")
def test_a_process_ends_with_that_code() -> None:
    """One failure of each command, as a shell sees it; of a group that of the first.

    Each imports what it needs of ours. One interpreter imports the libraries for all: that is most of a start.
    """
    names = list({name.split()[0]: name for name in reversed(FAILURES)}.values())
    told = json.dumps([[*name.split(), *FAILURES[name][0][0]] for name in names])
    command = [sys.executable, "-c", EACH_IMPORTS_ITS_OWN, told]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    assert dict(zip(names, map(int, ran.stdout.split()), strict=True)) == {name: FAILURES[name][0][1] for name in names}
    for number, name in enumerate(names):
        errors = Path(f"{number}.err").read_text()
        assert (Path(f"{number}.out").read_text(), FAILURES[name][0][2] in errors) == ("", True), name
        assert "Traceback" not in errors


@pytest.mark.parametrize("workers", [1, 2])
def test_an_address_in_use_has_a_code_of_its_own(folder: Path, workers: int) -> None:
    """With the key that must be changed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        server = f"server: {{ workers: {workers}, listen: 'unix:/tmp/none/x', metrics: '{address}' }}\n"
        (folder / "taken.yaml").write_text((folder / "no_queue.yaml").read_text() + server)
        ran = piped("serve", "-c", "taken.yaml")
    assert (ran.returncode, ran.stdout) == (ExitCode.ADDRESS_TAKEN, "")
    assert ran.stderr.startswith(f"server.metrics: cannot listen on {address} (address already in use).")


@pytest.mark.parametrize("words", ["--version", "check config.yaml", "envoy-config config.yaml", "review export"])
@pytest.mark.usefixtures("folder")
def test_output_on_a_full_disk_is_told(words: str) -> None:
    """Whether it is written at once or at the end."""
    command = [*PROGRAM, *words.split()]
    with Path("/dev/full").open("w") as full:
        environ = environment(LLM_EXTPROC_CONFIG="config.yaml")
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environ)
    assert ran.returncode == ExitCode.UNUSABLE
    assert ran.stderr == "extproc: cannot write the output: no space left on device\n"


def test_help_names_codes_of_the_table() -> None:
    """Wherever a command's help says ``Exit N``, ``N: ...`` included."""
    told = " ".join(made.help for made in [*dict(commands()).values(), *map(command, GROUPS)])
    codes = {int(code) for code in re.findall(r"(?:[Ee]xit |; )(\d+)\b", told)}
    assert codes >= {0, 1, 2, 3, 4, 5}
    assert codes <= {code.value for code in ExitCode}


def test_commands_use_the_table_alone() -> None:
    """No command makes up a number: what ends it is a member, or a variable that holds one."""
    made_up = [
        f"{path.name}:{node.lineno}"
        for path in sorted((ROOT / "extproc" / "cli").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("typer.Exit", "SystemExit", "sys.exit")
        if any(isinstance(argument, ast.Constant) for argument in node.args)
    ]
    assert made_up == []
