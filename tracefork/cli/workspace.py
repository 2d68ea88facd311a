"""The command that shows the files which a command's run kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import attrs
import typer

from ..runs.snapshots import restore
from ..runs.workspace import find_snapshot
from .app import RUNS, Json, Run, Store, err, plural, print_json, print_plain
from .tapes import load_tape

commands = typer.Typer()


@commands.command()
def workspace(
    run: Run,
    at: Annotated[
        int | None, typer.Option(help="The exchange; by default before the command began.", min=0)
    ] = None,
    to: Annotated[Path | None, typer.Option(help="A folder to write them to, which is made.")] = None,
    store: Store = RUNS,
    json_: Json = False,
) -> None:
    """List the files of a command's run as they were at a step, or write them to a folder.

    The folder must be empty, or not be there yet.
    """
    snapshot = find_snapshot(load_tape(run, store), at)
    if to is not None:
        if to.exists() and any(to.iterdir()):
            raise ValueError(f"{to} is not empty: name a folder that is")
        to.mkdir(parents=True, exist_ok=True)
        written = list(restore(snapshot, to))
        err.print(f"[dim]{plural(len(written), 'file')} in[/] {to}")
    elif json_:
        print_json({path: attrs.asdict(entry) for path, entry in snapshot.files.items()})
    else:
        for path in sorted(snapshot.files):
            print_plain(path)
