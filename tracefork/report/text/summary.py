"""The view of a run in words: as text for a terminal, and as Markdown for a pull request.

Recorded text cannot change what surrounds it: control characters are gone, and in
Markdown nothing of it is markup, a mention, or a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ...core.tape import Tape
from ...core.visible import align
from ...providers.prices import Prices
from ..figures import duration, share
from ..model.blame import BlameLike
from ..model.course import Fact
from ..model.gather import view_of
from ..model.rows import StepRow, show_lane, view_lines
from ..model.titles import line
from ..model.verified import VerdictLike
from ..model.view import ANSWERED, Aside, View
from ..page import sidebar, step_list
from ..page.page import tape_of
from ..served import WORDS

_BAR = 20  # characters of a blame interval
_PREVIEW = 60
_FACT = 500  # characters of a line on where a run left another one
_LIVE = re.compile(
    r"(?P<call>[@#]|:(?=//)|www(?=\.)|gh(?=-\d))|(?P<tag>[&<])|(?P<markup>[\\`*_{}\[\]()>|~$])", re.IGNORECASE
)
_NOTHING = "&#8203;"  # a space of no width
_SEVERAL = 200  # lines that Markdown lists; a comment holds no more than 65,536 characters


def text(
    tape: Tape,
    *,
    blame: BlameLike | None = None,
    branches: Iterable[object] = (),
    verified: VerdictLike | None = None,
    prices: Prices | None = None,
    parent: object | None = None,
) -> str:
    """Return the run as text, a line a step; arguments and errors are those of `html`."""
    view = view_of(
        tape,
        blame=blame,
        branches=map(tape_of, branches),
        verified=verified,
        prices=prices,
        parent=None if parent is None else tape_of(parent),
    )
    return (
        "\n".join([*_text_head(view), "", *_text_steps(view), *_text_blame(view), *_text_branches(view)])
        + "\n"
    )


def markdown(
    tape: Tape,
    *,
    blame: BlameLike | None = None,
    branches: Iterable[object] = (),
    verified: VerdictLike | None = None,
    prices: Prices | None = None,
    parent: object | None = None,
) -> str:
    """Return the run as GitHub's Markdown; arguments and errors are those of `html`.

    Of a run of more than 200 steps and asides the first and last 100 are listed.
    """
    view = view_of(
        tape,
        blame=blame,
        branches=map(tape_of, branches),
        verified=verified,
        prices=prices,
        parent=None if parent is None else tape_of(parent),
    )
    parts = [_markdown_head(view), _markdown_blame(view), _markdown_branches(view), _markdown_steps(view)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


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
    titles = ["step", "", "took", "tokens in", "blame", "answer", "lane", ""]
    if not view.steps:
        yield "No exchange was recorded."
    used = [n for n in range(len(titles)) if any(cells[n] for cells in table)]
    right = {place for place, n in enumerate(used) if titles[n] in ("step", "took", "tokens in", "blame")}
    if table:
        yield from align([[cells[n] for n in used] for cells in [titles, *table]], right=right)


def _text_line(view: View, row: StepRow | Aside) -> list[str]:
    if isinstance(row, Aside):
        came, answered = ANSWERED[row.mark] if row.kind == "tool" else "", line(row.answered, _PREVIEW)
        return ["", line(row.title, _PREVIEW), row.took, "", "", came, row.lane, answered]
    tokens = str(row.usage.input) if row.usage and row.usage.input is not None else ""
    lane, preview = show_lane(view, row.lane), line(row.title.preview, _PREVIEW)
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
    return line(f"{fact.name}: {fact.text}{_compare(fact)}", _FACT)


def _compare(fact: Fact) -> str:
    return f", where the tape has {fact.before}, this run {fact.after}" if fact.before or fact.after else ""


def _interval(low: float, value: float, high: float) -> str:
    """`|  ├──●─┤    |`: shares of 1, what is below 0 at the left end."""
    places = [round(min(1.0, max(0.0, x)) * (_BAR - 1)) for x in (low, value, high)]
    drawn = [" "] * _BAR
    drawn[places[0] : places[2] + 1] = "─" * (places[2] + 1 - places[0])
    drawn[places[1]] = "●"
    return f"|{''.join(drawn)}|"


# -- as Markdown ------------------------------------------------------------------------


def _markdown_head(view: View) -> list[str]:
    head = step_list.head(view)
    facts = " · ".join(f"{name} {escape(value)}" for name, value, _ in head.facts)
    pills = " · ".join(escape(pill) for _, pill, _ in head.pills)
    listed = [f"- {_bold(fact)}" for fact in head.lines]
    course = ["", f"**{escape(head.course)}**", "", *listed] if listed else []
    return [f"### {escape(head.name)}", "", facts, "", pills, *course]


def _markdown_blame(view: View) -> list[str]:
    found = sidebar.blame(view)
    if found is None or view.blame is None:
        return []
    table = [
        f"| {'**' * mark.decided}{mark.step} {escape(row.title)}{'**' * mark.decided} | {row.value} |"
        f" {share(mark.low)} to {share(mark.high)} | {'decided' if mark.decided else ''} |"
        for row, mark in zip(found.marks, view.blame.marks, strict=True)
    ]
    verdict = f"**Blame: {escape(found.verdict)}** {escape(found.summary)}".rstrip()
    columns = f"| step | {found.estimand} | {view.blame.interval} | past {found.line} |"
    return [verdict, "", found.meaning, "", columns, "| --- | ---: | --- | --- |", *table]


def _markdown_branches(view: View) -> list[str]:
    if not view.branches:
        return []
    return ["**Branches**", "", *(text for twig in sidebar.branches(view) for text in _bullets(twig))]


def _bold(fact: Fact) -> str:
    return f"**{fact.name}** {escape(line(f'{fact.text}{_compare(fact)}', _FACT))}"


def _bullets(twig: sidebar.Twig) -> Iterator[str]:
    final = f": {escape(twig.final)}" if twig.final else ""
    name = f"{escape(twig.place)}: **{escape(twig.name)}**"
    yield f"{'  ' * twig.depth}- {name}, {escape(twig.summary)}{final}"
    yield from (f"{'  ' * (twig.depth + 1)}- {_bold(fact)}" for fact in twig.facts)


def _markdown_steps(view: View) -> list[str]:
    table = list(map(_markdown_line, view_lines(view)))
    half, left = _SEVERAL // 2, len(table) - _SEVERAL
    if left > 0:
        table[half:-half] = [f"| … | {left:,} more | | |"]
    summary = f"<details><summary>{len(view.steps):,} steps in {duration(view.totals.seconds)}</summary>"
    return [summary, "", "| step | | took | |", "| ---: | --- | ---: | --- |", *table, "", "</details>"]


def _markdown_line(row: StepRow | Aside) -> str:
    if isinstance(row, Aside):
        index, title, preview = "", line(row.title, _PREVIEW), row.answered
    else:
        came = f"({WORDS[row.mark]}) " if row.mark else ""
        index, title, preview = str(row.index), row.title.title, f"{came}{row.title.preview}"
    return f"| {index} | {escape(title)} | {row.took} | {escape(line(preview, _PREVIEW))} |"


def escape(recorded: str) -> str:
    """`said` as Markdown that shows it and does nothing else."""
    return _LIVE.sub(_quiet, recorded).replace("\n", " ")


def _quiet(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "call":  # GitHub looks for mentions, issues and links in what entities and backslashes stand for
            return found[0] + _NOTHING
        case "tag":
            return f"&#{ord(found[0])};"
        case _:
            return f"\\{found[0]}"
