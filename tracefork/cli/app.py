"""What all commands share: the application, its two consoles, common options, stores and tapes by name.

Exit codes: 0 fine, 1 the answer is no (a verdict that is not ok, two tapes that
part, damage), 2 wrong usage or an error that the message explains, 3 nothing to vouch for
(a run without an exchange, draw or effect is verified).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer
from rich import markup
from rich.console import Console

from .. import __version__
from ..advice import in_shell
from ..codec.limits import DEFAULT, UNLIMITED, Limits
from ..codec.plain import damage
from ..core.doubt import continue_tape, find_doubts
from ..core.tape import Tape
from ..core.visible import visible, visible_json
from ..errors import StoreError, TraceforkError
from ..files import load
from ..listing import shown
from ..providers.unrecorded import find_unrecorded
from ..report import lines
from ..report.embedded import tape_in
from ..store import TapeStore

app = typer.Typer(
    help="Record, replay, fork and compare agent runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console(soft_wrap=True, highlight=False, emoji=False)
err = Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)

Store = Annotated[str, typer.Option("--store", envvar="TRACEFORK_STORE", help="Where runs are kept.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Run = Annotated[
    str, typer.Argument(metavar="RUN", help="A run_id or its beginning, `last`, or a file: tape or report.")
]
RUNS = "runs.db"
NOTHING = 3
"""The exit code of `verify` for a run that holds nothing."""
_PAGE = b"<!doctype html>"
_LIMITS: ContextVar[Limits] = ContextVar("tracefork.cli.limits", default=DEFAULT)


def main() -> None:
    """Run the command line; what tracefork raises on purpose is printed, not traced."""
    with in_shell():
        try:
            app()
        except (TraceforkError, OSError, ValueError) as exc:
            if "--json" in sys.argv:
                print_json({"error": {"type": type(exc).__name__, "message": str(exc)}})
            err.print(f"[bold red]error:[/] {escaped(exc)}")
            sys.exit(2)


@app.callback(invoke_without_command=True)
def top(
    no_limits: Annotated[
        bool,
        typer.Option(
            "--no-limits",
            envvar="TRACEFORK_NO_LIMITS",
            help="Read runs and files of any size: for those whose maker is trusted.",
        ),
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    _LIMITS.set(UNLIMITED if no_limits else DEFAULT)
    if version:
        out.print(__version__)
        raise typer.Exit


def limits() -> Limits:
    """How much is read, as was said in front of the command."""
    return _LIMITS.get()


@contextmanager
def opened(where: str) -> Iterator[TapeStore]:
    if not Path(where).exists():
        raise StoreError(f"there is no store at {where}; name one with --store or TRACEFORK_STORE")
    with TapeStore.open(where, limits=limits()) as store:
        yield store


def from_file(path: Path) -> Tape:
    """The tape in a tape file, or in a report."""
    with path.open("rb") as file:
        if file.read(len(_PAGE)) != _PAGE:
            return load(path, limits=limits())
    with damage(str(path)):
        return tape_in(path.read_text("utf-8"), limits=limits())


def taped(name: str, where: str, *, furthest: bool = False) -> Tape:
    """The tape of this name; with `furthest`, `last` is none that got less far than the run it resumed."""
    if not Path(where).exists() and Path(name).is_file():
        return from_file(Path(name))
    with opened(where) as store:
        if name == "last":
            infos = list(shown(store.runs()))
            if not infos:
                raise StoreError(f"no runs in {where}")
            newest = store.load(max(infos, key=lambda info: info.created_at).run_id)
            return _find_furthest(newest, store) if furthest else newest
        if Path(name).is_file() and name not in store:
            return from_file(Path(name))
        return store.load(store.resolve(name))


def _find_furthest(tape: Tape, store: TapeStore) -> Tape:
    """`tape`, or the nearest run before it that holds more than those that resumed it."""
    while tape.parent and tape.parent.name == "resumed" and tape.outcome.kind != "returned":
        if tape.parent.parent not in store:
            break
        before = store.load(tape.parent.parent)
        if len(continue_tape(tape).steps) >= len(continue_tape(before).steps):
            break
        tape = before
    return tape


def whole(tape: Tape) -> dict[str, Any]:
    return {
        "run_id": tape.run_id,
        "agent_name": tape.agent_name,
        "created_at": tape.created_at,
        "digest": tape.digest(),
        "outcome": attrs.asdict(tape.outcome),
        "parent": tape.parent and attrs.asdict(tape.parent),
        "meta": dict(tape.meta),
        "escaped": [attrs.asdict(one) for one in tape.escaped],
        "redacted": dict(tape.redacted),
        "virtualized": sorted(tape.virtualized),
        "wrapped": list(tape.wrapped),
        "unrecorded": list(find_unrecorded(tape)),
        "in_doubt": [attrs.asdict(call) for call in find_doubts(tape)],
        "exchanges": len(tape),
        "steps": [attrs.asdict(row) for row in lines.rows(tape)],
    }


def print_json(value: object) -> None:
    text = visible_json(json.dumps(value, indent=2, ensure_ascii=False, default=str))
    print(text if fit(text) == text else json.dumps(value, indent=2, default=str))


def print_plain(text: str) -> None:
    """Print `text` as it is, but for what steers a terminal."""
    out.print(fit(visible(text)), markup=False)


def print_line(text: str) -> None:
    """Print `text` as one line: a new line in a name begins none."""
    out.print(fit(visible(text, one_line=True)), markup=False)


def escaped(value: object) -> str:
    """`value` as it may stand in what is printed: no markup, and nothing that steers a terminal.

    What is told by an error may have lines; a name or a value is one.
    """
    text = visible(str(value), one_line=not isinstance(value, BaseException))
    return markup.escape(fit(text))


def fit(text: str) -> str:
    """`text` with what the terminal's encoding has no bytes for spelled."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def time_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S") if seconds else ""


def plural(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
