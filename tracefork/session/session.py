"""A run in progress: the block, the tools that an agent calls through it, and what may leave it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from os import getpid
from types import TracebackType
from typing import Self, TypeVar, cast

import anyio
import anyio.lowlevel
from attrs import evolve

from ..codec import records, strict_json
from ..core.machine import State
from ..core.notes import add_notes, make_notes
from ..core.surrogates import NONE
from ..core.tape import Tape
from ..core.values import UNFINISHED, Outcome, Request, Source
from ..errors import StoreError, TraceforkError
from ..host.uninterrupted import LOOK, run_apart
from ..providers.unrecorded import describe_asked
from ..redact import Redactor
from ..runtime import lanes, spawning
from ..runtime.deferred_keeper import Deferred
from ..runtime.editing import Editing
from ..runtime.flight import Flight
from ..runtime.keeper import Keeper, Unwritten, Writer
from ..runtime.lifetime import BLINK
from ..runtime.port import Port
from ..storage.run_log import Log
from .asking import Call
from .block import Exit
from .block_errors import judge
from .bodies import bound
from .border import Border
from .current import open_runs, register, unregister
from .draws import Chance
from .faults import DOTTED, Faults
from .following import Following
from .plan import Plan
from .tools.caller import ToolCaller
from .tools.effects import keep_outcome, make_outcome

T = TypeVar("T")

SEALING = 10.0
"""Seconds that an interrupted run is waited for."""


class Session(Border, ToolCaller, Following, Chance):
    """A run in progress. Make one with `record`, `replay`, `resume`, `rerun` or `fork`.

    Use it as a context manager, `with` or `async with`. Safe to share between
    threads and tasks; every transport made from a session writes to the same tape.
    """

    def __init__(self, plan: Plan) -> None:
        editing = Editing(plan.edits, from_opening=plan.edits_from_opening)
        port = Port(plan.script, plan.redactor, plan.patience, plan.gate, plan.known, plan.doubts, editing)
        super().__init__(plan, port)
        port.follows = plan.follows.run_id if plan.follows else ""
        self.max_body = plan.max_body
        """The most bytes of one body that are kept."""
        self.instant_retries = plan.instant_retries
        """Whether recorded answers that ask for a pause are served without one."""
        self.virtualize = plan.virtualize
        """The kinds of chance that agents take from the standard library and draw through the run."""
        self.wrapped = plan.wrapped
        """The functions that are tools of this run without a decorator, as `module:path`."""
        self._plan = plan
        self.tool_policy = plan.tools
        self.processes = plan.processes
        """What becomes of processes that the agent starts: "run", "join" or "refuse"."""
        self.joins = plan.joins
        """Whether a `record()` within this run joins it."""
        self._tape: Tape | None = None
        self._log: Log | None = None
        self._keeper: Keeper = Unwritten()
        self._entered = False
        self._left = False
        self._over = False
        self._doors = threading.Lock()  # only threads that are apart take it
        self._outcome: Outcome | None = None
        self.separate: list[Session] = []
        """Runs that are separate of this one, and were begun and not left within it."""
        self._root = lanes.Strand(self)

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
    def meta(self) -> Mapping[str, str]:
        """What was told about this run when it was begun, as text."""
        return self._plan.header.meta

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

        What outlives a replay must not go live: it is that's, unless another or a process's run goes on.
        """
        return self._over and (self.live or any(not r.live or r._plan.everywhere for r in open_runs()))  # noqa: SLF001

    @property
    def is_elsewhere(self) -> bool:
        """True in a process that was forked from the run's own."""
        return self._process != getpid()

    @property
    def failure(self) -> TraceforkError | None:
        """The first error that makes this run unreliable, or None; it is raised when the block is left."""
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

    def asking(self, request: Request, faults: Faults = DOTTED) -> Call:
        """Return the call that `request` is, for a transport to carry out: see `session.asking`.

        Args:
            request: what the agent asks, with its whole body.
            faults: how exceptions of the transport are kept, and made again; by default by the dotted
                path of their class and their message.
        """
        aside = self.is_aside()
        if aside:
            self.overhear(request.url)
        unrecorded = aside or (self._over and self.live)
        return Call(self, bound(self, request), faults, whole=request, unrecorded=unrecorded)

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

    def _look(self, written: bytes) -> None:
        self.redactor().check(written)

    def _happened(self) -> Tape:
        """The run so far, with what was noted of it."""
        tape = self._plan.header.tape(*self.port.so_far(), outcome=self._outcome or UNFINISHED)
        vault = self.redactor().vault
        met = vault.surrogates.of(step.answer for step in tape.steps) if vault is not None else NONE
        redacted = self._keeper.redacted
        notes = make_notes(escaped=self.escaped, redacted=redacted, asked_in_tools=self.asked_in_tools)
        made = evolve(tape, meta=add_notes(tape.meta, notes), surrogates=met)
        return records.depart(made, self.parted) if self.parted else made

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
            unregister(self)
            self._release()
            lanes.close_block(self._root)
            lanes.leave(self._root)

    def _begin(self) -> None:
        plan = self._plan
        if plan.script.may_be_left and plan.store is None:
            self._keeper = Deferred()
        elif plan.script.goes_live:
            self._keeper = writer = Writer(stored=plan.store is not None)
            writer.start()
            if plan.store:
                writer.begin(self._begun)
        run_apart(self._hold)
        self.port.open(self._keeper, self._root.roster)
        register(self)
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
        unregister(self)
        run_apart(self._release)
        lanes.close_block(self._root)
        lanes.leave(self._root)
        if not self.is_elsewhere:
            if self._outcome is None:
                self._outcome = self._make_outcome(exc, ended)
            self._over = True
            self.port.close(self._outcome)
            for text in self.port.stale.remarks():
                self.remark(text)
            for run in [self, *self.separate]:
                run.tell_around()
            for tool, times in self.asked_in_tools.items():
                self.remark(describe_asked(tool, times))
        self._over = True

    def tell_around(self) -> None:
        """Tell the replay that this separate run is in what got out by it; once, by whoever ends first."""
        around, out = self._plan.within, self.port.went_out
        if around is not None and self in around.separate:
            around.separate.remove(self)
            if out and not around.live:
                around.escape("run", f"{out} calls of {self.run_id}", certain=False)

    def _make_outcome(self, exc: BaseException | None, ended: Outcome | None) -> Outcome:
        """How the block ended, as it may be kept."""
        if ended is None:
            ended = make_outcome(exc)
        try:
            return keep_outcome(ended, self.redactor())
        except Exception as failed:  # noqa: BLE001  a finder may be anybody's
            self.port.fail(StoreError(f"how the run ended is not kept, since a finder failed: {failed!r}"))
            return evolve(ended, message="", traceback="")

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


Session.__exit__ = Exit(Session.__exit__)  # type: ignore[method-assign, assignment]
Session.__aexit__ = Exit(Session.__aexit__)  # type: ignore[method-assign, assignment]
