"""Prompts of a store over HTTP. The last good text of each stays while the store does not answer, and over a restart if
there is a cache file.

httpx2 is optional, and imported only where a configuration names a store.
"""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from extproc.config.prompts import PROMPT_BYTES_MAX, PromptStore
from extproc.domain.extras import MODULES, how_to_install, missing_modules
from extproc.server.sockets.address import reason_of

if TYPE_CHECKING:
    import httpx2

CACHE_BYTES_MAX: Final = 67_108_864
TOKEN_BYTES_MAX: Final = 65_536
_ABOUT: Final = "The last good prompts of a store, written by llm-extproc. It may be deleted."
_ACCEPTED: Final = "text/markdown, text/plain, */*;q=0.5"
_HTML: Final = (b"<!doctype html", b"<html")

PromptId = tuple[str, str]
"""Name and version."""


class PromptStoreFailed(Exception):
    """A prompt cannot be fetched; the message is half a sentence about the store."""


@dataclass(frozen=True, slots=True)
class StoredText:
    """The content of a prompt, and the store's mark of it; empty if it sends none."""

    content: bytes
    etag: str = ""


class StoreClient:
    """Requests to one store.

    Args: folder: of the configuration file.
    Raises: PromptStoreFailed, if its package or its CA file is missing.
    """

    def __init__(self, section: PromptStore, folder: Path) -> None:
        if missing_modules(MODULES["http"]):
            raise PromptStoreFailed(f"needs httpx2, which is not installed here. {how_to_install('http')}")
        import httpx2

        self._section = section
        self._folder = folder
        self._timeout_s = section.timeout_ms / 1_000
        self._errors: Any = (httpx2.HTTPError, httpx2.InvalidURL)
        self._timeouts: Any = httpx2.TimeoutException
        self._client = httpx2.Client(
            timeout=self._timeout_s, follow_redirects=False, verify=self._verification(), trust_env=False
        )

    def fetch(self, prompt: PromptId, etag: str) -> StoredText | None:
        """The content of a prompt; None if it is that of ``etag``. Raises: PromptStoreFailed."""
        until_s = time.monotonic() + self._timeout_s
        headers = {"accept": _ACCEPTED, **self._authorization(), **({"if-none-match": etag} if etag else {})}
        try:
            with self._client.stream("GET", self._url(prompt), headers=headers) as answer:
                if answer.status_code == 304 and etag:
                    return None
                _refuse_status(answer.status_code)
                content = self._content(answer, until_s)
        except self._timeouts as error:
            raise PromptStoreFailed(self._late()) from error
        except self._errors as error:
            raise PromptStoreFailed(f"does not answer ({_reason(error)})") from error
        if answer.headers.get("content-type", "").startswith("text/html") or content.lstrip()[:15].lower().startswith(
            _HTML
        ):
            raise PromptStoreFailed("answers HTML where a prompt is expected")
        return StoredText(content, answer.headers.get("etag", ""))

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _content(self, answer: httpx2.Response, until_s: float) -> bytes:
        content = bytearray()
        for piece in answer.iter_bytes():
            content += piece
            if len(content) > PROMPT_BYTES_MAX:
                raise PromptStoreFailed(f"answers more than {PROMPT_BYTES_MAX} bytes")
            if time.monotonic() > until_s:
                raise PromptStoreFailed(self._late())
        return bytes(content)

    def _late(self) -> str:
        return f"does not answer within {self._section.timeout_ms} ms"

    def _url(self, prompt: PromptId) -> str:
        name, version = (quote(part, safe="") for part in prompt)
        return self._section.url.replace("{name}", name).replace("{version}", version)

    def _authorization(self) -> dict[str, str]:
        file = self._section.token_file
        if file is None:
            return {}
        try:
            with (self._folder / file).open("rb") as stream:
                token = stream.read(TOKEN_BYTES_MAX).strip().decode("ascii")
        except (OSError, UnicodeDecodeError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else "not ASCII"
            raise PromptStoreFailed(f"needs a token, and `token_file` cannot be read ({reason})") from error
        if not token.isprintable() or not token:
            raise PromptStoreFailed("needs a token, and `token_file` holds none")
        return {"authorization": f"Bearer {token}"}

    def _verification(self) -> ssl.SSLContext | bool:
        if not self._section.url.startswith("https:"):
            return False  # nothing to verify, and CA certificates take time to load
        file = self._section.ca_file
        try:
            return ssl.create_default_context(cafile=None if file is None else self._folder / file)
        except (OSError, ssl.SSLError) as error:
            raise PromptStoreFailed("has a certificate, and `ca_file` cannot be read") from error


class StoredPrompts:
    """The prompts of one store that a configuration names: fetched when first asked for, then polled.

    Args:
        folder: of the configuration file.
        polls: False: each content is fetched once, for a command that ends.
    Raises: PromptStoreFailed, if the store cannot be asked at all.
    """

    def __init__(self, section: PromptStore, folder: Path, *, polls: bool) -> None:
        self.section = section
        self.revision = 0  # of the texts: it grows with every new one
        self._counts: Counter[str] = Counter()
        self.problem = ""  # why the last request failed; empty if it did not
        self._client = StoreClient(section, folder)
        self._cache_file = None if section.cache_file is None else folder / section.cache_file
        self._texts: dict[PromptId, StoredText] = {}
        self._given: dict[PromptId, StoredText] = {}  # what ``content`` returned last
        self._cached = read_cache(self._cache_file)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="prompt-store", daemon=True) if polls else None

    def content(self, name: str, version: str) -> bytes:
        """The content of a prompt: the last that was fetched, else of the cache. Raises: PromptStoreFailed."""
        prompt = name, version
        if prompt not in self._texts:
            try:
                self._fetch(prompt)
            except PromptStoreFailed:
                if prompt not in self._cached:
                    raise
                self._texts[prompt] = self._cached[prompt]
            if self._thread is not None and not self._thread.is_alive():
                self._thread.start()
        self._given[prompt] = self._texts[prompt]
        return self._given[prompt].content

    def take_counts(self) -> Counter[str]:
        """Requests since the last call, by result: ``ok``, ``unchanged``, ``failed``."""
        counts, self._counts = self._counts, Counter()
        return counts

    def keep(self) -> None:
        """The texts that ``content`` returned are good: write them to the cache file. A failure is told."""
        if self._cache_file is None or all(self._cached.get(prompt) == text for prompt, text in self._given.items()):
            return
        self._cached |= self._given
        try:
            write_cache(self._cache_file, self._cached)
        except OSError as error:
            self.problem = f"`cache_file` cannot be written ({reason_of(error)})"

    def close(self) -> None:
        """Stop polling."""
        self._closing.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(self.section.timeout_ms / 1_000)
        self._client.close()

    def _poll(self) -> None:
        while not self._closing.wait(self.section.poll_interval_ms / 1_000):
            for prompt in list(self._texts):
                with contextlib.suppress(PromptStoreFailed):
                    self._fetch(prompt)

    def _fetch(self, prompt: PromptId) -> None:
        """Raises: PromptStoreFailed."""
        known = self._texts.get(prompt)
        try:
            text = self._client.fetch(prompt, "" if known is None else known.etag)
        except PromptStoreFailed as failed:
            self._counts["failed"] += 1
            self.problem = f"prompt {prompt[0]} {prompt[1]}: the store {failed}"
            raise
        self.problem = ""
        if text is None or (known is not None and text.content == known.content):
            self._counts["unchanged"] += 1
            return
        self._counts["ok"] += 1
        with self._lock:
            self._texts[prompt] = text
            self.revision += 1


def read_cache(file: Path | None) -> dict[PromptId, StoredText]:
    """The texts of a cache file; none if there is no usable one."""
    if file is None:
        return {}
    try:
        with file.open("rb") as stream:
            found = json.loads(stream.read(CACHE_BYTES_MAX))["prompts"]
        return {
            (str(one["name"]), str(one["version"])): StoredText(str(one["text"]).encode(), str(one["etag"]))
            for one in found
        }
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return {}


def write_cache(file: Path, texts: dict[PromptId, StoredText]) -> None:
    """Replace a cache file at once; only its owner may read it. Raises: OSError."""
    prompts = [
        {"name": name, "version": version, "etag": text.etag, "text": text.content.decode("utf-8", "replace")}
        for (name, version), text in sorted(texts.items())
    ]
    content = json.dumps({"about": _ABOUT, "prompts": prompts}, indent=2, ensure_ascii=False)
    descriptor, path = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(path, file)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def _refuse_status(status: int) -> None:
    """Raises: PromptStoreFailed."""
    if status == 200:
        return
    if status == 404:
        raise PromptStoreFailed("answers 404: it has no such prompt")
    if status in (401, 403):
        raise PromptStoreFailed(f"answers {status}: check `token_file`")
    if 300 <= status < 400:
        raise PromptStoreFailed(f"answers {status}: it redirects, which is not followed. Write the final address")
    raise PromptStoreFailed(f"answers {status}")


def _reason(error: Exception) -> str:
    """Of a request that failed, without addresses and texts of libraries."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "its certificate is not trusted; see `ca_file`"
        if isinstance(cause, OSError) and cause.errno:
            return reason_of(cause)
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__
