"""The page of a run, as a browser gets it; and of two runs beside each other."""

from __future__ import annotations

from hashlib import sha256
from math import isfinite

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from .. import __version__
from ..attribution.findings.findings import BlameReport
from ..attribution.findings.saved import Blames
from ..core.notes import PROCESS
from ..core.values import UNFINISHED
from ..host import clocks
from ..providers.prices import Prices
from ..report.model.gather import view_of
from ..report.page.page import policy, render
from ..storage.catalogue.rows import judge
from ..storage.info import RunInfo, descendants, leave_out_probes, readable
from ..storage.store import TapeStore
from .access import Door
from .urls import root, segment, sent


def enter(door: Door, request: Request) -> Response:
    """Redirect to the same page, with the token in a cookie instead of the address."""
    answer = RedirectResponse(sent(request.scope), 303)
    path = f"{root(request.scope)}/"
    answer.set_cookie(door.cookie, door.token, httponly=True, samesite="strict", path=path)
    return answer


async def page(
    store: TapeStore, run_id: str, request: Request, prices: Prices | None, blames: Blames
) -> Response:
    """The page of a run; of one that is not over, a page that asks for its steps."""
    live = f"{root(request.scope)}/api/run/{segment(run_id)}"
    known = request.headers.get("if-none-match", "")
    return await run_in_threadpool(_page, store, run_id, live, known, prices, blames)


async def compare(
    store: TapeStore, run_id: str, other: str, prices: Prices | None, blames: Blames
) -> Response:
    """The page of a run with `other` beside it; of the one that the other went on from, if one did.

    Raises:
        NotFound, CorruptTape: as `TapeStore.load`.
    """
    if run_id == other:
        return PlainTextResponse("a run is compared with another one: these are the same\n", 400)
    return await run_in_threadpool(_compare, store, run_id, other, prices, blames)


def _compare(store: TapeStore, run_id: str, other: str, prices: Prices | None, blames: Blames) -> Response:
    tape, beside = store.load(run_id), store.load(other)
    if tape.parent is not None and tape.parent.parent == other:
        tape, beside = beside, tape
    blame = blames(tape.run_id)
    if blame and blame.digest != tape.digest():  # of another recording of this name
        blame = None
    is_kin = beside.parent is not None and beside.parent.parent == tape.run_id
    kin, strangers = ([beside], []) if is_kin else ([], [beside])
    view = view_of(tape, blame=blame, branches=kin, beside=strangers, prices=prices)
    html = render(view, tape, back="../../")
    return HTMLResponse(html, headers=make_rules(policy()))


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
        html = render(view_of(tape), tape, live=live, back="../")
        return HTMLResponse(html, headers=make_rules(policy(live=True)))
    tape = store.load(run_id)
    parent = next(readable(above, store.load), None)
    branches = readable(kin, store.load)
    view = view_of(tape, blame=blame, branches=branches, prices=prices, parent=parent)
    html = render(view, tape, back="../")
    return HTMLResponse(html, headers=make_rules(policy()) | tag)


def _is_over(store: TapeStore, run_id: str) -> bool:
    """True of a run that was closed, and of one that nobody records any more, as the list judges that."""
    following = store.follow(run_id)
    moves = [step.timing.began + step.timing.ended for step in following.steps() if step.timing.began > 0]
    last = max((at for at in (following.head.created_at, *moves) if isfinite(at)), default=0.0)
    process = following.head.meta.get(PROCESS, "")
    return following.over or judge(process, last, clocks.now()) == "cut short"


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


def make_rules(rules: str) -> dict[str, str]:
    """The header of a page's policy: around it there are no frames."""
    return {"content-security-policy": f"{rules}; frame-ancestors 'none'"}
