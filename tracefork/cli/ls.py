"""The command that lists runs."""

from __future__ import annotations

from typing import Annotated, Any

import attrs
import typer
from attrs.filters import exclude

from ..core.visible import align
from ..report.served import show_lineage
from ..storage.info import leave_out_probes
from ..storage.store import RunInfo
from .app import RUNS, Json, Store, err, escape, format_time, plural, print_json, print_plain
from .stores import open_store

commands = typer.Typer()


@commands.command()
def ls(
    store: Store = RUNS,
    forks: Annotated[bool, typer.Option("--forks", help="The forks that blame made too.")] = False,
    json_: Json = False,
) -> None:
    """List the runs of a store, newest first."""
    with open_store(store) as kept:
        every = sorted(kept.runs(), key=lambda info: info.created_at, reverse=True)
    infos = every if forks else list(leave_out_probes(every))
    if json_:
        print_json([_make_row(info) for info in infos])
        return
    if not infos:
        err.print(f"no runs in {escape(store)}")
        return
    titles = ["run", "agent", "created (UTC)", "exchanges", "ended", "from"]
    for line in align([titles, *map(_list_cells, infos)], right={3}):
        print_plain(line)
    if hidden := len(every) - len(infos):
        err.print(f"[dim]and {plural(hidden, 'fork')} of blame: --forks lists them[/]")


def _make_row(info: RunInfo) -> dict[str, Any]:
    return {
        "run_id": info.run_id,
        "agent_name": info.agent_name,
        "created_at": info.created_at,
        "exchanges": info.exchanges,
        "outcome": info.outcome and attrs.asdict(info.outcome),
        "parent": info.parent and attrs.asdict(info.parent, filter=exclude("departure")),
        "parted": str(info.parent.departure) if info.parent and info.parent.departure else None,
        "digest": info.digest,
        "sealed": info.sealed,
        "damage": info.damage,
    }


def _list_cells(info: RunInfo) -> list[str]:
    lineage = show_lineage(info.parent)
    count = "" if info.exchanges is None else str(info.exchanges)
    ended = info.damage or (str(info.outcome) if info.outcome else "still running, or cut short")
    return [info.run_id, info.agent_name, format_time(info.created_at), count, ended, lineage]
