"""The list of runs and the page of one, as a browser gets them."""

from __future__ import annotations

from hashlib import sha256

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from .. import __version__
from ..attribution.findings.findings import BlameReport
from ..attribution.findings.saved import Blames
from ..core.values import UNFINISHED
from ..providers.prices import Prices
from ..report.model.gather import view_of
from ..report.page.page import policy, render
from ..report.page.runs import render_runs
from ..storage.info import RunInfo, descendants, leave_out_probes, readable
from ..storage.store import TapeStore
from .access import Door
from .api import newest
from .urls import root, segment, sent


def enter(door: Door, request: Request) -> Response:
    """Redirect to the same page, with the token in a cookie instead of the address."""
    answer = RedirectResponse(sent(request.scope), 303)
    path = f"{root(request.scope)}/"
    answer.set_cookie(door.cookie, door.token, httponly=True, samesite="strict", path=path)
    return answer


async def welcome(store: TapeStore, request: Request) -> Response:
    """All runs, newest first."""
    above = root(request.scope)

    def made() -> str:
        return render_runs(newest(store), lambda run_id: f"{above}/run/{segment(run_id)}")

    return HTMLResponse(await run_in_threadpool(made), headers=_rules(policy("static")))


async def page(
    store: TapeStore, run_id: str, request: Request, prices: Prices | None, blames: Blames
) -> Response:
    """The page of a run; of one that is not over, a page that asks for its steps."""
    live = f"{root(request.scope)}/api/run/{segment(run_id)}"
    known = request.headers.get("if-none-match", "")
    return await run_in_threadpool(_page, store, run_id, live, known, prices, blames)


def _page(
    store: TapeStore, run_id: str, live: str, known: str, prices: Prices | None, blames: Blames
) -> Response:
    infos = list(store.runs())
    own = [info for info in infos if info.run_id == run_id and info.sealed]
    blame = blames(run_id) if own else None
    if blame and blame.digest != own[0].digest:  # of another recording of this name
        blame = None
    kin = list(leave_out_probes(descendants(infos, run_id), blame.contrast if blame else ()))
    above = [info for info in infos if own and own[0].parent and info.run_id == own[0].parent.parent]
    tag = {"etag": _tag(own + kin + above, prices, blame)} if own else {}
    if own and tag["etag"] in (one.strip().removeprefix("W/") for one in known.split(",")):
        return Response(status_code=304, headers=tag)
    if not own and not _is_over(store, run_id):
        tape = store.follow(run_id).head.tape((), (), UNFINISHED)
        return HTMLResponse(render(view_of(tape), tape, live=live), headers=_rules(policy(live=True)))
    tape = store.load(run_id)
    parent = next(readable(above, store.load), None)
    branches = readable(kin, store.load)
    html = render(view_of(tape, blame=blame, branches=branches, prices=prices, parent=parent), tape)
    return HTMLResponse(html, headers=_rules(policy()) | tag)


def _is_over(store: TapeStore, run_id: str) -> bool:
    following = store.follow(run_id)
    following.steps()
    return following.over


def _tag(infos: list[RunInfo], prices: Prices | None, blame: BlameReport | None) -> str:
    """Return an ETag that changes whenever the page of these runs does."""
    facts = [
        __version__,
        policy(),
        prices,
        blame,
        *((info.digest, info.created_at, info.run_id) for info in infos),
    ]
    return f'"{sha256(repr(facts).encode()).hexdigest()}"'


def _rules(rules: str) -> dict[str, str]:
    return {"content-security-policy": f"{rules}; frame-ancestors 'none'"}
