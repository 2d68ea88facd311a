"""Commands that show runs to a person: report, serve."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from collections.abc import Iterable, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .. import report as reports
from ..core.tape import Tape
from ..core.values import Exchange
from ..errors import StoreError
from ..files import write
from ..listing import descendants
from ..progress import counted
from ..report.embedded import is_page
from ..report.gathering import gathered
from ..report.page import rendered
from ..store import TapeStore
from .app import RUNS, Json, Run, Store, app, escaped, opened, out, print_json, taped

STDOUT = "-"
_BEGINNING = 8_192  # bytes, in which a page says who made it


class Form(StrEnum):
    """What a report is written as."""

    HTML = "html"
    STATIC = "static"
    MARKDOWN = "markdown"
    TEXT = "text"


SUFFIXES = {Form.HTML: ".html", Form.STATIC: ".html", Form.MARKDOWN: ".md", Form.TEXT: ".txt"}


@app.command()
def report(
    run: Run,
    output: Annotated[str, typer.Option("--output", "-o", help="The file; - is standard output.")] = "",
    form: Annotated[Form, typer.Option("--format", help="`static` is a page without a script.")] = Form.HTML,
    branches: Annotated[bool, typer.Option(help="Show the runs that were forked from it too.")] = True,
    force: Annotated[bool, typer.Option(help="Replace a file that is no report.")] = False,
    store: Store = RUNS,
    json_: Json = False,
) -> None:
    """Write a run as one page that needs nothing else, or as text."""
    tape = taped(run, store)
    target = output or f"{_file_name(tape.run_id)}{SUFFIXES[form]}"
    if target != STDOUT and not force and not _may_write(Path(target), page=SUFFIXES[form] == ".html"):
        raise StoreError(f"{target} is there already; choose another --output, or pass --force")
    text = _written(tape, _branches(tape, store) if branches else [], form)
    if target == STDOUT:
        sys.stdout.write(text)
        return
    write(text.encode(), target)
    if json_:
        print_json({"file": target, "bytes": len(text.encode()), "run_id": tape.run_id})
    else:
        out.print(f"{escaped(target)}: {len(tape):,} steps, {len(text.encode()):,} bytes")


@app.command()
def serve(
    store: Store = RUNS,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="By default any that is free.")] = 0,
    open_: Annotated[bool | None, typer.Option("--open/--no-open", help="By default on a desktop.")] = None,
) -> None:
    """Show all runs of a store in the browser, live, at an address of this machine alone."""
    from ..server import serving  # noqa: PLC0415  only with what it needs

    with suppress(KeyboardInterrupt), opened(store) as kept, serving(kept, port) as server:
        out.print(f"{escaped(server.url)}\nCtrl-C ends it.")
        if _desktop() if open_ is None else open_:
            webbrowser.open(server.url)
        while True:
            time.sleep(3600)


# -- below -------------------------------------------------------------------------


def _written(tape: Tape, branches: Sequence[Tape], form: Form) -> str:
    match form:
        case Form.HTML | Form.STATIC:
            view = gathered(tape, branches=branches, through=_counted)
            return rendered(view, tape, "app" if form is Form.HTML else "static")
        case Form.MARKDOWN:
            return reports.markdown(tape, branches=branches)
        case Form.TEXT:
            return reports.text(tape, branches=branches)


def _counted(exchanges: Sequence[Exchange]) -> Iterable[Exchange]:
    return counted(exchanges, "report")


def _branches(tape: Tape, where: str) -> list[Tape]:
    """The runs in the store that came of `tape`; none for one that is not in it."""
    if not Path(where).exists():
        return []
    with TapeStore.open(where) as store:
        return [store.load(info.run_id) for info in descendants(store.runs(), tape.run_id)]


def _may_write(target: Path, *, page: bool) -> bool:
    """A page may be written anew; nothing else is replaced without being asked to."""
    if not target.exists():
        return True
    if not page or not target.is_file():
        return False
    with target.open("rb") as file:
        return is_page(file.read(_BEGINNING).decode("utf-8", "replace"))


def _file_name(run_id: str) -> str:
    """A run_id as a file name: what is not plain is an underscore."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in run_id)
    return plain.lstrip(".-")[:100] or "run"


def _desktop() -> bool:
    """True where a browser can be expected to open a window."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
