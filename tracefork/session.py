"""A run in progress: the block, and what an agent may ask the run itself for: chance, and tools."""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from fnmatch import fnmatchcase as fnmatch
from os import environ, getpid
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar, cast

import anyio
import anyio.lowlevel
from attrs import evolve, frozen

from . import generating, lanes, tools
from .callsite import callsite
from .codec import plain, records
from .core.notes import added, noted
from .core.script import NEVER, Script
from .core.tape import Tape
from .core.values import (
    RETURNED,
    UNFINISHED,
    Branch,
    Escape,
    Outcome,
    Source,
)
from .effects import class_name, said
from .errors import Refused, StoreError, TraceforkError
from .escapes import Escapes
from .log import Log
from .port import BLINK, Gate, Known, Port
from .redact import Redactor
from .store import TapeStore
from .straying import unfinished
from .tools import Policy
from .turns import is_cancellation
from .writer import Keeper, Unwritten, Writer

logging.getLogger("tracefork").addHandler(logging.NullHandler())

T = TypeVar("T")

MAX_BODY = 64 * 2**20
"""Bytes of one body that are kept unless another limit is given."""

LONGEST = 200
"""Characters of a target or a line that an escape keeps."""

Around: TypeAlias = "Callable[[Session], AbstractContextManager[object]]"


@frozen
class Plan:
    """What a session is made from; `tracefork.record` and its siblings fill it in.

    `redactor` is asked anew for each thing that is kept: secrets may be set within the run.
    `around` wraps the block: interception and the network guard. `everywhere`
    takes in threads that have no run of their own. `passthrough` holds `host/path`
    patterns that are not recorded, `allow` addresses that a replay may connect to.
    `gate` is shown each request before it leaves, and ends the run by raising; `known` may answer it.
    `virtualize` names the kinds of chance that are drawn through the run; `strict` refuses what would
    leave it unrecorded.
    """

    script: Script
    header: records.Header
    redactor: Callable[[], Redactor]
    around: Around
    store: TapeStore | None = None
    owns_store: bool = False
    patience: float = 60.0
    tools: Policy = tools.RUN
    everywhere: bool = False
    passthrough: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    max_body: int = MAX_BODY
    instant_retries: bool = False
    gate: Gate | None = None
    known: Known | None = None
    virtualize: frozenset[str] = frozenset()
    strict: bool = False


class Session:
    """A run in progress. Make one with `record`, `replay`, `resume` or `fork`.

    Use it as a context manager, `with` or `async with`. Safe to share between
    threads and tasks; every transport made from a session writes to the same tape.
    """

    def __init__(self, plan: Plan) -> None:
        self.port = Port(plan.script, plan.redactor, plan.patience, plan.gate, plan.known)
        """Where transports and tools put their questions."""
        self.max_body = plan.max_body
        """The most bytes of one body that are kept."""
        self.instant_retries = plan.instant_retries
        """Whether recorded answers that ask for a pause are served without one."""
        self.virtualize = plan.virtualize
        """The kinds of chance that agents take from the standard library and draw through the run."""
        self.strict = plan.strict
        """Whether what would leave the run unrecorded is refused."""
        self.names: dict[str, str] = {}
        """Host names by the addresses that the agent was given for them."""
        self._plan = plan
        self._escapes = Escapes()
        self._tape: Tape | None = None
        self._log: Log | None = None
        self._keeper: Keeper = Unwritten()
        self._over = False
        self._outcome = UNFINISHED
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
                self._look(plain.dump(self._plan.header))
                self._log = self._plan.store.begin(self._plan.header)
                self._log.look = self._look
            around = self._plan.around(self)
            around.__enter__()
        except BaseException:
            self._close()
            raise
        if self._plan.script.opens != NEVER:
            self._keeper = Writer(self._log)
        self._around = around
        self._root = lanes.Strand(self)
        lanes.watch(self._root if self._plan.everywhere else None)
        self._root.outer = lanes.enter(self._root)
        self.port.open(self._keeper)
        _open.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if not self._claim_exit():
            return
        self._leave(exc)
        self._close()
        self._judge(exc)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if not self._claim_exit():
            return
        self._leave(exc)
        closing = threading.Thread(target=self._close_apart, name="tracefork-close")
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
    def is_elsewhere(self) -> bool:
        """True in a process that was forked from the run's own."""
        return self._pid != getpid()

    @property
    def failure(self) -> TraceforkError | None:
        """What ended the run's faith in itself, if anything: it is raised when the block is left."""
        return self.port.failure

    def flush(self) -> None:
        """Wait until all that has happened is durable.

        Raises:
            StoreError: the store refused.
        """
        self.port.flush()

    async def aflush(self) -> None:
        """`flush`, without holding the event loop."""
        await self.port.aflush()

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
        return self._plan.redactor().restored(text[1:], environ) if text else default

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

        Arguments and result are kept as JSON; a result of a dataclass, attrs or
        pydantic class is rebuilt from the return annotation of `fn`. Of a generator function, plain
        or asynchronous, what it yields is recorded once it has ended or is closed.

        Raises:
            Unrecordable: an argument has no JSON form; or, in a replay, the result had none.
            InDoubt: the tool was called before a crash, and `on_doubt` is "raise".
            Divergence: the script has no such call here.
        """
        if self.is_aside():
            return fn(*args, **kwargs)
        if kind := generating.kind(fn):
            return cast("T", kind(self.port, self._plan.tools, name, fn, args, kwargs))
        result: T = tools.call(self.port, self._plan.tools, name, fn, args, kwargs)
        return result

    async def acall(self, name: str, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """`call` for a coroutine function: returns what it comes to."""
        if self.is_aside():
            result = fn(*args, **kwargs)
            return await result if isinstance(result, Awaitable) else result
        return await tools.acall(self.port, self._plan.tools, name, fn, args, kwargs)

    @property
    def escaped(self) -> tuple[Escape, ...]:
        """What left the run unrecorded so far, as far as was seen."""
        return self._escapes.seen()

    # -- what transports and the guard ask ------------------------------------------

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

    def escape(self, kind: str, target: str) -> None:
        """Note that something leaves the run unrecorded.

        Raises:
            Refused: the run is strict.
        """
        target, site = self._plan.redactor().text(target)[:LONGEST], callsite(whole=False)[:LONGEST]
        self._escapes.add(kind, target, site)
        if self.strict:
            raise self.port.fail(Refused(target, site, kind))

    def _look(self, written: bytes) -> None:
        self._plan.redactor().check(written)

    def _happened(self) -> Tape:
        """The run so far, with what was noted of it."""
        tape = self._plan.header.tape(*self.port.so_far(), outcome=self._outcome)
        return evolve(
            tape, meta=added(tape.meta, noted(escaped=self.escaped, redacted=self._keeper.redacted))
        )

    def _claim_exit(self) -> bool:
        """True for who leaves the block; False for whoever comes after, who finds all done.

        Raises:
            RuntimeError: the block was never entered.
        """
        if self._root is None:
            raise RuntimeError("the run has not begun: use it as a context manager")
        try:
            _open.remove(self)
        except ValueError:
            return False
        return True

    def _leave(self, exc: BaseException | None) -> None:
        """Put the process back as it was, and end what the agent left open."""
        self._around.__exit__(None, None, None)
        if self._root:
            lanes.leave(self._root)
        lanes.unwatch(self._root if self._plan.everywhere else None)
        ended = RETURNED if exc is None else Outcome("raised", class_name(exc), said(exc))
        try:
            self._outcome = self._plan.redactor().outcome(ended)
        except Exception as failed:  # noqa: BLE001  a finder may be anybody's
            self._outcome = evolve(ended, message="")
            self.port.fail(StoreError(f"how the run ended is not kept, since a finder failed: {failed!r}"))
        self._over = True
        self.port.close(self._outcome)

    def _close(self) -> None:
        """Write and seal. What goes wrong is kept: it is raised when the run is judged."""
        try:
            try:
                self._keeper.close()
            finally:
                if self._over:
                    self._tape = self._happened()
            if self._log and self._tape:
                self._tape = self._log.seal(self._tape)
        except TraceforkError as exc:
            self.port.fail(exc)
        finally:
            if self._plan.store and self._plan.owns_store:
                self._plan.store.close()

    def _close_apart(self) -> None:
        """`_close` on a thread of its own, from which nothing else would reach who leaves the block."""
        try:
            self._close()
        except BaseException as exc:  # noqa: BLE001  whoever leaves the block must hear of it
            failure = StoreError(f"the run could not be closed: {type(exc).__name__}: {exc}")
            failure.__cause__ = exc
            self.port.fail(failure)

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
        if exc is None and (left := unfinished(self.port.state)):
            raise left


_open: list[Session] = []
"""The runs of this process whose blocks are entered and not left."""


def alone() -> Session | None:
    """The one run that is in progress in this process; None if there are more, or none."""
    match tuple(_open):
        case (run,) if not run.is_elsewhere:
            return run
    return None


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
