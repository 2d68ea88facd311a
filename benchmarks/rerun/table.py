"""The rows of the table: a hundred edits of the agent on each framework, and what their reruns cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import evolve

from benchmarks.rerun import pairs, plans
from benchmarks.rerun.agents import Framework
from benchmarks.rerun.frameworks import ALL
from benchmarks.rerun.sdks import SDKS

Row = tuple[str, ...]
COLUMNS = (
    "agent on",
    "errands",
    "edits",
    "minimal",
    "live",
    "live / minimal (1.00)",
    "served to another question (0)",
    "results as live (100%)",
    "tools run",
    "with an equal call on the tape (0)",
    "not exact",
)
VERIFIED = 5  # each such branch is verified as well


def rows(frameworks: Iterable[Framework] = ALL) -> Iterator[Row]:
    """A row for each framework, and one for all."""
    everything: list[pairs.Found] = []
    for framework in frameworks:
        if framework.missing:
            yield framework.name, framework.how, f"`{framework.missing}` is not installed", *[""] * 8
            continue
        found = pairs.measure(framework, plans.edits(), verify=VERIFIED)
        everything += found
        yield make_row(framework.name, framework.how, found)
    yield make_row("all", "", everything)


def drawn() -> Iterator[Row]:
    """The same where each errand's prompt holds a reading of the clock and an id of its own."""
    plan = evolve(plans.BASE, stamps="errand")
    for framework in SDKS:
        if framework.name == "httpx" and not framework.missing:
            for kinds in (("prompt", "code", "tool", "model"), ("order", "loop")):
                edits = [edit for edit in plans.edits() if edit.kind in kinds]
                found = pairs.measure(framework, edits, plan=plan, verify=VERIFIED)
                yield make_row(framework.name, f"{framework.how}; {', '.join(kinds)}", found)


def make_row(name: str, how: str, found: list[pairs.Found]) -> Row:
    minimal, live = sum(one.minimal for one in found), sum(one.live for one in found)
    same = sum(one.same and not one.problem for one in found)
    counts = (
        sum(one.wrong for one in found),
        f"{same / len(found):.0%}" if same != len(found) else "100%",
        sum(one.tools for one in found),
        sum(one.rerun for one in found),
        sum(not one.is_exact for one in found),
    )
    ratio = f"{live / minimal:.3f}" if live != minimal else "1.00"
    return name, how, str(len(found)), f"{minimal:,}", f"{live:,}", ratio, *map(str, counts)
