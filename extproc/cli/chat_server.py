"""An OpenAI-compatible server that a command asks: what it answers, or in one sentence why it does not."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import IO, Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from extproc.cli.output import refuse
from extproc.domain.contract import ENDPOINT_PATHS
from extproc.domain.text import Kind
from extproc.dryrun.prompt_answers import ModelAnswer
from extproc.payload.dialect import UnreadableResponse
from extproc.payload.endpoints import CHAT
from extproc.server.sockets.address import reason_of

ANSWER_BYTES_MAX: Final = 16 << 20
_ERROR_BYTES_MAX: Final = 65_536
_SHOWN_CHARS_MAX: Final = 200
_READ_BYTES: Final = 65_536
_NOT_COMPATIBLE: Final = "Is this the base URL of an OpenAI-compatible server?"


KeyEnv = Annotated[
    str | None,
    typer.Option(metavar="VARIABLE", help="Environment variable with its API key.", show_default=False),
]
JudgeUrl = Annotated[str | None, typer.Option(help="Base URL of a server with a judge model.", show_default=False)]
JudgeModel = Annotated[str | None, typer.Option(help="Its model.", show_default=False)]
AnswerSeconds = Annotated[float, typer.Option(min=0.1, max=3_600, help="Seconds that one answer may take.")]


class ServerFailed(Exception):
    """There is no answer; the message says why, in words that begin with the server's."""


class UrlInvalid(Exception):
    """An address that no server can have."""


@dataclass(frozen=True, slots=True)
class ChatServer:
    """A server, by its base URL with or without ``/v1``.

    Attributes:
        key: its API key; empty: it needs none.
        key_option: that names the variable with the key.
    """

    base_url: str
    timeout_s: float
    key: str = field(default="", repr=False)
    key_option: str = "--api-key-env"

    @property
    def url(self) -> str:
        """Where it completes chats."""
        return self.base_url.rstrip("/").removesuffix("/v1") + ENDPOINT_PATHS["chat"]

    def ask(self, body: bytes) -> ModelAnswer:
        """Its answer to a chat completion. Raises: ServerFailed."""
        return _answer_of(self.fetched(body))

    def fetched(self, body: bytes) -> bytes:
        """The body of its answer. Raises: ServerFailed."""
        until_s = time.monotonic() + self.timeout_s
        headers = {"content-type": "application/json", "accept": "application/json"}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        try:
            with _opener().open(urllib.request.Request(self.url, body, headers), timeout=self.timeout_s) as answer:
                return self._content(answer, until_s)
        except urllib.error.HTTPError as error:
            raise ServerFailed(_refused(error, self.key_option)) from None
        except (TimeoutError, urllib.error.URLError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise ServerFailed(self._late()) from None
            raise ServerFailed(f"does not answer ({_reason(reason)})") from None
        except (OSError, http.client.HTTPException):
            raise ServerFailed("breaks its answer off") from None

    def _content(self, answer: Any, until_s: float) -> bytes:
        """Raises: ServerFailed."""
        content = bytearray()
        while piece := answer.read1(_READ_BYTES):
            content += piece
            if len(content) > ANSWER_BYTES_MAX:
                raise ServerFailed(f"answers more than {ANSWER_BYTES_MAX} bytes")
            if time.monotonic() > until_s:
                raise ServerFailed(self._late())
        if answer.length:
            raise ServerFailed("breaks its answer off")
        return bytes(content)

    def _late(self) -> str:
        return f"does not answer within {self.timeout_s:g} s"


def check_url(written: str) -> str:
    """An address of a server as it was written. Raises: UrlInvalid."""
    try:
        parts = urlsplit(written)
        further = parts.query or parts.fragment or parts.username
        (parts.hostname or "").encode("idna")  # what it cannot encode is no name of a host
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and not further and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not written.isprintable() or " " in written:
        raise UrlInvalid(f"{written} is no base URL; write it as http://HOST:PORT or https://HOST/v1")
    return written


def named_server(
    url: str | None, variable: str | None, timeout_s: float, option: str, key_option: str
) -> ChatServer | None:
    """A server as options name it; None if they do not. What cannot be used ends the command."""
    if url is None:
        if variable is not None:
            refuse(f"{key_option} goes with {option}.")
        return None
    try:
        check_url(url)
    except UrlInvalid as invalid:
        refuse(f"{option}: {invalid}")
    key = "" if variable is None else os.environ.get(variable, "")
    if variable is not None and not (key.isascii() and key.isprintable() and key):
        refuse(f"{key_option}: the variable {variable} holds no API key.")
    return ChatServer(url, timeout_s, key, key_option)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without its body."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _reason(error: object) -> str:
    """Why there is no connection. TLS and names have error numbers of their own."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {_one_line(error.verify_message)}; SSL_CERT_FILE names another CA"
    if isinstance(error, ssl.SSLError):
        return "no TLS: is it http://?"
    if isinstance(error, socket.gaierror):
        return _one_line((error.strerror or "no such host").lower())
    return reason_of(error) if isinstance(error, OSError) and error.errno else _one_line(str(error))


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirects)


def _answer_of(content: bytes) -> ModelAnswer:
    """Raises: ServerFailed."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        what = "HTML" if _is_html(content) else "no JSON"
        raise ServerFailed(f"answers {what}. {_NOT_COMPATIBLE}") from None
    try:
        view = CHAT.read_response(tree) if isinstance(tree, dict) else None
    except UnreadableResponse:
        view = None
    if view is None or not isinstance(tree.get("choices"), list) or not tree["choices"]:
        raise ServerFailed(f"answers no chat completion. {_NOT_COMPATIBLE}")
    first = [slot for slot in view.slots if slot.source.choice == 0]
    said, refusals = (
        "".join(slot.text for slot in first if slot.source.kind is kind) for kind in (Kind.CONTENT, Kind.REFUSAL)
    )
    return ModelAnswer(said or refusals, bool(refusals), bool(view.cut_short), view.usage)


def _refused(error: urllib.error.HTTPError, key_option: str) -> str:
    """An error of the server, with what it says of it."""
    if 300 <= error.code < 400:
        return f"answers {error.code}: it redirects, which is not followed. Write the final address"
    said = _message_in(error)
    hint = f" Name the variable with its API key: {key_option}" if error.code in (401, 403) else ""
    told = f": {said.removesuffix('.')}" if said else ""
    return f"answers {error.code}{told}{'.' if hint else ''}{hint}"


def _message_in(error: IO[bytes]) -> str:
    try:
        content = error.read(_ERROR_BYTES_MAX)
        tree = json.loads(content)
    except (OSError, http.client.HTTPException):
        return ""
    except (ValueError, RecursionError):
        return "HTML" if _is_html(content) else ""
    told = tree.get("error", tree) if isinstance(tree, dict) else None
    message = told.get("message", told.get("detail")) if isinstance(told, dict) else told
    return _one_line(message) if isinstance(message, str) else ""


def _is_html(content: bytes) -> bool:
    return content.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))


def _one_line(text: str) -> str:
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if len(line) <= _SHOWN_CHARS_MAX else f"{line[:_SHOWN_CHARS_MAX]}…"
