"""The list of runs and the page of one, as a browser gets them."""

from __future__ import annotations

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ..core.values import UNFINISHED
from ..listing import RunInfo, descendants
from ..report.gathering import gathered
from ..report.page import policy, rendered
from ..report.runs import listed
from ..store import TapeStore
from .guard import HEADERS, Door


async def welcome(request: Request) -> Response:
    """All runs, newest first; a visit with the token in the address leaves it in a cookie."""
    door: Door = request.app.state.door
    if "token" in request.query_params:
        answer = RedirectResponse("/", 303, dict(HEADERS))
        answer.set_cookie(door.cookie, door.token, httponly=True, samesite="strict", path="/")
        return answer
    store: TapeStore = request.app.state.store
    html = await run_in_threadpool(lambda: listed(sorted(store.runs(), key=_newest), _address))
    return HTMLResponse(html, headers=_headers(policy("static")))


async def page(request: Request) -> Response:
    """The page of a run; of one that is not over, a page that asks for its steps."""
    store: TapeStore = request.app.state.store
    return await run_in_threadpool(
        _page, store, request.path_params["run_id"], request.headers.get("if-none-match")
    )


def _page(store: TapeStore, run_id: str, known: str | None) -> Response:
    following = store.follow(run_id)
    following.steps()
    if not following.over:
        tape = following.head.tape((), (), UNFINISHED)
        html = rendered(gathered(tape), tape, live=f"/api/run/{quote(run_id, safe='')}")
        return HTMLResponse(html, headers=_headers(policy(live=True)))
    kin = list(descendants(store.runs(), run_id))
    tape = store.load(run_id)
    tag = f'"{"-".join([tape.digest(), *(info.digest or "" for info in kin)])}"'
    if known == tag:
        return Response(status_code=304, headers=dict(HEADERS))
    branches = [store.load(info.run_id) for info in kin]
    html = rendered(gathered(tape, branches=branches), tape)
    return HTMLResponse(html, headers={**_headers(policy()), "etag": tag, "cache-control": "no-cache"})


def _address(run_id: str) -> str:
    return f"/run/{quote(run_id, safe='')}"


def _newest(info: RunInfo) -> tuple[float, str]:
    return -info.created_at, info.run_id


def _headers(rules: str) -> dict[str, str]:
    return {**HEADERS, "content-security-policy": f"{rules}; frame-ancestors 'none'"}
