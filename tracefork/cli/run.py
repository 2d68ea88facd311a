"""Commands that run an agent: demo, run, verify, fork, resume, calibrate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from ..runs import api
from ..runs.calibration import calibrate as calibrated
from ..runs.command import CommandAgent
from ..runs.known import find_known, name_program
from ..runs.program import Program
from ..runs.verify import Verdict
from ..runs.verify import verify as verified
from ..session.session import Session
from . import edits, options
from .answers import read_answer
from .app import NOTHING, RUNS, Json, Run, Store, err, escape, out, print_json, print_plain
from .progress import watch_run
from .scripts import (
    PASSING,
    Command,
    PutBack,
    divert_prints,
    find_program,
    perform,
    print_unrecorded,
    put_folder_back,
    read_wrap,
)
from .tapes import load_tape

Gateway = Annotated[
    bool,
    typer.Option("--gateway", help="Run a command in any language; what it asks goes through a proxy here."),
]

commands = typer.Typer()


@commands.command()
def demo(
    store: Annotated[str, typer.Option("--store", help="Where its runs are kept.")] = "demo.db",
    json_: Json = False,
) -> None:
    """Show the whole product on a small agent, offline, in a few seconds."""
    from ..demo.story import tell  # noqa: PLC0415  only the demo needs its agent

    run_ids = tell(store, (lambda _: None) if json_ else print)
    if json_:
        print_json(
            dict(zip(("recorded", "branch", "rerun", "resumed"), run_ids, strict=True)) | {"store": store}
        )


@commands.command(context_settings=PASSING)
@options.take(
    "allow",
    "passthrough",
    "ignore",
    "max_body",
    "virtualize",
    "strict",
    "processes",
    "order",
    "durability",
    "wrap",
    "unrecordable",
)
def run(
    context: typer.Context,
    script: Annotated[
        list[str], typer.Argument(metavar="SCRIPT ARGS... | -m MODULE ARGS... | --gateway -- COMMAND ARGS...")
    ],
    gateway: Gateway = False,
    workspace: Annotated[
        bool, typer.Option("--workspace", help="Keep the working folder with each step of the command.")
    ] = False,
    tls: Annotated[
        bool, typer.Option("--tls", help="Read what the command encrypts, too, by mitmproxy.")
    ] = False,
    store: Store = RUNS,
    run_id: Annotated[str | None, typer.Option(help="The run's name; by default a new one.")] = None,
    agent_name: Annotated[str, typer.Option("--agent", help="What to call the agent.")] = "",
    json_: Json = False,
    *,
    chosen: dict[str, Any],
) -> None:
    """Record any script or module, unmodified, or any command. A record() of its own joins the run."""
    program = _read_program([*script, *context.args], chosen, gateway=gateway, workspace=workspace, tls=tls)
    name = agent_name or (name_program(program.argv) if gateway else Path(program.argv[0]).stem)
    session = api.record(
        store,
        run_id=run_id,
        agent_name=name,
        meta=program.meta(),
        scope="process",
        adopts=True,
        **chosen,
    )
    perform(session, program, json_=json_)


@commands.command()
@options.take(*options.OF_REPLAYS)
def verify(
    run: Run,
    command: Command = None,
    workspace: PutBack = False,
    store: Store = RUNS,
    json_: Json = False,
    *,
    chosen: dict[str, Any],
) -> None:
    """Replay a run with its script, offline, and say whether everything happened again.

    Exit code 3 where the run holds nothing that could be vouched for.
    """
    tape = load_tape(run, store)
    program = find_program(tape, command or [])
    put_folder_back(tape, asked=workspace)

    def agent(run: Session) -> None:
        with divert_prints(json_=json_), watch_run(run, len(tape.steps), "verify"):
            program(run)

    verdict = verified(tape, agent, scope="process", **chosen)
    if json_:
        fields = attrs.asdict(
            verdict, recurse=False, filter=lambda a, _: a.name not in ("divergence", "error")
        )
        found = verdict.divergence
        fields["divergence"] = found and {"step": found.step, "path": found.path, "message": str(found)}
        for name in ("escaped", "refused", "processes"):
            fields[name] = [attrs.asdict(one) for one in getattr(verdict, name)]
        fields["error"] = verdict.error and f"{type(verdict.error).__name__}: {verdict.error}"
        print_json(fields)
    else:
        mark = "[green]ok[/]" if verdict.ok else "[bold red]not ok[/]"
        if verdict.is_empty:
            out.print(f"[bold yellow]{escape(verdict.summary)}[/]")
        else:
            out.print(f"{mark}: {verdict.matched} of {verdict.total} exchanges happened again")
            out.print(f"recorded {verdict.recorded}\nreplayed {verdict.replayed}")
        for line in verdict.notes():
            out.print(escape(line))
        for problem in (verdict.divergence, verdict.error):
            if problem is not None:
                out.print(escape(problem))
    raise typer.Exit(0 if verdict.ok else NOTHING if is_vacuous(verdict) else 1)


@commands.command()
@options.take(*edits.NAMES, *options.OF_TAILS)
def fork(
    run: Run,
    at: Annotated[int, typer.Option(help="The exchange to answer otherwise.")],
    command: Command = None,
    text: Annotated[str | None, typer.Option(help="Answer with this text, in the vendor's form.")] = None,
    body: Annotated[Path | None, typer.Option(help="Answer with this file as the body.")] = None,
    tool: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="NAME ARGUMENTS", help="Call this tool instead, with arguments as JSON."),
    ] = None,
    editor: Annotated[
        bool, typer.Option("--editor", help="Edit what the answer says and calls, in $VISUAL or $EDITOR.")
    ] = False,
    name: Annotated[str, typer.Option(help="What to call the branch.")] = "",
    workspace: PutBack = False,
    store: Store = RUNS,
    json_: Json = False,
    *,
    chosen: dict[str, Any],
) -> None:
    """Run a recorded script again with one answer changed, live from there. Without an answer, ask anew."""
    tape = load_tape(run, store)
    program = find_program(tape, command or [])
    given = read_answer(tape, at, text=text, body=body, tool=tool, editor=editor)
    if given is None:
        err.print("nothing was changed, so nothing was run")
        if json_:
            print_json(None)
        return
    print_unrecorded(tape)
    put_folder_back(tape, asked=workspace)
    session = api.fork(
        tape, at, given.answer, store=store, name=name, desc=given.desc, scope="process", **chosen
    )
    perform(session, program, json_=json_)


@commands.command()
@options.take(*options.OF_TAILS)
def resume(
    run: Run,
    command: Command = None,
    workspace: PutBack = False,
    store: Store = RUNS,
    json_: Json = False,
    *,
    chosen: dict[str, Any],
) -> None:
    """Run an interrupted script to its end: what was recorded costs nothing.

    `last` is the newest run; if that is itself a resumed run which got less far than the one it followed,
    it is that one.
    """
    tape = load_tape(run, store, furthest=True)
    program = find_program(tape, command or [])
    print_unrecorded(tape)
    put_folder_back(tape, asked=workspace)
    session = api.resume(tape, store, scope="process", **chosen)
    perform(session, program, json_=json_)


@commands.command(context_settings=PASSING)
@options.take("allow", "passthrough", "max_body", "strict", "processes", "order", "wrap")
def calibrate(
    context: typer.Context,
    script: Annotated[
        list[str], typer.Argument(metavar="SCRIPT ARGS... | -m MODULE ARGS... | --gateway -- COMMAND ARGS...")
    ],
    gateway: Gateway = False,
    json_: Json = False,
    *,
    chosen: dict[str, Any],
) -> None:
    """Run a script for real, and again on its recording: what varies by itself, and what would help."""
    program = _read_program([*script, *context.args], chosen, gateway=gateway)

    def agent(run: Session) -> None:
        with divert_prints(json_=True):
            program(run)

    found = calibrated(agent, scope="process", **chosen)
    if json_:
        print_json(attrs.asdict(found, value_serializer=_list_set) | {"advice": found.advice})
    else:
        print_plain(str(found))
    raise typer.Exit(0 if found.ok else 1)


def _read_program(
    words: list[str], chosen: dict[str, Any], *, gateway: bool, workspace: bool = False, tls: bool = False
) -> Program | CommandAgent:
    """The script that `words` are, or for the gateway the command; `chosen` gets what it needs of options.

    Raises:
        ValueError: there are no words.
        FileNotFoundError: there is no such script or command.
    """
    if (workspace or tls) and not gateway:
        raise ValueError("--workspace and --tls are for commands: say --gateway, too")
    if gateway:
        command = attrs.evolve(CommandAgent.parse(words, os.environ), keeps_folder=workspace, reads_tls=tls)
        command.check()
        chosen.setdefault("order", "answers")
        chosen.setdefault("ignore", find_known(words).ignore)
        return command
    program = Program.parse(words)
    program.check()
    chosen["wrap"] = read_wrap(chosen.get("wrap"), program)
    return program


def _list_set(_: object, __: object, value: Any) -> Any:
    """JSON has no sets."""
    return sorted(value) if isinstance(value, frozenset) else value


def is_vacuous(verdict: Verdict) -> bool:
    """True where nothing speaks against a run, and it holds nothing that could be vouched for."""
    return verdict.is_empty and verdict.divergence is None and verdict.error is None and not verdict.ok
