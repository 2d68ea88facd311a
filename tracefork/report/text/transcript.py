"""A run as a conversation for a terminal: what each question added, what came, which tools ran. Pure.

Recorded text is indented, and has no character that steers a terminal: no line of ours can be forged.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...core.tape import Tape
from ...core.visible import visible
from ...providers.prices import Prices
from ..figures import dollars, duration, plural
from ..model.gather import view_of
from ..model.rows import StepRow, show_lane, view_lines
from ..model.titles import line, spell_call
from ..model.view import ANSWERED, Aside, StepView, View
from ..page.messages import Card, cards
from ..page.step_list import describe_hidden, spell_spending, tell_ending
from ..served import WORDS

MOST_LINES = 12
"""Lines of one text that are printed, unless all are asked for."""

MOST = 1_200
"""Characters of these."""

MOST_LINE = 110
"""Characters of a text that stands behind the name of who says it."""

MOST_ERRORS = 20
"""Errors that are listed at the end."""

_INDENT = "  "


def transcript(
    tape: Tape,
    *,
    parent: Tape | None = None,
    prices: Prices | None = None,
    whole: bool = False,
) -> Iterator[str]:
    """Yield the lines of a run, a paragraph a step; long texts are cut unless the `whole` is asked for.

    `parent` is the run that it went on from, and `prices` what tokens cost, as in `html`.
    """
    view = view_of(tape, parent=parent, prices=prices)
    for row in view_lines(view):
        if isinstance(row, Aside):
            if row.kind == "draw" and not row.name.startswith("env "):
                continue  # clocks and the like
            yield ""
            yield from _spell_aside(row, whole=whole)
        elif row.index is not None:
            yield ""
            yield from _spell_step(view, view.steps[row.index], row, whole=whole)
    yield ""
    yield from _spell_end(view)


# -- below ---------------------------------------------------------------------------


def _spell_step(view: View, step: StepView, row: StepRow, *, whole: bool) -> Iterator[str]:
    yield _join(
        f"step {step.index}",
        line(step.model, 60) or line(f"{row.what} {row.where}", 90),
        row.took,
        spell_spending(row, " tokens"),
        show_lane(view, step.lane),
        WORDS[row.mark] if row.source is None else f"{WORDS[row.mark]}, step {row.source}",
        line(step.exchange.site, 80),
    )
    if hidden := describe_hidden(view, step):
        yield f"{_INDENT}({hidden})"
    shown = list(cards(view, step))
    if tools := [title for card in shown if card.declares for _, title, _ in card.parts]:
        names = ", ".join(line(title, 40) for title in tools)
        yield f"{_INDENT}{plural(len(tools), 'tool')} declared: {line(names, 200)}"
    for card in shown:
        if not card.declares:
            yield from _spell_card(card, whole=whole)


def _spell_card(card: Card, *, whole: bool) -> Iterator[str]:
    """A message: who speaks, and what; a text of one line stands behind the name."""
    name, note = line(card.role, 40), line(card.note, 80)
    lead = f"{name} ({note})" if card.kind != "asked" and note else name
    if not card.parts:
        yield f"{_INDENT}{name}: {note}"
    for n, (kind, title, text) in enumerate(card.parts):
        named = line(title, 80) if kind != "text" else ""
        yield from _spell_part(": ".join(filter(None, (lead * (n == 0), named))), text, whole=whole)


def _spell_part(lead: str, text: str, *, whole: bool) -> Iterator[str]:
    lines = list(_cut(text, whole=whole))
    if len(lines) < 2 and len(lead) + sum(map(len, lines)) < MOST_LINE:  # noqa: PLR2004
        yield f"{_INDENT}{': '.join(filter(None, [lead, *lines]))}"
        return
    if lead:
        yield f"{_INDENT}{lead}:"
    yield from (f"{_INDENT * 2}{one}" for one in lines)


def _cut(text: str, *, whole: bool) -> Iterator[str]:
    """The lines of a text that are printed, made harmless, and how much of it is not."""
    taken = text if whole else text[:MOST]
    parts = taken.lstrip("\n").splitlines(keepends=True)
    kept = parts if whole else parts[:MOST_LINES]
    for part in kept:
        yield from visible(part).splitlines() or [""]
    left = len(text) - len(taken) + sum(map(len, parts[len(kept) :]))
    if left:
        yield f"… {left:,} more characters: --full prints them"


def _spell_aside(aside: Aside, *, whole: bool) -> Iterator[str]:
    did = {"tool": "called", "agent": "ran", "draw": "read"}.get(aside.kind, "asked")
    came = ANSWERED[aside.mark] if aside.kind == "tool" and aside.mark else ""
    called = spell_call(aside.name, aside.asked) if aside.asked else aside.name
    yield _join(f"{did} {line(called, 160)}", aside.took, aside.lane, came, line(aside.site, 80))
    if aside.answered:
        yield from _spell_part("failed" if aside.failed else "came to", aside.answered, whole=whole)


def _spell_end(view: View) -> Iterator[str]:
    totals = view.totals
    yield line(tell_ending(view), 500)
    for problem in view.ending.open[:MOST_ERRORS]:
        yield f"{_INDENT}step {problem.step}: {problem.kind}: {problem.what}"
    if len(view.ending.open) > MOST_ERRORS:
        yield f"{_INDENT}and {plural(len(view.ending.open) - MOST_ERRORS, 'error')} more"
    if view.ending.traceback:
        yield from (f"{_INDENT}{one}" for one in visible(view.ending.traceback).splitlines()[-MOST_LINES:])
    counted = f"{totals.input:,} tokens in, {totals.output:,} out" if totals.counted else ""
    cost = dollars(totals.cost) if totals.priced else ""
    yield _join(plural(len(view.steps), "step"), duration(totals.seconds), counted, cost)


def _join(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
