"""Lanes: a name for every strand of the agent, the same in every run of the same program.

A strand is a task, a thread, a greenlet or a job given to an executor. It is named where it
is *created* (`spawning.py`), never where it first runs: by the lane that creates it, the function it
runs, and how many of that name came before: `"crew.0/fetch.3"`. The task that `asyncio.run` makes
keeps the lane of its caller, which waits for it, so that lanes do not depend on how the agent is
started. Counting by name keeps strands that exist only while recording (a connection attempt, a
pool's worker thread) from renaming those of the agent. Threads and tasks that
an HTTP client starts to serve one call are not part of the agent: they are *aside*, get no lane, and
nothing they do is recorded.

The strand that asks is looked up in this order:

1. the context variable; but the job's own strand if a job runs in a copy of the context of the strand
   that submitted it, or in a context in which the variable is not set;
2. the stack, if the variable is not set, or if the block of some run is in a generator:
   a generator may be stepped in any context, but while it runs its frame is on the stack;
3. the root of the newest run with `everywhere`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, ContextVar
from functools import partial
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from types import FrameType
from typing import Any, TypeVar

from attrs import frozen

from ..host import greenlets
from ..host.callsite import is_of_agent
from ..host.tables import list_items
from .roster import Group, Roster

T = TypeVar("T")


class Strand:
    """One lane of `run`, in progress. Only code that runs in this strand adds children to it.

    `outer` is the strand that the run was entered from, `giver` the one that created this, `tool` the tool
    that runs in it, aside. A `foreign` one is of another process, whose strands are not told apart.
    """

    __slots__ = (
        "_beside", "_children", "_elsewhere", "_group", "_works", "aside", "foreign", "giver", "outer",
        "path", "roster", "run", "tool",
    )  # fmt: skip

    def __init__(
        self,
        run: object,
        path: str = "",
        group: Group | None = None,
        *,
        outer: Strand | None = None,
        giver: Strand | None = None,
        aside: bool = False,
        works: bool = False,
        tool: str = "",
        foreign: bool = False,
    ) -> None:
        self.run = run
        self.path = path
        self.outer = outer
        self.giver = giver
        self.aside = aside
        self.foreign = foreign
        self.roster: Roster = giver.roster if giver else Roster()
        self._works = works
        self.roster.working += works
        self.tool = tool
        self._group = group
        self._children: dict[str, Group] = {}
        self._beside: Strand | None = None
        self._elsewhere = False

    def beside(self, tool: str = "") -> Strand:
        """Return the strand of what happens aside in this lane: of `tool`, a new one; else the same."""
        if tool and not self.aside:
            return Strand(self.run, self.path, outer=self.outer, aside=True, tool=tool)
        if self._beside is None:
            self._beside = Strand(self.run, self.path, outer=self.outer, aside=True, tool=self.tool)
        return self._beside

    @property
    def alone(self) -> bool:
        """No sibling of the same name is alive; of another process nobody knows."""
        return not self.foreign and (self._group is None or self._group.alive < 2)  # noqa: PLR2004

    def child(self, what: object, *, works: bool = True) -> Strand:
        """Return a new strand, named by `what`, to run it, which `works` on a thread; an aside one itself."""
        if self.aside:
            return self
        name = what.replace("/", "_") if isinstance(what, str) else name_of(what)
        group = self._children.setdefault(name, Group())
        common = f"{self.path}/{name}".lstrip("/")
        path = f"{common}.{group.made}"
        self.roster.groups.setdefault(common, group)
        group.made += 1
        group.alive += 1
        return Strand(self.run, path, group, outer=self.outer, giver=self, works=works)

    def goes_on(self) -> bool:
        """True if a task that is made now, with no loop running, keeps this lane: one at a time does.

        The strand most likely waits for it, as `asyncio.run` does.
        """
        if self.aside or self._elsewhere:
            return False
        self._elsewhere = True
        return True

    def stops(self, *_: object) -> None:
        """Note that the task that kept this lane is done: the next one may keep it."""
        self._elsewhere = False

    def finish(self, *_: object) -> None:
        """Note that this strand is over, so that a sibling may be alone now."""
        if self._group and not self.aside:
            self._group.alive -= 1
            self.roster.ended.add(self.path)
            self.roster.working -= self._works
            self._works = False

    def comes_of(self, other: Strand) -> bool:
        """True if `other` created this strand, or created one that did."""
        above = self.giver
        while above is not None and above is not other:
            above = above.giver
        return above is not None

    def is_within(self, run: object) -> bool:
        """True if this strand's run was entered within `run`."""
        outer = self.outer
        while outer is not None and outer.run is not run:
            outer = outer.outer
        return outer is not None


def name_of(what: object) -> str:
    """Return the name of a function, coroutine or class without its module and enclosing functions."""
    while isinstance(what, partial):
        what = what.func
    name = getattr(what, "__qualname__", None) or type(what).__qualname__
    return str(name).rpartition(".<locals>.")[2]


# -- who asks ----------------------------------------------------------------------

_STRAND: ContextVar[Strand | None] = ContextVar("tracefork.strand", default=None)

_NOWHERE = Strand(None)
"""Set in a context in which nothing belongs to any run."""

_everywhere: list[Strand] = []
"""Roots of the runs with `everywhere`, to which threads without a strand belong, newest last."""

_jobs: dict[int, Strand] = {}
"""The strands of the jobs that run now, by thread id, which is a greenlet's where gevent patches threads."""


def current() -> Strand | None:
    """Return the strand that asks here, or else the root of the newest run with `everywhere`, or None."""
    return find_strand() or (_everywhere[-1] if _everywhere else None)


def find_strand() -> Strand | None:
    """Return the strand that asks here, or None if it belongs to no run."""
    strand = _going_on(in_context())
    if strand is None:
        return (_on_stack(None) or _of_greenlet()) if _by_run else None
    if strand is _NOWHERE:
        return None
    return _on_stack(strand) if _in_generators and not strand.aside else strand


def _going_on(strand: Strand | None) -> Strand | None:
    """Return `strand`, or the nearest outer one whose run is not gone, or the `everywhere` within that."""
    at = strand
    while at is not None and getattr(at.run, "gone", False):
        at = at.outer
    is_newer = _everywhere and at is not None and at is not strand and _everywhere[-1].is_within(at.run)
    return _everywhere[-1] if is_newer else at


def of(context: Context) -> Strand | None:
    """Return the strand that is set in `context`, or None."""
    return None if (strand := context.get(_STRAND)) is _NOWHERE else strand


def in_context() -> Strand | None:
    """Return the strand of this context; in a job that runs in a copy of its giver's context, the job's own.

    That also if none is set, or one of another run, whose block in a generator left it set.
    """
    strand = _STRAND.get()
    if not _jobs or (job := _jobs.get(threading.get_ident())) is None or job is strand:
        return strand
    if strand is None or job.comes_of(strand):
        return job
    return job if id(strand.run) in _in_generators and strand.run is not job.run else strand


def outside(call: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
    """Return `call(*args, **kwargs)`, called in a context of no strand: a thread that it starts gets none."""
    (context := Context()).run(_STRAND.set, _NOWHERE)
    return context.run(call, *args, **kwargs)


def enter(strand: Strand | None) -> Strand | None:
    """Make `strand` current in this context; return the previous one, to be entered again afterwards."""
    before = _STRAND.get()
    _STRAND.set(strand)  # never reset by token: a generator may end in another context
    return before


def begin_job(strand: Strand) -> tuple[Strand | None, Strand | None]:
    """Make `strand` current, and the strand of this thread's job; return what to pass to `end_job`."""
    thread = threading.get_ident()
    before = enter(strand), _jobs.get(thread)
    _jobs[thread] = strand
    return before


def end_job(before: tuple[Strand | None, Strand | None]) -> None:
    """Restore the strand and the job that were current before `begin_job`, which returned `before`."""
    strand, job = before
    if job is None:
        _jobs.pop(threading.get_ident(), None)
    else:
        _jobs[threading.get_ident()] = job
    enter(strand)


class aside:  # noqa: N801  it is used like a function
    """Run the block, or `tool`, aside: it is not recorded, and strands made in it get no lane."""

    __slots__ = ("_before", "_beside")

    def __init__(self, tool: str = "") -> None:
        self._before = _STRAND.get()
        at = current()
        self._beside: Strand | None = at.beside(tool) if at else Strand(None, aside=True)

    def __enter__(self) -> None:
        enter(self._beside)

    def __exit__(self, *_: object) -> None:
        enter(self._before)
        self._beside = None

    def __del__(self) -> None:
        beside = getattr(self, "_beside", None)  # an interrupt may have ended `__init__` early
        if beside is not None and _STRAND.get() is beside:  # interrupted on the way in or out
            enter(self._before)


class within(aside):  # noqa: N801
    """Run the block in `strand`, or where it stands if that is None."""

    def __init__(self, strand: Strand | None) -> None:
        self._before = _STRAND.get()
        self._beside = self._before if strand is None else strand


# -- blocks of runs ----------------------------------------------------------------


@frozen(eq=False)
class Block:
    """The `with` block of a run: its root strand and the frame it is in, None if that is not known."""

    root: Strand
    frame: FrameType | None

    @property
    def in_generator(self) -> bool:
        """True if the block is in a generator, which may pause within it and resume in another context."""
        return self.frame is not None and bool(
            self.frame.f_code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR)
        )


_by_run: dict[int, Block] = {}
_by_frame: dict[FrameType, tuple[Block, ...]] = {}
"""The blocks in each frame, the innermost last."""

_in_generators: dict[int, Block] = {}
"""The blocks in generators, by the id of their run: while there is one, lookups always search the stack."""


def open_block(root: Strand, frame: FrameType | None, *, everywhere: bool = False) -> None:
    """Note that the block of `root.run` is in `frame`; `close_block` undoes it, interrupted half-way too.

    With `everywhere`, `root` is current wherever no other strand is.
    """
    _by_run[id(root.run)] = block = Block(root, frame)
    if block.in_generator:
        _in_generators[id(root.run)] = block
    if frame is not None:
        _by_frame[frame] = (*_by_frame.get(frame, ()), block)
    if everywhere:
        _everywhere.append(root)


def close_block(root: Strand) -> None:
    """Forget the block of `root.run`; to do it twice is harmless."""
    with suppress(ValueError):
        _everywhere.remove(root)
    for frame, blocks in list_items(_by_frame):
        if rest := tuple(block for block in blocks if block.root is not root):
            _by_frame[frame] = rest
        else:
            _by_frame.pop(frame, None)
    _in_generators.pop(id(root.run), None)
    _by_run.pop(id(root.run), None)


def begin(root: Strand) -> None:
    """Make `root` current in this context, until `leave`."""
    root.outer = _STRAND.get()
    _STRAND.set(root)


def leave(root: Strand) -> None:
    """End `root`: make current the strand from before it, unless another run has begun since.

    Runs that are over by then are skipped, so that overlapping runs may end in any order. The current
    strand may be any of this run: an interrupt may have prevented the return from an `aside` block.
    """
    at = _STRAND.get()
    if at is not None and at.run is root.run:
        outer = root.outer
        while outer is not None and getattr(outer.run, "over", False):
            outer = outer.outer
        _STRAND.set(outer)


def _on_stack(strand: Strand | None) -> Strand | None:
    """Return the strand that asks: `strand`, which the context holds, or that of a block on the stack.

    A generator that is not on the stack is suspended: what is asked meanwhile does not belong to a
    block in it, even if its strand is still set in this context.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  what `inspect` would do, at a tenth of the cost
    while frame is not None and frame not in _by_frame:
        frame = frame.f_back
    blocks = () if frame is None else _by_frame.get(frame, ())
    if not blocks:
        return strand
    block = blocks[-1]
    if strand is None:
        return block.root
    if any(strand.run is one.root.run for one in blocks):
        return strand
    if id(strand.run) in _in_generators:
        return block.root
    if block.in_generator and not strand.is_within(block.root.run):
        return block.root
    return strand


def _of_greenlet() -> Strand | None:
    """Return a new strand for a greenlet without one, below its nearest spawner's; None if none has one."""
    unnamed = []
    for greenlet, context in greenlets.list_spawners():
        unnamed.append(greenlet)
        if (strand := of(context)) is not None:
            for one in reversed(unnamed):
                strand = strand.child(getattr(one, "_run", None) or one)
            enter(strand)
            return strand
    return None


_BETWEEN = ("contextlib", "tracefork.session.block", "tracefork.session.session")
"""Modules whose frames are skipped between `frame_of_block` and the code that has the `with` block."""


def frame_of_block() -> FrameType | None:
    """Return the frame whose `with` enters a run, past context managers made of generators, or None."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001
    through = False
    while frame is not None:
        module = frame.f_globals.get("__name__")
        managed = frame.f_back is not None and frame.f_back.f_globals.get("__name__") == "contextlib"
        if module not in _BETWEEN and not (
            managed and frame.f_code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR)
        ):
            break
        through = through or module == "contextlib"
        frame = frame.f_back
    # a server may enter a user's context manager on its own thread: then no frame here has the block
    return None if frame is None or (through and not is_of_agent(frame)) else frame
