"""The command that says whether a change is better: compare."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from ..attribution.forks.budget import Budget
from ..core.tape import Tape
from ..experiments.compare import compare as measured
from ..experiments.evidence import Verdict
from ..experiments.results import Comparison
from ..host import clocks
from ..providers import prices as pricing
from ..runs.command import CommandAgent
from ..runs.program import Program
from ..storage.catalogue.filters import make_filters
from . import options
from .app import NOTHING, RUNS, Json, Store, err, escape, print_json, print_plain
from .blame import Tools
from .edits import NAMES
from .ls import find
from .measuring import make_oracle, open_executor, silence
from .progress import watch_forks
from .scripts import find_program
from .stores import open_store
from .tapes import load_tape

commands = typer.Typer()

_WORSE = 1
_PYTHONS = frozenset({"python", "python3", Path(sys.executable).name})


@commands.command()
@options.take(*NAMES)
def compare(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN...]", help="The runs to try it on.")
    ] = None,
    after: Annotated[
        str,
        typer.Option(help="The changed program, as 'python new_agent.py'; or options that edit requests."),
    ] = "",
    before: Annotated[
        str,
        typer.Option(help="The program as it is, where the runs were not made by `tracefork run`."),
    ] = "",
    failed: Annotated[bool, typer.Option("--failed", help="On all runs of the store that failed.")] = False,
    grep: Annotated[str | None, typer.Option(metavar="WORDS", help="On runs with these words.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="On runs since then: 2h, 3d.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most runs of the store.")] = 100,
    oracle: Annotated[str, typer.Option(help="package.module:function, as for blame.")] = "",
    success: Annotated[str, typer.Option(help="A pattern that the final text of a good run has.")] = "",
    failure: Annotated[str, typer.Option(help="A pattern that the final text of a bad run has.")] = "",
    json_path: Annotated[str, typer.Option(help='A path into the final text: $.state="booked".')] = "",
    check: Annotated[str, typer.Option(help="A shell command that exits with 0 after a good run.")] = "",
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="A good run is one whose program exits with 0.")
    ] = False,
    margin: Annotated[float, typer.Option(help="A difference below this is the same.")] = 0.1,
    alpha: Annotated[float, typer.Option(help="How often the verdict may be wrong.")] = 0.05,
    tools: Annotated[Tools, typer.Option(help="What tools do in live tails.")] = Tools.RECORDED,
    tools_run_for_real: Annotated[
        bool, typer.Option("--tools-run-for-real", help="Go on though tools run that are not recorded.")
    ] = False,
    forks: Annotated[int, typer.Option(min=1, help="The most runs, two a pair.")] = 200,
    usd: Annotated[float | None, typer.Option(help="The most that they may cost.")] = None,
    tokens: Annotated[int | None, typer.Option(help="The most tokens of theirs.")] = None,
    seconds: Annotated[float | None, typer.Option(help="The most wall time.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that run pairs side by side.")] = 1,
    seed: int = 0,
    prices: Annotated[Path | None, typer.Option(help="A table of prices of your own.")] = None,
    summary: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write Markdown for a pull request.")
    ] = None,
    ledger: Annotated[Path, typer.Option(help="Keeps what every pair came to.")] = Path("compare.jsonl"),
    continue_: Annotated[bool, typer.Option("--continue", help="Go on with an interrupted one.")] = False,
    store: Store = RUNS,
    json_: Json = False,
    *,
    chosen: dict[str, Any],
) -> None:
    """Say whether a change is better, worse or the same on recorded runs, by running both in pairs.

    Exit code 0 better or the same, 1 worse, 3 not decided; 2 is wrong usage, as everywhere.
    """
    asked = {"failed": failed, "grep": grep, "since": since}
    tapes = _load(store, runs or [], {name: value for name, value in asked.items() if value}, limit)
    program = find_program(tapes[0], _split(before), option="with --before 'python agent.py'")
    edits = chosen.get("edits")
    if bool(edits) == bool(after):
        raise ValueError("say what changes: --after 'python new_agent.py', or edits such as --model NAME")
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  where --oracle is looked for
    judge = make_oracle(oracle, success, failure, json_path, check, exits=exit_code)
    _check_ledger(ledger, is_going_on=continue_)
    given: dict[str, Any] = {"tools": str(tools), "seed": seed, "scope": "process"}
    if prices:
        given["prices"] = pricing.load(prices)
    try:
        with silence(), open_executor(workers) as pool, watch_forks(forks) as watch:
            found = measured(
                tapes,
                program,
                edits or _read_program(program, after),
                judge,
                budget=Budget(usd=usd, forks=forks, tokens=tokens, seconds=seconds),
                store=store,
                ledger=ledger,
                executor=pool,
                watch=watch,
                alpha=alpha,
                margin=margin,
                selection=_name_selection(failed=failed, grep=grep, since=since),
                tools_run_for_real=tools_run_for_real,
                **given,
            )
    except KeyboardInterrupt:
        err.print(f"[bold]interrupted:[/] what was paid for is in {escape(ledger)}; add --continue to go on")
        raise typer.Exit(130) from None
    if summary is not None:
        summary.write_text(found.markdown(), "utf-8")
    _print(found, json_=json_)
    codes = {Verdict.WORSE: _WORSE, Verdict.NOT_DECIDED: NOTHING}
    raise typer.Exit(codes.get(found.verdict, 0))


# -- below -------------------------------------------------------------------------


def _load(store: str, names: list[str], asked: dict[str, Any], limit: int) -> list[Tape]:
    """The tapes that are named, or that a search finds.

    Raises:
        ValueError: both are given, or neither, or no run fits.
    """
    if bool(names) == bool(asked):
        raise ValueError("say on which runs: their names, or --failed, --grep WORDS or --since TIME")
    if names:
        return [load_tape(name, store) for name in names]
    with open_store(store) as kept:
        rows = find(kept, make_filters(now=clocks.now(), limit=limit, **asked)).runs
        tapes = [kept.load(row.run_id) for row in rows]
    if not tapes:
        raise ValueError(f"no run in {store} fits: `tracefork ls` lists them")
    return tapes


def _read_program(before: Program | CommandAgent, line: str) -> Program | CommandAgent:
    """The changed program of the same kind as the one before; `python` in front of a script is left out.

    Raises:
        ValueError: there is no word in `line`.
        FileNotFoundError: there is no such script.
    """
    if isinstance(before, Program):
        program: Program | CommandAgent = Program.parse(_split(line))
    else:
        program = attrs.evolve(before, argv=tuple(shlex.split(line)))
    program.check()
    return program


def _split(line: str) -> list[str]:
    """The words of a command line, without a `python` in front of a script."""
    words = shlex.split(line)
    return words[1:] if words and words[0] in _PYTHONS else words


def _check_ledger(path: Path, *, is_going_on: bool) -> None:
    if path.exists() and not is_going_on:
        raise ValueError(f"{path} is there: --continue goes on with it, or remove it to begin anew")


def _name_selection(*, failed: bool, grep: str | None, since: str | None) -> str:
    given = ["--failed"] * failed + [f"--grep {grep!r}"] * bool(grep) + [f"--since {since}"] * bool(since)
    return " ".join(given)


def _print(found: Comparison, *, json_: bool) -> None:
    if json_:
        print_json(
            {
                "verdict": found.verdict,
                "difference": found.difference,
                "interval": attrs.astuple(found.interval),
                "pairs": found.evidence.pairs,
                "runs": found.runs,
                "touched": found.touched,
                "tapes": [attrs.asdict(tape) for tape in found.tapes],
                "spent": attrs.asdict(found.spent),
                "summary": found.summary(),
            }
        )
        return
    print_plain(found.summary())
    for name, usage in (("before", found.before), ("after", found.after)):
        usd = "" if usage.usd is None else f", ${usage.usd:.4f}"
        print_plain(f"{name}: {usage.runs} runs, each {usage.tokens:,.0f} tokens{usd}")
