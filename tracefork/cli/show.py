"""Commands that read one run or two: show, diff."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import attrs
import typer

from ..attribution.findings import saved
from ..core.diff import Parting
from ..core.tape import Tape
from ..core.values import Response
from ..report.diff.tapes import diff as parting
from ..report.model.course import Course, course_of, tell
from ..report.text import step_table
from ..report.text.transcript import transcript
from .app import RUNS, Json, Run, Store, escape, out, plural, print_json, print_plain
from .tapes import load_parent, load_tape, make_summary

commands = typer.Typer()


@commands.command()
def show(
    run: Run,
    step: Annotated[
        int | None, typer.Option(help="Show one exchange in full, with its headers and bodies.")
    ] = None,
    wire: Annotated[bool, typer.Option("--wire", help="A line a step: what was asked on the wire.")] = False,
    full: Annotated[bool, typer.Option("--full", help="All of each text, however long.")] = False,
    store: Store = RUNS,
    json_: Json = False,
) -> None:
    """Print a run as a conversation: what each step added, what came, which tools were called.

    `--wire` prints a line a step instead, `--step` one step in full.
    """
    tape = load_tape(run, store)
    if step is not None and not -len(tape) <= step < len(tape):
        raise ValueError(f"the run has {len(tape)} exchanges, there is no step {step}")
    parent = load_parent(tape, store) if step is None else None
    if json_:
        print_json(_make_exchange(tape, step) if step is not None else make_summary(tape, parent))
    elif step is not None:
        print_plain(step_table.step_in_full(tape, step))
    else:
        print_plain(step_table.heading(tape))
        for line in _tell_blame(tape, store):
            print_plain(line)
        for line in step_table.notes(tape, parent):
            print_plain(line)
        for line in step_table.lines(tape, parent) if wire else transcript(tape, parent=parent, whole=full):
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
    one, other = load_tape(left, store), load_tape(right, store)
    found, course = parting(one, other, exact=every), _relate(one, other)
    if json_:
        places = [_make_place(place) for place in found.every] if found else []
        savings = {"savings": attrs.asdict(course.savings)} if course and course.savings else {}
        print_json({**places[0], "differences": places, **savings} if places else None)
    elif found is None:
        out.print(f"the same: {plural(len(one), 'exchange')}, digest {one.digest()}")
        if not every and one.digest() != other.digest():
            out.print(f"[dim]but for ids, times and the like: digest {other.digest()}; --all lists them[/]")
    else:
        for place in found.every:
            difference = place.difference
            where = f"step {place.step}, {escape(difference.path)}: "
            out.print(f"{where}[red]{escape(difference.recorded)}[/] | [green]{escape(difference.asked)}[/]")
    if course is not None and not json_:
        out.print(f"[dim]{escape(_summarize(course))}[/]")
    raise typer.Exit(0 if found is None else 1)


# -- below -------------------------------------------------------------------------


def _tell_blame(tape: Tape, store: str) -> Iterator[str]:
    """What a saved blame of this very run says: how it was judged, and what decided it."""
    report = saved.find(store, tape.run_id)
    if report is not None and report.digest == tape.digest():
        word = "a success" if report.recorded else "failed"
        yield f"{word}, by the oracle that judged it for the blame: {report.summary}"


def _relate(one: Tape, other: Tape) -> Course | None:
    """How one of two runs went on from the other, if one did and the tape tells."""
    courses = (course_of(other, one), course_of(one, other))
    return next((course for course in courses if course and course.savings), None)


def _summarize(course: Course) -> str:
    """What was served, what was not, and what nobody asked any more."""
    chosen = [fact for fact in tell(course) if fact.name in ("answers", "tool calls", "no longer asked")]
    return f"{course.title}: " + "; ".join(f"{fact.name}: {fact.text}" for fact in chosen)


def _make_place(found: Parting) -> dict[str, Any]:
    return {"step": found.step, "path": found.path, **attrs.asdict(found.difference)}


def _make_exchange(tape: Tape, index: int) -> dict[str, Any]:
    exchange = tape.masked[index]
    asked, answer = exchange.request, exchange.answer
    fields: dict[str, Any] = attrs.asdict(exchange, value_serializer=_plain_value)
    fields["request"] = _make_message(fields["request"], "_body", "body", asked.body)
    if isinstance(answer, Response):
        fields["answer"] = _make_message(fields["answer"], "_chunks", "chunks", answer.chunks)
    return {"step": index, **fields}


def _make_message(fields: dict[str, Any], kept: str, name: str, value: object) -> dict[str, Any]:
    """The fields of a request or response, its body as it is and not as it is kept."""
    shown = [*map(_decode, value)] if isinstance(value, tuple) else _decode(value)
    return {name if key == kept else key: shown if key == kept else v for key, v in fields.items()}


def _plain_value(_: object, __: object, value: object) -> object:
    return _decode(value)


def _decode(value: object) -> object:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
