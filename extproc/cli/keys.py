"""``extproc keys add | list | revoke | rotate``: the file of API keys that ``identity`` names."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from extproc.cli.keys_file import HEADING, Changed, locked, read_keys, text_of, with_changed, with_key, write
from extproc.cli.keys_output import key_data, list_data, print_keys, state_of
from extproc.cli.output import AsJson, print_json, refuse, refuse_configuration, said
from extproc.cli.tables import result_console
from extproc.cli.which_config import ConfigOption, config_file
from extproc.config.api_keys import ApiKey
from extproc.config.identity import ApiKeySection
from extproc.config.problems import ConfigInvalid, did_you_mean
from extproc.domain.api_keys import SECRET_BYTES, hash_of, key_of
from extproc.server.operations.config_files import read_config

_SPAN = re.compile(r"(\d{1,5})([mhdw])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

KeysOption = Annotated[
    Path | None,
    typer.Option("--keys", "-k", help="The file of keys; default: that of the configuration.", show_default=False),
]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key, as `list` names it.", show_default=False)]

app = typer.Typer(
    name="keys",
    add_completion=False,
    help=(
        "Add, list, revoke and rotate API keys of clients. The file keeps their hashes; a key is shown once, when it is"
        " made. A server that runs takes up changes by itself. Exit 2: bad file, configuration or argument."
    ),
    no_args_is_help=True,
)


@app.command("add")
def add_command(
    team: Annotated[str, typer.Option(help="The team whose key it is.")],
    project: Annotated[str | None, typer.Option(help="Its project.")] = None,
    budget_code: Annotated[str | None, typer.Option(help="Its budget code.")] = None,
    tier: Annotated[str | None, typer.Option(help="Its tier.")] = None,
    may_claim_project: Annotated[
        list[str] | None, typer.Option(help="A project that its owner may name in a header; '*': any. Repeatable.")
    ] = None,
    may_claim_budget_code: Annotated[
        list[str] | None, typer.Option(help="Likewise, a budget code. Repeatable.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="When it ends: in 90d, 12h, 4w, or 2027-06-30T00:00.")] = None,
    key_id: Annotated[str | None, typer.Option("--id", help="Its name in logs; default: TEAM-NUMBER.")] = None,
    keys: KeysOption = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Make a key, print it once, and add its hash to the file, which is made if there is none."""
    now, key = datetime.now(UTC), key_of(secrets.token_bytes(SECRET_BYTES))
    claims = {"projects": may_claim_project or [], "budget_codes": may_claim_budget_code or []}
    named = {"project": project, "budget_code": budget_code, "tier": tier}
    until = None if expires is None else _time_of(expires, now, "--expires")

    def added(text: str, known: tuple[ApiKey, ...]) -> tuple[str, Changed]:
        name = key_id or _free_id(team, known)
        entry: dict[str, Any] = {"id": name, "hash": hash_of(key), "team": team}
        entry |= {part: value for part, value in named.items() if value is not None}
        if may_claim_project or may_claim_budget_code:
            entry["may_claim"] = {part: values for part, values in claims.items() if values}
        entry["created"] = _moment(now)
        if until is not None:
            entry["expires"] = until
        return name, with_key(text, str(file), entry)

    file = _file(keys, config)
    _tell_new(file, key, _changed(file, added, makes=True), as_json, now)


@app.command("list")
def list_command(keys: KeysOption = None, config: ConfigOption = None, as_json: AsJson = False) -> None:
    """List all keys with their owners and states. Nothing of a key itself is known."""
    file, now = _file(keys, config), datetime.now(UTC)
    data = list_data(file, _read(file), now)
    if as_json:
        print_json(data)
    elif not data["keys"]:
        typer.echo(f"{file} has no keys. `extproc keys add` makes one.", err=True)
    else:
        print_keys(result_console(), data)


@app.command("revoke")
def revoke_command(
    key_id: KeyId, keys: KeysOption = None, config: ConfigOption = None, as_json: AsJson = False
) -> None:
    """Refuse a key from now on, and the one before it. Its entry stays, so that logs can be read."""
    file, now = _file(keys, config), datetime.now(UTC)

    def revoked(text: str, known: tuple[ApiKey, ...]) -> tuple[str, Changed]:
        found = _found(key_id, known, file)
        if found.revoked is not None:
            return key_id, Changed(text, lost_comment=False)
        return key_id, with_changed(text, str(file), key_id, {"revoked": _moment(now)})

    changed = _changed(file, revoked)
    if as_json:
        print_json({"file": str(file), "revoked": key_data(changed, now)})
    else:
        typer.echo(f"{key_id} of team {changed.team} is revoked since {changed.revoked}.")


@app.command("rotate")
def rotate_command(
    key_id: KeyId,
    grace: Annotated[str, typer.Option(help="How long the key before is taken: 12h, 1d, 2w; 0: not at all.")] = "1d",
    keys: KeysOption = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Make another key for the same owner, and print it once. Both are taken for a time."""
    file, now = _file(keys, config), datetime.now(UTC)
    key = key_of(secrets.token_bytes(SECRET_BYTES))
    until = None if grace == "0" else _time_of(grace, now, "--grace")

    def rotated(text: str, known: tuple[ApiKey, ...]) -> tuple[str, Changed]:
        found = _found(key_id, known, file)
        state = state_of(found, now)
        if state in ("revoked", "expired"):
            refuse(f"The key {key_id} is {state}. Make another one with `extproc keys add`.")
        previous = None if until is None else {"hash": found.hash, "until": until}
        change = {"hash": hash_of(key), "created": _moment(now), "previous": previous}
        return key_id, with_changed(text, str(file), key_id, change)

    _tell_new(file, key, _changed(file, rotated), as_json, now)


# --- files and times -----------------------------------------------------------------------------------------------


def _file(keys: Path | None, config: Path | None) -> Path:
    """The file of keys; without one the command ends."""
    if keys is not None:
        return keys
    named = config_file(config)
    try:
        identity = read_config(named).loaded.document.identity
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    named_files = [source.file for source in identity.sources if isinstance(source, ApiKeySection)]
    if named_files:
        return named.parent / named_files[0]
    return refuse(
        f"{named} names no file of keys. Name one with --keys FILE, or in `identity.sources`, source `api_key`."
    )


def _read(file: Path) -> tuple[ApiKey, ...]:
    try:
        return read_keys(file)
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    except OSError as error:
        refuse(said(error))


def _changed(
    file: Path, change: Callable[[str, tuple[ApiKey, ...]], tuple[str, Changed]], *, makes: bool = False
) -> ApiKey:
    """Change the file. Returns: the key that was changed, as the file has it."""
    try:
        with locked(file):
            text = HEADING if makes and not file.exists() else text_of(file)
            known = () if text == HEADING else read_keys(file)
            name, changed = change(text, known)
            write(file, changed.text)
        if changed.lost_comment:
            typer.echo(f"{file}: the entry of {name} was rewritten, without the comments in it.", err=True)
        return _found(name, read_keys(file), file)
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    except OSError as error:
        refuse(said(error))


def _found(key_id: str, known: tuple[ApiKey, ...], file: Path) -> ApiKey:
    found = next((key for key in known if key.id == key_id), None)
    if found is not None:
        return found
    hint = did_you_mean(key_id, [key.id for key in known]) or "`extproc keys list` lists them."
    return refuse(f"{file} has no key with this id. {hint}")


def _free_id(team: str, known: tuple[ApiKey, ...]) -> str:
    taken = {key.id for key in known}
    return next(name for number in range(1, len(taken) + 2) if (name := f"{team}-{number}") not in taken)


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _time_of(written: str, now: datetime, option: str) -> str:
    """A time from now on, as the file has it; another text ends the command."""
    if span := _SPAN.match(written):
        at = now + timedelta(**{_UNITS[span[2]]: int(span[1])})
    else:
        try:
            at = datetime.fromisoformat(written)
        except ValueError:
            refuse(f"{option}: {written[:40]!r} is not a time; write 90d, 12h, 4w or 2027-06-30T00:00")
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if at <= now:
        refuse(f"{option}: {written[:40]!r} is over already")
    return _moment(at)


def _tell_new(file: Path, key: str, changed: ApiKey, as_json: bool, now: datetime) -> None:
    if as_json:
        data: Mapping[str, Any] = {"file": str(file), "key": key, "added": key_data(changed, now)}
        print_json(data)
        return
    typer.echo(key)
    typer.echo(f"The key {changed.id} of team {changed.team}. It is shown only now; {file} has its hash.", err=True)
