"""The stop of the tour that shows a fallback: a model server dies under load, and comes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from extproc.demo.model_server import ModelServer
from extproc.demo.outage import Outage, fail_and_restore
from extproc.demo.steady_clients import ClientFailedError, SteadyClients
from extproc.demo.stop import Stop

if TYPE_CHECKING:
    from extproc.demo.tour import Tour

CHATS: Final = 300
_RATE: Final = 60
_BEFORE: Final = 30
_DURING: Final = 150
_CLIENTS: Final = 16
_PROJECT: Final = "outage"
_TEAM: Final[dict[str, str]] = {"team": "search", "project": _PROJECT}
_DYING: Final = "tiny-chat/v1"
_FALLBACK: Final = "tiny-chat/v2"


def visit_outage(tour: Tour, stop: Stop) -> None:
    """Stop the server of v1 while clients ask, and start it again; compare what clients, servers and metrics say."""
    before = {version: _counted(tour, version) for version in (_DYING, _FALLBACK)}
    labels: dict[str, Any] = {"from": _DYING, "to": _FALLBACK}
    fallen_before = tour.metric("llm_fallback_total", **labels)
    servers, headers = tour.installation.models, {f"x-{name}": value for name, value in _TEAM.items()}
    try:
        with (
            _without_pauses(servers.values()),
            SteadyClients(tour.installation.base_url, _RATE, _CLIENTS, headers) as clients,
        ):
            dying = servers["v1"]
            back_s = fail_and_restore(clients, _DYING, dying.stop, dying.start, before=_BEFORE, during=_DURING)
            clients.finish(CHATS)
    except (TimeoutError, ClientFailedError) as error:
        stop.wrong.append(str(error))
        return
    outage = Outage(clients.received, back_s)
    billed = {
        version: tour.risen(
            "llm_requests_total", count, expected=outage.by_version[version], **_TEAM, version=_name(version)
        )
        for version, count in before.items()
    }
    fallen = tour.risen("llm_fallback_total", fallen_before, **labels)
    asked = {name: sum(seen.request.header("x-project") == _PROJECT for seen in servers[name].seen) for name in servers}
    stop.outcome = outage.in_short
    stop.client_saw = (
        f"{_shares(outage.by_version)}; {outage.streams} streams; {outage.errors} errors, {len(outage.cut)} cut"
    )
    stop.model_saw = f"v1 {asked['v1']} requests, v2 {asked['v2']}: {fallen:g} in place of v1"
    stop.measured = f"billed to who answered: {_shares(billed)}; v1 is back after {outage.back_s:.1f} s"
    stop.expect("errors", outage.errors, 0)
    stop.expect("cut answers that v1 had not begun", [one for one in outage.cut if one.version != _DYING], [])
    stop.expect("requests billed to each version", billed, dict(outage.by_version))
    stop.expect("requests that v2's server saw", asked["v2"], outage.by_version[_FALLBACK])
    stop.expect("that v2 answered in place of v1", fallen > 0, True)


def _shares(counts: Mapping[str, float]) -> str:
    return ", ".join(f"{_name(version)} {count:g}" for version, count in sorted(counts.items()))


def _counted(tour: Tour, version: str) -> float:
    return tour.metric("llm_requests_total", **_TEAM, version=_name(version))


def _name(version: str) -> str:
    """The version without its model."""
    return version.partition("/")[2]


@contextmanager
def _without_pauses(servers: Iterable[ModelServer]) -> Iterator[None]:
    """Within, answers take no time, so that hardly a stream is under way when its server dies: no fallback saves it."""
    speeds = {server: server.speed for server in servers}
    for server in speeds:
        server.speed = 0
    try:
        yield
    finally:
        for server, speed in speeds.items():
            server.speed = speed
