"""The list of a store's runs, as a page without a script."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...storage.info import RunInfo
from ..figures import moment
from ..model.titles import line
from ..served import show_lineage
from .page import environment, policy, style

MOST = 1_000
"""Runs that a page lists."""


def render_runs(infos: Iterable[RunInfo], address: Callable[[str], str]) -> str:
    """Return the page about runs, in their order; `address` gives the address of a run's page."""
    infos = list(infos)

    def ended(info: RunInfo) -> str:
        return info.damage or (str(info.outcome) if info.outcome else "still going on, or cut short")

    rows = [
        {
            "address": address(info.run_id),
            "run": line(info.run_id, 80) or "?",
            "agent": line(info.agent_name, 80),
            "created": moment(info.created_at),
            "exchanges": "" if info.exchanges is None else f"{info.exchanges:,}",
            "ended": line(ended(info)),
            "branch": line(show_lineage(info.parent), 90),
        }
        for info in infos[:MOST]
    ]
    more = f"{len(infos) - MOST:,} older runs are not listed." if len(infos) > MOST else ""
    template = environment().get_template("runs.html")
    return template.render(css=style(), policy=policy("static"), runs=rows, more=more)
