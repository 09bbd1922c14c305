"""How to fix a value or a key, if that can be guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from extproc.config.problems import (
    SHOWN_CHARS_MAX,
    KeyPath,
    KeyPosition,
    Places,
    ValueKind,
    did_you_mean,
    must_hide,
    names,
    shown,
)
from extproc.config.schema import SchemaNode, choice_of, homes_of, resolved

DIGITS_MAX = 15
PORT = re.compile(r":[0-9]{1,5}\Z")
_SCHEMES = ("http://", "https://")
PRICE_HINT = """A missing price is an error and does not mean zero. Add, for example:
    price:
      prompt_micro_usd_per_mtok: 150000      # 0.15 USD for a million prompt tokens
      completion_micro_usd_per_mtok: 600000  # 0.60 USD for a million answer tokens"""


_GUARDS_HINT = """Guards stand in a policy, and the filter `guards` runs them. Write:
    filters:
      - filter: guards        # after `- filter: version`
    policies:
      - name: default
        guards:
          - guard: pii"""


def key_hint(path: KeyPath, known: Iterable[str]) -> str:
    """Where an unknown key belongs, if exactly one kind of block has it."""
    if path == ("guards",):
        return _GUARDS_HINT
    key = str(path[-1])
    homes = [] if did_you_mean(key, known) else homes_of(key)
    return f"It is a key of {shown(homes[0])}. Known here: {names(known)}." if len(homes) == 1 else ""


def fix_hint(path: KeyPath, shape: SchemaNode, place: KeyPosition, places: Places) -> str:
    """How to fix a value, if that can be guessed."""
    text = "" if must_hide(path, place.text) else place.text
    if path and path[-1] == "price":
        return PRICE_HINT
    if path and str(path[-1]).endswith("_micro_usd_per_mtok") and place.kind is ValueKind.NUMBER:
        return "Prices are in micro-USD: 1 USD is 1000000."
    if place.kind is ValueKind.NOTHING:
        return "Give the key a value, or leave it out."
    if "discriminator" in shape:
        key, known = choice_of(shape)
        return f"Write `- {key}: {text}`." if text in known else ""
    if "enum" in shape:
        return did_you_mean(text, shape["enum"])
    expected = str(shape.get("type"))
    if expected == "string" and text.startswith(_SCHEMES) and "HOST:PORT" in shape.get("patternErrorMessage", ""):
        return _address_hint(text)
    if expected == "object" and place.kind is ValueKind.TEXT and text:
        return _block_hint(path, shape, text)
    if "{ file: PATH }" in shape.get("patternErrorMessage", "") and _is_path(text):
        return f"Write {shown(f'{path[-1]}: {{ file: {text} }}')}."
    if expected == "array" and place.kind is ValueKind.BLOCK:
        block = places.flow(path)
        return f"Write {shown(f'{path[-1]}: [{block}]')}." if block else "Begin each entry with `- `."
    return _retyped(expected, place.kind, text)


def _is_path(text: str) -> bool:
    return " " not in text and ("/" in text or "." in text.strip("."))


def _address_hint(url: str) -> str:
    """The address in a URL."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    address = host if PORT.search(host) else f"{host}:{443 if scheme == 'https' else 80}"
    leave = f"`{scheme}://`" + (f" and {shown(f'/{path}')}" if path else "")
    without_tls = " Envoy connects without TLS there." if scheme == "https" else ""
    return f"Leave out {leave}: {shown(address)}.{without_tls}"


def _block_hint(path: KeyPath, shape: SchemaNode, text: str) -> str:
    """The block that a lone value stands for: the key that can have it, the only required one, or a path's."""
    properties = {key: resolved(inner) for key, inner in shape.get("properties", {}).items()}
    fitting = [key for key, inner in properties.items() if text in inner.get("enum", ())] or [
        key
        for key in shape.get("required", ())
        if properties[key].get("type") == "string" and re.search(properties[key].get("pattern", ""), text)
    ]
    if not fitting and "file" in properties and _is_path(text):
        fitting = ["file"]
    if len(fitting) != 1 or set(shape.get("required", ())) - set(fitting):
        return ""
    return f"Write {shown(f'{path[-1]}: {{ {fitting[0]}: {text} }}')}."


def _retyped(expected: str, kind: ValueKind, text: str) -> str:
    """How to write the same value as another type."""
    digits = text.replace("_", "").replace(",", "")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) < DIGITS_MAX
    if expected == "string" and kind in (ValueKind.NUMBER, ValueKind.BOOLEAN):
        return f'Write it in quotes: "{text}".' if text else "Write it in quotes."
    if expected == "array" and kind in (ValueKind.NUMBER, ValueKind.TEXT) and 0 < len(text) <= SHOWN_CHARS_MAX:
        return f"Write it as a list: {shown(f'[{text}]')}."
    if expected == "integer" and kind is ValueKind.TEXT and is_number:
        return f"Write plain digits, without quotes, separators or leading zeros: {int(digits)}."
    if expected == "boolean" and text.lower() in ("yes", "on", "y", "true", "1"):
        return "Write `true`."
    if expected == "boolean" and text.lower() in ("no", "off", "n", "false", "0"):
        return "Write `false`."
    return ""
