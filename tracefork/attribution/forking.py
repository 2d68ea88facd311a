"""Do one probe: run the agent with a prefix served and the rest live, and grade what came of it.

A job is a value that can be sent to another process. The agent, the oracle and
the tape may be named instead of carried: as `"package.module:function"`, and as a
store's path and a run_id.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Generator
from functools import lru_cache, partial
from importlib import import_module
from typing import Any, TypeAlias, TypeVar

import anyio.to_thread
from attrs import field, frozen

from ..core.matching import Matcher, exact
from ..core.tape import Tape
from ..drive import Agent, called, is_async
from ..drive import judged as verified
from ..files import loads
from ..listing import PROBE
from ..providers.prices import Prices
from ..runs import cut, fork, replay
from ..session import Session
from ..store import TapeStore
from ..tools import Tools
from .grading import OnRaise, graded, ungraded
from .jobs import Done, Job
from .known import Forced, Given
from .metering import Meter
from .oracles import Oracle, judged, settled

T = TypeVar("T")

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
    raising. Forks are kept as branches in `store`, a path or a store, if there is one.
    `options` go to `tracefork.runs.cut`. `until` is in seconds of `time.time`.
    """

    source: Source
    agent: Agent | str
    oracle: Oracle | str
    store: TapeStore | str | None = None
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
        ImportError: there is no such module.
    """
    if not isinstance(what, str):
        return what
    module, _, path = what.partition(":")
    if not module or not path:
        raise ValueError(f"{what!r} is no import path such as package.module:function")
    found: Any = import_module(module)
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
    """What an oracle said; it may have to be awaited."""

    oracle: Oracle
    said: Any


@frozen
class Ending:
    """How the agent came to its end: what it returned, or what left the run's block."""

    result: object = None
    raised: BaseException | None = None


def _driven(steps: Steps[T], agent: Agent) -> T:
    sent: object = None
    while True:
        try:
            want = steps.send(sent)
        except StopIteration as over:
            done: T = over.value
            return done
        if isinstance(want, Judging):
            answer = asyncio.run(_awaited(want.said)) if inspect.isawaitable(want.said) else want.said
            sent = settled(answer, want.oracle)
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
            want = steps.send(sent)
        except StopIteration as over:
            done: T = over.value
            return done
        if isinstance(want, Judging):
            answer = await want.said if inspect.isawaitable(want.said) else want.said
            sent = settled(answer, want.oracle)
            continue
        try:
            async with want:
                result = called(agent, want)
                if inspect.isawaitable(result):
                    result = await result
            sent = Ending(result)
        except (Exception, SystemExit) as exc:  # noqa: BLE001  it is to be graded
            sent = Ending(raised=exc)


async def _awaited(result: Awaitable[T]) -> T:
    return await result


# -- what is done ------------------------------------------------------------------------------


def _replayed(setting: Setting) -> Steps[Baseline]:
    tape = tape_of(setting.source)
    if tape.outcome.kind == "unfinished":
        raise ValueError(
            "the recorded run has not come to its end: resume it first, then blame what came of it"
        )
    session = replay(tape, matcher=setting.matcher, **dict(setting.options))
    ending = yield session
    verdict = verified(tape, session, ending.raised, setting.matcher)
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
    given = Forced(tape, pivot, setting.matcher) if pivot else Given(setting.matcher)
    served = job.upto + (job.answer is not None)
    meter = Meter(given, served, job.calls, job.most, setting.until, setting.prices)
    options: dict[str, Any] = {
        "store": setting.store,
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
    done = partial(Done, spent=meter.spent(), given=given.count)
    if setting.store is not None:
        done = partial(done, run_id=session.run_id)
    grade = ungraded(ending.raised, session.failure, meter.live(), raising=setting.raising)
    if grade is not None:
        problem = ending.raised or session.failure
        return done(grade, note=f"{type(problem).__name__}: {problem}")
    success: bool | None = False
    if ending.raised is None:
        success = yield judging(setting, ending.result, session.tape)
    return done(graded(success, setting.recorded))


def judging(setting: Setting, result: object, tape: Tape) -> Judging:
    oracle = named(setting.oracle)
    return Judging(oracle, judged(oracle, result, tape))
