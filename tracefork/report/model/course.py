"""How a run went on from another one: where it left that, what was edited, and what it saved."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from ... import edits
from ...core.tape import Tape
from ...core.values import UNFINISHED, Branch
from ...providers.prices import Prices
from ..figures import plural, short
from ..savings import Bill, Savings, count_origins
from ..served import WORDS, is_fork, is_parent, is_rerun, knows_origins
from .titles import line


@frozen
class Fact:
    """A line about a run: its `name`, what there is to say; and two texts, before a change and after it."""

    name: str
    text: str
    before: str = ""
    after: str = ""


@frozen
class Course:
    """How a run went on from another one, as far as its tape tells.

    Of its exchanges, `served` came from that one's tape, and `others` did not. `savings` is None where the
    other run is not at hand.
    """

    lineage: Branch
    is_over: bool
    served: int
    others: int
    edits: tuple[str, ...] = ()
    savings: Savings | None = None

    @property
    def counts(self) -> str:
        """How many of its exchanges came from where: `41 from the tape, 3 asked anew`."""
        found = [
            (self.served, WORDS["served"]),
            (self.others, WORDS["new" if is_fork(self.lineage) else "live"]),
        ]
        return ", ".join(f"{count:,} {word}" for count, word in found if count)

    @property
    def title(self) -> str:
        """`Rerun of first`."""
        kind = "Fork" if is_fork(self.lineage) else "Rerun" if is_rerun(self.lineage) else "Continuation"
        return f"{kind} of {line(self.lineage.parent, 60) or 'another run'}"


def course_of(tape: Tape, parent: Tape | None = None, prices: Prices | None = None) -> Course | None:
    """Return how `tape` went on from its `parent`; None of a run that follows none, or does not tell."""
    if tape.parent is None or not knows_origins(tape.parent, tape.steps):
        return None
    served = sum(exchange.origin is not None for exchange in tape)
    is_kin = parent is not None and is_parent(parent, tape)
    savings = count_origins(parent, tape, prices=prices) if parent is not None and is_kin else None
    is_over = tape.outcome != UNFINISHED
    return Course(tape.parent, is_over, served, len(tape) - served, edits.describe(tape.meta), savings)


def tell(course: Course) -> tuple[Fact, ...]:
    """Return what there is to say of a course, in the order in which it is read."""
    return tuple(_list_facts(course))


# -- below ---------------------------------------------------------------------------


def _list_facts(course: Course) -> Iterator[Fact]:
    yield from _list_partings(course)
    if course.lineage.desc:
        yield Fact("changed", course.lineage.desc)
    for edit in course.edits:
        yield Fact("edited", edit)
    savings = course.savings
    if counts := course.counts:
        yield Fact("answers", counts)
    if savings is None:
        return
    yield Fact("saved", _spell(savings.saved))
    if not is_fork(course.lineage):
        yield Fact("spent", _spell(savings.spent))
    if savings.tools_served or savings.tools_run:
        yield Fact("tool calls", f"{savings.tools_served:,} from the tape, {savings.tools_run:,} run")
    if savings.unasked:
        yield Fact("no longer asked", f"{plural(savings.unasked, 'step')} of the tape")


def _list_partings(course: Course) -> Iterator[Fact]:
    departure, step = course.lineage.departure, course.lineage.step
    if departure is None and step is None:
        never = "nowhere: all that was asked has its answer on the tape"
        yield Fact("left the tape", never if course.is_over else "not so far")
    elif departure is not None and departure.recorded and departure.asked:
        where = f" in {departure.path}" if departure.path else ""
        yield Fact("left the tape", f"at step {step}{where}", departure.recorded, departure.asked)
    elif departure is not None:
        yield Fact("left the tape", f"at {departure}")


def _spell(bill: Bill) -> str:
    """`$0.92: 41 calls of models, 12k tokens`; what has no price is said."""
    if not bill.calls:
        return "nothing"
    text = f"{plural(bill.calls, 'call')} of models, {short(bill.tokens)} tokens"
    if len(bill.unpriced) == bill.calls:
        return f"{text}; no price is known"
    missing = f"; {len(bill.unpriced):,} of them without a known price" if bill.unpriced else ""
    return f"{bill}: {text}{missing}"
