"""The command that writes runs to files: one as a tape, or what is known of many as JSON lines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from attrs import evolve

from ..core.visible import visible_json
from ..errors import StoreError
from ..host import clocks
from ..storage.catalogue.facts import Found
from ..storage.catalogue.filters import make_filters
from ..storage.catalogue.frame import record_all, write_lines
from ..storage.tape_file import write
from .app import RUNS, Store, err, escape, out, plural
from .ls import Agent, CostAbove, Ended, Failed, Grep, Limit, Model, Since, Sort, Until, find
from .maintenance import write_tape
from .stores import open_store
from .tapes import load_tape

commands = typer.Typer()

STDOUT = "-"


@commands.command()
def export(
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="A run, by its id or the beginning of it.")
    ] = None,
    file: Annotated[Path | None, typer.Argument(help="The tape file to write.")] = None,
    force: Annotated[bool, typer.Option(help="Replace the file if it is there.")] = False,
    jsonl: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Write JSON lines here instead, of all runs or of one; - is standard output."
        ),
    ] = None,
    of: Annotated[
        str, typer.Option(help="What a line of these is: one of the runs, or of the calls.")
    ] = "runs",
    failed: Failed = False,
    outcome: Ended = None,
    agent: Agent = None,
    since: Since = None,
    until: Until = None,
    model: Model = None,
    grep: Grep = None,
    cost_above: CostAbove = None,
    sort: Sort = "created",
    limit: Limit = None,
    store: Store = RUNS,
) -> None:
    """Write a run to a file that stands by itself, or what is known of runs as JSON lines.

    A branch takes along what it needs of its parent. Of which runs --jsonl tells, options say as for ls.
    """
    if jsonl is None:
        if run is None or file is None:
            raise ValueError(
                "name a run and a file to write it to; or give --jsonl FILE for JSON lines of all runs"
            )
        tape = load_tape(run, store)
        write_tape(tape, file, force=force)
        out.print(f"{plural(len(tape), 'exchange')}, {file.stat().st_size:,} bytes in {escape(file)}")
        return
    if file is not None:
        raise ValueError(f"--jsonl names the file to write: there is no place for {file}")
    filters = make_filters(
        outcome,
        failed=failed,
        agent=agent,
        since=since,
        until=until,
        model=model,
        grep=grep,
        cost_above=cost_above,
        sort=sort,
        limit=limit,
        probes=run is not None,
        now=clocks.now(),
    )
    if jsonl != STDOUT and Path(jsonl).exists() and not force:
        raise StoreError(f"{jsonl} is there already; choose another name, or pass --force")
    with open_store(store) as kept:
        only = None if run is None else kept.resolve(run)
        found = find(kept, filters)
        lines = list(write_lines(record_all(kept.load, _only(found, only), of), visible_json))
    if jsonl == STDOUT:
        sys.stdout.write(b"".join(lines).decode())
        return
    write(b"".join(lines), jsonl)
    err.print(f"{plural(len(lines), 'line')} in {escape(jsonl)}")


def _only(found: Found, run_id: str | None) -> Found:
    if run_id is None:
        return found
    return evolve(found, runs=tuple(row for row in found.runs if row.run_id == run_id))
