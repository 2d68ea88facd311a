"""Commands that read: ls, show, diff."""

from __future__ import annotations

from typing import Annotated, Any

import attrs
import typer

from ..core.diff import Parting
from ..core.tape import Tape
from ..core.values import Response
from ..report.diff.tapes import diff as parting
from ..report.text import step_table
from .app import RUNS, Json, Run, Store, escaped, out, plural, print_json, print_plain
from .tapes import taped, whole

commands = typer.Typer()


@commands.command()
def show(
    run: Run,
    step: Annotated[int | None, typer.Option(help="Show one exchange in full.")] = None,
    store: Store = RUNS,
    json_: Json = False,
) -> None:
    """Print a run, a line a step; or one step in full."""
    tape = taped(run, store)
    if step is not None and not -len(tape) <= step < len(tape):
        raise ValueError(f"the run has {len(tape)} exchanges, there is no step {step}")
    if json_:
        print_json(_exchange(tape, step) if step is not None else whole(tape))
    elif step is not None:
        print_plain(step_table.step_in_full(tape, step))
    else:
        print_plain(step_table.heading(tape))
        for line in (*step_table.notes(tape), *step_table.lines(tape)):
            print_plain(line)


@commands.command()
def diff(
    left: Run,
    right: Run,
    every: Annotated[
        bool, typer.Option("--all", help="Ids, times, tokens, draws and headers too: to the letter.")
    ] = False,
    store: Store = RUNS,
    json_: Json = False,
) -> None:
    """Say where what was said in two runs is not the same, a line each. Exit code 1 if it is somewhere."""
    one, other = taped(left, store), taped(right, store)
    found = parting(one, other, exact=every)
    if json_:
        places = [_place(place) for place in found.every] if found else []
        print_json({**places[0], "differences": places} if places else None)
    elif found is None:
        out.print(f"the same: {plural(len(one), 'exchange')}, digest {one.digest()}")
        if not every and one.digest() != other.digest():
            out.print(f"[dim]but for ids, times and the like: digest {other.digest()}; --all lists them[/]")
    else:
        for place in found.every:
            said = place.difference
            where = f"step {place.step}, {escaped(said.path)}: "
            out.print(f"{where}[red]{escaped(said.recorded)}[/] | [green]{escaped(said.asked)}[/]")
    raise typer.Exit(0 if found is None else 1)


# -- below -------------------------------------------------------------------------


def _place(found: Parting) -> dict[str, Any]:
    return {"step": found.step, "path": found.path, **attrs.asdict(found.difference)}


def _exchange(tape: Tape, index: int) -> dict[str, Any]:
    exchange = tape.masked[index]
    asked, answer = exchange.request, exchange.answer
    said: dict[str, Any] = attrs.asdict(exchange, value_serializer=_plain_value)
    said["request"] = _message(said["request"], "_body", "body", asked.body)
    if isinstance(answer, Response):
        said["answer"] = _message(said["answer"], "_chunks", "chunks", answer.chunks)
    return {"step": index, **said}


def _message(fields: dict[str, Any], kept: str, name: str, value: object) -> dict[str, Any]:
    """The fields of a request or response, its body as it is and not as it is kept."""
    shown = [*map(_text, value)] if isinstance(value, tuple) else _text(value)
    return {name if key == kept else key: shown if key == kept else v for key, v in fields.items()}


def _plain_value(_: object, __: object, value: object) -> object:
    return _text(value)


def _text(value: object) -> object:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
