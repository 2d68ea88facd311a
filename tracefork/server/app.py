"""The routes: pages for a person, JSON for programs, and the steps of a run that is still going on.

/                       all runs
/run/ID                 the page of a run; it grows while the run is recorded
/api/runs               what `/` lists
/api/run/ID             a run, exchange by exchange
/api/branch/ID          a branch: where it left which run
/api/run/ID/live        the steps of a run as they end: server-sent events
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ..errors import CorruptTape, NotFound, StoreError, TraceforkError
from ..store import TapeStore
from .api import branch, run, runs
from .guard import HEADERS, Door, Guard
from .live import live
from .pages import page, welcome


def app(store: TapeStore, door: Door) -> Starlette:
    """The ASGI application over `store`, which stays open for as long as this is used."""
    made = Starlette(
        routes=[
            Route("/", welcome),
            Route("/run/{run_id:path}", page),
            Route("/api/runs", runs),
            Route("/api/run/{run_id:path}/live", live),
            Route("/api/run/{run_id:path}", run),
            Route("/api/branch/{run_id:path}", branch),
        ],
        middleware=[Middleware(Guard, door=door)],
        exception_handlers={TraceforkError: _refused, 404: _unknown},
    )
    made.state.store, made.state.door = store, door
    return made


async def _refused(request: Request, exc: Exception) -> Response:
    status = 404 if isinstance(exc, NotFound) else 500 if isinstance(exc, (CorruptTape, StoreError)) else 400
    return _answer(request, status, str(exc))


async def _unknown(request: Request, _: Exception) -> Response:
    return _answer(request, 404, f"there is nothing at {request.url.path}")


def _answer(request: Request, status: int, reason: str) -> Response:
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": reason}, status, dict(HEADERS))
    return PlainTextResponse(f"{reason}\n", status, dict(HEADERS))
