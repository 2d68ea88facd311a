"""The view of a run as text for a terminal. Control characters of what was recorded are gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...core.tape import Tape
from ...core.visible import align
from ...providers.prices import Prices
from ..model.blame import BlameLike
from ..model.course import Fact
from ..model.gather import view_of
from ..model.rows import StepRow, show_lane, view_lines
from ..model.titles import line
from ..model.verified import VerdictLike
from ..model.view import ANSWERED, Aside, View
from ..page import sidebar, step_list
from ..served import WORDS

_BAR = 20  # characters of a blame interval
PREVIEW = 60
FACT = 500  # characters of a line on where a run left another one


def text(
    tape: Tape,
    *,
    blame: BlameLike | None = None,
    branches: Iterable[object] = (),
    verified: VerdictLike | None = None,
    prices: Prices | None = None,
    parent: object | None = None,
    failure: str = "",
    beside: Iterable[object] = (),
) -> str:
    """Return the run as text, a line a step; arguments and errors are those of `html`."""
    view = view_of(
        tape,
        blame=blame,
        branches=branches,
        verified=verified,
        prices=prices,
        parent=parent,
        failure=failure,
        beside=beside,
    )
    return write_text(view)


def write_text(view: View) -> str:
    """Return a View as text, a line a step."""
    return (
        "\n".join([*_text_head(view), "", *_text_steps(view), *_text_blame(view), *_text_branches(view)])
        + "\n"
    )


# -- for a terminal -------------------------------------------------------------------


def _text_head(view: View) -> Iterator[str]:
    head = step_list.head(view)
    yield f"{head.name}   {line(view.run_id, 80)}".rstrip()
    yield ", ".join(f"{name} {long or value}" for name, value, long in head.facts)
    yield ", ".join(
        f"{pill} ({line(long)})" if long and long != pill else pill for _, pill, long in head.pills
    )
    if head.course:
        yield f"{head.course}:"
        yield from (f"  {_spell(fact)}" for fact in head.lines)


def _text_steps(view: View) -> Iterator[str]:
    table = [_text_line(view, row) for row in view_lines(view)]
    titles = ["step", "", "took", "tokens in", "blame", "answer", "strand", ""]
    if not view.steps:
        yield "No step was recorded."
    used = [n for n in range(len(titles)) if any(cells[n] for cells in table)]
    right = {place for place, n in enumerate(used) if titles[n] in ("step", "took", "tokens in", "blame")}
    if table:
        yield from align([[cells[n] for n in used] for cells in [titles, *table]], right=right)


def _text_line(view: View, row: StepRow | Aside) -> list[str]:
    if isinstance(row, Aside):
        came, answered = ANSWERED[row.mark] if row.kind == "tool" else "", line(row.answered, PREVIEW)
        return ["", line(row.title, PREVIEW), row.took, "", "", came, row.lane, answered]
    tokens = str(row.usage.input) if row.usage and row.usage.input is not None else ""
    lane, preview = show_lane(view, row.lane), line(row.title.preview, PREVIEW)
    came = WORDS[row.mark] if row.source is None else f"{WORDS[row.mark]}, step {row.source}"
    return [str(row.index), row.title.title, row.took, tokens, row.blame, came, lane, preview]


def _text_blame(view: View) -> Iterator[str]:
    found = sidebar.blame(view)
    if found is None or view.blame is None:
        return
    yield f"\nBlame: {found.verdict} {found.summary}".rstrip()
    yield f"{found.meaning} The line is at {found.line}."
    table = [
        [
            str(row.step),
            row.title,
            _interval(mark.low, mark.value, mark.high),
            row.value,
            "decided" * row.decided,
        ]
        for row, mark in zip(found.marks, view.blame.marks, strict=True)
    ]
    yield from align(table, right={0, 3}) if table else ()


def _text_branches(view: View) -> Iterator[str]:
    if view.branches:
        yield "\nBranches:"
    for twig in sidebar.branches(view):
        indent = "  " + "    " * twig.depth
        yield f"{indent}{twig.place}: {twig.name} ({twig.summary})"
        if twig.final:
            yield f"{indent}   {line(twig.final, 100)}"
        yield from (f"{indent}   {_spell(fact)}" for fact in twig.facts)


def _spell(fact: Fact) -> str:
    """A fact in a line, with both texts where it has them."""
    return line(f"{fact.name}: {fact.text}{compare(fact)}", FACT)


def compare(fact: Fact) -> str:
    """Both texts of a fact, if it has them, as they go on behind it."""
    return f", where the tape has {fact.before}, this run {fact.after}" if fact.before or fact.after else ""


def _interval(low: float, value: float, high: float) -> str:
    """`|  ├──●─┤    |`: shares of 1, what is below 0 at the left end."""
    places = [round(min(1.0, max(0.0, x)) * (_BAR - 1)) for x in (low, value, high)]
    drawn = [" "] * _BAR
    drawn[places[0] : places[2] + 1] = "─" * (places[2] + 1 - places[0])
    drawn[places[1]] = "●"
    return f"|{''.join(drawn)}|"
