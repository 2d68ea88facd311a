"""A search among the steps of a run, as pure functions: init, plan, observe, stop, fold.

The caller runs what `plan` asks for, wherever and in whatever order, and tells
what came of it. The search *explores* until one step has most of the posterior
mass, puts it to the *test* with fresh forks on either side of it, and goes on
until something is certified or nothing more fits the budget.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeAlias

from attrs import evolve

from ..statistics.chance import unit
from .conclusion import Conclusion
from .config import Config
from .confirming import conclude, decide
from .exploring import choose_arm, count_patience, leave_segment, nominate, split
from .state import Due, Grade, Kind, Nomination, Probe, State, Status, Tally
from .sweeping import choose_swept, judge_sweep, looks_level, sweep

Observation: TypeAlias = "tuple[Probe, Grade, float | None]"
"""A line of the log: the arguments of one `observe`."""


EVEN_CHANCE = 0.5

WINDOW = 2
"""How many batches may be planned past a fork whose outcome is not in, before the search waits for it."""


def init(config: Config) -> State:
    """Return a search that has seen nothing, with its first probes due."""
    state = State(config, (Tally(),) * (config.n + 1), segments=((0, config.n),))
    return _plan(state)


def plan(state: State, in_flight: Collection[Probe] = ()) -> tuple[Probe, ...]:
    """Return the probes to run next, in order, without those that are in flight already.

    Empty when the search has ended, and when it has to wait for what is in flight.
    It is the state that knows them: after a crash, a state that was folded from
    the log asks again for those of which no outcome was kept. With all that is
    pending at its worst-case price, they fit the budget.
    """
    if state.conclusion is not None:
        return ()
    return tuple(probe for probe in state.pending if probe not in in_flight)


def observe(state: State, probe: Probe, grade: Grade, cost: float | None = None) -> State:
    """Return the state with the grade and cost of a probe; by default its cost is its worst-case price.

    Outcomes settle in the order of planning. Those that come when the search
    was stopped add to what it cost, and to nothing else.

    Raises:
        ValueError: the probe was not asked for, or was observed already.
    """
    paid = state.config.price(probe.arm) if cost is None else cost
    if state.stopped:
        return evolve(state, settled=state.settled + 1, spent=state.spent + paid)
    due = list(state.due)
    for place, item in enumerate(due):
        if item.probe == probe and item.grade is None:
            due[place] = Due(probe, grade, paid)
            return _settle(evolve(state, due=tuple(due)))
    raise ValueError(f"{probe} was not asked for, or was observed already")


def stop(state: State) -> State:
    """Return the search ended here, with the forks that are in; a stopped one as it is.

    A fork that is pending while later ones are in counts as undefined: to leave
    it out because it was slow would bend the rates.
    """
    if state.stopped:
        return state
    last = max((place for place, item in enumerate(state.due) if item.grade is not None), default=-1)
    kept = state.due[: last + 1]
    state = evolve(state, due=(), stopped=True)
    for item in kept:
        state = _take(state, item)
    return state if state.conclusion else evolve(state, conclusion=conclude(state))


def fold(config: Config, log: Iterable[Observation]) -> State:
    """Return the state after all of `log`, in the order in which it was observed.

    Raises:
        ValueError: the log is of another search.
    """
    state = init(config)
    for probe, grade, cost in log:
        state = observe(state, probe, grade, cost)
    return state


def extend(state: State, *, max_forks: int | None = None, max_cost: float | None = None) -> State:
    """Return the search under new limits. One that ended for want of forks goes on.

    One that came to its conclusion, or has nothing left to try, stays as it is.
    """
    state = evolve(state, config=evolve(state.config, max_forks=max_forks, max_cost=max_cost))
    if _is_cut_short(state):
        state = evolve(state, conclusion=None, stopped=False)
    return _plan(state)


def _settle(state: State) -> State:
    """The state with all due forks counted whose turn has come, and new ones planned."""
    if not state.config.barrier or all(item.grade is not None for item in state.due):
        while state.due and state.due[0].grade is not None:
            item, *rest = state.due
            state = _take(evolve(state, due=tuple(rest)), item)
    return _plan(state)


def _take(state: State, item: Due) -> State:
    """The state with one more fork counted, and what follows from it. One without a grade is undefined."""
    probe, grade = item.probe, item.grade or Grade.CENSORED
    arms = state.arms
    state = evolve(
        state,
        arms=(*arms[: probe.arm], arms[probe.arm].add(grade), *arms[probe.arm + 1 :]),
        nominations=_count(state, probe, grade),
        settled=state.settled + (item.grade is not None),
        spent=state.spent + item.cost,
        since=state.since + (probe.kind is Kind.EXPLORE),
    )
    return state if state.conclusion else _advance(state)


def _count(state: State, probe: Probe, grade: Grade) -> tuple[Nomination, ...]:
    """The nominations, with the fork counted for the one that it was made for."""
    nominations, place = state.nominations, probe.nomination
    if probe.kind is not Kind.CONFIRM:
        return nominations
    known = state.config.known(nominations[place].step + 1)
    return (
        *nominations[:place],
        nominations[place].take(probe.arm, grade, known),
        *nominations[place + 1 :],
    )


def _advance(state: State) -> State:
    """The state with the open nomination decided, or a new one made, or the search ended, if it is time."""
    swept = not state.segments
    if state.open is not None:
        state = _decide(state, state.open)
    elif state.segments:
        if looks_level(state):
            return judge_sweep(sweep(state))
        state = nominate(state)
        if state.open is None and state.since >= count_patience(state):
            state = leave_segment(state)
    if state.conclusion or state.segments:
        return state
    return judge_sweep(state if swept else sweep(state))


def _decide(state: State, nomination: Nomination) -> State:
    """The state with the open nomination confirmed or given up, if it is time, and what follows from it."""
    config = state.config
    state = decide(state, nomination)
    last = state.nominations[-1]
    if last.status is Status.CONFIRMED:
        return evolve(state, conclusion=Conclusion.STEP) if config.first else split(state, last)
    if last.status is Status.FUTILE and len(state.nominations) >= config.tuning.nominations:
        return evolve(state, segments=(), since=0)
    return state


def _plan(state: State) -> State:
    """The state with new probes due up to a batch; ended, if nothing is due and nothing more fits."""
    config = state.config
    if state.conclusion is not None or (config.barrier and state.due):
        return state
    width = _choose_width(state)
    for _ in range(min(width - len(state.pending), WINDOW * width - len(state.due))):
        if (nomination := state.open) is not None:
            probe = _make_confirming(state, nomination)
        else:
            probe = _make_exploring(state)
        if probe is None:
            break
        state = evolve(state, due=(*state.due, Due(probe)))
    return state if state.due else evolve(state, conclusion=conclude(state))


def _choose_width(state: State) -> int:
    """How many forks may be in flight by now: few at first, for much of what is begun early is in vain."""
    tuning = state.config.tuning
    return min(state.config.batch, tuning.start + state.settled // tuning.widen)


def _make_exploring(state: State) -> Probe | None:
    arm = choose_arm(state) if state.segments else choose_swept(state)
    return None if arm is None else _make_probe(state, arm, Kind.EXPLORE)


def _make_confirming(state: State, nomination: Nomination) -> Probe | None:
    """A probe on one side of the step, the next one on the other; chance decides which comes first."""
    config, step, place = state.config, nomination.step, len(state.nominations) - 1
    due = sum(item.probe.nomination == place for item in state.due)
    made = nomination.before.total + nomination.after.total + due
    first = step + (unit(config.seed, "pair", place, made // 2) < EVEN_CHANCE)
    arm = step if config.known(step + 1) is not None else first if made % 2 == 0 else 2 * step + 1 - first
    return _make_probe(state, arm, Kind.CONFIRM, place) if config.price(arm) <= state.room else None


def _make_probe(state: State, arm: int, kind: Kind, nomination: int = -1) -> Probe:
    draw = state.arms[arm].total + sum(item.probe.arm == arm for item in state.due)
    return Probe.of(state.config.seed, arm, draw, kind, nomination)


def _is_cut_short(state: State) -> bool:
    """True if there was more to try when the search ended."""
    match state.conclusion:
        case Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET:
            return True
        case Conclusion.SEGMENT:
            return bool(state.segments)
        case Conclusion.STEP:
            return bool(state.segments) and not state.config.first
        case _:
            return False
