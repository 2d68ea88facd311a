"""A run in progress: the block, its draws and tool calls, and what transports use.

Whatever is kept passes two places here: the redactor, on its way in, and
`_note`, which makes steps and journal records of what the machine did.
"""

from __future__ import annotations

import itertools
import logging
import random
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from fnmatch import fnmatchcase as fnmatch
from os import environ, getpid
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

import anyio
import anyio.lowlevel
from attrs import evolve, frozen

from . import lanes, tools
from .callsite import callsite
from .cell import Cell
from .codec import records
from .core import machine
from .core.machine import Asked, Commit, Ended, Event, Forward, Go, Halt, Headed, Order, Serve, Strayed
from .core.script import Script
from .core.tape import Tape
from .core.values import (
    CANCELLED,
    RETURNED,
    UNFINISHED,
    Answer,
    Branch,
    Call,
    Outcome,
    Question,
    Reading,
    Request,
    Response,
    Source,
    Step,
)
from .effects import class_name, said
from .errors import Divergence, Refused, TraceforkError
from .flight import Flight
from .redact import Redactor
from .store import Log, TapeStore
from .straying import diverged, unfinished
from .tools import OnDoubt
from .turns import Pacers, asettle, in_loop, is_cancellation, settle
from .writer import Writer

logging.getLogger("tracefork").addHandler(logging.NullHandler())

T = TypeVar("T")

Around: TypeAlias = "Callable[[Session], AbstractContextManager[object]]"

BLINK = 0.002  # seconds that a running event loop may be held until a question is durable


@frozen
class Plan:
    """What a session is made from; `tracefork.record` and its siblings fill it in.

    `redactor` is asked anew for each thing that is kept: secrets may be set within the run.
    `around` wraps the block: interception and the network guard. `everywhere`
    takes in threads that have no run of their own. `passthrough` holds `host/path`
    patterns that are not recorded, `allow` addresses that a replay may connect to.
    """

    script: Script
    header: records.Header
    redactor: Callable[[], Redactor]
    around: Around
    store: TapeStore | None = None
    owns_store: bool = False
    patience: float = 60.0
    on_doubt: OnDoubt = "raise"
    everywhere: bool = False
    passthrough: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


class Session:
    """A run in progress. Make one with `record`, `replay`, `resume` or `fork`.

    Use it as a context manager, `with` or `async with`. Safe to share between
    threads and tasks; every transport made from a session writes to the same tape.
    """

    def __init__(self, plan: Plan) -> None:
        self.forwarded = 0
        """How many questions went to the real world: servers, tools and chance."""
        self._plan = plan
        self._cell = Cell(plan.script, self._note, plan.patience)
        self._pacers = Pacers(self._cell)
        self._calls = itertools.count()
        self._flights: dict[int, Flight] = {}
        self._steps: list[Step] = []
        self._tape: Tape | None = None
        self._outcome = UNFINISHED
        self._failure: TraceforkError | None = None
        self._log: Log | None = None
        self._writer: Writer | None = None
        self._root: lanes.Strand | None = None
        self._around: AbstractContextManager[object] = nullcontext()
        self._passing = [(h, p) for h, _, p in (pattern.partition("/") for pattern in plan.passthrough)]
        self._pid = getpid()

    # -- the block --------------------------------------------------------------

    def __enter__(self) -> Self:
        if self._root:
            raise RuntimeError("a run is entered once; start another one")
        try:
            if self._plan.store:
                self._log = self._plan.store.begin(self._plan.header)
                self._writer = Writer(self._log)
            around = self._plan.around(self)
            around.__enter__()
        except BaseException:
            self._close()
            raise
        self._around = around
        self._root = lanes.Strand(self)
        lanes.watch(self._root if self._plan.everywhere else None)
        self._root.outer = lanes.enter(self._root)
        self._cell.moved = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._leave(exc)
        self._close()
        self._judge(exc)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._leave(exc)
        closing = threading.Thread(target=self._close, name="tracefork-close")
        closing.start()
        with anyio.CancelScope(shield=True):
            while closing.is_alive():  # in slices: a busy loop would not let that thread run by itself
                closing.join(BLINK)
                await anyio.lowlevel.checkpoint()
        self._judge(exc)

    @property
    def run_id(self) -> str:
        return self._plan.header.run_id

    @property
    def lineage(self) -> Branch | None:
        """Where this run comes from; None unless it forks or resumes another."""
        return self._plan.header.parent

    @property
    def tape(self) -> Tape:
        """What has happened so far; once the block is left, the whole run."""
        if self._tape:
            return self._tape
        with self._cell.lock:
            return self._so_far()

    def _so_far(self) -> Tape:
        head = self._plan.header
        return Tape(
            steps=tuple(sorted(self._steps, key=lambda step: step.span.began)),
            pending=machine.pending(self._cell.state),
            run_id=head.run_id,
            agent_name=head.agent_name,
            boundary=head.boundary,
            created_at=head.created_at,
            meta=head.meta,
            parent=head.parent,
            outcome=self._outcome,
        )

    @property
    def live(self) -> bool:
        """True when questions go to the real world: always while recording, never in a replay."""
        return self._cell.state.live

    @property
    def happened(self) -> int:
        """How many steps are over."""
        return len(self._steps)

    @property
    def over(self) -> bool:
        """True once the block has been left."""
        return self._tape is not None

    @property
    def failure(self) -> TraceforkError | None:
        """What ended the run's faith in itself, if anything: it is raised when the block is left."""
        halt = self._cell.state.halt
        return self._diverged(halt) if halt else self._failure

    def flush(self) -> None:
        """Wait until all that has happened is durable.

        Raises:
            StoreError: the store refused.
        """
        if self._writer:
            self._writer.wait()

    async def aflush(self) -> None:
        """`flush`, without holding the event loop."""
        if self._writer:
            await self._durable(self._writer)

    # -- chance -----------------------------------------------------------------

    def now(self) -> float:
        """Seconds since the epoch, as `time.time` has them."""
        return float(self.draw(Source("clock"), lambda: repr(time.time())))

    def uuid4(self) -> uuid.UUID:
        """A random UUID."""
        return uuid.UUID(self.draw(Source("uuid"), lambda: str(uuid.uuid4())))

    def random(self) -> float:
        """A float in [0, 1), as `random.random` has it."""
        return float(self.draw(Source("random"), lambda: repr(random.random())))  # noqa: S311

    def choice(self, options: Sequence[T]) -> T:
        """One of `options`, which must stand in the same order when replayed.

        Raises:
            IndexError: there are none.
        """
        if not options:
            raise IndexError("cannot choose from an empty sequence")
        source = Source("choice", str(len(options)))
        return options[int(self.draw(source, lambda: str(random.randrange(len(options)))))]  # noqa: S311

    def env(self, name: str, default: str | None = None) -> str | None:
        """The environment variable `name`. Of a secret only the name is kept: a replay reads it anew."""
        text = self.draw(Source("env", name), lambda: f"={environ[name]}" if name in environ else "")
        return self._redactor.restored(text[1:], environ) if text else default

    def draw(self, source: Source, sample: Callable[[], str]) -> str:
        """Return `sample()` when live, or the recorded reading of `source`. Never waits.

        Raises:
            Divergence: the script has no such draw here.
        """
        if self.is_aside():
            return sample()
        flight, event = self._flight(source)
        self._answered(flight, self._cell.send(evolve(event, waits=False)))
        try:
            reading = flight.served or Reading(sample())
            assert isinstance(reading, Reading)
        except BaseException:
            self._cell.abandon(flight.call)
            self._flights.pop(flight.call, None)
            raise
        self._cell.send(Ended(flight.call, self._redactor.reading(source, reading), waits=False))
        return reading.text

    # -- tools ------------------------------------------------------------------

    def call(self, name: str, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Return `fn(*args, **kwargs)`, recorded as one effect. A replay does not run `fn`.

        Arguments and result are kept as JSON; a result of a dataclass, attrs or
        pydantic class is rebuilt from the return annotation of `fn`.

        Raises:
            Unrecordable: an argument has no JSON form; or, in a replay, the result had none.
            InDoubt: the tool was called before a crash, and `on_doubt` is "raise".
            Divergence: the script has no such call here.
        """
        if self.is_aside():
            return fn(*args, **kwargs)
        result: T = tools.call(self, self._plan.on_doubt, name, fn, args, kwargs)
        return result

    async def acall(self, name: str, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """`call` for a coroutine function: returns what it comes to."""
        if self.is_aside():
            result = fn(*args, **kwargs)
            return await result if isinstance(result, Awaitable) else result
        return await tools.acall(self, self._plan.on_doubt, name, fn, args, kwargs)

    # -- what adapters use --------------------------------------------------------

    def ask(self, question: Question) -> Flight:
        """Put `question`: its flight says how to answer it, from the script or the real world.

        Waits for the question's turn, and, should it go to the real world, until it is
        durable that it was asked; so is then all that came before.

        Raises:
            Divergence: the script cannot answer it, or was left before.
            StoreError: the store refused this step or an earlier one.
        """
        flight, event = self._flight(question)
        try:
            self._answered(flight, settle(self._cell, event))
            if self._writer and flight.served is None:
                self._writer.wait(flight.ticket)
        except Divergence:
            raise
        except BaseException:  # an interrupt while waiting, or the store refused
            self.drop(flight, CANCELLED)
            raise
        return flight

    async def aask(self, question: Question) -> Flight:
        """`ask`, suspending the task."""
        flight, event = self._flight(question)
        try:
            self._answered(flight, await asettle(self._cell, event, self._pacers))
            if flight.served is None:
                self._pacers.count(flight)
            if self._writer and flight.served is None:
                await self._durable(self._writer, flight.ticket)
        except Divergence:
            raise
        except BaseException:  # cancelled while waiting, or the store refused
            self.drop(flight, CANCELLED)
            raise
        return flight

    def outgoing(self, request: Request) -> Request:
        """Return `request` as it must leave: secrets that the script's answers hid are put back.

        Raises:
            RedactedSecret: one of them is not known to this process.
        """
        if not self._plan.script.lines:
            return request
        try:
            return self._redactor.refilled(request)
        except TraceforkError as exc:
            raise self.fail(exc) from None

    def head(self, flight: Flight, taken: Callable[[], Answer]) -> None:
        """Wait for the head's turn; `taken` says, should the run end first, what the agent read."""
        event = self._heading(flight, taken)
        self._checked(settle(self._cell, event))

    async def ahead(self, flight: Flight, taken: Callable[[], Answer]) -> None:
        """`head`, suspending the task."""
        event = self._heading(flight, taken)
        self._checked(await asettle(self._cell, event, self._pacers))

    def end(self, flight: Flight, answer: Answer) -> None:
        """The agent has had all of `answer`: wait for the end's turn, and until it is durable.

        Inside a running event loop a response is durable before the next question leaves.
        """
        self._checked(settle(self._cell, self._ending(flight, answer)))
        if self._writer and (isinstance(flight.question, Call) or not in_loop()):
            self._writer.wait(flight.ticket)

    async def aend(self, flight: Flight, answer: Answer) -> None:
        """`end`, suspending the task; it is durable before the next question leaves."""
        event = self._ending(flight, answer)
        try:
            self._checked(await asettle(self._cell, event, self._pacers))
        except TraceforkError:
            raise
        except BaseException:  # cancelled while waiting, or just after
            given_up = evolve(answer, end="cancelled") if isinstance(answer, Response) else CANCELLED
            self.drop(flight, given_up)
            raise

    def drop(self, flight: Flight, answer: Answer) -> None:
        """End a step that the agent abandoned: at once, from any thread, even a finalizer."""
        flight.taken = None
        if flight.call in self._cell.state.open:
            self._cell.drop(Ended(flight.call, self._redactor.answer(answer), waits=False))

    def stray(self, flight: Flight) -> Divergence:
        """The agent reads past a recorded close; return what to raise."""
        order = self._cell.send(Strayed(flight.call, stalled=False))
        over = Halt(flight.question, flight.lane, None, overread=True)
        return self._diverged(order if isinstance(order, Halt) else over)

    def hang(self, flight: Flight) -> None:
        """Block until the agent gives up, as it did when recorded; raises Stalled if it does not."""
        while self._cell.left() > 0 and not self._cell.state.halt and not self.over:
            time.sleep(min(max(self._cell.left(), 0.0), 0.02))
        self._checked(self._cell.send(Strayed(flight.call, stalled=True)))

    async def ahang(self, flight: Flight) -> None:
        """`hang`, suspending the task."""
        while self._cell.left() > 0 and not self._cell.state.halt and not self.over:  # noqa: ASYNC110  patience is no event
            await anyio.sleep(min(max(self._cell.left(), 0.0), 0.02))
        self._checked(self._cell.send(Strayed(flight.call, stalled=True)))

    def fail(self, error: TraceforkError) -> TraceforkError:
        """Keep `error`, to be raised by every later question and when the block is left; return it."""
        self._failure = self._failure or error
        return error

    def is_aside(self) -> bool:
        """True inside a live call or a tool of this run: what is asked there is not recorded."""
        strand = lanes.current()
        return strand is not None and strand.aside and strand.run is self

    def passes(self, place: str) -> bool:
        """True when `place`, a host or `host/path`, is none of the agent's business."""
        host, _, path = place.partition("/")
        return any(
            fnmatch(host, h) and fnmatch(path, p or "*") for h, p in self._passing if path or p in ("", "*")
        )

    def allows(self, address: str) -> bool:
        """True when a replay may connect to `address`, a `host:port`."""
        return address in self._plan.allow or address.rpartition(":")[0] in self._plan.allow

    # -- below ----------------------------------------------------------------------

    def _flight(self, question: Question) -> tuple[Flight, Asked]:
        if self._failure:
            raise self._failure
        if self.over and self.live:
            raise RuntimeError(f"the run is over: {question!r} was asked after its block")
        site = "" if self.live else callsite()
        if self.over:
            raise Refused(f"{question!r}, after the end of the run,", site)
        if self._root is None:
            raise RuntimeError("the run has not begun: use it as a context manager")
        strand = lanes.current()
        path, alone = (strand.path, strand.alone) if strand else ("", True)
        flight = Flight(next(self._calls), self._redactor.question(question), path, site)
        self._flights[flight.call] = flight
        return flight, Asked(flight.call, flight.question, path, alone)

    def _answered(self, flight: Flight, order: Order) -> None:
        match self._checked(order):
            case Serve(answer):
                flight.served = answer
            case Forward(again):
                flight.again = again
                self.forwarded += 1

    def _heading(self, flight: Flight, taken: Callable[[], Answer]) -> Headed:
        event = Headed(flight.call)
        flight.taken = taken
        if flight.served is not None:
            flight.ask_hops = machine.ask_hops(self._cell.state, event)
        flight.head_hops = self._hops(event)
        flight.saw_head()
        return event

    def _ending(self, flight: Flight, answer: Answer) -> Ended:
        event = Ended(flight.call, self._redactor.answer(answer))
        flight.taken = None
        hops = self._hops(event)
        if flight.headed is None:
            flight.head_hops = hops
        else:
            flight.end_hops = hops
        return event

    def _hops(self, event: Headed | Ended) -> int | None:
        """What this tick's timing says of the loop: measured when live, else as recorded."""
        return self._pacers.mark() if self.live else machine.hops(self._cell.state, event)

    def _note(self, event: Event, order: Order) -> None:
        """Keep what happened. Called inside the cell's lock, in the machine's order."""
        if self.over:
            return
        match event, order:
            case Asked(), Forward() | Serve():
                self._note_asked(self._flights[event.call], self._cell.state.open[event.call].began)
            case Headed(call), Go() if self._writer:
                if (tick := self._cell.state.open[call].headed) is not None:
                    self._writer.put(records.Headed(call, tick))
            case Ended(call), Commit(step):
                flight = self._flights.pop(call)
                step = evolve(step, timing=flight.timing())
                self._steps.append(step)
                if self._writer:
                    if not flight.ticket:  # given up while its ask was waiting
                        self._note_asked(flight, step.span.began)
                    ended = records.Ended(call, step.answer, step.span, step.timing)
                    flight.ticket = self._writer.put(ended)

    def _note_asked(self, flight: Flight, tick: int | None) -> None:
        if self._writer and tick is not None:
            asked = records.Asked(flight.call, flight.question, flight.lane, tick, flight.began)
            flight.ticket = self._writer.put(asked)

    async def _durable(self, writer: Writer, ticket: int | None = None) -> None:
        """Wait for the writer in slices, between which the loop goes on: a busy one would starve it."""
        while not writer.wait(ticket, BLINK):
            await anyio.lowlevel.checkpoint()

    @property
    def _redactor(self) -> Redactor:
        return self._plan.redactor()

    def _checked(self, order: Order) -> Order:
        if isinstance(order, Halt):
            raise self._diverged(order)
        return order

    def _diverged(self, halt: Halt) -> Divergence:
        waiting = [(f.lane, f.question, f.site) for f in list(self._flights.values()) if not f.headed]
        return diverged(self._cell.state, halt, patience=self._plan.patience, open_calls=waiting)

    def _leave(self, exc: BaseException | None) -> None:
        """Put the process back as it was, and end what the agent left open."""
        self._around.__exit__(None, None, None)
        if self._root:
            lanes.leave(self._root)
        lanes.unwatch(self._root if self._plan.everywhere else None)
        for flight in list(self._flights.values()):
            if flight.taken:
                self.drop(flight, flight.taken())
            elif isinstance(flight.question, Request) and flight.call in self._cell.state.open:
                self.drop(flight, CANCELLED)  # nobody is left to hear the answer
        outcome = RETURNED if exc is None else Outcome("raised", class_name(exc), said(exc))
        with self._cell.lock:
            self._outcome = self._redactor.outcome(outcome)
            if self._writer:
                self._writer.put(records.Closed(self._outcome))
            self._tape = self._so_far()
        self._cell.close()
        self._pacers.clear()

    def _close(self) -> None:
        """Write and seal. What goes wrong is kept: it is raised when the run is judged."""
        try:
            if self._writer:
                self._writer.close()
            if self._log and self._tape:
                self._log.seal(self._tape)
        except TraceforkError as exc:
            self.fail(exc)
        finally:
            if self._plan.store and self._plan.owns_store:
                self._plan.store.close()

    def _judge(self, exc: BaseException | None) -> None:
        """Raise what the agent may have swallowed.

        An interrupt or a cancellation is let through, and so is the error itself; any
        other exception becomes its cause.
        """
        if isinstance(exc, (KeyboardInterrupt, GeneratorExit)) or is_cancellation(exc):
            return
        if (failure := self.failure) and not isinstance(exc, type(failure)):
            if exc is None:
                raise failure  # with the cause that it has
            raise failure from exc
        if exc is None and (left := unfinished(self._cell.state)):
            raise left


def current() -> Session | None:
    """The innermost run of this context, or None.

    A task that outlives a recorded run belongs to the run around it. One that
    outlives a replay still belongs to the replay: it must not go live.
    """
    strand = lanes.current()
    while strand is not None:
        run = strand.run
        if isinstance(run, Session) and not (run.live and (run.over or run._pid != getpid())):  # noqa: SLF001
            return run
        strand = strand.outer
    return None
