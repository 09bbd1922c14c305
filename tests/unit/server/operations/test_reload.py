"""A good configuration comes into force while the process serves; a bad one changes nothing, and everyone is told."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from extproc._pb import ext_proc_pb2 as pb
from extproc.config.load import parse_document
from extproc.exchange.snapshot import compile_snapshot
from extproc.server.operations import reload as module
from extproc.server.operations.config_files import ConfigReader
from extproc.server.operations.health import Health
from extproc.server.operations.reload import Reloader, restart_needed
from extproc.sinks.metrics import Metrics
from tests.hangs import HANG_S
from tests.unit.server.envoy import CONFIG, chat_sent_on, request_body, request_headers, write_config
from tests.unit.server.fakes import Wired
from tests.unit.server.loops import in_loop, until
from tests.unit.server.operations.prompt_stores import SmallStore, small_store
from tests.unit.server.processes import short_folder, start

QUICK = CONFIG + "server: { reload_interval_ms: 50 }\n"


NAMED_PROMPT = CONFIG.replace("prompt: { file: prompt.txt }", "prompt: { name: system, version: v2 }")


class Watched:
    """A reloader on files, with all that it changes."""

    def __init__(
        self, folder: Path, config: str = CONFIG, asked: asyncio.Event | None = None, *, polls: bool = False
    ) -> None:
        self.file = write_config(folder, config)
        self._reader = reader = ConfigReader(self.file, polls=polls)
        files = reader.read()
        document = files.loaded.document
        self.wired = Wired(compile_snapshot(document, files.prompts))
        self.health = Health()
        self.metrics = Metrics(10)
        processor, log = self.wired.processor, self.wired.processor.logger
        self.reloader = Reloader(reader, document, processor, self.health, self.metrics, log, asked=asked)

    def close(self) -> None:
        """Ask a prompt store no more."""
        if self._reader.store is not None:
            self._reader.store.close()

    @property
    def prompt(self) -> str | None:
        """The prompt in force."""
        prompt = self.wired.processor.snapshot.models["tiny-chat"].versions[0].prompt
        return None if prompt is None else prompt.text

    @property
    def events(self) -> list[str]:
        """What the log tells."""
        return [line["event"] for line in self.wired.log]

    def reloads(self, result: str) -> bytes:
        """The count on the metrics page."""
        page = generate_latest(self.metrics.registry).splitlines()
        return next(line for line in page if line.startswith(f'llm_config_reloads_total{{result="{result}"'.encode()))


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """The small configuration, in force."""
    return Watched(tmp_path)


@in_loop
async def test_a_new_prompt_of_a_route_is_told(tmp_path: Path) -> None:
    """By the version that is another one with it; the version's own revision is the same."""
    route = "routes: [{ name: short, prompt: { file: route.txt } }]\n"
    (tmp_path / "route.txt").write_text("Be short.")
    watched = Watched(tmp_path, CONFIG + route)
    (tmp_path / "route.txt").write_text("Be very short.")
    await watched.reloader.look()
    assert watched.events == ["configuration loaded", "version revised"]
    line = watched.wired.log[-1]
    assert (line["route"], line["changed"]) == ("short", ["prompt.text"])
    assert line["before"] != line["fingerprint"]


@in_loop
async def test_a_route_test_that_falls_short_keeps_the_last_good_configuration(tmp_path: Path) -> None:
    """What a file says of itself is not true, so it takes no traffic."""
    routes = "routes: [{ name: all }]\nroute_tests: [{ name: any, expect: { route: all } }]\n"
    watched = Watched(tmp_path, CONFIG + routes)
    before = watched.wired.processor.snapshot
    watched.file.write_text(CONFIG + routes.replace("name: all", "name: every", 1))
    await watched.reloader.look()
    assert watched.wired.processor.snapshot is before
    assert "unknown route `all`" in watched.health.config_error


@in_loop
async def test_without_a_change_nothing_happens(watched: Watched) -> None:
    """Nothing is read, counted or told."""
    snapshot = watched.wired.processor.snapshot
    await watched.reloader.look()
    assert watched.wired.processor.snapshot is snapshot
    assert watched.events == []


@in_loop
async def test_a_new_prompt_alone_is_a_new_configuration(watched: Watched) -> None:
    """The next exchange has it, under a new revision, which the page, readiness and the log tell."""
    before = watched.wired.processor.snapshot.revision
    (watched.file.parent / "prompt.txt").write_text("Be verbose.")
    await watched.reloader.look()
    session = watched.wired.processor.open()
    session.receive(request_headers().SerializeToString())
    (reply,) = session.receive(request_body().SerializeToString()).messages
    assert chat_sent_on(pb.ProcessingResponse.FromString(reply))["messages"][0]["content"] == "Be verbose."
    revision = watched.wired.processor.snapshot.revision
    assert before != revision == watched.health.revision
    assert f'llm_config_revision{{revision="{revision}"}} 1.0'.encode() in generate_latest(watched.metrics.registry)
    assert watched.reloads("ok").endswith(b" 1.0")
    line, revised = watched.wired.log
    assert (line["event"], line["before"], line["revision"]) == ("configuration loaded", before, revision)
    assert (revised["event"], revised["version"], revised["changed"]) == ("version revised", "v1", ["prompt.text"])
    assert revised["before"] != revised["fingerprint"]
    assert revised["fingerprint"].encode() in generate_latest(watched.metrics.registry)
    page = generate_latest(watched.metrics.registry)
    assert b"llm_version_info" in page
    assert b'llm_version_weight{model="tiny-chat",version="v1"} 1.0' in page
    assert b"llm_config_last_reload_successful 1.0" in page


@in_loop
async def test_a_bad_file_changes_nothing_and_is_told_exactly_once(watched: Watched) -> None:
    """The last good one serves on; log and readiness hold the exact error, and the page counts it."""
    snapshot = watched.wired.processor.snapshot
    watched.file.write_text(CONFIG.replace("weight: 1", "wieght: 1"))
    for _ in range(3):
        await watched.reloader.look()
    assert watched.wired.processor.snapshot is snapshot
    (line,) = watched.wired.log
    assert (line["level"], line["problem"]) == ("error", watched.health.config_error)
    assert "llm-extproc.yaml:6:9: models.tiny-chat.versions.v1.wieght" in line["problem"]
    assert "Did you mean `weight`?" in line["problem"]
    assert watched.reloads("invalid").endswith(b" 1.0")
    assert b"llm_config_last_reload_successful 0.0" in generate_latest(watched.metrics.registry)
    assert watched.health.ready is False  # neither set nor cleared here: it is the process's


@pytest.mark.parametrize("changes", [True, False])
@in_loop
async def test_a_file_system_that_hangs_is_told_and_waited_for(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, changes: bool
) -> None:
    """The event loop turns meanwhile; when the files can be read again, that ends the error."""
    monkeypatch.setattr(module, "READ_S_MAX", 0.01)
    answers, look = threading.Event(), watched.reloader._reader.changed

    def hangs() -> bool:
        assert answers.wait(HANG_S)
        return look()

    watched.reloader._reader.changed = hangs  # type: ignore[method-assign]
    watched.health.config_error = "an older one"
    if changes:
        (watched.file.parent / "prompt.txt").write_text("Be verbose.")
    looking = asyncio.create_task(watched.reloader.look())
    await until(lambda: "could not be read" in watched.health.config_error)
    assert not looking.done()
    answers.set()
    await looking
    assert watched.health.config_error == ("" if changes else "an older one")
    assert watched.prompt == ("Be verbose." if changes else "Be brief.")
    assert watched.events[:1] == ["configuration rejected, the last good one stays in force"]


@pytest.mark.parametrize("how", ["mended", "put back"])
@in_loop
async def test_the_next_good_file_clears_the_error(watched: Watched, how: str) -> None:
    """Also when it is the old one again."""
    watched.file.write_text("models: [")
    await watched.reloader.look()
    assert watched.health.config_error
    watched.file.write_text(CONFIG if how == "put back" else CONFIG.replace("weight: 1", "weight: 2"))
    await watched.reloader.look()
    assert watched.health.config_error == ""
    assert watched.reloads("ok").endswith(b" 1.0")


@pytest.mark.parametrize("name", ["llm-extproc.yaml", "prompt.txt"])
@in_loop
async def test_a_deleted_file_changes_nothing(watched: Watched, name: str) -> None:
    """The last good content serves on, and what is missing is told."""
    content = (watched.file.parent / name).read_text()
    (watched.file.parent / name).unlink()
    await watched.reloader.look()
    assert watched.prompt == "Be brief."
    assert name in watched.health.config_error
    (watched.file.parent / name).write_text(content)
    await watched.reloader.look()
    assert watched.health.config_error == ""


@in_loop
async def test_a_fault_of_ours_keeps_the_last_good_one(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as ours, without the exception's message, and looking goes on."""

    def fail(*_: object) -> None:
        raise ValueError("a text")

    monkeypatch.setattr(module, "compile_snapshot", fail)
    (watched.file.parent / "prompt.txt").write_text("Be verbose.")
    await watched.reloader.look()
    assert watched.prompt == "Be brief."
    assert "ValueError" in watched.health.config_error
    assert "a text" not in watched.wired.stream.getvalue() + watched.health.config_error
    monkeypatch.undo()
    (watched.file.parent / "prompt.txt").write_text("Be quick.")
    await watched.reloader.look()
    assert watched.prompt == "Be quick."


@in_loop
async def test_warnings_of_a_new_configuration_are_told(watched: Watched) -> None:
    """As those of the first one are, and it is in force."""
    watched.file.write_text(CONFIG.replace("  - filter: meter\n", ""))
    await watched.reloader.look()
    assert watched.events == ["configuration", "configuration loaded"]
    assert (watched.wired.log[0]["level"], watched.health.config_error) == ("warning", "")
    assert "tokens and cost are not counted" in watched.wired.log[0]["problem"]


@in_loop
async def test_files_are_looked_at_until_the_process_drains(tmp_path: Path) -> None:
    """At the interval of the configuration: one change after another comes into force."""
    watched = Watched(tmp_path, QUICK)
    running = asyncio.create_task(watched.reloader.run())

    def has_prompt(text: str) -> bool:
        return watched.prompt == text

    for prompt in ("Be verbose.", "Be quick."):
        (tmp_path / "prompt.txt").write_text(prompt)
        await until(partial(has_prompt, prompt))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_never_answers_keeps_no_process_from_ending(workers: int) -> None:
    """A named pipe hangs like a file system whose server has gone."""
    with short_folder() as folder:
        process = start(folder, server={"workers": workers, "reload_interval_ms": 50})
        try:
            (folder / "prompt.txt").unlink()
            os.mkfifo(folder / "prompt.txt")
            writing = os.open(folder / "prompt.txt", os.O_WRONLY)  # returns when it is being read
            assert process.readiness()[0] == 200
            assert process.processor.stop() == 0
            os.close(writing)
        finally:
            process.processor.kill()


@in_loop
async def test_what_needs_a_restart_is_told_until_it_is_taken_back(watched: Watched) -> None:
    """The rest of the new configuration is in force all the same."""
    watched.file.write_text(CONFIG.replace("weight: 1", "weight: 2") + "server: { metrics: '127.0.0.1:9999' }\n")
    await watched.reloader.look()
    assert watched.wired.processor.snapshot.models["tiny-chat"].versions[0].weight == 2
    assert watched.health.restart_needed == ["server.metrics"]
    assert (watched.wired.log[-1]["level"], watched.wired.log[-1]["keys"]) == ("warning", ["server.metrics"])
    watched.file.write_text(CONFIG)
    await watched.reloader.look()
    assert watched.health.restart_needed == []


@pytest.mark.parametrize(
    ("more", "keys"),
    [
        ("", []),
        ("server: { listen: '127.0.0.1:1' }", ["server.listen"]),
        ("server: { drain_ms_max: 1, reload_interval_ms: 50 }", ["server.drain_ms_max", "server.reload_interval_ms"]),
        ("log: { level: debug, exchanges: false }", ["log.level", "log.exchanges"]),
        ("identity: { label_values_max: 7 }", ["identity.label_values_max"]),
        ("identity: { teams: [a] }", []),
        ("review: { url: 'sqlite:///review.db' }", ["review"]),
        (
            "ledger: {}\nbudgets: [{ name: a, per: team, of: tokens, amount: 1, period: day }]\nbudget_webhook_file: a",
            ["ledger"],
        ),
        ("ledger: {}\nfeedback: {}", ["feedback", "ledger"]),
        ("otel: { endpoint: 'http://127.0.0.1:4317' }", ["otel"]),
        ("limits: { response_body_bytes_max: 33554432 }", ["limits"]),
        ("limits: { response_body_bytes_max: 1024, request_body_bytes_max: 1024 }", []),
    ],
)
def test_keys_that_need_a_restart(more: str, keys: list[str]) -> None:
    """Addresses, the log and what was sized at the start; a smaller limit is in force at once."""
    assert list(restart_needed(parse_document(CONFIG, "a"), parse_document(CONFIG + more, "b"))) == keys


@pytest.mark.parametrize(
    ("more", "keys"),
    [
        ("ratio: 0.5, forward: false, texts: true", []),
        ("metrics: true, timeout_ms: 100, ratio: 0.5", ["otel.timeout_ms", "otel.metrics"]),
    ],
)
def test_keys_of_otel_that_need_a_restart(more: str, keys: list[str]) -> None:
    """Where spans go; what new exchanges do is in force at once."""
    otel = "otel: { endpoint: 'http://127.0.0.1:4317', "
    before, after = parse_document(f"{CONFIG}{otel} }}", "a"), parse_document(f"{CONFIG}{otel} {more} }}", "b")
    assert list(restart_needed(before, after)) == keys


@in_loop
async def test_who_asks_gets_a_reload_at_once(tmp_path: Path) -> None:
    """Changed or not: the log says which revision is in force. Each time that somebody asks, once."""
    asked = asyncio.Event()
    watched = Watched(tmp_path, asked=asked)
    running = asyncio.ensure_future(watched.reloader.run())
    for times in (1, 2):
        asked.set()
        await until(partial(lambda number: watched.events == ["configuration loaded"] * number, times))
    line = watched.wired.log[-1]
    assert line["before"] == line["revision"] == watched.health.revision
    assert not asked.is_set()
    running.cancel()


@in_loop
async def test_a_prompt_store_that_fails_is_told_once_and_its_prompts_stay(tmp_path: Path) -> None:
    """In the log, on the page and on `/readyz`; when it is back, its newest prompt comes into force."""
    pytest.importorskip("httpx2", reason="the extra `http` is not installed")
    with small_store() as store:
        store.texts["/system/v2"] = b"You help."
        keys = {"url": store.url, "poll_interval_ms": 100}
        watched = Watched(tmp_path, f"prompts: {json.dumps({'store': keys})}\n{NAMED_PROMPT}", polls=True)
        store.instead = partial(page_of_a_proxy, store)

        async def looks(holds: Callable[[], bool]) -> None:
            while not holds():
                await watched.reloader.look()
                await asyncio.sleep(0.01)

        await looks(lambda: store.asked[-2:] == [200, 200] and bool(watched.health.prompt_store_error))
        problem = "prompt system v2: the store answers HTML where a prompt is expected"
        assert watched.health.prompt_store_error == problem
        assert watched.prompt == "You help."
        store.texts["/system/v2"], store.instead = b"You help well.", None
        await looks(lambda: watched.prompt == "You help well." and not watched.health.prompt_store_error)
        assert watched.events.count("the prompt store fails, the last good prompts stay in force") == 1
        assert watched.events.count("the prompt store answers again") == 1
        page = generate_latest(watched.metrics.registry)
        assert b'llm_prompt_store_requests_total{result="ok"} 2.0' in page
        assert b'llm_prompt_store_requests_total{result="failed"} 0.0' not in page
        watched.close()


def page_of_a_proxy(store: SmallStore, request: BaseHTTPRequestHandler) -> None:
    """What is no prompt."""
    store.send(request, 200, b"<html>Please log in</html>")
