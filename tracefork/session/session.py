"""A run in progress: the block, the tools that an agent calls through it, and what may leave it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from os import getpid
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import anyio
import anyio.lowlevel
from attrs import evolve

from ..codec import strict_json
from ..core.machine import State
from ..core.notes import add_notes, make_notes
from ..core.script import NEVER
from ..core.surrogates import NONE
from ..core.tape import Tape
from ..core.values import RETURNED, UNFINISHED, Branch, Escape, Outcome, Source
from ..errors import Refused, StoreError, TraceforkError
from ..host.callsite import find_callsite
from ..host.uninterrupted import LOOK, run_apart
from ..redact import Redactor
from ..runtime import lanes, spawning
from ..runtime.flight import Flight
from ..runtime.keeper import Keeper, Unwritten, Writer
from ..runtime.port import BLINK, Port
from ..storage.run_log import Log
from .block import Exit
from .block_errors import judge
from .draws import Chance
from .escapes import Escapes
from .passthrough import pattern
from .plan import Plan
from .tools import calls, generators
from .tools.effects import class_name, said
from .tools.policy import Policy, Use

_logger = logging.getLogger("tracefork")
_logger.addHandler(logging.NullHandler())

T = TypeVar("T")

SEALING = 10.0
"""Seconds that an interrupted run is waited for."""

LONGEST = 200
"""Characters of a target or a line that an escape keeps."""


class Session(Chance):
    """A run in progress. Make one with `record`, `replay`, `resume` or `fork`.

    Use it as a context manager, `with` or `async with`. Safe to share between
    threads and tasks; every transport made from a session writes to the same tape.
    """

    def __init__(self, plan: Plan) -> None:
        self.port = Port(plan.script, plan.redactor, plan.patience, plan.gate, plan.known, plan.doubts)
        """Where transports and tools put their questions."""
        self.max_body = plan.max_body
        """The most bytes of one body that are kept."""
        self.instant_retries = plan.instant_retries
        """Whether recorded answers that ask for a pause are served without one."""
        self.virtualize = plan.virtualize
        """The kinds of chance that agents take from the standard library and draw through the run."""
        self.strict = plan.strict
        """Whether what would leave the run unrecorded is refused."""
        self.wrapped = plan.wrapped
        """The functions that are tools of this run without a decorator, as `module:path`."""
        self.names: dict[str, str] = {}
        """Host names by the addresses that the agent was given for them."""
        self._plan = plan
        self.processes = plan.processes
        """Whether processes that the agent starts are refused: "run" or "refuse"."""
        self.joins = plan.joins
        """Whether a `record()` within this run joins it."""
        self.remarks: list[str] = []
        """What whoever looks at this run should know, a sentence each."""
        self._escapes = Escapes()
        self._refusals = Escapes()
        self._refused_last: tuple[Refused | None, int] = None, 0  # and how many steps were over then
        self._tape: Tape | None = None
        self._log: Log | None = None
        self._keeper: Keeper = Unwritten()
        self._process = getpid()
        self._entered = False
        self._left = False
        self._over = False
        self._doors = threading.Lock()  # only threads that are apart take it
        self._outcome: Outcome | None = None
        self.separate: list[Session] = []
        """Runs that are separate of this one, and were begun and not left within it."""
        self._root = lanes.Strand(self)
        self._passing = [pattern(text) for text in plan.passthrough]

    # -- the block --------------------------------------------------------------

    def __enter__(self) -> Self:
        if self._entered:
            raise RuntimeError("a run is entered once; start another one")
        self._entered = True
        try:
            self._begin()
        except BaseException:
            self.abandon()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._was_left():
            return
        self._leave(exc)
        if self.is_elsewhere:
            return
        self._keeper.close(self._seal)
        while not self._keeper.is_over(LOOK):
            pass
        judge(self, exc)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
        hold: object = None,
    ) -> None:
        try:
            if self._was_left():
                return
            self._leave(exc)
            if self.is_elsewhere:
                return
            self._keeper.close(self._seal)
            with anyio.CancelScope(shield=True):
                while not self._keeper.is_over(BLINK):  # in slices: a busy loop would starve who seals
                    await anyio.lowlevel.checkpoint()
        except BaseException:
            if self._entered:
                self.abandon()
            raise
        judge(self, exc)

    @property
    def run_id(self) -> str:
        return self._plan.header.run_id

    @property
    def meta(self) -> Mapping[str, str]:
        """What was told about this run when it was begun, as text."""
        return self._plan.header.meta

    @property
    def lineage(self) -> Branch | None:
        """Where this run comes from; None unless it forks or resumes another."""
        return self._plan.header.parent

    @property
    def tape(self) -> Tape:
        """What has happened so far; once the block is left, the whole run."""
        return self._tape or self._happened()

    @property
    def live(self) -> bool:
        """True when questions go to the real world: always while recording, never in a replay."""
        return self.port.live

    @property
    def happened(self) -> int:
        """How many steps are over."""
        return self.port.happened

    @property
    def forwarded(self) -> int:
        """How many questions went to the real world: servers, tools and chance."""
        return self.port.forwarded

    @property
    def over(self) -> bool:
        """True once the block has been left."""
        return self._over

    @property
    def gone(self) -> bool:
        """True where whoever still has this run in his context is asked for no more than others are.

        What outlives a replay must not go live: it belongs to that, unless another is in progress.
        """
        return self._over and (self.live or any(not run.live for run in open_runs()))

    @property
    def is_elsewhere(self) -> bool:
        """True in a process that was forked from the run's own."""
        return self._process != getpid()

    @property
    def failure(self) -> TraceforkError | None:
        """What ended the run's faith in itself, if anything: it is raised when the block is left."""
        return self.port.failure

    @property
    def state(self) -> State:
        """The machine's state, as of now."""
        return self.port.state

    def flush(self) -> None:
        """Wait until all that has happened is durable.

        Raises:
            StoreError: the store refused.
        """
        self.port.flush()

    async def aflush(self) -> None:
        """`flush`, without holding the event loop."""
        await self.port.aflush()

    def redactor(self) -> Redactor:
        """What knows the secrets of this moment."""
        return self._plan.redactor()

    def draw(self, source: Source, sample: Callable[[], str]) -> str:
        """Return `sample()` when live, or the recorded reading of `source`. Never waits.

        Raises:
            Divergence: the script has no such draw here.
        """
        return sample() if self.is_aside() else self.port.draw(source, sample)

    # -- tools ------------------------------------------------------------------

    @property
    def tool_policy(self) -> Policy:
        """What happens to a tool call that the script does not answer."""
        return self._plan.tools

    def call(self, name: str, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Return `fn(*args, **kwargs)`, recorded as one effect. A replay does not run `fn`.

        Arguments and result are kept as JSON, and what comes back is of the class that it was, an
        exception too. Of a generator function, plain or asynchronous, what it yields is recorded once it
        has ended or is closed.

        Raises:
            Unrecordable: an argument has no JSON form; or what came of it could not be made again from
                any: the tool has run then, and the tape says so.
            InDoubt: the tool was called before a crash, and `on_doubt` is "raise".
            Divergence: the script has no such call here.
        """
        return cast("T", self.use(Use(name, fn, args, kwargs)))

    async def acall(self, name: str, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """`call` for a coroutine function: returns what it comes to."""
        return await self.ause(Use(name, fn, args, kwargs))

    def use(self, use: Use) -> Any:
        """`call`, of a use of a tool."""
        if self.is_aside():
            return use.fn(*use.args, **use.kwargs)
        make = generators.kind(use.fn) or calls.call
        return make(self.port, self._plan.tools, use)

    async def ause(self, use: Use) -> Any:
        """`acall`, of a use of a tool."""
        if self.is_aside():
            result = use.fn(*use.args, **use.kwargs)
            return await result if isinstance(result, Awaitable) else result
        return await calls.acall(self.port, self._plan.tools, use)

    @property
    def escaped(self) -> tuple[Escape, ...]:
        """What left the run unrecorded so far, as far as was seen."""
        return self._escapes.seen()

    @property
    def refused(self) -> tuple[Escape, ...]:
        """What was kept from leaving a replay so far."""
        return self._refusals.seen()

    @property
    def last_refusal(self) -> Refused | None:
        """What was refused last, if nothing has come to its end since."""
        refused, happened = self._refused_last
        return refused if happened == self.happened else None

    # -- executors' jobs, for `spawning` ----------------------------------------------

    def begin_job(self, name: str, strand: lanes.Strand) -> object | None:
        """Note that `strand` hands a job to an executor; None if its end has no place in this run."""
        return self.port.begin_job(name, strand)

    async def end_job(self, job: object) -> None:
        """Wait until it is the job's turn to end, as it was when recorded."""
        await self.port.end_job(cast("Flight", job))

    def give_up_job(self, job: object) -> None:
        """Note that nobody waits for the job any more."""
        self.port.give_up_job(cast("Flight", job))

    # -- what transports and the guard ask ------------------------------------------

    def is_aside(self) -> bool:
        """True inside a live call or a tool of this run: what is asked there is not recorded.

        Nor is what a process asks that was forked from a live run's own.
        """
        strand = lanes.current()
        if strand is not None and strand.aside and strand.run is self:
            return True
        return self._process != getpid() and self.live

    def passes(self, host: str, method: str = "", path: str | None = None) -> bool:
        """True when a call is none of the agent's business; of a connection only the host is known."""
        if path is None:
            return any(one.takes_all_of(host) for one in self._passing)
        return any(one.takes(method, host, path) for one in self._passing)

    @property
    def allowed(self) -> tuple[str, ...]:
        """Addresses that a replay may connect to."""
        return self._plan.allow

    def allows(self, address: str) -> bool:
        """True when a replay may connect to `address`, a `host:port` or the path of a unix socket."""
        host, _, port = address.rpartition(":")
        names = {address, host, f"{self.names.get(host, host)}:{port}", self.names.get(host, host)}
        return not names.isdisjoint(self._plan.allow)

    def escape(self, kind: str, target: str, *, certain: bool = True) -> None:
        """Note that something leaves the run unrecorded; `certain` if it is this run's for sure.

        Raises:
            Refused: the run is strict.
        """
        target, site = self.redactor().text(target)[:LONGEST], find_callsite(whole=False)[:LONGEST]
        self._escapes.add(kind, target, site)
        if self.strict and certain:
            raise self.port.fail(Refused(target, site, kind, strict=True))

    def refuse(self, target: str, kind: str = "") -> Refused:
        """Note that something was kept from leaving a replay, and return what to raise.

        It is held against the run if that is strict; else only what the agent then does is.
        """
        target, site = self.redactor().text(target)[:LONGEST], find_callsite()
        self._refusals.add(kind or "connection", target, find_callsite(whole=False)[:LONGEST])
        error = Refused(target, site, kind, strict=self.strict)
        self._refused_last = error, self.happened
        if self.strict:
            self.port.fail(error)
        return error

    def remark(self, text: str) -> None:
        """Note something that whoever looks at the run should know."""
        if text not in self.remarks:
            self.remarks.append(text)
            _logger.warning("run %s: %s", self.run_id, text)

    def _look(self, written: bytes) -> None:
        self.redactor().check(written)

    def _happened(self) -> Tape:
        """The run so far, with what was noted of it."""
        tape = self._plan.header.tape(*self.port.so_far(), outcome=self._outcome or UNFINISHED)
        vault = self.redactor().vault
        met = vault.surrogates.of(step.answer for step in tape.steps) if vault is not None else NONE
        notes = make_notes(escaped=self.escaped, redacted=self._keeper.redacted)
        return evolve(tape, meta=add_notes(tape.meta, notes), surrogates=met)

    def _was_left(self) -> bool:
        """True if the block was left before, wholly: whoever leaves it again finds all done.

        Raises:
            RuntimeError: the block was never entered.
        """
        if not self._entered:
            raise RuntimeError("the run has not begun: use it as a context manager")
        return self._left and not self.is_abandoned

    def abandon(self) -> None:
        """Leave the block as an interrupt would have it: at once, or for the rest of what it came amid.

        Waits a while until what happened is sealed; what was acknowledged is in the store already.
        """
        self._leave(None, UNFINISHED)
        if not self.is_elsewhere:
            self._keeper.close(self._seal)
            self._keeper.is_over(SEALING)

    @property
    def is_abandoned(self) -> bool:
        """True if the block was entered, and is not wholly left: whoever let go of it was interrupted."""
        return self._entered and not (self._over and (self.is_elsewhere or self._keeper.is_over(0.0)))

    @property
    def is_entered(self) -> bool:
        """True once the block was entered, even if it has been left since."""
        return self._entered

    def depart(self) -> None:
        """In a process that was just forked from the run's own: leave nothing of it here, if it was live.

        A replay still refuses here what it refuses there, until its block is left here too.
        """
        self._doors = threading.Lock()  # who held it is not here
        if self.live:
            with suppress(ValueError):
                _open.remove(self)
            self._release()
            lanes.close_block(self._root)
            lanes.leave(self._root)

    def _begin(self) -> None:
        plan = self._plan
        if plan.script.opens != NEVER:
            self._keeper = writer = Writer(stored=plan.store is not None)
            writer.start()
            if plan.store:
                writer.begin(self._begun)
        run_apart(self._hold)
        self.port.open(self._keeper)
        _open.append(self)
        if plan.within is not None:
            plan.within.separate.append(self)
        lanes.open_block(self._root, lanes.frame_of_block(), everywhere=plan.everywhere)
        lanes.begin(self._root)

    def _begun(self) -> Log:
        assert self._plan.store
        self._look(strict_json.dump(self._plan.header))
        self._log = self._plan.store.begin(self._plan.header)
        self._log.look = self._look
        return self._log

    def _hold(self) -> None:
        with self._doors:
            if self._left:  # whoever waits for this was interrupted, and quicker
                return
            for door in self._plan.doors:
                door.hold(self)
            spawning.watch(self._root)

    def _release(self) -> None:
        with self._doors:
            spawning.unwatch(self._root)
            for door in reversed(self._plan.doors):
                door.release(self)

    def _leave(self, exc: BaseException | None, ended: Outcome | None = None) -> None:
        """Put the process back as it was, and end what the agent left open.

        Each of these may be done again: whoever was interrupted in here is followed by somebody else.
        """
        self._left = True
        with suppress(ValueError):
            _open.remove(self)
        run_apart(self._release)
        lanes.close_block(self._root)
        lanes.leave(self._root)
        if not self.is_elsewhere:
            if self._outcome is None:
                self._outcome = self._ended(exc, ended)
            self._over = True
            self.port.close(self._outcome)
            for run in [self, *self.separate]:
                run.tell_around()
        self._over = True

    def tell_around(self) -> None:
        """Tell the replay that this separate run is in what got out by it; once, by whoever ends first."""
        around, out = self._plan.within, self.port.went_out
        if around is not None and self in around.separate:
            around.separate.remove(self)
            if out and not around.live:
                around.escape("run", f"{out} calls of {self.run_id}", certain=False)

    def _ended(self, exc: BaseException | None, ended: Outcome | None) -> Outcome:
        """How the block ended, as it may be kept."""
        if ended is None:
            ended = RETURNED if exc is None else Outcome("raised", class_name(exc), said(exc))
        try:
            return self.redactor().outcome(ended)
        except Exception as failed:  # noqa: BLE001  a finder may be anybody's
            self.port.fail(StoreError(f"how the run ended is not kept, since a finder failed: {failed!r}"))
            return evolve(ended, message="")

    def _seal(self) -> None:
        """Keep the tape. What goes wrong is kept too: it is raised when the run is judged."""
        try:
            self._tape = self._happened()
            self._keeper.wait(0)
            if self._log:
                self._tape = self._log.seal(self._tape)
        except TraceforkError as exc:
            self.port.fail(exc)
        except BaseException as exc:  # noqa: BLE001  whoever leaves the block must hear of it
            failure = StoreError(f"the run could not be closed: {type(exc).__name__}: {exc}")
            failure.__cause__ = exc
            self.port.fail(failure)
        finally:
            if self._plan.store and self._plan.owns_store:
                self._plan.store.close()


_open: list[Session] = []
"""The runs of this process whose blocks are entered and not left."""


def open_runs() -> tuple[Session, ...]:
    """Return the runs in progress that calls of this process may belong to.

    A live one ends where a child is forked; a replay is one in the child too, and lets nothing out.
    """
    return tuple(run for run in tuple(_open) if not (run.live and run.is_elsewhere))


def current() -> Session | None:
    """The innermost run of this context, or None.

    A task that outlives a recorded run belongs to the run around it. One that
    outlives a replay still belongs to the replay: it must not go live.
    """
    strand = lanes.current()
    while strand is not None:
        run = strand.run
        if isinstance(run, Session) and not (run.live and (run.over or run.is_elsewhere)):
            return run
        strand = strand.outer
    return None


Session.__exit__ = Exit(Session.__exit__)  # type: ignore[method-assign, assignment]
Session.__aexit__ = Exit(Session.__aexit__)  # type: ignore[method-assign, assignment]


def _leave_in_child() -> None:
    for run in tuple(_open):
        run.depart()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_in_child)
