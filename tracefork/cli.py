"""The command line: parse and call, print. Needs `tracefork[cli]`.

Exit codes: 0 fine, 1 the answer is no (a verdict that is not ok, two tapes that
part, damage), 2 wrong usage or an error that the message explains.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer
from rich.console import Console

from . import __version__, runs
from .core.diff import diff as parting
from .core.tape import Tape
from .core.values import Exchange, Response
from .drive import verify as verified
from .errors import StoreError, TraceforkError
from .files import load
from .program import Program
from .progress import following
from .providers import route
from .redact import redactor
from .report import plain
from .session import Session
from .store import RunInfo, TapeStore

app = typer.Typer(
    help="Record, replay, fork and compare agent runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

Store = Annotated[str, typer.Option("--store", envvar="TRACEFORK_STORE", help="Where runs are kept.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run_id or its beginning, `last`, or a tape file.")]
Command = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- SCRIPT ARGS...]", help="What to run, after --; by default as recorded."),
]
RUNS = "runs.db"
PASSING = {"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}


def main() -> None:
    """Run the command line; what tracefork raises on purpose is printed, not traced."""
    try:
        app()
    except (TraceforkError, OSError, ValueError) as exc:
        if "--json" in sys.argv:
            _print_json({"error": {"type": type(exc).__name__, "message": str(exc)}})
        err.print(f"[bold red]error:[/] {_escaped(exc)}")
        sys.exit(2)


@app.callback(invoke_without_command=True)
def top(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        out.print(__version__)
        raise typer.Exit


@app.command()
def demo(
    store: Annotated[str, typer.Option("--store", help="Where its runs are kept.")] = "demo.db",
    json_: Json = False,
) -> None:
    """Show the whole product on a small agent, offline, in a few seconds."""
    from .demo.story import tell  # noqa: PLC0415  only the demo needs its agent

    run_ids = tell(store, (lambda _: None) if json_ else print)
    if json_:
        _print_json(dict(zip(("recorded", "branch", "resumed"), run_ids, strict=True)) | {"store": store})


@app.command(context_settings=PASSING)
def run(
    context: typer.Context,
    script: Annotated[list[str], typer.Argument(metavar="SCRIPT ARGS... | -m MODULE ARGS...")],
    store: Store = RUNS,
    run_id: Annotated[str | None, typer.Option(help="The run's name; by default a new one.")] = None,
    agent_name: Annotated[str, typer.Option("--agent", help="What to call the agent.")] = "",
    json_: Json = False,
) -> None:
    """Record any script or module, unmodified."""
    program = Program.parse([*script, *context.args])
    program.check()
    name = agent_name or Path(program.argv[0]).stem
    session = runs.record(store, run_id=run_id, agent_name=name, meta=program.meta(), scope="process")
    _run(session, program, json_=json_)


@app.command()
def ls(store: Store = RUNS, json_: Json = False) -> None:
    """List the runs of a store, newest first."""
    with _opened(store) as kept:
        infos = sorted(kept.runs(), key=lambda info: info.created_at, reverse=True)
    if json_:
        _print_json([_info(info) for info in infos])
        return
    if not infos:
        err.print(f"no runs in {_escaped(store)}")
        return
    titles = ["run", "agent", "created (UTC)", "exchanges", "ended", "from"]
    for line in plain.aligned([titles, *map(_line, infos)], right={3}):
        _plain(line)


@app.command()
def show(
    run: Run,
    step: Annotated[int | None, typer.Option(help="Show one exchange in full.")] = None,
    store: Store = RUNS,
    json_: Json = False,
) -> None:
    """Print a run, a line a step; or one step in full."""
    tape = _tape(run, store)
    if step is not None and not -len(tape) <= step < len(tape):
        raise ValueError(f"the run has {len(tape)} exchanges, there is no step {step}")
    if json_:
        _print_json(_exchange(tape, step) if step is not None else _whole(tape))
    elif step is not None:
        _plain(plain.step_in_full(tape, step))
    else:
        _plain(plain.heading(tape))
        for line in plain.lines(tape):
            _plain(line)


@app.command()
def verify(
    run: Run,
    command: Command = None,
    store: Store = RUNS,
    patience: Annotated[float | None, typer.Option(help="Seconds to wait for a recorded question.")] = None,
    json_: Json = False,
) -> None:
    """Replay a run with its script, offline, and say whether everything happened again."""
    tape = _tape(run, store)
    program = _program(tape, command or [])

    def agent(run: Session) -> None:
        with _quietly(json_), following(run, len(tape.steps), "verify"):
            program()

    verdict = verified(tape, agent, patience=patience, scope="process")
    if json_:
        said = attrs.asdict(verdict, recurse=False, filter=lambda a, _: a.name not in ("divergence", "error"))
        found = verdict.divergence
        said["divergence"] = found and {"step": found.step, "path": found.path, "message": str(found)}
        said["error"] = verdict.error and f"{type(verdict.error).__name__}: {verdict.error}"
        _print_json(said)
    else:
        mark = "[green]ok[/]" if verdict.ok else "[bold red]not ok[/]"
        out.print(f"{mark}: {verdict.matched} of {verdict.total} exchanges happened again")
        out.print(f"recorded {verdict.recorded}\nreplayed {verdict.replayed}")
        for problem in (verdict.divergence, verdict.error):
            if problem is not None:
                out.print(_escaped(problem))
    raise typer.Exit(0 if verdict.ok else 1)


@app.command()
def fork(
    run: Run,
    at: Annotated[int, typer.Option(help="The exchange to answer otherwise.")],
    command: Command = None,
    text: Annotated[str | None, typer.Option(help="Answer with this text, in the vendor's form.")] = None,
    body: Annotated[Path | None, typer.Option(help="Answer with this file as the body.")] = None,
    name: Annotated[str, typer.Option(help="What to call the branch.")] = "",
    store: Store = RUNS,
    json_: Json = False,
) -> None:
    """Run a recorded script again with one answer changed, live from there. Without an answer, ask anew."""
    if text is not None and body is not None:
        raise ValueError("give --text or --body, not both")
    tape = _tape(run, store)
    program = _program(tape, command or [])
    answer: Callable[[Exchange], Response] | None = None
    if text is not None:
        answer = route.Text(text)
    elif body is not None:
        data = body.read_bytes()
        answer = lambda exchange: exchange.response.with_body(data)  # noqa: E731
    desc = text or (f"body of {body}" if body else "asked anew")
    session = runs.fork(tape, at, answer, store=store, name=name, desc=desc, scope="process")
    _run(session, program, json_=json_)


@app.command()
def resume(
    run: Run,
    command: Command = None,
    on_doubt: Annotated[
        str, typer.Option(help="A tool that may have run before the crash: raise or rerun.")
    ] = "raise",
    store: Store = RUNS,
    json_: Json = False,
) -> None:
    """Run an interrupted script to its end: what was recorded costs nothing."""
    if on_doubt not in ("raise", "rerun"):
        raise ValueError(f"--on-doubt is raise or rerun, not {on_doubt!r}")
    tape = _tape(run, store)
    program = _program(tape, command or [])
    session = runs.resume(tape, store, on_doubt="rerun" if on_doubt == "rerun" else "raise", scope="process")
    _run(session, program, json_=json_)


@app.command()
def diff(left: Run, right: Run, store: Store = RUNS, json_: Json = False) -> None:
    """Say where two runs part. Exit code 1 if they do."""
    one, other = _tape(left, store), _tape(right, store)
    found = parting(one, other)
    if json_:
        _print_json(found and {"step": found.step, "path": found.path, **attrs.asdict(found.difference)})
    elif found is None:
        out.print(f"the same: {len(one)} exchanges, digest {one.digest()}")
    else:
        out.print(f"they part at step {found.step}, {_escaped(found.path)}")
        out.print(
            f"[red]- {_escaped(found.difference.recorded)}[/]\n[green]+ {_escaped(found.difference.asked)}[/]"
        )
    raise typer.Exit(0 if found is None else 1)


# -- below -------------------------------------------------------------------------


def _run(session: Session, program: Program, *, json_: bool) -> None:
    """Run `program` within `session`; say what came of it, and leave as the program did."""
    raised: BaseException | None = None
    try:
        with session, _quietly(json_):
            program()
    except TraceforkError:
        raise
    except (Exception, SystemExit, KeyboardInterrupt) as exc:  # noqa: BLE001  the program's own end
        raised = exc
    tape = session.tape
    if json_:
        _print_json(_whole(tape) | {"forwarded": session.forwarded})
    else:
        err.print(
            f"[dim]{len(tape)} exchanges in run[/] {_escaped(tape.run_id)}[dim], {_escaped(tape.outcome)}[/]"
        )
    if isinstance(raised, SystemExit):
        raise raised
    if raised is not None:  # as python itself would end
        traceback.print_exception(type(raised), raised, _theirs(raised))
        raise typer.Exit(130 if isinstance(raised, KeyboardInterrupt) else 1)


def _theirs(exc: BaseException) -> Any:
    """The traceback of `exc` from the script's own first frame on."""
    at = exc.__traceback__
    while at and at.tb_next and "runpy" not in at.tb_frame.f_code.co_filename:
        at = at.tb_next
    while at and at.tb_next and "runpy" in at.tb_frame.f_code.co_filename:
        at = at.tb_next
    return at or exc.__traceback__


@contextmanager
def _quietly(json_: bool) -> Iterator[None]:  # noqa: FBT001
    """With `--json`, what the script prints goes to stderr."""
    before = sys.stdout
    sys.stdout = sys.stderr if json_ else before
    try:
        yield
    finally:
        sys.stdout = before


@contextmanager
def _opened(where: str) -> Iterator[TapeStore]:
    if not Path(where).exists():
        raise StoreError(f"there is no store at {where}; name one with --store or TRACEFORK_STORE")
    with TapeStore.open(where) as store:
        yield store


def _tape(name: str, where: str) -> Tape:
    if not Path(where).exists() and Path(name).is_file():
        return load(name)
    with _opened(where) as store:
        if name == "last":
            infos = sorted(store.runs(), key=lambda info: info.created_at)
            if not infos:
                raise StoreError(f"no runs in {where}")
            return store.load(infos[-1].run_id)
        if Path(name).is_file() and name not in store:
            return load(name)
        return store.load(store.resolve(name))


def _program(tape: Tape, words: list[str]) -> Program:
    restored = {key: redactor(os.environ).restored(value, os.environ) for key, value in tape.meta.items()}
    program = Program.parse(words) if words else Program.of(restored)
    if program is None:
        raise ValueError("this run was not made by `tracefork run`: say which script to run, after --")
    program.check()
    return program


def _info(info: RunInfo) -> dict[str, Any]:
    return {
        "run_id": info.run_id,
        "agent_name": info.agent_name,
        "created_at": info.created_at,
        "exchanges": info.exchanges,
        "outcome": info.outcome and attrs.asdict(info.outcome),
        "parent": info.parent and attrs.asdict(info.parent),
        "digest": info.digest,
        "sealed": info.sealed,
        "damage": info.damage,
    }


def _line(info: RunInfo) -> list[str]:
    lineage = f"{info.parent.parent} at {info.parent.step} {info.parent.name}".strip() if info.parent else ""
    count = "" if info.exchanges is None else str(info.exchanges)
    ended = info.damage or (str(info.outcome) if info.outcome else "still running, or cut short")
    return [info.run_id, info.agent_name, _time(info.created_at), count, ended, lineage]


def _whole(tape: Tape) -> dict[str, Any]:
    return {
        "run_id": tape.run_id,
        "agent_name": tape.agent_name,
        "created_at": tape.created_at,
        "digest": tape.digest(),
        "outcome": attrs.asdict(tape.outcome),
        "parent": tape.parent and attrs.asdict(tape.parent),
        "meta": dict(tape.meta),
        "exchanges": len(tape),
        "steps": [attrs.asdict(row) for row in plain.rows(tape)],
    }


def _exchange(tape: Tape, index: int) -> dict[str, Any]:
    exchange = tape[index]
    said: dict[str, Any] = attrs.asdict(exchange, value_serializer=_plain_value)
    return {"step": index, **said}


def _plain_value(_: object, __: object, value: object) -> object:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def _plain(text: str) -> None:
    out.print(text, markup=False)


def _escaped(value: object) -> str:
    return str(value).replace("[", "\\[")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S") if seconds else ""
