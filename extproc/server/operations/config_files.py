"""Reads the configuration, its prompts and certificates from disk, and detects changes, including a ConfigMap's symlink
swap.

File signatures are taken from the open file, so a change during the read is not missed. Missing files have a signature
too: a prompt that arrives after the configuration that names it triggers a reload.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.config.checks import guard_files, mask_key_files, unreadable_problem
from extproc.config.guards.custom import CustomSection
from extproc.config.hops import HOP_KEY_BYTES_MAX, hop_key_files, hop_key_problem
from extproc.config.identity_checks import api_key_files, unknown_team_problems
from extproc.config.load import Loaded, load
from extproc.config.mask_keys import mask_key_problem
from extproc.config.policies import guards_of
from extproc.config.problems import ConfigInvalid, KeyPath, Problem
from extproc.config.secrecy import may_be_secret
from extproc.config.text_files import text_file_problems
from extproc.config.tokenizers import tokenizer_files
from extproc.config.yaml_nodes import CONFIG_BYTES_MAX, decode
from extproc.detectors.installed import DetectorUnusable, installed_detector
from extproc.domain.masks import HASH_KEY_BYTES_MAX, PROCESS_KEY
from extproc.domain.rollouts import RolloutShare
from extproc.server.operations.links import Links
from extproc.server.operations.prompt_reader import AskStore, PromptReader
from extproc.server.operations.prompt_store import StoredPrompts
from extproc.server.operations.rollout_reader import RolloutReader
from extproc.server.sockets.certificates import PEM_BYTES_MAX, Certificates, certificate_files, tried

if TYPE_CHECKING:
    from extproc.server.operations.tokenizer_reader import TokenizerReader

SETTLE_S_MAX = 0.8
QUIET_S = 0.1
"""Programs that write a file in place do so within this time; others rename, or swap a symbolic link."""


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """The files as read: the document with its warnings, the content of each prompt by ``Prompt.key`` and of each file
    of a guard and the SHA-256 of each tokenizer by its path in the document, the certificates of ``server.tls``, and
    the files of keys by path, including the mask key of the process, and the rollouts of the ledger.

    Attributes:
        prompt_sources: the file of each prompt, or its name in the store, for messages.
    """

    loaded: Loaded
    prompts: dict[str, str]
    certificates: Certificates | None = None
    mask_keys: dict[str, bytes] = field(default_factory=dict, repr=False)
    prompt_sources: dict[str, str] = field(default_factory=dict)
    rollouts: tuple[RolloutShare, ...] = ()


def _detector_problems(loaded: Loaded) -> Iterator[Problem]:
    """Detectors of other packages that are not installed, or that reject their settings."""
    for at, guard in guards_of(loaded.document.policies):
        if isinstance(guard, CustomSection):
            try:
                installed_detector(guard.detector, guard.settings)
            except DetectorUnusable as unusable:
                found = str(unusable)
                if may_be_secret(found):
                    found = "the detector cannot be constructed (reason not shown)"
                hint = "Install its package where llm-extproc is installed, or fix the settings."
                yield loaded.places.problem((*at, "detector"), found, hint=hint)


@dataclass(frozen=True, slots=True)
class _Signature:
    """Identity of a file's content: real path, inode, mtime and size. Zeros if it cannot be read."""

    real: str
    inode: int = 0
    modified_ns: int = 0
    size_bytes: int = 0


class ConfigReader:
    """Reads one configuration file and the files it names, and detects changes.

    Args:
        with_certificates: False if nothing is served: this machine may have no certificates and mask keys, and no
            tokenizer is tried.
        polls: whether a prompt store is asked again and again, for ``changed``.
        environment: the variables that values may name; default: those of the process, as they are now.
    """

    def __init__(
        self,
        file: Path,
        *,
        with_certificates: bool = True,
        environment: Mapping[str, str] | None = None,
        polls: bool = False,
    ) -> None:
        self._environment = dict(os.environ if environment is None else environment)
        self._file = file
        self._with_certificates = with_certificates
        self._seen: dict[Path, _Signature] = {}
        self._links = Links()
        self._process_key = secrets.token_bytes(HASH_KEY_BYTES_MAX)
        self._tokenizers: TokenizerReader | None = None
        self._polls = polls
        self._store_revision = 0  # before the texts of the store were read last
        self.store: StoredPrompts | None = None
        self._rollouts = RolloutReader(file.parent, self._content)
        self._last_good: ConfigFiles | None = None

    def read(self) -> ConfigFiles:
        """Read everything, as it is at one moment: what changes meanwhile is read again, for at most ``SETTLE_S_MAX``.

        Raises: ConfigInvalid, also for unreadable files.
        """
        until_s = time.monotonic() + SETTLE_S_MAX
        while True:
            try:
                files = self._read()
            except ConfigInvalid:
                if not self.changed() or time.monotonic() > until_s:
                    raise
            else:
                if not self.changed() or time.monotonic() > until_s:
                    return files

    def with_other_rollouts(self, rollouts: tuple[RolloutShare, ...]) -> ConfigFiles | None:
        """The last good files with the rollouts as they are now; None if these are the ones that the caller has.

        So a rollout goes on, or back, while the configuration on disk is invalid.
        """
        if self._last_good is None or self._rollouts.shares == rollouts:
            return None
        return replace(self._last_good, rollouts=self._rollouts.shares)

    def _read_tokenizers(self, loaded: Loaded, texts: dict[str, str]) -> list[Problem]:
        if not tokenizer_files(loaded.document):
            return []
        if self._tokenizers is None:
            from extproc.server.operations.tokenizer_reader import TokenizerReader  # of no use to most configurations

            self._tokenizers = TokenizerReader(self._with_certificates)
        return self._tokenizers.read(loaded, self._file.parent, self._content, texts)

    def wait_until_settled(self) -> None:
        """Wait until no file has changed for ``QUIET_S``, but at most ``SETTLE_S_MAX``: somebody may be writing."""
        until_s = time.monotonic() + SETTLE_S_MAX
        before = None
        while (now := self._signatures()) != before and time.monotonic() < until_s:
            before = now
            time.sleep(QUIET_S)

    def _signatures(self) -> list[_Signature]:
        links = Links()
        return [_signature(file, links) for file in self._seen]

    def _read(self) -> ConfigFiles:
        self._seen = {}
        self._links = Links()
        self._rollouts.read_again()
        if self.store is not None:
            self._store_revision = self.store.revision
        file = self._file
        content = self._content(file, CONFIG_BYTES_MAX)
        if isinstance(content, OSError):
            found = f"the file cannot be read ({(content.strerror or 'input or output error').lower()})"
            raise ConfigInvalid([Problem(str(file), 1, 1, "", found)])
        loaded = load(decode(content, str(file)), str(file), self._environment, self._included)
        reader = PromptReader(loaded, file.parent, self._content, self._ask_store(loaded))
        prompts, problems = reader.read()
        problems += self._read_guard_files(loaded, prompts)
        problems += self._read_tokenizers(loaded, prompts)
        certificates, about_tls = self._certificates(loaded)
        mask_keys, about_keys = self._mask_keys(loaded)
        about_keys += [*self._hop_keys(loaded, mask_keys), *self._api_keys(loaded, mask_keys)]
        problems += [*about_keys, *_detector_problems(loaded)]
        if problems or (about_tls and certificates is None):
            raise ConfigInvalid([*problems, *about_tls, *loaded.warnings])
        if self.store is not None:
            self.store.keep()
        about_teams = unknown_team_problems(loaded.document.identity, mask_keys, loaded.places)
        about_rollouts = self._rollouts.read(loaded.document)
        loaded = replace(loaded, warnings=(*loaded.warnings, *about_tls, *about_teams, *about_rollouts))
        self._last_good = ConfigFiles(loaded, prompts, certificates, mask_keys, reader.sources, self._rollouts.shares)
        return self._last_good

    def _read_guard_files(self, loaded: Loaded, texts: dict[str, str]) -> list[Problem]:
        """Add the text of each file that a guard names; returns their problems."""
        problems: list[Problem] = []
        for path, one in guard_files(loaded.document):
            file = self._file.parent / one.file
            content = self._content(file, one.bytes_max)
            if isinstance(content, OSError):
                problems.append(unreadable_problem(path, content, loaded.places))
                continue
            wrong = text_file_problems(path, one, content, self._shown(path, file, loaded), loaded.places)
            problems += wrong
            if not wrong:
                texts[one.file] = content.decode("utf-8")
        return problems

    def _included(self, path: str) -> bytes | OSError:
        return self._content(self._file.parent / path, CONFIG_BYTES_MAX)

    def _shown(self, path: KeyPath, file: Path, loaded: Loaded) -> str:
        """A file's name for messages; if it comes from the environment, what the configuration says."""
        return loaded.document.written.get(path, str(file))

    def changed(self) -> bool:
        """Whether a file, or a prompt of the store, has changed since the last read."""
        is_new = self.store is not None and self.store.revision != self._store_revision
        return is_new or self._signatures() != list(self._seen.values())

    def _ask_store(self, loaded: Loaded) -> AskStore:
        """What asks the store of this document, which stays the same while its section does."""
        prompts, folder = loaded.document.prompts, self._file.parent
        section = None if prompts is None else prompts.store
        if self.store is not None and self.store.section != section:
            self.store.close()
            self.store = None

        def ask(name: str, version: str) -> bytes:
            if section is None:
                raise AssertionError("without a store nothing is asked")
            if self.store is None:
                self.store, self._store_revision = StoredPrompts(section, folder, polls=self._polls), 0
            return self.store.content(name, version)

        return ask

    def _certificates(self, loaded: Loaded) -> tuple[Certificates | None, list[Problem]]:
        """The certificates and their problems; None if they are unusable."""
        files = certificate_files(loaded.document) if self._with_certificates else {}
        contents = {key: self._content(self._file.parent / name, PEM_BYTES_MAX) for key, name in files.items()}
        return tried(contents, loaded.places)

    def _mask_keys(self, loaded: Loaded) -> tuple[dict[str, bytes], list[Problem]]:
        """The mask keys and their problems. If nothing is really masked, any key will do."""
        keys, problems = {PROCESS_KEY: self._process_key}, []
        for path, name in mask_key_files(loaded.document):
            content = self._content(self._file.parent / name, HASH_KEY_BYTES_MAX) if self._with_certificates else b""
            if isinstance(content, OSError):
                problems.append(unreadable_problem(path, content, loaded.places))
            elif self._with_certificates and (problem := mask_key_problem(path, content, loaded.places)):
                problems.append(problem)
            keys[name] = content if isinstance(content, bytes) and content else self._process_key
        return keys, problems

    def _hop_keys(self, loaded: Loaded, keys: dict[str, bytes]) -> list[Problem]:
        """Add the keys of marks, likewise; returns their problems."""
        problems: list[Problem] = []
        for path, name in hop_key_files(loaded.document):
            content = self._content(self._file.parent / name, HOP_KEY_BYTES_MAX) if self._with_certificates else b""
            if isinstance(content, OSError):
                problems.append(unreadable_problem(path, content, loaded.places, "openssl rand -out FILE 32"))
            elif self._with_certificates and (problem := hop_key_problem(path, content, keys, loaded.places)):
                problems.append(problem)
            else:
                keys[name] = content or self._process_key
        return problems

    def _api_keys(self, loaded: Loaded, keys: dict[str, bytes]) -> list[Problem]:
        """Add the file of API keys, where something is served; returns its problems."""
        problems: list[Problem] = []
        for path, one in api_key_files(loaded.document.identity) if self._with_certificates else ():
            file = self._file.parent / one.file
            content = self._content(file, one.bytes_max)
            if isinstance(content, OSError):
                problems.append(unreadable_problem(path, content, loaded.places, "extproc keys add --team TEAM"))
            else:
                keys[one.file] = content
                problems += text_file_problems(path, one, content, self._shown(path, file, loaded), loaded.places)
        return problems

    def _content(self, file: Path, bytes_max: int) -> bytes | OSError:
        """The bytes of a file, at most one above the limit, or the read error."""
        real = self._links.resolve(file)
        self._seen[file] = _Signature(real)
        try:
            with open(real, "rb") as stream:
                self._seen[file] = _of_status(real, os.fstat(stream.fileno()))
                return stream.read(bytes_max + 1)
        except OSError as error:
            return error


def read_config(file: Path, *, with_certificates: bool = False) -> ConfigFiles:
    """Read a configuration file and its prompts; certificates only on demand.

    Raises: ConfigInvalid, also for unreadable files.
    """
    return ConfigReader(file, with_certificates=with_certificates).read()


def _signature(file: Path, links: Links) -> _Signature:
    real = links.resolve(file)
    try:
        return _of_status(real, os.stat(real))
    except OSError:
        return _Signature(real)


def _of_status(real: str, status: os.stat_result) -> _Signature:
    return _Signature(real, status.st_ino, status.st_mtime_ns, status.st_size)
