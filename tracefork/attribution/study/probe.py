"""Do one probe: run the agent with a prefix served and the rest live, and grade what came of it.

A job is a value that can be sent to another process. The agent, the oracle and
the tape may be named instead of carried: as `"package.module:function"`, and as a
store's path and a run_id.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Generator, Sequence
from functools import lru_cache, partial
from importlib import import_module
from typing import Any, TypeAlias, TypeVar

import anyio.to_thread
from attrs import field, frozen

from ...core.matching import Matcher, exact
from ...core.tape import Tape
from ...core.values import Exchange, Response
from ...providers.prices import Prices
from ...runs.api import cut, fork, replay
from ...runs.verify import Agent, called, is_async
from ...runs.verify import judged as verified
from ...session.session import Session
from ...session.tools.policy import Tools
from ...storage.info import PROBE
from ...storage.store import TapeStore
from ...storage.tape_file import loads
from ..forks.arms import unanswered
from ..forks.grading import OnRaise, graded, ungraded
from ..forks.jobs import Done, Job
from ..oracles import Oracle, judged, settled
from ..search.state import Grade
from .forced_answers import Forced
from .meter import Meter

T = TypeVar("T")

_OF_FORKS = frozenset({"on_doubt", "unrecordable"})
"""Options that a replay does not have: it runs no tool."""

LONGEST = 300
"""Characters of a note."""

SEED = "blame.seed"
"""Where a fork's meta keeps its seed, as decimal digits: for agents that can make use of one."""


@frozen
class Stored:
    """A tape by where it lies."""

    path: str
    run_id: str


@frozen
class Packed:
    """A tape as `dumps` gives it."""

    data: bytes = field(repr=lambda data: f"<{len(data)} bytes>")


Source: TypeAlias = Tape | Stored | Packed


@frozen
class Setting:
    """What all forks of a study have in common.

    `recorded` is what the oracle said of the recorded run, `raised` whether it ended by
    raising. Forks are kept as branches of run `parent` in `store`, a path or a store, if there is one.
    `options` go to `tracefork.runs.api.cut`. `until` is in seconds of `time.time`.
    """

    source: Source
    agent: Agent | str
    oracle: Oracle | str
    store: TapeStore | str | None = None
    parent: str | None = None
    recorded: bool = False
    raised: bool = False
    on_raise: OnRaise = "as_recorded"
    tools: Tools = "recorded"
    matcher: Matcher = exact
    prices: Prices | None = None
    until: float | None = None
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def raising(self) -> bool:
        """Whether an exception of the agent's own is a failure like another."""
        return self.on_raise == "failure" or (self.on_raise == "as_recorded" and self.raised)


@frozen
class Baseline:
    """What the recorded run was: a success by the oracle's word, and whether it ended by raising."""

    success: bool
    raised: bool


def perform(setting: Setting, job: Job) -> Done:
    """Make the fork in this thread, and grade it. An async agent or oracle gets a loop of its own."""
    return _driven(_forked(setting, job), named(setting.agent))


async def aperform(setting: Setting, job: Job) -> Done:
    """`perform` in the running loop. An agent that is not async runs in a thread."""
    agent = named(setting.agent)
    if not is_async(agent):
        return await anyio.to_thread.run_sync(perform, setting, job)
    return await _adriven(_forked(setting, job), agent)


def baseline(setting: Setting) -> Baseline:
    """Replay the recorded run, to know what the oracle says of it and that the agent still does it.

    Raises:
        Divergence: the agent does something else than it did: no fork of it would mean anything.
        ValueError: the oracle cannot say, or the run had not come to its end.
    """
    return _driven(_replayed(setting), named(setting.agent))


async def abaseline(setting: Setting) -> Baseline:
    """`baseline` in the running loop."""
    agent = named(setting.agent)
    if not is_async(agent):
        return await anyio.to_thread.run_sync(baseline, setting)
    return await _adriven(_replayed(setting), agent)


def tape_of(source: Source) -> Tape:
    """The tape, loaded once in a process.

    Raises:
        NotFound: the store does not have it.
        CorruptTape: it is damaged.
    """
    return source if isinstance(source, Tape) else _loaded(source)


@lru_cache(maxsize=4)
def _loaded(source: Stored | Packed) -> Tape:
    if isinstance(source, Packed):
        return loads(source.data)
    with TapeStore.open(source.path) as store:
        return store.load(source.run_id)


def named(what: Any) -> Any:
    """What `"package.module:function"` names; anything but a string is itself.

    Raises:
        ValueError: the name is no such path, or leads to nothing that can be called.
    """
    if not isinstance(what, str):
        return what
    module, _, path = what.partition(":")
    if not module or not path:
        raise ValueError(f"{what!r} is no import path such as package.module:function")
    try:
        found: Any = import_module(module)
    except ImportError as exc:
        raise ValueError(f"{what!r} cannot be imported: {exc}") from exc
    for name in path.split("."):
        found = getattr(found, name, None)
    if not callable(found):
        raise ValueError(  # noqa: TRY004  a name, not an argument, is at fault
            f"{what!r} names nothing that can be called"
        )
    return found


# -- the two ways to drive: each yields a session to run the agent in, or what the oracle said -----

Steps: TypeAlias = "Generator[Session | Judging, Any, T]"


@frozen
class Judging:
    """An oracle, and how to ask it; what it says may have to be awaited."""

    oracle: Oracle
    said: Callable[[], Any]


@frozen
class Ending:
    """How the agent came to its end: what it returned, or what left the run's block."""

    result: object = None
    raised: BaseException | None = None


def _driven(steps: Steps[T], agent: Agent) -> T:
    sent: object = None
    while True:
        try:
            want = steps.throw(sent) if isinstance(sent, Exception) else steps.send(sent)
        except StopIteration as over:
            done: T = over.value
            return done
        if isinstance(want, Judging):
            try:
                answer = want.said()
                answer = asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer
                sent = settled(answer, want.oracle)
            except Exception as exc:  # noqa: BLE001  whoever asked for the grade decides
                sent = exc
            continue
        try:
            with want:
                result = called(agent, want)
                if inspect.isawaitable(result):
                    result = asyncio.run(_awaited(result))
            sent = Ending(result)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as exc:  # noqa: BLE001  it is to be graded
            sent = Ending(raised=exc)


async def _adriven(steps: Steps[T], agent: Agent) -> T:
    sent: object = None
    while True:
        try:
            want = steps.throw(sent) if isinstance(sent, Exception) else steps.send(sent)
        except StopIteration as over:
            done: T = over.value
            return done
        if isinstance(want, Judging):
            try:
                answer = want.said()
                answer = await answer if inspect.isawaitable(answer) else answer
                sent = settled(answer, want.oracle)
            except Exception as exc:  # noqa: BLE001  whoever asked for the grade decides
                sent = exc
            continue
        try:
            async with want:
                result = called(agent, want)
                if inspect.isawaitable(result):
                    result = await result
            sent = Ending(result)
        except (Exception, SystemExit, asyncio.CancelledError) as exc:
            if isinstance(exc, asyncio.CancelledError) and _is_cancelled():
                raise
            sent = Ending(raised=exc)


def _is_cancelled() -> bool:
    """True if it is this task that is being cancelled, and not something of the agent's that was."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def _awaited(result: Awaitable[T]) -> T:
    return await result


# -- what is done ------------------------------------------------------------------------------


def _replayed(setting: Setting) -> Steps[Baseline]:
    tape = tape_of(setting.source)
    if tape.outcome.kind == "unfinished":
        raise ValueError(
            "the recorded run has not come to its end: resume it first, then blame what came of it"
        )
    options = {name: value for name, value in setting.options if name not in _OF_FORKS}
    session = replay(tape, matcher=setting.matcher, **options)
    ending = yield session
    verdict = verified(tape, session, ending.raised)
    if verdict.divergence is not None:
        raise verdict.divergence
    if session.failure is not None:
        raise session.failure
    raised = ending.raised is not None
    if raised and setting.on_raise != "error":
        return Baseline(success=False, raised=True)
    if raised:
        raise ValueError(f"the recorded run raised, and on_raise is {setting.on_raise!r}: it has no grade")
    success = yield judging(setting, ending.result, session.tape)
    if success is None:
        raise ValueError(
            "the oracle cannot say whether the recorded run was a success: nothing can be blamed for it"
        )
    return Baseline(success, raised=False)


def _forked(setting: Setting, job: Job) -> Steps[Done]:
    tape = tape_of(setting.source)
    pivot = tape.by_head[job.upto] if job.forced else None
    given = Forced(tape, pivot, setting.matcher) if pivot else None
    meter = Meter(setting.matcher, job.calls, job.most, setting.until, setting.prices)
    options: dict[str, Any] = {
        "store": setting.store,
        "parent": setting.parent,
        "name": job.name,
        "meta": {PROBE: job.name, SEED: str(job.seed)},
        "matcher": setting.matcher,
        "tools": setting.tools,
        "gate": meter,
        "known": given,
        **dict(setting.options),
    }
    session = fork(tape, pivot, **options) if pivot else cut(tape, job.upto, job.answer, **options)
    meter.session = session
    ending = yield session
    done = partial(Done, spent=meter.spent(), given=given.count if given else 0)
    if setting.store is not None:
        done = partial(done, run_id=session.run_id)
    live = {id(exchange) for exchange in meter.live()}
    lost = [x for x in unanswered(session.tape, setting.matcher) if id(x) in live]
    grade = ungraded(ending.raised, session.failure, trouble=bool(lost), raising=setting.raising)
    if grade is not None:
        return done(grade, note=_note(session, lost)[:LONGEST])
    success: bool | None = False
    if ending.raised is None:
        try:
            success = yield judging(setting, ending.result, session.tape)
        except Exception as exc:  # noqa: BLE001  an oracle is somebody else's, and the fork is paid for
            return done(Grade.AMBIGUOUS, note=f"the oracle raised {type(exc).__name__}")
    return done(graded(success, setting.recorded))


def _note(session: Session, lost: Sequence[Exchange]) -> str:
    """Why there is no grade, without a secret in it: what is kept of the run has none."""
    if session.failure is not None:
        return f"{type(session.failure).__name__}: {session.failure}"
    outcome = session.tape.outcome
    if outcome.kind == "raised":
        return f"{outcome.type}: {outcome.message}"
    answer = lost[0].answer if lost else None
    return f"no model answered: {answer.status if isinstance(answer, Response) else answer!r}"


def judging(setting: Setting, result: object, tape: Tape) -> Judging:
    oracle = named(setting.oracle)
    return Judging(oracle, partial(judged, oracle, result, tape))
