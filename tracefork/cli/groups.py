"""The command that puts failed runs in groups."""

from __future__ import annotations

import typer

from ..experiments.grouping import group as find_groups
from ..host import clocks
from ..storage.catalogue.filters import Asked, make_filters
from .app import RUNS, Json, Store, err, print_json, print_plain
from .filters import take_filters
from .ls import find
from .stores import open_store

commands = typer.Typer()


@commands.command()
@take_filters
def group(asked: Asked, store: Store = RUNS, json_: Json = False) -> None:
    """Put failed runs in groups that one cure would probably mend: why, and which runs.

    Runs are chosen as for ls; without a choice they are those that failed.
    """
    chosen = asked if asked.keys() - {"sort", "limit", "offset"} else {**asked, "failed": True}
    with open_store(store) as kept:
        rows = find(kept, make_filters(now=clocks.now(), **chosen)).runs
        groups = find_groups(kept.load(row.run_id) for row in rows)
    if json_:
        print_json([{"reason": one.reason, "runs": list(one.run_ids)} for one in groups])
        return
    if not groups:
        err.print("no run failed" if chosen.get("failed") else "no such run")
    for one in groups:
        print_plain(str(one))
        print_plain(f"  {', '.join(one.run_ids)}")
