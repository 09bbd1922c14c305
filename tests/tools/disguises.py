"""Ways to write an attack so that a reader of plain text does not see it; each is undone before anything is judged."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Callable
from urllib.parse import quote

_LOOK_ALIKES = str.maketrans("aeopcxyi", "аеорсхуі")
_LEETSPEAK = str.maketrans("aeostiAEOSTI", "430571430571")

DISGUISES: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "zero width": "\u200b".join,
    "soft hyphen": "\u00ad".join,
    "bidirectional marks": lambda text: "".join(f"\u202d{character}\u202c" for character in text),
    "Unicode tags": lambda text: "".join(chr(0xE0000 + ord(c)) if " " <= c <= "~" else c for c in text),
    "combining marks": lambda text: "".join(c + "\u0336" for c in text),
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "mathematical bold": lambda text: "".join(
        chr(0x1D400 + ord(c) - 65) if "A" <= c <= "Z" else chr(0x1D41A + ord(c) - 97) if "a" <= c <= "z" else c
        for c in text
    ),
    "Cyrillic look-alikes": lambda text: text.translate(_LOOK_ALIKES),
    "leetspeak": lambda text: text.translate(_LEETSPEAK),
    "line ends": lambda text: text.replace(" ", "\n"),
    "many blanks": lambda text: text.replace(" ", "     "),
    "spaced letters": lambda text: " ".join(text),
    "dotted letters": lambda text: ".".join(text.replace(" ", "")),
    "spaced letters, wide gaps": lambda text: "   ".join(" ".join(word) for word in text.split(" ")),
    "broken words": lambda text: " ".join(text[place : place + 4] for place in range(0, len(text), 4)),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, spaced": lambda text: text.encode().hex(" "),
    "binary": lambda text: " ".join(f"{byte:08b}" for byte in text.encode()),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
    "reversed words": lambda text: " ".join(word[::-1] for word in text.split(" ")),
    "URL encoding": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "URL encoding, part": lambda text: quote(text, safe=""),
    "HTML entities": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "HTML comment": lambda text: f"<!-- {text} -->",
    "tags in words": lambda text: " ".join(f"{word[:2]}<b></b>{word[2:]}" for word in text.split(" ")),
    "Unicode escapes": lambda text: "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in text),
    "base64 of hexadecimal": lambda text: base64.b64encode(text.encode().hex().encode()).decode(),
}
