"""The card that a page opens with, as the template takes it: how the run ended, why, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from attrs import frozen

from ..figures import dollars, duration, plural, short, size
from ..model.costs import Share, ToolShare, share_by, share_by_tool
from ..model.ending import LAST
from ..model.problems import Problem
from ..model.rows import lane_name, show_lane
from ..model.titles import line
from ..model.view import View

MOST_TEXT = 6_000
"""Characters of a task, an answer or an error that the card shows."""

TITLE = 200
"""Characters of the line at its top."""

MOST_PROBLEMS = 30
"""Problems that the card lists."""

KINDS: Final = {"failed": "bad", "finished": "good", "cut short": "warn"}
"""The colour of each ending."""


@frozen
class Spot:
    """A line that leads to a step: its number, what it says, in which lane, and what more there is to say."""

    step: int
    title: str
    text: str
    lane: str = ""
    note: str = ""


@frozen
class Table:
    """What models, strands or tools had of the run: the `heads` of columns, and rows of texts as long."""

    name: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@frozen
class EndingCard:
    """The card; texts are cut to `MOST_TEXT` characters, and `more` says how many problems are not listed.

    `counted` says how many there are, and how many of them were mended by asking again.
    """

    word: str
    kind: str
    title: str
    why: str
    error: str
    traceback: str
    task: str
    answer: str
    answered: str
    problems: tuple[Spot, ...]
    more: int
    counted: str
    last: tuple[Spot, ...]
    decided: tuple[Spot, ...]
    tables: tuple[Table, ...]


def make_card(view: View) -> EndingCard:
    """Return the card of a run."""
    ending = view.ending
    error = ending.error
    first = error.partition("\n")[0] or ending.why
    problems = sorted(ending.problems, key=lambda one: (one.recovered is not None, one.step))
    finished = ending.word == "finished"
    return EndingCard(
        ending.word,
        KINDS[ending.word] if not (finished and ending.open) else "warn",
        line(f"{ending.word}{': ' if first else ''}{first}", TITLE),
        ending.why if error or len(ending.why) > TITLE // 2 else "",
        cut(error) if error != first or len(error) > TITLE // 2 else "",
        ending.traceback,
        cut(ending.task),
        cut(ending.answer),
        "final answer" if finished else "last words",
        tuple(_point_at(view, problem) for problem in problems[:MOST_PROBLEMS]),
        max(0, len(problems) - MOST_PROBLEMS),
        _count_problems(len(problems), len(ending.open)),
        tuple(_list_last(view)),
        tuple(_list_decided(view)),
        tuple(table for table in _list_tables(view) if table.rows),
    )


def cut(text: str) -> str:
    """Return `text`, and of a long one the beginning."""
    if len(text) <= MOST_TEXT:
        return text
    return f"{text[:MOST_TEXT]}…\n({plural(len(text) - MOST_TEXT, 'more character')} in the step)"


def count_money(cost: Decimal, priced: int, calls: int) -> str:
    """`$0.42`, `$0.42 for 7 of 9`, or `not known`: a sum of costs, of how many calls they are known."""
    if not priced:
        return "not known" if calls else ""
    return dollars(cost) + ("" if priced == calls else f" for {priced} of {calls}")


# -- below ---------------------------------------------------------------------------


def _count_problems(every: int, left: int) -> str:
    if every == left:
        return plural(every, "error")
    mended = "mended by asking again"
    return f"{plural(every, 'error')}, {mended if not left else f'{every - left} of them {mended}'}"


def _point_at(view: View, problem: Problem) -> Spot:
    note = "" if problem.recovered is None else f"asked again, and answered in step {problem.recovered}"
    return Spot(problem.step, problem.kind, problem.what, show_lane(view, problem.lane), note)


def _list_last(view: View) -> Iterator[Spot]:
    for step in view.steps[-LAST:]:
        yield Spot(step.index, step.title.title, step.title.preview, show_lane(view, step.lane))


def _list_decided(view: View) -> Iterator[Spot]:
    for mark in view.blame.marks if view.blame else ():
        if mark.decided and 0 <= mark.step < len(view.steps):
            step = view.steps[mark.step]
            yield Spot(
                mark.step, "decided by blame", mark.part or step.title.title, show_lane(view, step.lane)
            )


def _list_tables(view: View) -> Iterator[Table]:
    models = share_by(view.steps, lambda step: step.model, view.problems)
    lanes = share_by(view.steps, lambda step: lane_name(step.lane), view.problems)
    tools = share_by_tool(view.steps, view.asides, view.pieces)
    heads = ("calls", "tokens in", "cached", "out", "cost", "cache saved", "time", "errors")
    yield _make_table("model", heads, map(_spell_share, models))
    yield _make_table("strand", heads, map(_spell_share, lanes if len(lanes) > 1 else ()))
    yield _make_table(
        "tool", ("calls", "results", "tokens of them", "time", "errors"), map(_spell_tool, tools)
    )


def _make_table(name: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
    """Return the table of `rows`, without the columns in which nothing stands."""
    listed = list(rows)
    used = [n for n in range(len(heads)) if any(row[n + 1] for row in listed)]
    cells = tuple((row[0], *(row[n + 1] for n in used)) for row in listed)
    return Table(name, tuple(heads[n] for n in used), cells)


def _spell_share(share: Share) -> tuple[str, ...]:
    return (
        line(share.name, 60) or "not said",
        f"{share.calls:,}",
        short(share.input),
        short(share.cached) if share.cached else "",
        short(share.output),
        count_money(share.cost, share.priced, share.answered),
        _spell_saving(share.saved),
        duration(share.seconds),
        f"{share.errors:,}" if share.errors else "",
    )


def _spell_saving(saved: Decimal) -> str:
    return f"-{dollars(-saved)}" if saved < 0 else dollars(saved) if saved else ""


def _spell_tool(share: ToolShare) -> tuple[str, ...]:
    return (
        line(share.name, 60) or "no name",
        f"{share.calls:,}",
        size(share.size) if share.size else "",
        "" if share.tokens is None else short(share.tokens),
        "" if share.seconds is None else duration(share.seconds),
        f"{share.errors:,}" if share.errors else "",
    )
