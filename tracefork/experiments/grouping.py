"""Failed runs in groups, each of those that look as if one cure would mend them: a pure function of tapes.

What a run ended by is reduced to a pattern, in which numbers, ids and quoted texts are left out; runs of one
pattern are a group. Runs that came to an end without an error, and were judged to have failed, are told apart
by the tools that they called, and by what they said last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

from ..core.tape import Tape
from ..report import view
from ..report.figures import plural
from ..report.model.ending import count_tools, name_error
from ..report.model.titles import line
from ..report.model.view import View

ALIKE = 0.5
"""The share of words that the last words of two runs have in common, from which on they say the same."""

LONGEST = 120
"""Characters of what went wrong in a reason."""

_CHANGING = re.compile(
    r"""
    https?://\S+                        # addresses
    | (["'`]).{0,200}?\1                # quoted texts
    | \b[\w.-]*\d[\w.-]*                # words with a digit in them: numbers, ids, times, file names
    """,
    re.VERBOSE | re.DOTALL,
)


@frozen
class Group:
    """Runs that failed in one way: `reason` says which; `tapes` are in the order in which they were given."""

    reason: str
    tapes: tuple[Tape, ...]

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The names of the runs in their store, "" where one has none."""
        return tuple(tape.run_id for tape in self.tapes)

    def __str__(self) -> str:
        return f"{plural(len(self.tapes), 'run')}: {self.reason}"


@frozen
class _Failure:
    """How one run failed: equal `pattern`s are alike, if their `words`, where there are any, are too."""

    pattern: tuple[str, ...]
    reason: str
    words: frozenset[str] = frozenset()

    def is_like(self, other: _Failure) -> bool:
        if self.pattern != other.pattern:
            return False
        every = self.words | other.words
        return not every or len(self.words & other.words) >= ALIKE * len(every)


def group(tapes: Iterable[Tape]) -> tuple[Group, ...]:
    """Return groups of runs that failed in one way, the largest first; equal ones as they were given.

    A run is in the first group whose first run failed as it did. It is the caller who says which runs
    failed: one that looks well is grouped by the tools that it called and by its last words.
    """
    groups: list[tuple[_Failure, list[Tape]]] = []
    for tape in tapes:
        failure = _find_failure(view(tape))
        for first, members in groups:
            if first.is_like(failure):
                members.append(tape)
                break
        else:
            groups.append((failure, [tape]))
    groups.sort(key=lambda one: -len(one[1]))
    return tuple(Group(failure.reason, tuple(members)) for failure, members in groups)


def _find_failure(shown: View) -> _Failure:
    """What the run ended by: the last error that nothing mended, what was raised, or else its last words."""
    ending = shown.ending
    left = [problem for problem in ending.open if problem.kind != "replay"]
    raised = name_error(shown.outcome)
    if left:
        last = left[-1]
        then = f", and it raised {line(raised, LONGEST)}" if raised else ""
        reason = f"{last.kind}: {line(last.what, LONGEST)}{then}"
        return _Failure((last.kind, _leave_out_changing(last.what), shown.outcome.type), reason)
    if raised:
        return _Failure(("raised", _leave_out_changing(raised)), f"raised {line(raised, LONGEST)}")
    if shown.outcome.kind == "unfinished":
        waiting = sorted({aside.name for aside in shown.asides if aside.in_flight})
        where = f" in {', '.join(waiting)}" if waiting else ""
        return _Failure(("cut short", *waiting), f"cut short{where}")
    tools = sorted({name for name, _ in count_tools(shown.steps, shown.asides)})
    answer = ending.answer.strip()
    used = f" with {', '.join(tools)}" if tools else ""
    words = frozenset(re.findall(r"\w+", answer.lower()))
    return _Failure(
        ("finished", *tools), f"finished{used}, and said: {line(answer, LONGEST) or 'nothing'}", words
    )


def _leave_out_changing(text: str) -> str:
    return _CHANGING.sub("*", text)
