"""The command that writes runs to files: one as a tape, or what is known of many as JSON lines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from attrs import evolve

from ..core.visible import visible_json
from ..errors import BadFilter, StoreError
from ..host import clocks
from ..storage.catalogue.facts import Found
from ..storage.catalogue.filters import Asked, Filters, make_filters
from ..storage.catalogue.frame import record_all, write_lines
from ..storage.store import TapeStore
from ..storage.tape_file import write
from .app import RUNS, Store, err, escape, out, plural
from .filters import take_filters
from .ls import find
from .maintenance import write_tape
from .stores import open_store
from .tapes import load_tape

commands = typer.Typer()

STDOUT = "-"


@commands.command()
@take_filters
def export(
    asked: Asked,
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
        str | None,
        typer.Option(
            metavar="WHAT", help="What a line of these is: one of the runs, as by default, or of the calls."
        ),
    ] = None,
    store: Store = RUNS,
) -> None:
    """Write a run to a file that stands by itself, or what is known of runs as JSON lines.

    A branch takes along what it needs of its parent. Of which runs --jsonl tells, options say as for ls.
    """
    if run is not None:
        _refuse(asked, f"{run} is one run: leave this out, or name no run")
    if jsonl is None:
        if run is None or file is None:
            raise ValueError(
                "name a run and a file to write it to; or give --jsonl FILE for JSON lines of all runs"
            )
        if of is not None:
            raise BadFilter("of", of, "a tape file has all of a run: --jsonl FILE has lines of this")
        tape = load_tape(run, store)
        write_tape(tape, file, force=force)
        out.print(f"{plural(len(tape), 'exchange')}, {file.stat().st_size:,} bytes in {escape(file)}")
        return
    if file is not None:
        raise ValueError(f"--jsonl names the file to write: there is no place for {file}")
    filters = make_filters(now=clocks.now(), **asked)
    if jsonl != STDOUT and Path(jsonl).exists() and not force:
        raise StoreError(f"{jsonl} is there already; choose another name, or pass --force")
    with open_store(store) as kept:
        found = find(kept, filters) if run is None else _find_one(kept, kept.resolve(run))
        lines = list(write_lines(record_all(kept.load, found, of or "runs"), visible_json))
    if jsonl == STDOUT:
        sys.stdout.write(b"".join(lines).decode())
        return
    write(b"".join(lines), jsonl)
    err.print(f"{plural(len(lines), 'line')} in {escape(jsonl)}")


def _refuse(asked: Asked, advice: str) -> None:
    """Refuse filters where there is nothing to look for."""
    for name, value in asked.items():
        raise BadFilter(name, str(value) if value is not True else "given", advice)


def _find_one(store: TapeStore, run_id: str) -> Found:
    found = find(store, Filters(probes=True))
    return evolve(found, runs=tuple(row for row in found.runs if row.run_id == run_id))
