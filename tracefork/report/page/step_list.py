"""What the template is given of a run: the head of the page, and a row for each step."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator

from attrs import frozen

from ...core.values import Lane
from ..figures import dollars, duration, moment, plural, share, short, size
from ..model.titles import line
from ..model.view import StepView, View
from .messages import Card, cards

_DIGEST = 12  # digits of a digest that are shown


@frozen
class Head:
    """The top of the page; `facts` and `pills` are triples, the last of each a longer form, or "".

    `run` is the run_id as the last argument of a command in a shell.
    """

    name: str
    run: str
    count: str
    outcome: str
    facts: tuple[tuple[str, str, str], ...]
    pills: tuple[tuple[str, str, str], ...]
    lanes: tuple[str, ...]


@frozen
class Beside:
    """What happened between two exchanges."""

    title: str
    said: str
    asked: str
    answered: str
    took: str
    lane: str


@frozen
class Row:
    """A line of the list; where the whole step is printed, its `messages`, and what is `kept` back.

    The `asides` are those before it.
    """

    index: int
    kind: str
    title: str
    preview: str
    took: str
    blame: str
    lane: str
    restarts: bool
    kept: str
    messages: tuple[Card, ...] | None
    asides: tuple[Beside, ...]


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
    outcome = str(view.outcome)
    kind = "plain" if live else "good" if view.outcome.kind == "returned" else "warn"
    pills = [(kind, "not over yet" if live else line(outcome, 60), "" if live else outcome)]
    if view.verified is not None:
        kind = "good" if view.verified.ok else "warn"
        pills.append((kind, view.verified.said, view.verified.long))
    if view.secrets:
        pills.append(("warn", f"{plural(len(view.secrets), 'secret')} redacted", ", ".join(view.secrets)))
    if view.parent:
        at = f"branch of {view.parent.parent} at {view.parent.step}"
        pills.append(("plain", line(at, 60), f"{view.parent.name} {view.parent.desc}".strip()))
    return Head(
        line(view.agent_name or view.run_id or "run", 80),
        _argument(view.run_id),
        "not over yet" if live else plural(len(view.steps), "step"),
        line(outcome, 80),
        tuple(fact for fact in facts if fact),
        tuple(pills),
        tuple(map(lane_name, dict.fromkeys(step.lane for step in view.steps))),
    )


def lane_name(lane: Lane) -> str:
    return line(lane, 60) or "main"


def steps(view: View, most: int, *, whole: bool) -> Iterator[Row]:
    """The rows of the list: at most `most`, or in a `whole` page all of them with their messages."""
    several = len(view.lanes) > 1
    before = _asides(view)
    marks = {mark.step: mark for mark in view.blame.marks} if view.blame else {}
    for step in view.steps if whole else view.steps[:most]:
        mark = marks.get(step.index)
        blamed = share(mark.value) if mark and mark.decided else ""
        yield Row(
            step.index,
            step.title.kind,
            step.title.title,
            step.title.preview,
            duration(step.ended - step.began),
            blamed,
            lane_name(step.lane) if several else "",
            step.restarts,
            _kept(view, step) if whole else "",
            tuple(cards(view, step)) if whole else None,
            tuple(before.get(step.index, ())),
        )


def after(view: View) -> tuple[Beside, ...]:
    """The asides behind the last step."""
    return tuple(_asides(view).get(len(view.steps), ()))


def more(view: View, most: int) -> str:
    """What to say of the steps that are not listed."""
    left = len(view.steps) - most
    return f"{left:,} more steps are listed when scripts are on." if left > 0 else ""


# -- below ---------------------------------------------------------------------------


def _argument(run_id: str) -> str:
    """`run_id` for a shell; RUN where it has what nobody should paste into one, or cannot."""
    if not run_id.isprintable() or not run_id:
        return "RUN"
    return f"{'-- ' * run_id.startswith('-')}{shlex.quote(run_id)}"


def _cost(view: View) -> str:
    """The sum of the costs that are known, and of how many calls it is."""
    priced, calls = view.totals.priced, _calls(view)
    if not priced:
        return "not known"
    return dollars(view.totals.cost) + ("" if priced == calls else f" for {priced} of {calls} model calls")


def _calls(view: View) -> int:
    """Calls that a model answered, and be it in part."""
    answers = ((step, step.completion) for step in view.steps if step.completion)
    return sum(step.cost is not None or not said.failure for step, said in answers)


def _asides(view: View) -> dict[int, list[Beside]]:
    """The asides by the step that comes next."""
    several, found = len(view.lanes) > 1, defaultdict[int, list[Beside]](list)
    for aside in view.asides:
        took = duration(aside.ended - aside.began) if aside.ended > aside.began else ""
        lane = lane_name(aside.lane) if several else ""
        found[aside.before].append(Beside(aside.title, aside.said, aside.asked, aside.answered, took, lane))
    return found


def _kept(view: View, step: StepView) -> str:
    """A sentence on what is not printed again."""
    said = "History restarted here: no earlier message is repeated. " if step.restarts else ""
    if step.lineage.base is None:
        return said.strip()
    since = view.every_step[step.lineage.base].index
    if step.repeated:
        earlier = plural(step.repeated, "earlier message")
        return f"{earlier} unchanged since step {since} ({size(step.hidden)} hidden)"
    return f"{said}Instructions or tools are those of step {since} ({size(step.hidden)} hidden)"
