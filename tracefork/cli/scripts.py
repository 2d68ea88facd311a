"""Finds the script of a run, runs it within a session, and prints the result."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from ..core.tape import Tape
from ..core.visible import visible
from ..errors import TraceforkError
from ..providers.unrecorded import describe_asked, describe_unrecorded, find_unrecorded
from ..redact import redactor
from ..runs import api
from ..runs.agents import run_agent
from ..runs.command import CommandAgent
from ..runs.program import Program
from ..runs.workspace import put_back
from ..session.session import Session
from ..session.tools.wrapping import MAIN
from .app import err, escape, fit, plural, print_json
from .tapes import make_summary

Command = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- SCRIPT ARGS...]", help="What to run, after --; by default as recorded."),
]
PutBack = Annotated[
    bool, typer.Option("--workspace", help="First put the working folder back as it was before the run.")
]
PASSING = {"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}


def find_program(tape: Tape, words: list[str], *, option: str = "after --") -> Program | CommandAgent:
    """The script, or the command of a run through the gateway, that `words` name, or else what made the run.

    Where neither is known the error says that `option` names it.

    Raises:
        ValueError: neither is known.
        FileNotFoundError: there is no such script or command.
    """
    restored = {key: redactor(os.environ).restore(value, os.environ) for key, value in tape.meta.items()}
    program: Program | CommandAgent | None = CommandAgent.of(restored)
    if program is not None and words:
        program = attrs.evolve(program, argv=tuple(words))
    elif program is None:
        program = Program.parse(words) if words else Program.of(restored)
    if program is None:
        raise ValueError(f"this run was not made by `tracefork run`: say which script to run, {option}")
    program.check()
    return program


def read_wrap(paths: list[str] | None, program: Program) -> list[str]:
    """The paths that `--wrap` names; what the script defines may go by its name, or the file's."""
    own = program.argv[0] if program.module else Path(program.argv[0]).stem
    parts = [path.rpartition(":") for path in paths or []]
    return [f"{MAIN if module in ('', own) else module}:{inside}" for module, _, inside in parts]


def print_unrecorded(tape: Tape) -> None:
    """Say in a line of our own what Python would be warned of."""
    warnings.simplefilter("ignore", api.UnrecordedWarning)
    if names := find_unrecorded(tape):
        err.print(escape(describe_unrecorded(names, by_command=bool(tape.command))))


def put_folder_back(tape: Tape, *, asked: bool) -> None:
    """Put the current folder back as it was before the command of `tape` began, if that was asked for."""
    if asked:
        changed = put_back(tape, Path.cwd())
        err.print(f"[dim]{plural(len(changed), 'file')} put back as before run[/] {escape(tape.run_id)}")


def perform(session: Session, program: Program | CommandAgent, *, json_: bool) -> None:
    """Run `program` within `session`; say what came of it, and leave as the program did."""

    def agent(run: Session) -> None:
        with divert_prints(json_=json_):
            program(run)

    try:
        raised = run_agent(session, agent).raised
    except KeyboardInterrupt as exc:
        raised = exc
    if isinstance(raised, TraceforkError):
        raise raised
    tape = session.tape
    if json_:
        print_json(make_summary(tape) | describe_going_on(session))
    else:
        count = plural(len(tape), "exchange")
        err.print(f"[dim]{count} in run[/] {escape(tape.run_id)}[dim], {escape(tape.outcome)}[/]")
        if tape.parent is not None and tape.parent.name == "rerun":
            where = "the agent did not part from the recording" if session.parted is None else session.parted
            err.print(f"parted: {escape(where)}" if session.parted else escape(where))
        if tape.parent is not None:
            err.print(escape(session.savings))
    for one in tape.escaped:
        err.print(f"escaped: {escape(one)}")
    for tool, times in tape.asked_in_tools.items():
        err.print(escape(describe_asked(tool, times)))
    if isinstance(raised, SystemExit):
        raise raised
    if raised is not None:  # as python itself would end
        lines = traceback.format_exception(type(raised), raised, _find_their_frames(raised))
        err.print(fit(visible("".join(lines).rstrip("\n"))), markup=False)
        raise typer.Exit(130 if isinstance(raised, KeyboardInterrupt) else 1)


def describe_going_on(session: Session) -> dict[str, Any]:
    """What a run says of the tape that it followed, and of what it asked."""
    parted = None if session.parted is None else attrs.asdict(session.parted)
    savings = attrs.asdict(session.savings) if session.lineage else None
    return {"forwarded": session.forwarded, "parted": parted, "savings": savings}


def _find_their_frames(exc: BaseException) -> Any:
    """The traceback of `exc` from the script's own first frame on."""
    at = exc.__traceback__
    while at and at.tb_next and "runpy" not in at.tb_frame.f_code.co_filename:
        at = at.tb_next
    while at and at.tb_next and "runpy" in at.tb_frame.f_code.co_filename:
        at = at.tb_next
    return at or exc.__traceback__


@contextmanager
def divert_prints(*, json_: bool) -> Iterator[None]:
    """With `--json`, what the script prints goes to stderr."""
    before = sys.stdout
    sys.stdout = sys.stderr if json_ else before
    try:
        yield
    finally:
        sys.stdout = before
