"""Private key blocks: found in pieces as in one, and nothing else is touched."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.private_keys import MARKER_CHARS_MAX, OPENING_CHARS_MAX
from extproc.detectors.text.cells import CELL_CHARS_MAX
from extproc.domain.finding import Finding
from extproc.filters.private_keys import PrivateKeyStage, may_hold_private_key
from extproc.filters.spans import SpanStage
from tests.unit.filters.cutting import cut, through

BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\nMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3S\n"
KEY = f"-----BEGIN PRIVATE KEY-----\n{BODY}-----END PRIVATE KEY-----"
PGP = f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n{BODY}=aBcD\n-----END PGP PRIVATE KEY BLOCK-----"
SSH2 = f"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: me\n{BODY}---- END SSH2 ENCRYPTED PRIVATE KEY ----"
PIECES = st.sampled_from((
    *(KEY, PGP, SSH2, KEY.replace("\n", "\\n"), BODY),
    *("-----BEGIN RSA PRIVATE KEY-----\n", "-----END RSA PRIVATE KEY-----", "-----BEGIN CERTIFICATE-----\n"),
    *("-----BEGIN", "BEGIN ", " PRIVATE KEY", "-----", "-", "----", "Proc-Type: 4,ENCRYPTED\n", "A" * 40),
    *("\n", "\\n", "...", "Text, and more. ", "a@b.co ", "é", "\ud800", "日本", " ", "x" * 600, " " * 600),
))  # fmt: skip
TEXTS = st.lists(PIECES, max_size=8).map("".join)


EMAILS = PiiDetector(("EMAIL",))


def mask_of(one: Finding, _: str = "") -> str:
    """For either stage: the one for spans gives the text too."""
    return f"<{one.kind}>"


def run(pieces: list[str], blocks: bool = False) -> tuple[str, list[tuple[str, str, bool]], bool]:
    """What comes out; kind, first line, and whether the text began so, of each block; whether it was rejected."""
    found: list[tuple[str, str, bool]] = []
    shown: list[tuple[str, bool]] = []
    mask = None if blocks else mask_of
    spans = SpanStage(EMAILS, mask, lambda _: None)

    def tell(one: Finding) -> None:
        text, begins = shown.pop()
        found.append((one.kind, text[one.start : one.end], begins))

    stage = PrivateKeyStage(spans, mask, tell, lambda text, begins: shown.append((text, begins)))
    return through(stage, pieces), found, stage.rejected


@pytest.mark.parametrize("block", [KEY, PGP, SSH2, KEY.replace("\n", "\\n"), KEY.replace("\n", "\r\n")])
def test_a_block_is_masked_whole(block: str) -> None:
    """First line, headers, body and last line; what stands around it stays."""
    text, found, _ = run([f"Here: {block}\nThat was it."])
    assert (text, len(found)) == ("Here: <PRIVATE_KEY>\nThat was it.", 1)


def test_an_encrypted_key_is_a_key_too() -> None:
    """Its headers say how, and may hold commas and digits."""
    headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,A1B2C3D4\n\n"
    text = KEY.replace("-----\nMII", f"-----\n{headers}MII")
    assert run([text])[0] == "<PRIVATE_KEY>"


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----",
        f"-----BEGIN CERTIFICATE-----\n{BODY}-----END CERTIFICATE-----",
        f"-----BEGIN PUBLIC KEY-----\n{BODY}-----END PUBLIC KEY-----",
        "A line -------- of hyphens -----",
        "-----BEGIN PRIVATE KEY----- begins each of them, as you know, and a body follows.",
    ],
)
def test_what_is_no_private_key_passes_unchanged(text: str) -> None:
    """Certificates, public keys, and talk about keys."""
    assert run([text]) == (text, [], False)


def test_a_key_that_is_cut_off_is_masked_as_far_as_it_goes() -> None:
    """An answer that ends in a key has shown most of it."""
    assert run([KEY[:120]])[0] == "<PRIVATE_KEY>"
    assert run([KEY[:120], " (and so on)"])[0] == "<PRIVATE_KEY>(and so on)"


def test_blocking_gives_out_what_stands_before() -> None:
    """And nothing of the key."""
    assert run(["The key: " + KEY + " more"], blocks=True) == (
        "The key: ",
        [("PRIVATE_KEY", "-----BEGIN PRIVATE KEY----", False)],
        True,
    )


def test_a_finding_is_told_with_the_first_line_alone() -> None:
    """Who reviews it sees what it is, and never the key."""
    line = "-----BEGIN PRIVATE KEY----"
    assert run([KEY, " ", KEY])[1] == [("PRIVATE_KEY", line, True), ("PRIVATE_KEY", line, False)]


@pytest.mark.parametrize("key", [KEY, PGP, SSH2], ids=["PEM", "PGP", "SSH2"])
def test_a_key_is_found_wherever_it_is_cut(key: str) -> None:
    """Also where a piece ends in the blank before BEGIN."""
    for place in range(len(key)):
        assert run([key[:place], key[place:]]) == run([key])


@pytest.mark.parametrize("blocks", [False, True])
@given(pieces=cut(TEXTS))
def test_it_does_not_matter_how_the_text_is_cut(blocks: bool, pieces: list[str]) -> None:
    """Text, findings and rejection are those of the text in one piece."""
    assert run(pieces, blocks) == run(["".join(pieces)], blocks)


@given(cut(TEXTS))
def test_little_is_held_and_a_fork_leaves_no_trace(pieces: list[str]) -> None:
    """Memory is bounded; asking what would come changes nothing."""
    found: list[object] = []
    stage = PrivateKeyStage(SpanStage(EMAILS, lambda *_: "", lambda _: None), lambda _: "", found.append)
    for piece in pieces:
        stage.feed(piece)
        assert len(stage.held()) <= OPENING_CHARS_MAX + MARKER_CHARS_MAX + CELL_CHARS_MAX
        before, count = stage.held(), len(found)
        stage.fork().close()
        assert (stage.held(), len(found)) == (before, count)


@given(cut(TEXTS.filter(lambda text: not may_hold_private_key(text))))
def test_nothing_is_found_without_the_words(pieces: list[str]) -> None:
    """So that most texts need no stage."""
    spans = SpanStage(EMAILS, mask_of, lambda _: None)
    assert run(pieces) == (through(spans, pieces), [], False)


@pytest.mark.parametrize("blocks", [False, True])
@given(pieces=cut(TEXTS))
def test_with_the_stage_for_spans_behind_it(blocks: bool, pieces: list[str]) -> None:
    """Both judge: addresses are found around keys, however the text is cut."""

    def both(texts: list[str]) -> tuple[str, list[str], bool]:
        found: list[str] = []
        mask = None if blocks else mask_of
        spans = SpanStage(EMAILS, mask, lambda one: found.append(one.kind))
        stage = PrivateKeyStage(spans, mask, lambda one: found.append(one.kind))
        return through(stage, texts), found, stage.rejected

    assert both(pieces) == both(["".join(pieces)])


@pytest.mark.parametrize("piece", ["-", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", KEY, BODY, "-----END "])
def test_cost_grows_with_the_length_and_no_faster(piece: str) -> None:
    """Four times the text takes about four times as long."""

    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        begin = time.process_time()
        run([text])
        return time.process_time() - begin

    short = min(seconds(50_000) for _ in range(3))
    assert min(seconds(200_000) for _ in range(3)) < 9 * short + 0.01


@pytest.mark.parametrize("key", [KEY, SSH2, KEY.replace("\n", "\\n")])
def test_a_block_that_is_cut_off_shows_less_than_eight_characters(key: str) -> None:
    """A body shows itself by 32 characters; where the text ends before, eight are enough."""
    body = key.index("MII") - ("\\n" in key)  # the n of an escape may be one of the eight
    for end in range(body, body + 60):
        spans = SpanStage(EMAILS, mask_of, lambda _: None)
        stage = PrivateKeyStage(spans, lambda one: f"<{one.kind}>", lambda _: None)
        text = stage.feed(f"Here: {key[:end]}") + stage.close_cut()
        assert text == (f"Here: {key[:end]}" if end < body + 8 else "Here: <PRIVATE_KEY>")
