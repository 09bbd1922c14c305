"""Files that a configuration includes: their sections, and their items, take the place of ``include``.

One rule: an included file says what could stand in its place. At the top of a file ``include`` is a list of files of
whole sections; an item ``- include: FILE`` of ``policies``, or of the guards of a policy, is a file with a list of such
items. Nothing is merged: a section that is there twice is an error. Paths are relative to the file that holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from posixpath import dirname, join, normpath

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from extproc.config.node_tools import Pair, block_of, is_key, items_of, list_of, pairs_of, text_of, value_of
from extproc.config.problems import ConfigInvalid, Problem, shown
from extproc.config.yaml_nodes import CONFIG_BYTES_MAX, NODES_MAX, composed, decode, kind_of, place_of

INCLUDE_DEPTH_MAX = 8
INCLUDES_MAX = 1_000
"""Uses of files, where several uses of one count."""

ReadFile = Callable[[str], bytes | OSError]
"""Reads a file by its path from the folder of the configuration: CONFIG_BYTES_MAX + 1 bytes, or the error."""

_SECTIONS = "keys such as `models:` and `policies:`"
_ITEMS = "a list, as it would stand in its place"


def reads_nothing(path: str) -> OSError:
    """For a text that has no folder."""
    return FileNotFoundError(path)


class Included:
    """A document with everything that it includes.

    Attributes:
        root: the whole document.
        folders: the folder of each included file, from that of the configuration, by the file's name in messages.
    Raises: ConfigInvalid, from the constructor.
    """

    def __init__(self, root: Node, text: str, source: str, read: ReadFile) -> None:
        self._source = source
        self._read = read
        self._problems: list[Problem] = []
        self._files: dict[str, Node] = {}
        self._bytes = len(text.encode("utf-8", "surrogatepass"))
        self._uses = self._nodes = 0
        self.folders: dict[str, str] = {}
        self.root = self._document(root) if isinstance(root, MappingNode) else root
        if self._problems:
            raise ConfigInvalid(self._problems)

    def _document(self, root: Node) -> Node:
        pairs = [
            (key, self._policies(value) if is_key(key, "policies") else value) for key, value in self._pairs(root, ())
        ]
        return block_of(pairs, root)

    def _pairs(self, node: Node, chain: tuple[str, ...]) -> Iterator[Pair]:
        """The sections of a file, then those of the files that it includes."""
        includes = [(key, value) for key, value in pairs_of(node) if is_key(key, "include")]
        yield from (pair for pair in pairs_of(node) if not is_key(pair[0], "include"))
        for key, value in includes:
            if key is not includes[0][0]:
                line = f"line {place_of(includes[0][0]).line}"
                self._refuse(key, f"duplicate key, first on {line}", "Keep one of the two.")
            elif not isinstance(value, SequenceNode):
                hint = f"Write `include: [{text_of(value)}]`." if text_of(value) else "Begin each file with `- `."
                self._refuse(value, f"found {_found(value)}, expected a list of files", hint)
            for item in items_of(value):
                file = self._file(item, chain, MappingNode, _SECTIONS)
                if file is not None:
                    yield from self._pairs(*file)

    def _policies(self, policies: Node) -> Node:
        if not isinstance(policies, SequenceNode):
            return policies
        return list_of([self._with_guards(policy) for policy in self._items(policies, ())], policies)

    def _with_guards(self, policy: Node) -> Node:
        guards = value_of(policy, "guards")
        if not any(value_of(guard, "include") for guard in items_of(guards)) or guards is None:
            return policy
        made = list_of(self._items(guards, ()), guards)
        return block_of([(key, made if value is guards else value) for key, value in pairs_of(policy)], policy)

    def _items(self, node: Node, chain: tuple[str, ...]) -> Iterator[Node]:
        """The items of a list, with those of files in their place."""
        for item in items_of(node):
            include = value_of(item, "include")
            if include is None:
                self._count(item)
                yield item
            elif len(pairs_of(item)) > 1:
                self._refuse(include, "`include` with other keys", "Write `- include: FILE` as an entry of its own.")
            else:
                file = self._file(include, chain, SequenceNode, _ITEMS)
                if file is not None:
                    yield from self._items(*file)

    # --- files -----------------------------------------------------------------------------------------------------

    def _file(
        self, named: Node, chain: tuple[str, ...], kind: type[Node], expected: str
    ) -> tuple[Node, tuple[str, ...]] | None:
        """The content of a file, and the chain of files that led to it; None after a problem."""
        path = self._path(named)
        if path is None:
            return None
        self._uses += 1
        if normpath(path) in map(normpath, (*chain, self._source.rpartition("/")[2])):
            self._refuse(named, "the file includes itself, here or by way of others", "Remove it.")
        elif len(chain) >= INCLUDE_DEPTH_MAX or self._uses > INCLUDES_MAX:
            limit = f"more than {INCLUDE_DEPTH_MAX} files deep, or {INCLUDES_MAX} in all"
            raise ConfigInvalid([Problem(*place_of(named), "include", limit, hint="Include fewer files.")])
        else:
            node = self._content(path, named)
            if node is not None and not isinstance(node, kind):
                where = place_of(node)
                self._problems.append(Problem(*where, "", f"found {_found(node)} in an included file", expected))
            elif node is not None:
                return node, (*chain, path)
        return None

    def _path(self, named: Node) -> str | None:
        """The path of a file that a node names, from the folder of the configuration."""
        text = text_of(named)
        if not text or not isinstance(named, ScalarNode) or "\0" in text:
            self._refuse(named, f"found {_found(named)}, expected the path of a file", "")
            return None
        if "${" in text:
            hint = "Which files belong to a configuration is the same everywhere: write the path."
            self._refuse(named, "an environment variable, which is not read here", hint)
            return None
        return join(self.folders.get(place_of(named).source, ""), text)

    def _content(self, path: str, named: Node) -> Node | None:
        if path not in self._files:
            content = self._read(path)
            if isinstance(content, OSError):
                reason = (content.strerror or "input or output error").lower()
                missing = isinstance(content, FileNotFoundError)
                found = f"{shown(text_of(named))} {'is not a file' if missing else f'cannot be read ({reason})'}"
                self._refuse(named, found, "The path is relative to the folder of this file." if missing else "")
                return None
            name = join(dirname(self._source), path)
            self._bytes += len(content)
            if self._bytes > CONFIG_BYTES_MAX >= len(content):
                found = f"more than {CONFIG_BYTES_MAX} bytes in all files"
                raise ConfigInvalid([Problem(*place_of(named), "include", found, hint="Simplify them.")])
            self.folders[name] = dirname(path)
            self._files[path] = composed(decode(content, name), name)
        return self._files[path]

    def _count(self, item: Node) -> None:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            found = f"more than {NODES_MAX} entries, files counted where they are used"
            raise ConfigInvalid([Problem(*place_of(item), "include", found, hint="Simplify them.")])

    def _refuse(self, node: Node, found: str, hint: str) -> None:
        self._problems.append(Problem(*place_of(node), "include", found, hint=hint))


def _found(node: Node) -> str:
    return str(kind_of(node)) if not text_of(node) else shown(text_of(node))
