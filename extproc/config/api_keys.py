"""The file of API keys: its format, and all checks of such a file.

    keys:
      - id: search-1
        hash: sha256:0f3a…
        team: search
        may_claim: { projects: [index, "*"] }
        expires: "2027-06-30T00:00:00Z"

Or in short, a key for each team:

    keys:
      search: sha256:0f3a…
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, StringConstraints, ValidationError

from extproc.config.identity import IdentityText, MayClaim
from extproc.config.problems import ConfigInvalid, KeyPath, Places, Problem, did_you_mean, names, shown
from extproc.config.routes import Moment, seconds_of
from extproc.config.section import Name, Section
from extproc.config.yaml_nodes import CONFIG_BYTES_MAX
from extproc.config.yaml_tree import read_yaml

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

API_KEYS_BYTES_MAX = CONFIG_BYTES_MAX
API_KEYS_MAX = 10_000

KeyHash = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class PreviousHash(Section):
    """The key that was rotated, while it is still taken."""

    hash: KeyHash = Field(description="`sha256:` and 64 hexadecimal digits")
    until: Moment = Field(description="a time with its offset, such as `2026-11-30T09:00:00Z`")


class ApiKey(Section):
    """One key and its owner."""

    id: Name = Field(description="a name for logs and commands")
    hash: KeyHash = Field(description="`sha256:` and 64 hexadecimal digits")
    team: Name = Field(description="the name of a team")
    project: IdentityText | None = Field(default=None, description="the name of a project")
    budget_code: IdentityText | None = Field(default=None, description="a budget code")
    tier: Name | None = Field(default=None, description="the name of a tier")
    may_claim: MayClaim = Field(default_factory=MayClaim, description="`projects` and `budget_codes`")
    created: Moment | None = Field(default=None, description="a time with its offset, such as `2026-11-30T09:00:00Z`")
    expires: Moment | None = Field(default=None, description="a time with its offset, such as `2026-11-30T09:00:00Z`")
    revoked: Moment | None = Field(default=None, description="a time with its offset, such as `2026-11-30T09:00:00Z`")
    previous: PreviousHash | None = Field(default=None, description="`hash` and `until` of the key before")


class ApiKeysFile(Section):
    """A file of keys."""

    keys: tuple[ApiKey, ...] = Field(max_length=API_KEYS_MAX, description="a list of keys, or `TEAM: HASH` lines")


_FIELDS: Mapping[str, Any] = {**MayClaim.model_fields, **PreviousHash.model_fields, **ApiKey.model_fields}
_INNER: Mapping[str, Mapping[str, Any]] = {"may_claim": MayClaim.model_fields, "previous": PreviousHash.model_fields}
_TIMES = ("created", "expires", "revoked")


def parse_api_keys(text: str, source: str) -> tuple[ApiKey, ...]:
    """Parse the keys of a YAML text.

    Args:
        source: the file's name, for messages.
    Raises: ConfigInvalid with every problem.
    """
    try:
        return known_api_keys(text)
    except ConfigInvalid:
        return _parsed(text, source)  # raises the same, with the name


@lru_cache(maxsize=2)
def known_api_keys(text: str) -> tuple[ApiKey, ...]:
    """The keys of a text that has none of the problems. Remembered: a file is checked, and compiled after that.

    Raises: ConfigInvalid, in which the file has no name.
    """
    return _parsed(text, "")


def _parsed(text: str, source: str) -> tuple[ApiKey, ...]:
    if all(line.lstrip()[:1] in ("", "#") for line in text.splitlines()):
        hint = "Write `keys: []`; `extproc keys add` adds one."
        raise ConfigInvalid([Problem(source, 1, 1, "", "the file is empty", hint=hint)])
    data, places, problems = read_yaml(text, source)
    is_short = is_short_form(data)
    try:
        keys = ApiKeysFile.model_validate_json(json.dumps(_in_full(data) if is_short else data)).keys
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_context=False, include_input=False)
        wrong = (_shape_problem(_in_file(error, data) if is_short else error, places) for error in errors)
        raise ConfigInvalid([*problems, *(problem for problem in wrong if problem is not None)]) from None
    paths: list[KeyPath] = [("keys", key.team if is_short else number) for number, key in enumerate(keys)]
    problems += _key_problems(keys, paths, places, is_short)
    if problems:
        raise ConfigInvalid(problems)
    return keys


def is_short_form(data: Any) -> bool:
    """Whether a file has ``TEAM: HASH`` lines."""
    return isinstance(data, dict) and isinstance(data.get("keys"), dict)


def _in_full(data: Any) -> Any:
    keys = [{"id": team, "hash": key_hash, "team": team} for team, key_hash in data["keys"].items()]
    return {**data, "keys": keys}


def _in_file(error: ErrorDetails, data: Any) -> ErrorDetails:
    """An error of the short form, where its line is."""
    loc = error["loc"]
    if len(loc) < 2 or not isinstance(loc[1], int):
        return error
    error["loc"] = ("keys", list(data["keys"])[loc[1]], *loc[2:])
    return error


def _shape_problem(error: ErrorDetails, places: Places) -> Problem | None:
    path: KeyPath = tuple(error["loc"])
    fields = _INNER.get(str(path[2]), ApiKey.model_fields) if len(path) > 2 else ApiKeysFile.model_fields
    if error["type"] == "extra_forbidden":
        hint = did_you_mean(str(path[-1]), fields) or f"Known here: {names(fields)}."
        return places.problem(path, "unknown key", hint=hint, at_key=True)
    key = next((str(part) for part in reversed(path) if str(part) in _FIELDS), "")
    if len(path) == 3 and isinstance(path[1], str):  # of the short form, whose lines have no keys of their own
        if key == "id":
            return None
        path = path[:2]
    expected = (_FIELDS[key].description or "") if key else "a block with `id`, `hash` and `team`"
    if path == ("keys",):
        expected = ApiKeysFile.model_fields["keys"].description or ""
    found = "missing" if error["type"] == "missing" else f"found {places.found(path)}"
    hint = "`extproc keys add` writes it; a key itself never belongs here." if key == "hash" else ""
    return places.problem(path, found, expected=expected, hint=hint, at_key=key == "team" and len(path) == 2)


def _key_problems(keys: tuple[ApiKey, ...], paths: list[KeyPath], places: Places, is_short: bool) -> Iterator[Problem]:
    ids: dict[str, KeyPath] = {}
    owners: dict[str, tuple[str, KeyPath]] = {}
    for key, at in zip(keys, paths, strict=True):
        if key.id in ids:
            found = f"the id {shown(key.id)} is a duplicate, first on {places.line(ids[key.id], at)}"
            yield places.problem((*at, "id"), found, hint="Give each key its own.")
        ids.setdefault(key.id, (*at, "id"))
        hashes: list[tuple[KeyPath, str]] = [(at if is_short else (*at, "hash"), key.hash)]
        if key.previous is not None:
            hashes.append(((*at, "previous", "hash"), key.previous.hash))
        for path, key_hash in hashes:
            if key_hash in owners:
                owner, first = owners[key_hash]
                found = f"this key belongs to {shown(owner)} already, on {places.line(first, path)}"
                yield places.problem(path, found, hint="A key has one owner: make another key with `extproc keys add`.")
            owners.setdefault(key_hash, (key.id, path))
        yield from _time_problems(key, at, places)


def _time_problems(key: ApiKey, at: KeyPath, places: Places) -> Iterator[Problem]:
    times: list[tuple[KeyPath, str | None]] = [((*at, name), getattr(key, name)) for name in _TIMES]
    if key.previous is not None:
        times.append(((*at, "previous", "until"), key.previous.until))
    for path, moment in times:
        if moment is None:
            continue
        try:
            seconds_of(moment)
        except ValueError:
            yield places.problem(path, f"{places.found(path)} is no time", expected="a time that exists")
