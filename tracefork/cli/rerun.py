"""The command that runs a changed script, or the same one with other requests, on a recording: rerun."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import attrs
import typer

from ..core.tape import Tape
from ..errors import Divergence, Unfinished
from ..report.savings import add_bills
from ..runs import api
from ..runs.agents import run_agent
from ..runs.command import CommandAgent
from ..runs.program import Program
from ..session.session import Session
from . import options
from .app import RUNS, Json, Run, Store, err, escape, out, plural, print_json
from .edits import NAMES
from .scripts import Command, PutBack, divert_prints, find_program, perform, print_unrecorded, put_folder_back
from .tapes import load_tape

commands = typer.Typer()


class Reuse(StrEnum):
    """Which recorded exchanges may answer an equal question once the agent has parted."""

    MODELS = "models"
    ALL = "all"
    NONE = "none"


@commands.command()
@options.take(*NAMES, *options.OF_TAILS)
def rerun(
    run: Run,
    command: Command = None,
    from_: Annotated[
        int | None,
        typer.Option(
            "--from", metavar="STEP", help="Up to this exchange all has to match; edits begin there."
        ),
    ] = None,
    reuse: Annotated[
        Reuse, typer.Option(help="What may answer an equal question: models' answers, all, or none.")
    ] = Reuse.MODELS,
    retry_faults: Annotated[
        bool, typer.Option("--retry-faults", help="Ask again what ended in a failure.")
    ] = False,
    fresh: Annotated[
        list[str] | None,
        typer.Option("--fresh", metavar="TOOL", help="Run this tool again; may be repeated."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Only say where it would part, and what the recording paid after that."
        ),
    ] = False,
    name: Annotated[str, typer.Option(help="What to call the branch.")] = "rerun",
    workspace: PutBack = False,
    store: Store = RUNS,
    json_: Json = False,
    *,
    chosen: dict[str, Any],
) -> None:
    """Run a changed script again: what it still asks costs nothing, the rest is asked live.

    Or the same script with other requests: --model, --system, --temperature, --set, --unset, --replace.
    """
    tape = load_tape(run, store, furthest=True)
    program = find_program(tape, command or [])
    if from_ is not None and not 0 <= from_ <= len(tape):
        raise ValueError(f"the run has {len(tape)} exchanges: --from is 0 to {len(tape)}, not {from_}")
    if from_ is not None and "edits" in chosen:
        chosen["edits"] = [attrs.evolve(edit, first=from_) for edit in chosen["edits"]]
    print_unrecorded(tape)
    put_folder_back(tape, asked=workspace)
    session = api.rerun(
        tape,
        None if dry_run else store,
        at=from_ or 0,
        reuse=reuse.value,
        faults="again" if retry_faults else "recorded",
        fresh=fresh or (),
        dry_run=dry_run,
        name=name,
        scope="process",
        **{"tools": "reuse", **chosen},
    )
    if dry_run:
        _try_out(session, program, tape, json_=json_)
    else:
        perform(session, program, json_=json_)


def _try_out(session: Session, program: Program | CommandAgent, tape: Tape, *, json_: bool) -> None:
    """Run `program` up to where it would part; say where that is, and what the tape paid from there on."""

    def agent(run: Session) -> None:
        with divert_prints(json_=True):
            program(run)

    raised = run_agent(session, agent).raised
    parted = session.parted
    if parted is None and raised is not None and not isinstance(raised, Divergence | Unfinished):
        raise raised
    if isinstance(session.failure, Divergence) and parted is None:
        raise session.failure
    served = {step.origin for step in session.tape.steps}
    rest = [step for step in tape if step.span.began not in served]
    paid = add_bills(rest)
    if json_:
        where = None if parted is None else attrs.asdict(parted)
        print_json({"parted": where, "exchanges": len(rest), "usd": paid.usd, "tokens": paid.tokens})
        return
    if parted is None:
        out.print(f"it does not part: {plural(len(session.tape), 'exchange')} served, none live")
    else:
        out.print(f"it parts at {escape(parted)}")
        after = plural(len(rest), "exchange")
        out.print(f"the recording paid {escape(paid)} for the {after} that were not served by then")
    err.print("[dim]Nothing was asked live. The script's own code ran, and tools without a decorator.[/]")
