"""Commands that measure: blame, and validate, which measures blame."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from attrs import asdict

from ..attribution.findings import saved
from ..attribution.findings.findings import BlameReport
from ..attribution.findings.tables import spending, summary, table
from ..attribution.forks.budget import Budget
from ..attribution.study.blame import blame as measured
from ..attribution.study.outlook import Outlook, lines, outlook
from ..core.visible import align
from ..errors import StoreError
from ..providers import prices as pricing
from ..providers.unrecorded import describe_unrecorded, find_unrecorded
from ..storage.reports import locate
from ..validation.gates import Measure, RowResult
from .app import RUNS, Json, Run, Store, err, escape, print_json, print_plain
from .measuring import make_oracle, open_executor, silence
from .options import Doubt
from .progress import track, watch_forks
from .scripts import Command, find_program
from .stores import open_store
from .tapes import load_tape

commands = typer.Typer()

if TYPE_CHECKING:
    from ..validation.trial import Trial


class How(StrEnum):
    """The methods of `blame`."""

    VALUE = "value"
    FLIP = "flip"
    DIRECT = "direct"


class Tools(StrEnum):
    """What tools do in the live tail of a fork."""

    LIVE = "live"
    RECORDED = "recorded"
    REFUSE = "refuse"


class Repeats(StrEnum):
    """What equal answers to equal questions are taken for."""

    AUDIT = "audit"
    DRAWN = "drawn"


@commands.command()
def blame(
    run: Run,
    command: Command = None,
    agent: Annotated[str, typer.Option(help="package.module:function, instead of a script.")] = "",
    oracle: Annotated[
        str,
        typer.Option(
            help="package.module:function, from the result to True, False, None or a score within [0, 1]."
        ),
    ] = "",
    success: Annotated[str, typer.Option(help="A pattern that the final text of a good run has.")] = "",
    failure: Annotated[str, typer.Option(help="A pattern that the final text of a bad run has.")] = "",
    json_path: Annotated[
        str, typer.Option(help='A path into the final text: $.state="booked", or $.ok.')
    ] = "",
    check: Annotated[
        str, typer.Option(help="A shell command that exits with 0 after a good run, such as 'npm test'.")
    ] = "",
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="A good run is one whose script or command exits with 0.")
    ] = False,
    method: How = How.VALUE,
    find_all: Annotated[bool, typer.Option("--all", help="Go on after the first that is decided.")] = False,
    tools: Annotated[Tools, typer.Option(help="What tools do in a fork's live tail.")] = Tools.RECORDED,
    tools_run_for_real: Annotated[
        bool,
        typer.Option("--tools-run-for-real", help="Make forks though they run tools that are not recorded."),
    ] = False,
    on_doubt: Annotated[
        Doubt | None, typer.Option("--on-doubt", help="A tool that may have run before the crash.")
    ] = None,
    forks: Annotated[int, typer.Option(min=1, help="The most forks.")] = 200,
    usd: Annotated[float | None, typer.Option(help="The most that they may cost.")] = None,
    tokens: Annotated[int | None, typer.Option(help="The most tokens of theirs.")] = None,
    seconds: Annotated[float | None, typer.Option(help="The most wall time.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that make forks side by side.")] = 1,
    seed: int = 0,
    repeats: Annotated[
        Repeats, typer.Option(help="Equal answers: look out for a cache, or take each as drawn.")
    ] = Repeats.AUDIT,
    prices: Annotated[Path | None, typer.Option(help="A table of prices of your own.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would take, and make no fork.")
    ] = False,
    continue_: Annotated[
        bool, typer.Option("--continue", help="Go on with a study that was interrupted.")
    ] = False,
    ledger: Annotated[Path | None, typer.Option(help="Its file; by default beside the store.")] = None,
    store: Store = RUNS,
    json_: Json = False,
) -> None:
    """Measure which step of a run made its outcome, by running it again from many places."""
    with open_store(store) as kept:
        tape = load_tape(run, store)
        if tape.run_id not in kept:
            raise StoreError(f"{run} is not in {store}: import it first, since forks are kept beside it")
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  where --agent and --oracle are looked for, as by `python -m`
    judge = make_oracle(oracle, success, failure, json_path, check, exits=exit_code)
    budget = Budget(usd=usd, forks=forks, tokens=tokens, seconds=seconds)
    who: Any = agent or find_program(tape, command or [])
    design: dict[str, Any] = {
        "method": str(method),
        "tools": str(tools),
        "seed": seed,
        "repeats": str(repeats),
        "find": "all" if find_all else "first",
        "tools_run_for_real": tools_run_for_real,
    }
    if check or exit_code:
        design["on_raise"] = "failure"
    if on_doubt:
        design["on_doubt"] = on_doubt.value
    if prices:
        design["prices"] = pricing.load(prices)
    if not agent:
        design["scope"] = "process"
    if dry_run:
        _print_outlook(outlook(tape, budget, **design), json_=json_)
        return
    file = ledger or locate(store, tape.run_id)[0]
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if file.exists() and not continue_:
        raise StoreError(f"{file} is there: --continue goes on with that study, or remove it to begin anew")
    if not json_:
        err.print(f"[dim]tools of a fork: {tools}; its prefix costs nothing. Ledger:[/] {escape(file)}")
        if names := find_unrecorded(tape):
            err.print(escape(describe_unrecorded(names, by_command=bool(tape.command))))
    try:
        with silence(), open_executor(workers) as pool, watch_forks(forks) as watch:
            report = measured(
                tape,
                who,
                judge,
                budget=budget,
                store=store,
                ledger=file,
                executor=pool,
                watch=watch,
                **design,
            )
    except KeyboardInterrupt:
        err.print(f"[bold]interrupted:[/] what was paid for is in {escape(file)}; add --continue to go on")
        raise typer.Exit(130) from None
    saved.keep(report, store, tape.run_id)
    _print_report(report, json_=json_)
    if not json_ and report.named:
        err.print(
            f"[dim]try a cure:[/] tracefork compare {escape(tape.run_id)} --model NAME, or --after PROGRAM"
        )


@commands.command()
def validate(
    full: Annotated[
        bool, typer.Option("--full", help="500 repetitions of each row: about half an hour.")
    ] = False,
    repetitions: Annotated[int | None, typer.Option(min=1, help="Of each row; by default 20.")] = None,
    seed: int = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; by default one a core.")] = None,
    json_: Json = False,
) -> None:
    """Try blame on planted causes, offline: the planner often, and real agents. Exit code 1 if it fails."""
    from ..validation import trial  # noqa: PLC0415  only with its agents

    often = repetitions or (500 if full else 20)
    rows = list(track(trial.try_planner(often, seed, workers), "rows"))
    trials = list(track(trial.run_trials(seed, workers), "trials"))
    verdicts = [verdict for row in rows for verdict in row.verdicts()]
    failed = [v for v in verdicts if v.refuted] + [t for t in trials if t.false or not t.right]
    if json_:
        print_json({"rows": [_make_row(row) for row in rows], "trials": [asdict(trial) for trial in trials]})
    else:
        _print_validation(rows, trials, often)
    raise typer.Exit(1 if failed else 0)


# -- below -------------------------------------------------------------------------


def _print_report(report: BlameReport, *, json_: bool) -> None:
    if json_:
        print_json(json.loads(saved.dumps(report)))
        return
    print_plain(summary(report))
    print_plain("")
    for line in table(report):
        print_plain(line)
    print_plain("")
    print_plain(spending(report))
    for note, count in report.notes[:3]:
        print_plain(f"{count} x {note}")


def _print_outlook(found: Outlook, *, json_: bool) -> None:
    if json_:
        print_json(asdict(found))
        return
    for line in lines(found):
        print_plain(line)


def _print_validation(rows: Sequence[RowResult], trials: Sequence[Trial], often: int) -> None:
    titles = ["planted", "named", "guessed", "false", "held", "right", "live calls", "uniform", "goals"]
    print_plain(
        f"The planner alone, {often} times a row. Live calls are shares of those of ten forks a step; "
        f"a goal is shown if so many repetitions prove it at 95%."
    )
    for line in align(
        [titles, *(_list_cells(row) for row in sorted(rows, key=lambda r: r.row.name))], right=set()
    ):
        print_plain(line)
    titles = ["planted in a real agent", "verdict", "named", "culprit", "forks", "live calls", ""]
    print_plain("")
    for line in align([titles, *map(_list_trial_cells, sorted(trials, key=lambda t: t.name))], right={4, 5}):
        print_plain(line)


def _list_cells(result: RowResult) -> list[str]:
    shown = (Measure.NAMED, Measure.GUESSED, Measure.FALSE, Measure.COVERED, Measure.RIGHT, Measure.LIVE)
    means = [f"{result.count(measure).mean:.1%}" for measure in (*shown, Measure.UNIFORM)]
    verdicts = result.verdicts()
    missed = [v.goal.measure.name.lower() for v in verdicts if v.refuted]
    reached = f"none missed, {sum(v.shown for v in verdicts)} of {len(verdicts)} shown"
    goals = f"missed: {', '.join(missed)}" if missed else reached
    return [result.row.name, *means, goals]


def _list_trial_cells(trial: Trial) -> list[str]:
    steps = [" ".join(map(str, of)) or "-" for of in (trial.named, trial.culprits)]
    word = "FALSE" if trial.false else "right" if trial.right else "WRONG"
    return [trial.name, str(trial.verdict), *steps, str(trial.forks), str(trial.calls), word]


def _make_row(result: RowResult) -> dict[str, object]:
    means = {count.measure.name.lower(): count.mean for count in result.counts}
    claims = [verdict.claim for verdict in result.verdicts()]
    return {"name": result.row.name, "repetitions": result.repetitions, **means, "claims": claims}
