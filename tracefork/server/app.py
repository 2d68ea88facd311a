"""The addresses: pages for a person, JSON for programs, and the steps of a run that is still going on.

/                       the runs that the query asks for
/run/ID                 the page of a run; it grows while the run is recorded
/compare/ID/ID          the page of a run with another one beside it
/api/runs               every run, or those that the query asks for
/api/search             what `/` lists: runs, with all that is known of them, and sums
/api/run/ID             a run, exchange by exchange
/api/branch/ID          a branch: where it left which run
/api/run/ID/live        the steps of a run as they end: server-sent events
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..attribution.findings.saved import Blames, find_none
from ..core.visible import visible
from ..errors import BadFilter, NotFound, TraceforkError
from ..providers.prices import Prices
from ..report.page.page import environment
from ..storage.store import TapeStore
from . import api, listing, pages
from .access import Door, Guard, Tickets
from .filling import Filling
from .live import Views, live
from .urls import segments

_LONGEST = 512  # characters of a run_id


def app(
    store: TapeStore,
    door: Door,
    *,
    ending: Callable[[], bool] = lambda: False,
    tickets: Tickets | None = None,
    prices: Prices | None = None,
    blames: Blames = find_none,
    filling: Filling | None = None,
) -> ASGIApp:
    """The ASGI application over `store`, which stays open for as long as this is used.

    It may be mounted below any path. Live views end once `ending()` is true. `tickets` open it
    too, once each; `prices` are what tokens cost, by default those of `providers.prices.listed()`.
    `blames` gives the report of a run's blame by its run_id, or None. `filling` keeps the list of runs; by
    default one that begins with the first look at the list.

    Raises:
        MissingPart: Jinja2 is not installed.
    """
    environment()
    filling = filling or Filling(store, prices, ending)
    return Guard(_Site(store, door, ending, prices, blames, filling), door, tickets or Tickets())


class _Site:
    """What there is to read, for those who were let in."""

    def __init__(
        self,
        store: TapeStore,
        door: Door,
        ending: Callable[[], bool],
        prices: Prices | None,
        blames: Blames,
        filling: Filling,
    ) -> None:
        self._store, self._door, self._ending, self._prices = store, door, ending, prices
        self._blames, self._filling = blames, filling
        self._views = Views()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, where = Request(scope, receive), segments(scope)
        try:
            response = await self._answer(where, request)
        except BadFilter as exc:
            response = _refuse(where, 400, str(exc))
        except TraceforkError as exc:
            status = 404 if isinstance(exc, NotFound) else 500
            response = _refuse(where, status, str(exc), "" if status == 404 else type(exc).__name__)  # noqa: PLR2004
        if request.method == "HEAD" and isinstance(response, StreamingResponse):
            await send({"type": "http.response.start", "status": 200, "headers": response.raw_headers})
            await send({"type": "http.response.body"})
        else:
            await response(scope, receive, send)

    async def _answer(self, where: list[str], request: Request) -> Response:
        match where:
            case [""] | ["run", _] if "token" in request.query_params:
                return pages.enter(self._door, request)
            case [""]:
                return await listing.page(self._filling, request)
            case ["compare"]:
                return listing.choose(request)
            case ["compare", one, other] if _is_name(one) and _is_name(other):
                return await pages.compare(self._store, one, other, self._prices, self._blames)
            case ["api", "runs"] if listing.asks(request):
                return await listing.runs(self._filling, request)
            case ["api", "runs"]:
                return await api.runs(self._store)
            case ["api", "search"]:
                return await listing.search(self._filling, request)
            case ["run", run_id] if _is_name(run_id):
                return await pages.page(self._store, run_id, request, self._prices, self._blames)
            case ["api", "run", run_id] if _is_name(run_id):
                return await api.run(self._store, run_id, self._blames)
            case ["api", "branch", run_id] if _is_name(run_id):
                return await api.branch(self._store, run_id)
            case ["api", "run", run_id, "live"] if _is_name(run_id):
                return await live(self._store, run_id, request, self._ending, self._prices, self._views)
        return _refuse(where, 404, f"there is nothing at {request.scope['path']}")


def _is_name(run_id: str) -> bool:
    return 0 < len(run_id) <= _LONGEST


def _refuse(where: list[str], status: int, reason: str, kind: str = "") -> Response:
    if where[:1] == ["api"]:
        return api.json({"error": reason} | ({"type": kind} if kind else {}), status)
    return PlainTextResponse(f"{visible(reason)}\n", status)
