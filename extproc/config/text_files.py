"""Text files that a guard names in the configuration: size and encoding, and the problems of their lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from extproc.config.problems import ConfigInvalid, KeyPath, Places, Problem


class TextFile(NamedTuple):
    """A file that a guard reads.

    Args:
        key: that names it, within the guard.
        file: its path, as in the document.
        what: it holds, for messages.
        bytes_max: its largest size.
        parse: called with its text and its name, raises ConfigInvalid.
    """

    key: KeyPath
    file: str
    what: str
    bytes_max: int
    parse: Callable[[str, str], object]


def text_file_problems(path: KeyPath, one: TextFile, content: bytes, source: str, places: Places) -> list[Problem]:
    """The problems of a file: at the key that names it, or at its own lines.

    Args:
        path: key path of the file in the configuration, whose keys are in ``places``.
        content: the file's bytes; ``bytes_max`` + 1 of them are enough.
        source: the file's name, for messages.
    """
    if len(content) > one.bytes_max:
        return [places.problem(path, f"the {one.what} are longer than {one.bytes_max} bytes", hint="Shorten them.")]
    try:
        one.parse(content.decode("utf-8"), source)
    except UnicodeDecodeError as error:
        found = f"the {one.what} are not valid UTF-8 at byte {error.start}"
        return [places.problem(path, found, hint="Save them as UTF-8.")]
    except ConfigInvalid as invalid:
        return invalid.problems
    return []
