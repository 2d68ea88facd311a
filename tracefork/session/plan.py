"""What a run is made from, before it begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from attrs import frozen

from ..codec import records
from ..core.script import Script
from ..core.tape import Tape
from ..core.values import Call
from ..edits.kept import Planned
from ..redact import Redactor
from ..runtime.lanes import Strand
from ..runtime.port import Gate, Known
from ..storage.store import TapeStore
from .tools.policy import RUN, Policy

Environment: TypeAlias = Callable[["Mapping[str, str] | None"], dict[str, str]]
"""Returns the environment of a process, made of the one that it was given; of None, of this process's own."""

MAX_BODY = 64 * 2**20
"""Bytes of one body that are kept unless another limit is given."""


class Door(Protocol):
    """Something outside of us that is replaced while a run needs it; doing either twice is harmless."""

    def hold(self, run: object) -> None: ...
    def release(self, run: object) -> None: ...


class Adopter(Protocol):
    """What lets processes that a run starts join it."""

    def adopt(self, run: Any, strand: Strand, program: str) -> Environment:
        """Return what makes the environment of a process that `strand` of `run` starts."""
        ...


class Around(Protocol):
    """The replay in which a run of its own is made, and those that are made in it."""

    separate: list[Any]

    @property
    def live(self) -> bool: ...
    def escape(self, kind: str, target: str, *, certain: bool = True) -> None: ...


@frozen
class Plan:
    """What a session is made from; `tracefork.record` and its siblings fill it in.

    `redactor` is asked anew for each thing that is kept: secrets may be set within the run.
    `doors` are held for the time of the block: interception and the network guard. `everywhere`
    takes in threads that have no run of their own. `passthrough` holds patterns of calls
    that are not recorded, `allow` addresses that a replay may connect to.
    `gate` is shown each request before it leaves, and ends the run by raising; `known` may answer it.
    `virtualize` names the kinds of chance that are drawn through the run; `strict` refuses what would
    leave it unrecorded; `processes` is "refuse" where the agent may start none, and
    those that it starts join the run by `adopts_processes`; a `record()` within a
    run that `joins` is a view of it. `within` is the replay in which a separate run is made.
    `edits` are those of its requests; new ones change what is asked `edits_from_opening` on, or all.
    `follows` is the tape that it follows. `doubts` are calls that may have run before it; `wrapped` names
    functions that are tools of this run without a decorator, as `module:path`.
    """

    script: Script
    header: records.Header
    redactor: Callable[[], Redactor]
    doors: Sequence[Door] = ()
    store: TapeStore | None = None
    owns_store: bool = False
    patience: float = 60.0
    tools: Policy = RUN
    everywhere: bool = False
    passthrough: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    max_body: int = MAX_BODY
    instant_retries: bool = False
    gate: Gate | None = None
    known: Known | None = None
    virtualize: frozenset[str] = frozenset()
    strict: bool = False
    processes: str = "run"
    adopts_processes: Adopter | None = None
    joins: bool = False
    within: Around | None = None
    doubts: tuple[Call, ...] = ()
    follows: Tape | None = None
    wrapped: frozenset[str] = frozenset()
    edits: tuple[Planned, ...] = ()
    edits_from_opening: bool = False
