"""A prompt store is asked, polled and survived: the last good text stays when it is slow, gone or wrong."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httpx2", reason="the extra `http` is not installed")

from extproc.config.problems import ConfigInvalid
from extproc.config.prompts import PROMPT_BYTES_MAX, PromptStore, prompt_key
from extproc.envoy_config.start_time import TimeLimit
from extproc.server.operations.config_files import ConfigReader
from extproc.server.operations.prompt_store import PromptStoreFailed, StoredPrompts, read_cache
from tests.unit.config.conftest import MINIMAL
from tests.unit.server.operations.prompt_stores import SmallStore, slowly, small_store

KEY = prompt_key("system", "v2")
CONFIG = MINIMAL.replace("weight: 1", "weight: 1\n        prompt: { name: system, version: v2 }").replace(
    "  - filter: meter", "  - filter: prompt\n  - filter: meter"
)


@pytest.fixture
def store() -> Iterator[SmallStore]:
    """A store with one prompt."""
    with small_store() as made:
        made.texts["/system/v2"] = b"You help."
        yield made


def section(store: SmallStore, **keys: Any) -> PromptStore:
    """The section that names it."""
    return PromptStore(url=store.url, **{"timeout_ms": 1_000, "poll_interval_ms": 100, **keys})


def stored(store: SmallStore, folder: Path, *, polls: bool = False, **keys: Any) -> StoredPrompts:
    """What asks it."""
    return StoredPrompts(section(store, **keys), folder, polls=polls)


def written(folder: Path, store: SmallStore, **keys: Any) -> Path:
    """A configuration whose prompts come from it."""
    file = folder / "config.yaml"
    prompts = {"store": {"url": store.url, "timeout_ms": 1_000, "poll_interval_ms": 100, **keys}}
    file.write_text(f"prompts: {json.dumps(prompts)}\n{CONFIG}")
    return file


def until(holds: Callable[[], Any]) -> None:
    """Wait for a condition."""
    limit = TimeLimit(5)
    while not holds():
        assert not limit.is_over()
        time.sleep(0.01)


# --- one request ---------------------------------------------------------------------------------------------------


def test_a_prompt_is_fetched_once(store: SmallStore, tmp_path: Path) -> None:
    """Later it is at hand."""
    prompts = stored(store, tmp_path)
    assert [prompts.content("system", "v2") for _ in range(3)] == [b"You help."] * 3
    assert store.asked == [200]
    assert prompts.take_counts() == {"ok": 1}


def test_names_are_encoded_in_the_address(store: SmallStore, tmp_path: Path) -> None:
    """A slash in a name leads nowhere else."""
    store.texts["/team%2Fsystem/v1"] = b"Hi"
    assert stored(store, tmp_path).content("team/system", "v1") == b"Hi"


def test_the_token_is_read_before_each_request(store: SmallStore, tmp_path: Path) -> None:
    """It may be renewed; it is in no message."""
    store.token = "s3cret-token"
    (tmp_path / "token").write_text("wrong-token\n")
    prompts = stored(store, tmp_path, token_file="token")
    with pytest.raises(PromptStoreFailed) as failed:
        prompts.content("system", "v2")
    assert str(failed.value) == "answers 401: check `token_file`"
    (tmp_path / "token").write_text("s3cret-token\n")
    assert prompts.content("system", "v2") == b"You help."
    assert "token" not in prompts.problem


def page(store: SmallStore, request: Any) -> None:
    """A page of some proxy."""
    store.send(request, 200, b"<html>Please log in</html>")


def typed_page(store: SmallStore, request: Any) -> None:
    """One that only its type gives away."""
    store.send(request, 200, b"Please log in", content_type="text/html; charset=utf-8")


def failing(store: SmallStore, request: Any) -> None:
    """A broken store."""
    store.send(request, 503, b"later")


def redirecting(store: SmallStore, request: Any) -> None:
    """To a host that must not get the token."""
    store.send(request, 302, b"", location="http://127.0.0.1:1/")


def huge(store: SmallStore, request: Any) -> None:
    """More than a prompt may have."""
    store.send(request, 200, b"x" * (PROMPT_BYTES_MAX + 1))


def closing(_: SmallStore, request: Any) -> None:
    """It hangs up."""
    request.close_connection = True


@pytest.mark.parametrize(
    ("instead", "told"),
    [
        (page, "answers HTML where a prompt is expected"),
        (typed_page, "answers HTML where a prompt is expected"),
        (failing, "answers 503"),
        (redirecting, "answers 302: it redirects, which is not followed. Write the final address"),
        (huge, "answers more than 262144 bytes"),
        (closing, "does not answer (RemoteProtocolError)"),
    ],
)
def test_each_bad_answer_has_its_reason(
    store: SmallStore, tmp_path: Path, instead: Callable[..., None], told: str
) -> None:
    """Half a sentence, which a problem of the configuration completes."""
    store.instead = partial(instead, store)
    with pytest.raises(PromptStoreFailed) as failed:
        stored(store, tmp_path).content("system", "v2")
    assert str(failed.value) == told


def test_a_store_that_answers_a_byte_at_a_time_is_too_slow(store: SmallStore, tmp_path: Path) -> None:
    """The limit is of the whole answer, not of each byte."""
    store.instead = slowly(5)
    began_s = time.monotonic()
    with pytest.raises(PromptStoreFailed, match="does not answer within 200 ms"):
        stored(store, tmp_path, timeout_ms=200).content("system", "v2")
    assert time.monotonic() - began_s < 4


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    """As the system says it."""
    with small_store() as gone:
        pass
    with pytest.raises(PromptStoreFailed, match=r"does not answer \(connection refused\)"):
        stored(gone, tmp_path).content("system", "v2")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "needs a token, and `token_file` cannot be read (no such file or directory)"),
        (b"", "needs a token, and `token_file` holds none"),
        (b"two\nlines", "needs a token, and `token_file` holds none"),
        ("köy".encode(), "needs a token, and `token_file` cannot be read (not ASCII)"),
    ],
)
def test_a_token_file_that_cannot_be_used(store: SmallStore, tmp_path: Path, content: bytes | None, told: str) -> None:
    """No request is made without it."""
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(PromptStoreFailed) as failed:
        stored(store, tmp_path, token_file="token").content("system", "v2")
    assert (str(failed.value), store.asked) == (told, [])


# --- polling and failing -------------------------------------------------------------------------------------------


def test_a_new_text_is_seen_and_an_old_one_is_not_sent_again(store: SmallStore, tmp_path: Path) -> None:
    """By its ETag."""
    prompts = stored(store, tmp_path, polls=True)
    prompts.content("system", "v2")
    until(lambda: store.asked.count(304) >= 2)
    before = prompts.revision
    store.texts["/system/v2"] = b"You help well."
    until(lambda: prompts.revision > before)
    assert prompts.content("system", "v2") == b"You help well."
    prompts.close()


def test_the_last_good_text_stays_while_the_store_fails(store: SmallStore, tmp_path: Path) -> None:
    """Whatever it answers; when it is back, its newest text comes."""
    prompts = stored(store, tmp_path, polls=True)
    prompts.content("system", "v2")
    store.instead = partial(page, store)
    until(lambda: prompts.problem)
    assert prompts.problem == "prompt system v2: the store answers HTML where a prompt is expected"
    assert prompts.content("system", "v2") == b"You help."
    store.texts["/system/v2"], store.instead = b"Back.", None
    until(lambda: prompts.content("system", "v2") == b"Back.")
    assert prompts.problem == ""
    prompts.close()


# --- a configuration -----------------------------------------------------------------------------------------------


def test_a_configuration_gets_its_prompts(store: SmallStore, tmp_path: Path) -> None:
    """And notices a change within its interval."""
    reader = ConfigReader(written(tmp_path, store), polls=True)
    assert reader.read().prompts == {KEY: "You help."}
    assert not reader.changed()
    store.texts["/system/v2"] = b"You help well."
    until(reader.changed)
    assert reader.read().prompts == {KEY: "You help well."}
    assert reader.store is not None
    reader.store.close()


def test_a_store_that_fails_at_the_start_is_a_problem_at_the_prompt(store: SmallStore, tmp_path: Path) -> None:
    """With its line."""
    del store.texts["/system/v2"]
    with pytest.raises(ConfigInvalid) as refused:
        ConfigReader(written(tmp_path, store)).read()
    assert str(refused.value) == (
        f"{tmp_path}/config.yaml:7:42: models.tiny-chat.versions.v1.prompt.version: the prompt store answers 404: it"
        " has no such prompt. Check `prompts.store`. With `cache_file` a restart does not need the store."
    )


def test_a_restart_without_the_store_takes_the_cache(tmp_path: Path) -> None:
    """The file is its owner's alone."""
    with small_store() as store:
        store.texts["/system/v2"] = b"You help."
        file = written(tmp_path, store, cache_file="prompts.cache")
        ConfigReader(file).read()
    cache = tmp_path / "prompts.cache"
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    reader = ConfigReader(file)
    assert reader.read().prompts == {KEY: "You help."}
    assert reader.store is not None
    assert reader.store.problem == "prompt system v2: the store does not answer (connection refused)"


def test_a_text_that_is_refused_is_never_cached(store: SmallStore, tmp_path: Path) -> None:
    """Or a restart would begin with it."""
    file = written(tmp_path, store, cache_file="prompts.cache")
    ConfigReader(file).read()
    store.texts["/system/v2"] = b"{{ nobody }}"
    with pytest.raises(ConfigInvalid, match="the variable `nobody` is not declared"):
        ConfigReader(file).read()
    ((_, text),) = read_cache(tmp_path / "prompts.cache").items()
    assert text.content == b"You help."


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"prompts": [{}]}', b"\xff", b"[" * 100_000])
def test_a_cache_file_that_is_none_is_no_cache(store: SmallStore, tmp_path: Path, content: bytes) -> None:
    """The store is asked, and the file is written anew."""
    (tmp_path / "prompts.cache").write_bytes(content)
    file = written(tmp_path, store, cache_file="prompts.cache")
    assert ConfigReader(file).read().prompts == {KEY: "You help."}
    assert len(read_cache(tmp_path / "prompts.cache")) == 1


def test_a_cache_file_that_cannot_be_written_is_told(store: SmallStore, tmp_path: Path) -> None:
    """The prompts are served all the same."""
    reader = ConfigReader(written(tmp_path, store, cache_file="absent/prompts.cache"))
    assert reader.read().prompts == {KEY: "You help."}
    assert reader.store is not None
    assert reader.store.problem == "`cache_file` cannot be written (no such file or directory)"
