"""Makes one fork: runs the agent with a prefix served and the rest live, and grades how it ended."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from statistics import fmean
from typing import Any, TypeAlias, TypeVar

import anyio
import anyio.to_thread
from attrs import evolve, frozen

from ...core.matching import Matcher
from ...core.tape import Tape
from ...core.values import Draw, Exchange, Request, Response, Step
from ...errors import TraceforkError
from ...host import clocks
from ...runs.agents import Agent, Ending, arun_agent, complete, is_async, run_agent
from ...runs.api import cut, fork, replay
from ...runs.naming import resolve
from ...runs.verify import judge
from ...session.session import Session
from ...storage.info import PROBE
from ..forks.arms import LOCKED, find_unanswered, is_troubled
from ..forks.grading import grade, grade_without_oracle
from ..forks.jobs import Done, Job
from ..forks.redoing import TRIES, find_resumption, find_what_is_left, wait_before
from ..forks.repeats import MOST, describe_live
from ..oracles import Oracle, ask_oracle, check_answer
from ..search.state import Grade
from ..statistics.chance import unit
from .forced_answers import ForcedAnswers
from .meter import Meter
from .setting import Setting, read_tape

T = TypeVar("T")

_OF_FORKS = frozenset({"on_doubt", "unrecordable"})
"""Options that a replay does not have: it runs no tool."""

CHECKS = 4
"""Times that a run whose outcome counts as known is judged, before the first fork and after the last one."""

HALF = 0.5
"""The score above which a run counts as a success."""

LONGEST = 300
"""Characters of a note."""

SEED = "blame.seed"
"""Where a fork's meta keeps its seed, as decimal digits: for agents that can make use of one."""


@frozen
class Baseline:
    """The recorded run: a success by the oracle's word, and whether it ended by raising.

    It `wavers` if the oracle, asked about replays of it, did not always say the same, or gave a score between
    failure and success; it is then the word of most of them.
    """

    success: bool
    raised: bool
    wavers: bool = False


def perform(setting: Setting, job: Job, rest: Callable[[float], object] = time.sleep) -> Done:
    """Make the fork in this thread, and grade it. An async agent or oracle gets a loop of its own.

    `rest` waits so many seconds before a fork that a vendor failed is gone on with; where it returns what
    is true, the study is over, and the fork stays as it is.
    """
    return _drive(_fork(setting, job), resolve(setting.agent), rest)


async def aperform(setting: Setting, job: Job, rest: Callable[[float], object] = time.sleep) -> Done:
    """`perform` in the running loop. An agent that is not async runs in a thread, and `rest` waits there."""
    agent = resolve(setting.agent)
    if not is_async(agent):
        return await anyio.to_thread.run_sync(perform, setting, job, rest)
    return await _adrive(_fork(setting, job), agent)


def find_baseline(setting: Setting, times: int = 1) -> Baseline:
    """Replay the recorded run `times` over, to see that the agent still does it; ask the oracle each time.

    Raises:
        Divergence: the agent does something else than it did: no fork of it would mean anything.
        ValueError: the oracle cannot say, or the run had not come to its end.
    """
    return _drive(_replay(setting, times), resolve(setting.agent))


async def afind_baseline(setting: Setting, times: int = 1) -> Baseline:
    """`find_baseline` in the running loop."""
    agent = resolve(setting.agent)
    if not is_async(agent):
        return await anyio.to_thread.run_sync(find_baseline, setting, times)
    return await _adrive(_replay(setting, times), agent)


# -- sync and async: the steps yield a session to run the agent in, an oracle to ask, or a pause ----

Steps: TypeAlias = "Generator[Session | OracleCall | Pause, Ending, T]"


@frozen
class OracleCall:
    """Asks `oracle` whether the run of `tape`, which returned `result`, was a success."""

    oracle: Oracle | str
    result: object
    tape: Tape

    def make(self) -> Ending:
        try:
            oracle = resolve(self.oracle)
            return Ending(check_answer(complete(ask_oracle(oracle, self.result, self.tape)), oracle))
        except Exception as exc:  # noqa: BLE001  whoever asked for the grade decides
            return Ending(raised=exc)

    async def amake(self) -> Ending:
        try:
            oracle = resolve(self.oracle)
            answer = ask_oracle(oracle, self.result, self.tape)
            return Ending(check_answer(await answer if inspect.isawaitable(answer) else answer, oracle))
        except Exception as exc:  # noqa: BLE001  whoever asked for the grade decides
            return Ending(raised=exc)


@frozen
class Pause:
    """Waits `seconds`. Its ending has a result that is true where the study is over in the meantime."""

    seconds: float


def _drive(steps: Steps[T], agent: Agent, rest: Callable[[float], object] = time.sleep) -> T:
    try:
        want = next(steps)
        while True:
            match want:
                case Session():
                    ending = run_agent(want, agent)
                case Pause(seconds):
                    ending = Ending(rest(seconds))
                case _:
                    ending = want.make()
            want = steps.send(ending)
    except StopIteration as over:
        done: T = over.value
        return done


async def _adrive(steps: Steps[T], agent: Agent) -> T:
    try:
        want = next(steps)
        while True:
            match want:
                case Session():
                    ending = await arun_agent(want, agent)
                case Pause(seconds):
                    await anyio.sleep(seconds)
                    ending = Ending()
                case _:
                    ending = await want.amake()
            want = steps.send(ending)
    except StopIteration as over:
        done: T = over.value
        return done


# -- what is done ------------------------------------------------------------------------------


def _replay(setting: Setting, times: int) -> Steps[Baseline]:
    scores = []
    for _ in range(times):
        score = yield from _score(setting)
        if score is None:
            return Baseline(success=False, raised=True)
        scores.append(score)
    steady = len(set(scores)) == 1 and scores[0] in (0.0, 1.0)
    return Baseline(fmean(scores) > HALF, raised=False, wavers=not steady)


def _score(setting: Setting) -> Steps[float | None]:
    """Replay the recorded run once; give the oracle's score, or None if it raised as recorded."""
    tape = read_tape(setting.source)
    if tape.outcome.kind == "unfinished":
        raise ValueError(
            "the recorded run has not come to its end: resume it first, then blame what came of it"
        )
    options = {name: value for name, value in setting.options if name not in _OF_FORKS}
    session = replay(tape, matcher=setting.matcher, **options)
    ending = yield session
    verdict = judge(tape, session, ending)
    if verdict.divergence is not None:
        raise verdict.divergence
    if session.failure is not None:
        raise session.failure
    if ending.raised is not None:
        if setting.on_raise == "error":
            raise ValueError("the recorded run raised, and on_raise is 'error': it has no grade")
        return None
    answer = yield OracleCall(setting.oracle, ending.result, session.tape)
    if answer.raised is not None:
        raise answer.raised
    if answer.result is None:
        raise ValueError(
            "the oracle cannot say whether the recorded run was a success: nothing can be blamed for it"
        )
    return float(answer.result)


@frozen
class Start:
    """Where a try begins: `upto` exchanges of `tape`, by head, are served. `parent` is the tape's run.

    `answered` is whether a try before it had an answer to a live question.
    """

    tape: Tape
    upto: int
    parent: str | None
    answered: bool = False


def _fork(setting: Setting, job: Job) -> Steps[Done]:
    """Make the fork; where a vendor failed it, go on with it from there, a few times, within its limits."""
    start, left, total = Start(read_tape(setting.source), job.upto, setting.parent), job, Done(Grade.CENSORED)
    for number in range(1, TRIES + 1):
        done, again = yield from _try(setting, left, start)
        spent, given = total.spent + done.spent, total.given + done.given
        same = done.asked_same if number == 1 else total.asked_same
        asked = (*total.asked, *done.asked)[:MOST]
        total = evolve(done, spent=spent, given=given, tries=number, asked_same=same, asked=asked)
        seconds = wait_before(number, job.seed, setting.backoff)
        over = setting.until is not None and clocks.now() + seconds >= setting.until
        rest = find_what_is_left(job, total.spent)
        if again is None or rest is None or over or number == TRIES:
            return total
        if (yield Pause(seconds)).result:
            return total
        start, left = (
            (start, rest) if job.forced else (again, evolve(rest, answer=None, last=None, event=None))
        )
    return total


def _try(setting: Setting, job: Job, start: Start) -> Steps[tuple[Done, Start | None]]:
    """Give what came of the fork, and where to go on with it if a vendor that may answer yet failed it."""
    tape = start.tape
    pivot = tape.by_head[job.upto] if job.forced else None
    given = ForcedAnswers(tape, pivot, setting.matcher) if pivot else None
    meter = Meter(setting.matcher, job.calls, job.most, setting.until, setting.prices)
    options: dict[str, Any] = {
        "store": setting.store,
        "parent": start.parent,
        "name": job.name,
        "meta": {PROBE: job.name, SEED: str(job.seed)},
        "matcher": setting.matcher,
        "tools": setting.tools,
        "gate": meter if given is None else partial(_pass, given, meter),
        "known": given,
        **dict(setting.options),
    }
    last = start.upto if job.last is None else _find_step(tape, job.last)
    recorded = read_tape(setting.source)
    session = (
        fork(tape, pivot, **options) if pivot else cut(tape, last, job.answer, recorded=recorded, **options)
    )
    meter.session = session
    if given:
        given.session = session
    ending = yield session
    done = partial(Done, spent=meter.spent(), given=given.count if given else 0)
    if setting.store is not None:
        done = partial(done, run_id=session.run_id)
    if job.event is not None:
        done = partial(
            done, asked_same=_is_asked_same(session.tape, _find_step(tape, job.event), setting.matcher)
        )
    left = meter.live()
    if not _has_own_chance(session.tape):
        done = partial(done, asked=describe_live(left, setting.matcher, job.seed))
    live = {id(exchange) for exchange in left}
    lost = [x for x in find_unanswered(session.tape, setting.matcher) if id(x) in live]
    answered = start.answered or not all(map(is_troubled, left))
    obstacle = grade_without_oracle(
        ending.raised, session.failure, trouble=bool(lost), raising=setting.raising, answered=answered
    )
    if obstacle is not None:
        again = None
        ours = session.failure or TraceforkError.find(ending.raised)
        if ours is None and lost and not any(map(_is_locked, lost)):
            kept = session.run_id if setting.store is not None else setting.parent
            place = find_resumption(session.tape, lost, setting.matcher)
            again = Start(session.tape, place, kept, answered)
        return done(obstacle, note=_write_note(session, lost)[:LONGEST]), again
    if ending.raised is not None:
        return done(grade(success=False, recorded=setting.recorded)), None
    answer = yield OracleCall(setting.oracle, ending.result, session.tape)
    if answer.raised is not None:  # an oracle is somebody else's, and the fork is paid for
        return done(Grade.AMBIGUOUS, note=f"the oracle raised {type(answer.raised).__name__}"), None
    return done(grade(answer.result, setting.recorded, unit(job.seed, "score"))), None


def _has_own_chance(branch: Tape) -> bool:
    """True if tools or draws were live: two forks that were answered the same may yet be two."""
    return any(not isinstance(step, Exchange) and step.origin is None for step in branch.steps)


def _is_locked(exchange: Exchange) -> bool:
    """True if the vendor refuses the caller, which another try does not change."""
    return isinstance(exchange.answer, Response) and exchange.answer.status in LOCKED


def _pass(given: ForcedAnswers, meter: Meter, request: Request) -> None:
    """Let a question of a forced fork leave: if it is one that is to be asked, and can be paid."""
    given.check(request)
    meter(request)


def _find_step(tape: Tape, head: int) -> Step:
    """The step of `tape` whose head was given at this tick."""
    return next(step for step in tape.steps if step.span.headed == head)


def _is_asked_same(branch: Tape, event: Step, matcher: Matcher) -> bool | None:
    """True if the first that the lane of `event` asked live, of its kind, is its question; None if none."""
    live = (s for s in branch.steps if type(s) is type(event) and s.lane == event.lane and s.origin is None)
    first = next(live, None)
    if isinstance(event, Draw) or first is None:
        return None
    return matcher(first.asked) == matcher(event.asked)


def _write_note(session: Session, lost: Sequence[Exchange]) -> str:
    """Why there is no grade, without a secret in it: what is kept of the run has none."""
    if session.failure is not None:
        return f"{type(session.failure).__name__}: {session.failure}"
    outcome = session.tape.outcome
    if outcome.kind == "raised":
        return f"{outcome.type}: {outcome.message}"
    answer = lost[0].answer if lost else None
    return f"no model answered: {answer.status if isinstance(answer, Response) else answer!r}"
