"""Whether a tool may be used, by its name."""

from __future__ import annotations

from collections.abc import Sequence


class ToolRules:
    """Allowed and denied tool names and prefixes (``files_*``).

    ``allow`` is None if all are allowed that are not denied.
    """

    def __init__(self, allow: Sequence[str] | None, deny: Sequence[str]) -> None:
        self._allowed = None if allow is None else _Names(allow)
        self._denied = _Names(deny)

    def permit(self, name: str) -> bool:
        """Whether the tool may be used."""
        return not self._denied.has(name) and (self._allowed is None or self._allowed.has(name))

    def permit_all(self, names: Sequence[str], kind: str) -> bool:
        """The same for a tool with several names, or none, and a type that may be denied too."""
        if not names:
            return self._allowed is None
        return not self._denied.has(kind) and all(map(self.permit, names))


class _Names:
    def __init__(self, names: Sequence[str]) -> None:
        self._whole = frozenset(name for name in names if not name.endswith("*"))
        self._beginnings = tuple(name[:-1] for name in names if name.endswith("*"))

    def has(self, name: str) -> bool:
        return name in self._whole or name.startswith(self._beginnings)
