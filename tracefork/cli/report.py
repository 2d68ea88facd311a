"""Commands that show runs to a person: report, serve."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from collections.abc import Iterable, Sequence
from contextlib import suppress
from enum import StrEnum
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from ..attribution.findings import saved
from ..core.tape import Tape
from ..core.values import Exchange
from ..errors import StoreError
from ..providers.prices import load
from ..report.model.gather import view_of
from ..report.model.view import View
from ..report.page.embedded_tape import is_page
from ..report.page.page import render
from ..report.text.markdown import write_markdown
from ..report.text.summary import write_text
from ..storage.info import RunInfo, descendants, leave_out_probes, readable
from ..storage.tape_file import write
from .app import RUNS, Json, Run, Store, err, escape, out, print_json
from .progress import track
from .stores import open_store
from .tapes import load_parent, load_tape

commands = typer.Typer()

Table = Annotated[
    Path | None, typer.Option("--prices", metavar="FILE", help="What tokens cost, by a table of your own.")
]
STDOUT = "-"
_BEGINNING = 8_192  # bytes, in which a page says who made it


class Form(StrEnum):
    """What a report is written as."""

    HTML = "html"
    STATIC = "static"
    MARKDOWN = "markdown"
    TEXT = "text"


SUFFIXES = {Form.HTML: ".html", Form.STATIC: ".html", Form.MARKDOWN: ".md", Form.TEXT: ".txt"}


@commands.command()
def report(
    run: Run,
    output: Annotated[str, typer.Option("--output", "-o", help="The file; - is standard output.")] = "",
    form: Annotated[Form, typer.Option("--format", help="`static` is a page without a script.")] = Form.HTML,
    branches: Annotated[bool, typer.Option(help="Show the runs that were forked from it too.")] = True,
    force: Annotated[bool, typer.Option(help="Replace a file that is no report.")] = False,
    blame: Annotated[
        Path | None, typer.Option(help="What `blame --json` printed; by default what lies beside the store.")
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option("--beside", metavar="RUN", help="Another run, shown beside it step by step."),
    ] = None,
    failure: Annotated[
        str,
        typer.Option("--failure", metavar="WHY", help="Say that it failed, whatever the agent did."),
    ] = "",
    prices: Table = None,
    store: Store = RUNS,
    json_: Json = False,
) -> None:
    """Write a run as one page that needs nothing else, or as text."""
    tape = load_tape(run, store)
    others = [load_tape(other, store) for other in beside or ()]
    target = output or f"{_make_file_name(tape.run_id)}{SUFFIXES[form]}"
    if target != STDOUT and not force and not _may_write(Path(target), page=SUFFIXES[form] == ".html"):
        raise StoreError(f"{target} is there already; choose another --output, or pass --force")
    table = load(prices) if prices else None
    blamed = saved.loads(blame.read_bytes(), str(blame)) if blame else saved.find(store, tape.run_id)
    if blamed and blamed.digest != tape.digest():
        err.print("[bold yellow]warning:[/] without the blame, which is of another recording of this name")
        blamed = None
    kept = _load_branches(tape, store, blamed.contrast if blamed else ()) if branches else []
    parent = load_parent(tape, store) if branches else None
    view = view_of(
        tape,
        blame=blamed,
        branches=kept,
        prices=table,
        parent=parent,
        failure=failure,
        beside=others,
        through=_track,
    )
    data = _write(view, tape, form).encode()
    if target == STDOUT:
        sys.stdout.buffer.write(data)  # as in a file: a page says that it is UTF-8
        return
    write(data, target)
    if json_:
        print_json({"file": target, "bytes": len(data), "run_id": tape.run_id})
    else:
        out.print(f"{escape(target)}: {len(tape):,} steps, {len(data):,} bytes")


@commands.command()
def serve(
    store: Store = RUNS,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="By default any that is free.")] = 0,
    prices: Table = None,
    open_: Annotated[bool | None, typer.Option("--open/--no-open", help="By default on a desktop.")] = None,
) -> None:
    """Show all runs of a store in the browser, live, at an address of this machine alone."""
    from ..server import serving  # noqa: PLC0415  only with what it needs

    table, blames = load(prices) if prices else None, partial(saved.find, store)
    with (
        suppress(KeyboardInterrupt),
        open_store(store) as kept,
        serving(kept, port, prices=table, blames=blames) as server,
    ):
        out.print(f"{escape(server.url)}\nCtrl-C ends it.")
        if _has_desktop() if open_ is None else open_:
            webbrowser.open(server.ticket())  # other users can read the arguments of a program
        while True:
            time.sleep(3600)


# -- below -------------------------------------------------------------------------


def _write(view: View, tape: Tape, form: Form) -> str:
    match form:
        case Form.HTML | Form.STATIC:
            return render(view, tape, "app" if form is Form.HTML else "static")
        case Form.MARKDOWN:
            return write_markdown(view)
        case Form.TEXT:
            return write_text(view)


def _track(exchanges: Sequence[Exchange]) -> Iterable[Exchange]:
    return track(exchanges, "report")


def _load_branches(tape: Tape, where: str, contrast: Sequence[str]) -> list[Tape]:
    """The runs in the store that came of `tape` and can be read; of blame's forks only `contrast`.

    None for a tape that is not in it.
    """
    if not Path(where).exists():
        return []
    with open_store(where) as store:
        infos = leave_out_probes(descendants(store.runs(), tape.run_id), contrast)
        return list(readable(infos, store.load, _warn_of_lost))


def _warn_of_lost(info: RunInfo, why: Exception) -> None:
    err.print(f"[bold yellow]warning:[/] without branch {escape(info.run_id)}: {escape(why)}")


def _may_write(target: Path, *, page: bool) -> bool:
    """A page may be written anew; nothing else is replaced without being asked to."""
    if not target.exists():
        return True
    if not page or not target.is_file():
        return False
    with target.open("rb") as file:
        return is_page(file.read(_BEGINNING).decode("utf-8", "replace"))


def _make_file_name(run_id: str) -> str:
    """A run_id as a file name of its own; one that is not plain ends in a hash of the run_id."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in run_id)
    short = plain.lstrip(".-")[:100]
    if short == run_id and run_id:
        return short
    return f"{short or 'run'}-{sha256(run_id.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def _has_desktop() -> bool:
    """True where a browser can be expected to open a window."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
