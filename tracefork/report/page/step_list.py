"""The head of the page and the rows of its list, as the template takes them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from itertools import islice

from attrs import frozen

from ..figures import dollars, duration, moment, plural, short, size
from ..model.costs import drop_repeated, has_price
from ..model.course import Fact, tell
from ..model.rows import StepRow, asides_before, lane_name, show_lane, view_rows
from ..model.titles import line
from ..model.view import Aside, StepView, View
from ..served import WORDS, describe_lineage, is_rerun
from .ending import KINDS
from .messages import Card, cards

_DIGEST = 12  # digits of a digest that are shown


@frozen
class Head:
    """The top of the page; `facts` and `pills` are triples, the last of each a longer form, or "".

    `run` is the run_id as the last argument of a command in a shell; `course` says in a few words how it went
    on from another run, "" if that is not known, and `lines` what there is to say of that.
    """

    name: str
    run: str
    count: str
    outcome: str
    facts: tuple[tuple[str, str, str], ...]
    pills: tuple[tuple[str, str, str], ...]
    lanes: tuple[str, ...]
    course: str = ""
    lines: tuple[Fact, ...] = ()


@frozen
class Row:
    """A line of the page's list; where the whole step is printed, its `messages`, and what is `kept` back.

    The `lane` is blank in a run that has but one; the `asides` are those before the step. `came` says where
    its answer came from, "" where that is not known; `spent` its tokens and what they cost.
    It is `wrong` if something went wrong there.
    """

    step: StepRow
    lane: str
    kept: str
    messages: tuple[Card, ...] | None
    asides: tuple[Aside, ...]
    came: str = ""
    spent: str = ""
    wrong: bool = False


def head(view: View, *, live: bool = False) -> Head:
    """The top of the page; of a `live` one, without what is not known before the run is over."""
    totals = view.totals
    facts = [
        ("steps", f"{len(view.steps):,}", ""),
        ("took", duration(totals.seconds), ""),
        ("tokens", f"{short(totals.input)} in, {short(totals.output)} out", "") if totals.counted else None,
        ("cost", _cost(view), "") if _calls(view) else None,
        ("recorded", moment(view.created_at), "") if view.created_at else None,
        ("digest", view.digest[:_DIGEST], view.digest),
    ]
    if live:
        facts = [fact for fact in facts if fact and fact[0] == "recorded"]
    ended = tell_ending(view)
    kind = "plain" if live else KINDS[view.ending.word]
    pills = [(kind, "going on" if live else line(ended, 60), "" if live else ended)]
    if view.verified is not None:
        kind = "good" if view.verified.ok else "warn"
        pills.append((kind, view.verified.short, view.verified.long))
    if view.secrets:
        pills.append(("warn", f"{plural(len(view.secrets), 'secret')} redacted", ", ".join(view.secrets)))
    if view.parent:
        kind = "rerun" if is_rerun(view.parent) else "branch"
        at = f"{kind} of {describe_lineage(view.parent)}"
        pills.append(("plain", line(at, 60), f"{view.parent.name} {view.parent.desc}".strip()))
    return Head(
        line(view.agent_name or view.run_id or "run", 80),
        _argument(view.run_id),
        "going on" if live else plural(len(view.steps), "step"),
        line(ended, 80),
        tuple(fact for fact in facts if fact),
        tuple(pills),
        tuple(map(lane_name, dict.fromkeys(step.lane for step in view.steps))),
        view.course.title if view.course and not live else "",
        tell(view.course) if view.course and not live else (),
    )


def tell_ending(view: View) -> str:
    """How the run ended, and what it failed with: `failed: ValueError: no seat`."""
    ending = view.ending
    why = ending.error or (ending.why if ending.word != "finished" else "")
    return f"{ending.word}: {why}" if why else ending.word


def steps(view: View, most: int | None, *, whole: bool) -> Iterator[Row]:
    """The rows of the list, at most `most` of them; in a `whole` page with their messages."""
    before, wrong = asides_before(view), {problem.step for problem in view.problems}
    for step, row in islice(zip(view.steps, view_rows(view), strict=True), most):
        yield Row(
            row,
            show_lane(view, row.lane),
            describe_hidden(view, step) if whole else "",
            tuple(cards(view, step)) if whole else None,
            tuple(before.get(step.index, ())),
            WORDS[row.mark],
            spell_spending(row),
            step.index in wrong,
        )


def spell_spending(row: StepRow, unit: str = "") -> str:
    """`17k → 320 · $0.0120`: tokens in and out, the `unit` behind them, and the cost, as far as known."""
    usage = row.usage
    counts = [] if usage is None else ["?" if n is None else short(n) for n in (usage.input, usage.output)]
    cost = "" if row.cost is None else dollars(row.cost)
    return " · ".join(filter(None, [f"{' → '.join(counts)}{unit}" if {*counts} - {"?"} else "", cost]))


def after(view: View) -> tuple[Aside, ...]:
    """The asides behind the last step."""
    return tuple(asides_before(view).get(len(view.steps), ()))


def more(view: View, most: int | None, *, app: bool) -> str:
    """Return a sentence on the steps that are not listed; "" if all are."""
    left = 0 if most is None else len(view.steps) - most
    if left <= 0:
        return ""
    return f"{left:,} more steps are listed when scripts are on." if app else f"{left:,} more steps follow."


def describe_hidden(view: View, step: StepView) -> str:
    """Return a sentence on the earlier messages that are not printed again."""
    restarted = "History restarted here: no earlier message is repeated. " if step.restarts else ""
    if step.lineage.base is None:
        return restarted.strip()
    since = view.every_step[step.lineage.base].index
    if step.repeated:
        earlier = plural(step.repeated, "earlier message")
        return f"{earlier} unchanged since step {since} ({size(step.hidden)} hidden)"
    return f"{restarted}Instructions or tools are those of step {since} ({size(step.hidden)} hidden)"


# -- below ---------------------------------------------------------------------------


def _argument(run_id: str) -> str:
    """`run_id` for a shell; RUN where it has what nobody should paste into one, or cannot."""
    if not run_id.isprintable() or not run_id:
        return "RUN"
    return f"{'-- ' * run_id.startswith('-')}{shlex.quote(run_id)}"


def _cost(view: View) -> str:
    """Return the sum of the known costs, and of how many model calls."""
    priced, calls = view.totals.priced, _calls(view)
    if not priced:
        return "not known"
    return dollars(view.totals.cost) + ("" if priced == calls else f" for {priced} of {calls} model calls")


def _calls(view: View) -> int:
    """Count the exchanges that a model answered, at least in part."""
    return sum(map(has_price, drop_repeated(view.steps)))
