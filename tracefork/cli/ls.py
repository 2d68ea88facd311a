"""The command that lists runs."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from ..core.visible import align
from ..host import clocks
from ..report.figures import dollars, duration, plural, short
from ..report.model.titles import line
from ..report.served import show_lineage
from ..storage.catalogue.facts import Found, RunRow
from ..storage.catalogue.filling import Job
from ..storage.catalogue.filters import Asked, Filters, make_filters
from ..storage.catalogue.frame import describe_run
from ..storage.store import TapeStore
from .app import RUNS, Json, Store, err, escape, format_time, print_json, print_plain
from .filters import take_filters
from .progress import track_jobs
from .stores import open_store

commands = typer.Typer()

TITLES = ("run", "agent", "created (UTC)", "calls", "tokens", "cost", "time", "ended", "task", "from")
NUMBERS = {3, 4, 5, 6}
TASK, ERROR, NAME = 60, 70, 80  # characters


@commands.command()
@take_filters
def ls(asked: Asked, store: Store = RUNS, json_: Json = False) -> None:
    """List the runs of a store, newest first, or those that you look for."""
    filters = make_filters(now=clocks.now(), **asked)
    with open_store(store) as kept:
        found = find(kept, filters)
        every = 0 if found.sums.runs else kept.catalogue.search(Filters(probes=True, limit=0)).sums.runs
    if json_:
        print_json([describe_run(row) for row in found.runs])
        return
    if not found.sums.runs:
        none = f"none of the {plural(every, 'run')} in {store} fits" if every else f"no runs in {store}"
        err.print(escape(none))
    else:
        for text in align([TITLES, *map(_list_cells, found.runs)], right=NUMBERS):
            print_plain(text)
        err.print(f"[dim]{escape(sum_up(found))}[/]")
    if found.hidden:
        err.print(f"[dim]and {plural(found.hidden, 'fork')} of blame: --probes lists them[/]")
    if filters.grep and found.texts_cut:
        err.print(f"[dim]of {plural(found.texts_cut, 'run')} only the first words are searched[/]")


def find(store: TapeStore, filters: Filters) -> Found:
    """Return the runs of `store` that `filters` ask for; shows on a terminal how many had to be read."""

    def through(jobs: list[Job], done: Iterable[Job]) -> Iterable[Job]:
        return track_jobs(done, len(jobs), "read")

    store.catalogue.update(through)
    return store.catalogue.search(filters)


def sum_up(found: Found) -> str:
    """What was found as a sentence: `12 runs, 3 failed: 340 calls, 1.2M tokens, $3.40, 12 min 3 s`."""
    sums = found.sums
    ended = ", ".join(f"{count:,} {word}" for word, count in sums.words if word != "finished")
    parts = [plural(sums.calls, "call"), f"{short(sums.input + sums.output)} tokens"]
    if sums.priced:
        unknown = sums.asked - sums.priced
        parts.append(dollars(sums.cost) + (f" and {unknown:,} without a known price" if unknown else ""))
    parts.append(duration(sums.duration))
    shown = f", {len(found):,} of them listed" if len(found) < sums.runs else ""
    return f"{plural(sums.runs, 'run')}{shown}{f', {ended}' if ended else ''}: {', '.join(parts)}"


# -- below ---------------------------------------------------------------------------


def _list_cells(row: RunRow) -> list[str]:
    error = line(row.error, ERROR)
    return [
        row.run_id,
        row.agent,
        format_time(row.created_at),
        "" if row.calls is None else f"{row.calls:,}",
        "" if row.tokens is None else short(row.tokens),
        "" if row.cost is None else dollars(row.cost),
        "" if row.duration is None else duration(row.duration),
        f"{row.outcome}: {error}" if error else row.outcome,
        line(row.found or row.task, TASK),
        show_lineage(row.lineage),
    ]
