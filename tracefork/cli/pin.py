"""The command that makes a test of a run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.tape import Tape
from ..providers.unrecorded import describe_unrecorded, find_unrecorded
from ..testing.pins.agents import command as make_command
from ..testing.pins.agents import script as make_script
from ..testing.pins.pin import Pin
from ..testing.pins.pin import pin as write_pin
from .app import RUNS, Json, Run, Store, err, escape, out, plural, print_json
from .policies import Chosen, take_rules
from .scripts import Command, divert_prints, find_program
from .tapes import load_tape

commands = typer.Typer()


@commands.command()
@take_rules
def pin(
    run: Run,
    file: Annotated[Path, typer.Argument(help="The tape file to write, such as tests/tapes/booking.tape.")],
    command: Command = None,
    check: Annotated[
        str,
        typer.Option(
            metavar="LAMBDA",
            help="What holds of the result: 'lambda result: \"Rome\" in result', or module:function.",
        ),
    ] = "",
    agent: Annotated[str, typer.Option(help="package.module:function, instead of a script.")] = "",
    only_policy: Annotated[
        bool, typer.Option("--only-policy", help="Hold the tape to the policy alone, and run no agent.")
    ] = False,
    failing: Annotated[
        bool, typer.Option("--failing", help="The run failed: the test fails until the agent is mended.")
    ] = False,
    test: Annotated[
        Path | None, typer.Option(help="The test's file; by default test_NAME.py beside the tape.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Replace the files if they are there.")] = False,
    store: Store = RUNS,
    json_: Json = False,
    *,
    chosen: Chosen,
) -> None:
    """Make a test of a run: its tape, and a test file beside it that holds the agent to it.

    The agent is replayed once, offline, to see that the test passes as it stands. The result that --check
    looks at is what the agent returned; of a script or a command it is the last text that a model said.
    """
    tape = load_tape(run, store)
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  where --agent and --check are looked for, as by `python -m`
    if (names := find_unrecorded(tape)) and not only_policy:
        err.print(escape(describe_unrecorded(names, by_command=bool(tape.command))))
    with divert_prints(json_=json_):
        pinned = write_pin(
            tape,
            file,
            agent=agent or _find_agent(tape, command or []),
            check=check,
            policy=chosen.policy,
            prices=chosen.prices,
            only_policy=only_policy,
            failing=failing,
            test=test,
            force=force,
        )
    if json_:
        print_json({"tape": str(pinned.tape), "test": str(pinned.test), "fails": pinned.fails or None})
    else:
        _print_pin(pinned, tape)


def _find_agent(tape: Tape, words: list[str]) -> Any:
    """The script or command that `words` name; None, if it is the one that made the run."""
    if not words:
        return None
    find_program(tape, words)
    return make_command(*words) if tape.command else make_script(*words)


def _print_pin(pinned: Pin, tape: Tape) -> None:
    size = pinned.tape.stat().st_size
    out.print(f"{escape(_shorten(pinned.tape))}: {plural(len(tape), 'exchange')}, {size:,} bytes")
    test = escape(_shorten(pinned.test))
    if pinned.fails:
        out.print(f"{test}: fails until the agent is mended: {escape(pinned.fails)}")
    else:
        out.print(f"{test}: passes; run it with pytest {test}")


def _shorten(path: Path) -> str:
    """A path from here, if it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
