"""The list of runs: as a page, as JSON, and two of them chosen. Reads the catalogue, and writes nothing."""

from __future__ import annotations

from attrs import evolve
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from ..errors import BadFilter
from ..host import clocks
from ..report.page.runs import (
    Listing,
    policy,
    render_runs,
    show_notes,
    show_nothing,
    show_place,
    show_rows,
    show_sums,
)
from ..storage.catalogue.facts import Found
from ..storage.catalogue.filters import NAMES, Filters, parse_query, shorten_query
from ..storage.catalogue.frame import record_run
from . import api
from .filling import Filling
from .pages import make_rules
from .urls import read_segment, root, segment

LIMIT = 100
"""Runs that a page lists unless its query says otherwise."""

MOST = 1_000
"""Runs that a page, or an answer of `/api/search`, may list."""

_UNLIMITED = 1_000_000
_PAIR = 2


def asks(request: Request) -> bool:
    """True if the query asks for some of the runs."""
    return any(name in request.query_params for name in NAMES)


async def page(filling: Filling, request: Request) -> Response:
    """The page with the runs that the query asks for; one that is wrong is told so, with status 400."""
    return await run_in_threadpool(_page, filling, request)


async def runs(filling: Filling, request: Request) -> Response:
    """The runs that the query asks for, in the form of `api.runs`.

    Raises:
        BadFilter: the query is wrong.
    """
    filters = parse_query(request.query_params, now=clocks.now(), limit=_UNLIMITED, most=_UNLIMITED)
    found = await run_in_threadpool(_search, filling, filters)
    return api.json([api.make_info(row.info) for row in found.runs])


async def search(filling: Filling, request: Request) -> Response:
    """The runs that the query asks for, each with its facts and with the texts of its cells; and sums.

    Raises:
        BadFilter: the query is wrong.
    """
    filters = parse_query(request.query_params, now=clocks.now(), limit=LIMIT, most=MOST)
    found = await run_in_threadpool(_search, filling, filters)
    listing = evolve(_make_listing(found, filters, request), trouble=filling.trouble)
    sums = found.sums
    return api.json(
        {
            "runs": [record_run(row) | {"found": row.found} for row in found.runs],
            "total": {
                "runs": sums.runs,
                "outcomes": dict(sums.words),
                "calls": sums.calls,
                "input_tokens": sums.input,
                "output_tokens": sums.output,
                "cost": float(sums.cost),
                "priced": sums.priced,
                "asked": sums.asked,
                "duration": sums.duration,
            },
            "unread": sums.unread,
            "going_on": dict(sums.words).get("going on", 0),
            "rows": show_rows(listing),
            "sums": show_sums(found),
            "notes": show_notes(listing),
            "here": show_place(found),
            "none": show_nothing(listing),
        }
    )


def choose(request: Request) -> Response:
    """Lead to the comparison of the two runs that the query names."""
    names = [_read_key(key) for key in request.query_params.getlist("run")]
    if len(names) != _PAIR or names[0] == names[1]:
        return PlainTextResponse(f"choose two runs to compare: {len(set(names))} chosen\n", 400)
    one, other = names
    return RedirectResponse(f"{root(request.scope)}/compare/{segment(one)}/{segment(other)}#branch-0", 303)


# -- below ---------------------------------------------------------------------------


def _page(filling: Filling, request: Request) -> Response:
    error, filters = "", Filters(limit=LIMIT)
    try:
        filters = parse_query(request.query_params, now=clocks.now(), limit=LIMIT, most=MOST)
        found = _search(filling, filters)
    except BadFilter as exc:
        error, found = str(exc), Found()
    agents, models = filling.catalogue.names() if not error else ((), ())
    listing = _make_listing(found, filters, request, agents, models, error)
    html = render_runs(evolve(listing, trouble=filling.trouble))
    return HTMLResponse(html, 400 if error else 200, headers=make_rules(policy()))


def _search(filling: Filling, filters: Filters) -> Found:
    return filling.search(filters)


def _make_listing(
    found: Found,
    filters: Filters,
    request: Request,
    agents: tuple[str, ...] = (),
    models: tuple[str, ...] = (),
    error: str = "",
) -> Listing:
    above = root(request.scope)
    return Listing(
        found,
        shorten_query(request.query_params),
        clocks.now(),
        LIMIT if filters.limit is None else filters.limit,
        lambda run_id: f"{above}/run/{segment(run_id)}",
        segment,
        f"{above}/compare",
        f"{above}/api/search",
        agents,
        models,
        error,
    )


def _read_key(key: str) -> str:
    """A run_id from the value of a form: a segment of a path, as it is written in one."""
    try:
        return read_segment(key)
    except UnicodeDecodeError:
        return key
