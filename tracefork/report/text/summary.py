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
from ..model.gather import gathered
from ..model.titles import line
from ..model.verified import VerdictLike
from ..model.view import View
from ..page import sidebar, step_list
from ..page.page import tape_of

_BAR = 20  # characters of a blame interval
_PREVIEW = 60
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
) -> str:
    """Return the run as text, a line a step; arguments and errors are those of `html`."""
    view = gathered(tape, blame=blame, branches=map(tape_of, branches), verified=verified, prices=prices)
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
) -> str:
    """Return the run as GitHub's Markdown; arguments and errors are those of `html`.

    Of a run of more than 200 steps and asides the first and last 100 are listed.
    """
    view = gathered(tape, blame=blame, branches=map(tape_of, branches), verified=verified, prices=prices)
    parts = [_markdown_head(view), _markdown_blame(view), _markdown_branches(view), _markdown_steps(view)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


# -- for a terminal -------------------------------------------------------------------


def _text_head(view: View) -> Iterator[str]:
    head = step_list.head(view)
    yield f"{head.name}   {line(view.run_id, 80)}".rstrip()
    yield ", ".join(f"{name} {long or value}" for name, value, long in head.facts)
    yield ", ".join(
        f"{said} ({line(long)})" if long and long != said else said for _, said, long in head.pills
    )


def _text_steps(view: View) -> Iterator[str]:
    table = list[list[str]]()
    for row, step in zip(step_list.steps(view, len(view.steps), whole=False), view.steps, strict=True):
        table += map(_text_aside, row.asides)
        tokens = str(step.usage.input) if step.usage and step.usage.input is not None else ""
        preview = line(row.preview, _PREVIEW)
        table.append([str(row.index), row.title, row.took, tokens, row.blame, row.lane, preview])
    table += map(_text_aside, step_list.after(view))
    titles = ["step", "", "took", "tokens in", "blame", "lane", ""]
    if not view.steps:
        yield "No exchange was recorded."
    used = [n for n in range(len(titles)) if any(cells[n] for cells in table)]
    right = {place for place, n in enumerate(used) if titles[n] in ("step", "took", "tokens in", "blame")}
    if table:
        yield from align([[cells[n] for n in used] for cells in [titles, *table]], right=right)


def _text_aside(aside: step_list.Beside) -> list[str]:
    return ["", line(aside.title, _PREVIEW), aside.took, "", "", aside.lane, line(aside.answered, _PREVIEW)]


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
        yield f"{indent}{twig.place}: {twig.name} ({twig.said})"
        if twig.final:
            yield f"{indent}   {line(twig.final, 100)}"


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
    facts = " · ".join(f"{name} {escaped(value)}" for name, value, _ in head.facts)
    pills = " · ".join(escaped(said) for _, said, _ in head.pills)
    return [f"### {escaped(head.name)}", "", facts, "", pills]


def _markdown_blame(view: View) -> list[str]:
    found = sidebar.blame(view)
    if found is None or view.blame is None:
        return []
    table = [
        f"| {'**' * mark.decided}{mark.step} {escaped(row.title)}{'**' * mark.decided} | {row.value} |"
        f" {share(mark.low)} to {share(mark.high)} | {'decided' if mark.decided else ''} |"
        for row, mark in zip(found.marks, view.blame.marks, strict=True)
    ]
    verdict = f"**Blame: {escaped(found.verdict)}** {escaped(found.summary)}".rstrip()
    columns = f"| step | {found.estimand} | {view.blame.interval} | past {found.line} |"
    return [verdict, "", found.meaning, "", columns, "| --- | ---: | --- | --- |", *table]


def _markdown_branches(view: View) -> list[str]:
    if not view.branches:
        return []
    return ["**Branches**", "", *map(_bullet, sidebar.branches(view))]


def _bullet(twig: sidebar.Twig) -> str:
    final = f": {escaped(twig.final)}" if twig.final else ""
    return (
        f"{'  ' * twig.depth}- {escaped(twig.place)}: **{escaped(twig.name)}**, {escaped(twig.said)}{final}"
    )


def _markdown_steps(view: View) -> list[str]:
    table = list[str]()
    for row in step_list.steps(view, len(view.steps), whole=False):
        table += map(_markdown_aside, row.asides)
        table.append(_markdown_line(str(row.index), row.title, row.took, row.preview))
    table += map(_markdown_aside, step_list.after(view))
    half, left = _SEVERAL // 2, len(table) - _SEVERAL
    if left > 0:
        table[half:-half] = [f"| … | {left:,} more | | |"]
    summary = f"<details><summary>{len(view.steps):,} steps in {duration(view.totals.seconds)}</summary>"
    return [summary, "", "| step | | took | |", "| ---: | --- | ---: | --- |", *table, "", "</details>"]


def _markdown_aside(aside: step_list.Beside) -> str:
    return _markdown_line("", line(aside.title, _PREVIEW), aside.took, aside.answered)


def _markdown_line(index: str, title: str, took: str, preview: str) -> str:
    return f"| {index} | {escaped(title)} | {took} | {escaped(line(preview, _PREVIEW))} |"


def escaped(said: str) -> str:
    """`said` as Markdown that shows it and does nothing else."""
    return _LIVE.sub(_quiet, said).replace("\n", " ")


def _quiet(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "call":  # GitHub looks for mentions, issues and links in what entities and backslashes stand for
            return found[0] + _NOTHING
        case "tag":
            return f"&#{ord(found[0])};"
        case _:
            return f"\\{found[0]}"
