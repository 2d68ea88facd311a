"""The command that lists runs, and the filters that it shares with others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import attrs
import typer
from attrs.filters import exclude

from ..core.visible import align
from ..host import clocks
from ..report.figures import dollars, duration, plural, short
from ..report.model.titles import line
from ..report.served import show_lineage
from ..storage.catalogue.facts import WORDS, Found, RunRow
from ..storage.catalogue.filling import Job
from ..storage.catalogue.filters import SORTS, Filters, make_filters
from ..storage.store import TapeStore
from .app import RUNS, Json, Store, err, escape, format_time, print_json, print_plain
from .progress import track_jobs
from .stores import open_store

commands = typer.Typer()

Failed = Annotated[bool, typer.Option("--failed", help="Only runs that raised an exception.")]
Ended = Annotated[str | None, typer.Option("--outcome", metavar="WORD", help=f"One of: {', '.join(WORDS)}.")]
Agent = Annotated[str | None, typer.Option(help="A part of the agent's name.")]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="Began since then: 2h, 3d, 1w ago, or a day: 2026-11-24.")
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Began before then.")]
Model = Annotated[str | None, typer.Option(help="A part of the name of a model that was asked.")]
Grep = Annotated[
    str | None,
    typer.Option(
        metavar="WORDS", help='Words that all stand in its prompts and answers; "a phrase" in quotes.'
    ),
]
CostAbove = Annotated[str | None, typer.Option(metavar="USD", help="Cost more than this.")]
ParentRun = Annotated[str | None, typer.Option("--parent", metavar="RUN", help="Went on from this run.")]
Sort = Annotated[
    str,
    typer.Option(metavar="BY", help=f"{', '.join(SORTS)}: largest or newest first; -cost turns it round."),
]
Limit = Annotated[int | None, typer.Option(min=0, help="How many to give at most.")]
TITLES = ("run", "agent", "created (UTC)", "calls", "tokens", "cost", "time", "ended", "task", "from")
NUMBERS = {3, 4, 5, 6}
TASK, ERROR, NAME = 60, 70, 80  # characters


@commands.command()
def ls(
    store: Store = RUNS,
    failed: Failed = False,
    outcome: Ended = None,
    agent: Agent = None,
    since: Since = None,
    until: Until = None,
    model: Model = None,
    grep: Grep = None,
    cost_above: CostAbove = None,
    parent: ParentRun = None,
    sort: Sort = "created",
    limit: Limit = None,
    forks: Annotated[bool, typer.Option("--forks", help="The forks that blame made too.")] = False,
    json_: Json = False,
) -> None:
    """List the runs of a store, newest first, or those that you look for."""
    filters = make_filters(
        outcome,
        failed=failed,
        agent=agent,
        since=since,
        until=until,
        model=model,
        grep=grep,
        cost_above=cost_above,
        parent=parent,
        probes=forks,
        sort=sort,
        limit=limit,
        now=clocks.now(),
    )
    with open_store(store) as kept:
        found = find(kept, filters)
    if json_:
        print_json([_make_row(row) for row in found.runs])
        return
    if not found.sums.runs:
        err.print(
            f"no runs in {escape(store)}" if filters == _everything(filters) else "no run is as you ask"
        )
    else:
        for text in align([TITLES, *map(_list_cells, found.runs)], right=NUMBERS):
            print_plain(text)
        err.print(f"[dim]{escape(sum_up(found))}[/]")
    if found.hidden:
        err.print(f"[dim]and {plural(found.hidden, 'fork')} of blame: --forks lists them[/]")
    if grep and found.texts_cut:
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


def _everything(filters: Filters) -> Filters:
    return Filters(probes=filters.probes, sort=filters.sort, limit=filters.limit)


def _make_row(row: RunRow) -> dict[str, Any]:
    departure = row.lineage.departure if row.lineage else None
    return {
        "run_id": row.run_id,
        "agent_name": row.agent,
        "created_at": row.created_at,
        "exchanges": row.exchanges,
        "outcome": row.ended and attrs.asdict(row.ended),
        "parent": row.lineage and attrs.asdict(row.lineage, filter=exclude("departure")),
        "parted": str(departure) if departure else None,
        "digest": row.digest,
        "sealed": row.sealed,
        "damage": row.damage,
        "ended": row.outcome,
        "error": row.error,
        "task": row.task,
        "models": list(row.models),
        "calls": row.calls,
        "input_tokens": row.input,
        "output_tokens": row.output,
        "cost": None if row.cost is None else float(row.cost),
        "duration": row.duration,
        "escapes": row.escapes,
        "branches": row.branches,
        "found": row.found,
    }


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
