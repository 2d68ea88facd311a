"""A run as GitHub's Markdown, for a comment on a pull request: what was asked, what came out, and the steps.

Recorded text cannot change what surrounds it: nothing of it is markup, a mention, or a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ...core.tape import Tape
from ...providers.prices import Prices
from ..figures import duration, plural, share
from ..model.blame import BlameLike
from ..model.course import Fact
from ..model.ending import count_tools
from ..model.gather import view_of
from ..model.rows import StepRow, view_lines
from ..model.titles import line
from ..model.verified import VerdictLike
from ..model.view import Aside, View
from ..page import sidebar, step_list
from ..served import WORDS
from .summary import FACT, PREVIEW, compare

MOST = 65_536
"""Characters of a comment on GitHub; counted here in UTF-16, as whoever counts most does."""

_SEVERAL = 200  # lines that are listed
_FAILURES = 3  # that are told in the head
_TOOLS = 20
_WORDS = 300  # characters of what was asked and of what came out
_SHARE = 0.4  # of the room that the list of branches may take
_LIVE = re.compile(
    r"(?P<call>[@#]|:(?=//)|www(?=\.)|gh(?=-\d))|(?P<tag>[&<])|(?P<markup>[\\`*_{}\[\]()>|~$])", re.IGNORECASE
)
_TIMES = "\N{MULTIPLICATION SIGN}"
_NOTHING = "&#8203;"  # a space of no width


def markdown(
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
    """Return the run as GitHub's Markdown; arguments and errors are those of `html`.

    It has no more characters than a comment may: of a run of more than 200 steps and asides, or of long ones,
    the first and the last are listed, and how many are not.
    """
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
    return write_markdown(view)


def write_markdown(view: View) -> str:
    """Return a View as GitHub's Markdown, no longer than a comment may be."""
    head, ranking = _list_head(view), _list_blame(view)
    room = MOST - _measure([*head, *ranking]) - 1_000  # for what stands around the lists
    twigs = _list_branches(view, int(room * _SHARE))
    steps = _list_steps(view, room - _measure(twigs))
    return "\n\n".join("\n".join(part) for part in (head, ranking, twigs, steps) if part) + "\n"


def escape(recorded: str) -> str:
    """`recorded` as Markdown that shows it and does nothing else."""
    return _LIVE.sub(_quiet, recorded).replace("\n", " ")


# -- the head --------------------------------------------------------------------------


def _list_head(view: View) -> list[str]:
    head = step_list.head(view)
    facts = " · ".join(f"{name} {escape(value)}" for name, value, _ in head.facts)
    pills = " · ".join(escape(pill) for _, pill, _ in head.pills)
    news = [f"- {_bold(fact)}" for fact in _tell(view)]
    listed = [f"- {_bold(fact)}" for fact in head.lines]
    course = ["", f"**{escape(head.course)}**", "", *listed] if listed else []
    return [f"### {escape(head.name)}", "", pills, *(["", *news] if news else []), *course, "", facts]


def _tell(view: View) -> Iterator[Fact]:
    """What a reviewer looks for first: the question, the answer, what was called, and what went wrong."""
    ending = view.ending
    if ending.task:
        yield Fact("asked", line(ending.task, _WORDS))
    if ending.answer:
        name = "final answer" if ending.word == "finished" else "last words"
        yield Fact(name, line(ending.answer, _WORDS))
    if tools := count_tools(view.steps, view.asides):
        listed = [
            f"{n} {_TIMES} {line(name, PREVIEW)}" if n > 1 else line(name, PREVIEW) for name, n in tools
        ]
        more = f" and {len(listed) - _TOOLS:,} more" if len(listed) > _TOOLS else ""
        yield Fact("called", ", ".join(listed[:_TOOLS]) + more)
    failed = [step for step in view.steps if step.is_error]
    for step in failed[:_FAILURES]:
        yield Fact("failed", f"step {step.index}: {step.title.title} {step.title.preview}".rstrip())
    if len(failed) > _FAILURES:
        yield Fact("failed", f"{plural(len(failed) - _FAILURES, 'step')} more")
    if view.outcome.kind == "raised":
        yield Fact("raised", f"{view.outcome.type}: {view.outcome.message}")
    if view.verified is not None and not view.verified.ok:
        yield Fact("replay", view.verified.long)


# -- the lists -------------------------------------------------------------------------


def _list_blame(view: View) -> list[str]:
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
    kept = _fit(table, MOST // 4, "| … | {} more | | |")
    return [verdict, "", found.meaning, "", columns, "| --- | ---: | --- | --- |", *kept]


def _list_branches(view: View, room: int) -> list[str]:
    if not view.branches:
        return []
    listed, left = ["**Branches**", ""], len(view.branches)
    for twig in sidebar.branches(view):
        bullets = list(_bullets(twig))
        if _measure([*listed, *bullets]) > room:
            break
        listed += bullets
        left -= 1
    return [*listed, f"- … {left:,} more"] if left else listed


def _bold(fact: Fact) -> str:
    return f"**{fact.name}** {escape(line(f'{fact.text}{compare(fact)}', FACT))}"


def _bullets(twig: sidebar.Twig) -> Iterator[str]:
    final = f": {escape(twig.final)}" if twig.final else ""
    name = f"{escape(twig.place)}: **{escape(twig.name)}**"
    yield f"{'  ' * twig.depth}- {name}, {escape(twig.summary)}{final}"
    yield from (f"{'  ' * (twig.depth + 1)}- {_bold(fact)}" for fact in twig.facts)


def _list_steps(view: View, room: int) -> list[str]:
    table = _fit(list(map(_write_line, view_lines(view))), room, "| … | {} more | | |")
    summary = f"<details><summary>{len(view.steps):,} steps in {duration(view.totals.seconds)}</summary>"
    return [summary, "", "| step | | took | |", "| ---: | --- | ---: | --- |", *table, "", "</details>"]


def _write_line(row: StepRow | Aside) -> str:
    if isinstance(row, Aside):
        index, title, preview = "", line(row.title, PREVIEW), row.answered
    else:
        came = f"({WORDS[row.mark]}) " if row.mark else ""
        index, title, preview = str(row.index), row.title.title, f"{came}{row.title.preview}"
    return f"| {index} | {escape(title)} | {row.took} | {escape(line(preview, PREVIEW))} |"


def _fit(table: Sequence[str], room: int, more: str) -> list[str]:
    """As many lines from both ends as there is room for, and between them how many there is none for."""
    if len(table) <= _SEVERAL and _measure(table) <= room:
        return list(table)
    first, last, here = list[str](), list[str](), 0
    while len(first) + len(last) < min(_SEVERAL, len(table)):
        is_first = len(first) <= len(last)
        one = table[len(first)] if is_first else table[-1 - len(last)]
        here += _measure([one])
        if here > room:
            break
        (first if is_first else last).append(one)
    return [*first, more.format(f"{len(table) - len(first) - len(last):,}"), *reversed(last)]


def _measure(lines: Sequence[str]) -> int:
    """How many characters lines take, each with its end."""
    return sum(len(one.encode("utf-16-le", "replace")) // 2 + 1 for one in lines)


def _quiet(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "call":  # GitHub looks for mentions, issues and links in what entities and backslashes stand for
            return found[0] + _NOTHING
        case "tag":
            return f"&#{ord(found[0])};"
        case _:
            return f"\\{found[0]}"
