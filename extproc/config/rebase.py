"""Paths in included files, which are relative to the file that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from posixpath import join

from extproc.config.problems import KeyPath, Places
from extproc.config.schema import SchemaNode, mapped

_SQLITE = "sqlite:///"


def rebased(data: object, places: Places, folders: Mapping[str, str]) -> object:
    """The data with each path from the folder of the configuration.

    Args: folders: of included files, by their names in ``places``.
    """

    def moved(text: str, shape: SchemaNode, path: KeyPath) -> str:
        folder = folders.get(places.place(path).source, "") if "relative" in shape else ""
        if not folder:
            return text
        if shape["relative"] == "path":
            return join(folder, text)
        return f"{_SQLITE}{join(folder, text.removeprefix(_SQLITE))}" if text.startswith(_SQLITE) else text

    return mapped(data, moved) if folders else data
