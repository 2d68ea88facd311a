"""Keepers of a run: `Writer` appends its records to a log, on its own thread; `Unwritten` writes nothing.

Both walk along the chain of moments (`stepper.py`), each at its own pace; the number of a moment is the
ticket to wait for it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from os import getpid
from typing import Protocol, TypeAlias, TypeVar

from attrs import evolve

from ..codec.journal import Shrinker
from ..codec.records import Asked, Ended, Fold, Headed, Hidden, Record
from ..core.values import Pending, Request, Step
from ..errors import StoreError, TraceforkError
from ..host import clocks
from ..host.uninterrupted import Gate, give, make_gate, result, run_apart, start, wait_at
from ..redact import Redactor, Vault, taken_out
from ..storage.run_log import Log
from . import lanes
from .stepper import Moment, Note, look

BATCH = 256  # records that one chunk holds at most
BACKLOG = 64  # without a store: moments that may be queued before `wait` blocks
TOGETHER = 16  # moments per wake-up of the writer without a store: each costs the agent's thread the GIL
AHEAD = 4096  # moments by which an agent that only draws may be ahead; then each step makes a short pause
PAUSE = 0.0005  # seconds that the agent sleeps then, so that the writer gets the GIL
SOME_TIME = 1e9  # seconds

T = TypeVar("T")

Happened: TypeAlias = "tuple[tuple[Step, ...], tuple[Pending, ...]]"
"""The steps that are over, in the order in which they began, and what is in flight."""


class Keeper(Protocol):
    """Keeps what the moments of a run say, in their order. Callable from any thread, and from finalizers."""

    @property
    def redacted(self) -> Mapping[str, int]:
        """How many different secrets of each name were taken out of what is kept."""
        ...

    def follow(self, moment: Moment) -> None:
        """Keep what comes after `moment`."""
        ...

    def put(self, number: int) -> None:
        """Say that there is news, up to the moment of this number."""
        ...

    def push(self) -> None:
        """Keep all there is now, also what may wait for what comes next."""
        ...

    def wait(self, number: int, timeout: float | None = None) -> bool:
        """Wait until that moment, and all before it, is as safe as it is to be; False on a timeout.

        Raises:
            StoreError: the store refused this moment or an earlier one.
        """
        ...

    def so_far(self) -> Happened:
        """What all moments come to."""
        ...

    def close(self, last: Callable[[], object]) -> None:
        """Keep all that happened, do `last`, and keep no more. Doing it twice is harmless."""
        ...

    def is_over(self, timeout: float) -> bool:
        """True once all of that is done; waits for it so many seconds."""
        ...


class Unwritten:
    """Keeps the records of a replay as they are: its answers are those of the tape, and redacted already."""

    def __init__(self) -> None:
        self._notes: dict[int, tuple[Note, ...]] = {}
        self._moment: Moment | None = None
        self.redacted: Mapping[str, int] = {}

    def follow(self, moment: Moment) -> None:
        self._moment = moment

    def put(self, number: int) -> None:  # noqa: ARG002
        """Take the notes of new moments. Whoever is interrupted in here, or does it at once, does no harm."""
        moment = self._moment
        while moment is not None and (after := moment.after()) is not None:
            if after.notes:
                self._notes[after.number] = after.notes
            self._moment = moment = after

    def push(self) -> None:
        pass

    def wait(self, number: int, timeout: float | None = None) -> bool:  # noqa: ARG002
        return True

    def so_far(self) -> Happened:
        self.put(0)
        fold = Fold()
        for _, notes in sorted(self._notes.items()):
            for record, _ in notes:
                fold.add(record)
        return fold.happened()

    def close(self, last: Callable[[], object]) -> None:
        run_apart(last)

    def is_over(self, timeout: float) -> bool:  # noqa: ARG002
        return True


class Writer:
    """Keeps records with their bodies in little room, and writes them to its log, if it has one.

    A thread of its own does both, looks for secrets and asks the store, so that the agent's
    need not, and no interrupt reaches any of it; what waits together goes into one chunk. The first
    failure is kept and raised to whoever waits; what happens then is still kept in memory,
    unless it was the redaction that failed.
    """

    def __init__(self, *, stored: bool) -> None:
        self._stored = stored
        self._log: Log | None = None
        self._shrinker = None if stored else Shrinker()
        self._jobs = make_gate()
        self._runner: dict[int, int] = {}
        self._moment: Moment | None = None
        self._shown = dict[str, int]()
        self._asked = dict[int, Request]()
        self._vault: Vault | None = None
        self._fold = Fold()
        self._woken_at = 0
        self._written = 0
        self._over = False
        self._failure: TraceforkError | None = None
        self._waiting: dict[Gate, float] = {}
        self._process = getpid()

    @property
    def redacted(self) -> Mapping[str, int]:
        counts = Counter(self._shown)
        return counts | Counter(self._vault.counts()) if self._vault is not None else counts

    def start(self) -> None:
        """Start the thread; one that was started already remains the only one."""
        start(self._run)

    def begin(self, begun: Callable[[], Log]) -> None:
        """Write to the log that `begun` makes, on the writer's thread."""

        def begin() -> None:
            self._log = begun()

        self._do(begin)

    def follow(self, moment: Moment) -> None:
        self._moment = moment

    def put(self, number: int) -> None:
        if self._stored or number - self._woken_at >= TOGETHER:
            self._woken_at = number
            self._jobs.put(None)
        if number - self._written > AHEAD and self._goes_on():  # else what waits would fill the memory
            clocks.sleep(PAUSE)

    def push(self) -> None:
        self._jobs.put(_nothing)

    def wait(self, number: int, timeout: float | None = None) -> bool:
        number -= 0 if self._stored else BACKLOG
        if self._written < number and not self._over:
            self._reach(number, SOME_TIME if timeout is None else timeout)
        if self._failure:
            raise self._failure
        if self._written < number and not self._goes_on():
            raise StoreError(
                "nothing is written any more: the run is over, or this process was forked from its own"
            )
        return self._written >= number

    def so_far(self) -> Happened:
        if self._over:
            return self._fold.happened()
        if self._runner.get(0) == threading.get_ident():
            self._write(everything=True)
            return self._fold.happened()
        return self._do(self._fold.happened)

    def close(self, last: Callable[[], object]) -> None:
        if not self._runner:
            self.start()  # an interrupt may have come before

        def end() -> None:
            try:
                last()
            finally:
                self._over = True

        self._jobs.put(end)

    def is_over(self, timeout: float) -> bool:
        if self._is_there():
            self._reach(None, timeout)
        return self._over

    def _goes_on(self) -> bool:
        return not self._over and self._process == getpid()

    def _is_there(self) -> bool:
        if not self._runner:  # what was sent to the agent's thread may have hit the new one
            self.start()
        return self._goes_on()

    def _do(self, job: Callable[[], T]) -> T:
        """What `job` returns on the writer's thread, behind all that has happened.

        Raises:
            StoreError: there is no such thread any more.
        """
        if not self._goes_on():
            raise StoreError("the run is over, or this process was forked from its own: ask it there")
        answer = make_gate()
        self._jobs.put(partial(give, answer, job))
        done: T = result(answer, self._is_there)
        return done

    def _reach(self, number: int | None, timeout: float) -> None:
        """Wait until that moment is written, or all is over."""
        at, until = make_gate(), clocks.monotonic() + timeout
        self._waiting[at] = SOME_TIME if number is None else number
        try:
            while self._goes_on() and (number is None or self._written < number):
                if not wait_at(at, look(until - clocks.monotonic())):
                    if clocks.monotonic() >= until:
                        return
                    self._is_there()
                    self.push()  # who was to say that there is news may have been interrupted
        finally:
            self._waiting.pop(at, None)

    # -- on the writer's thread -------------------------------------------------------

    def _run(self) -> None:
        me = threading.get_ident()
        if self._runner.setdefault(0, me) != me or self._over:
            return
        with lanes.aside():  # finders, and what backends ask, are nothing of the agent's
            while not self._over:
                job = self._jobs.get()
                self._write(everything=job is not None)
                if job is not None:
                    job()
                self._open_gates()

    def _write(self, *, everything: bool) -> None:
        """Keep what has happened; heads that nothing came after can wait, unless `everything` is wanted."""
        while True:
            notes, moment = list[Note](), self._moment
            while moment and len(notes) < BATCH and (after := moment.after()) is not None:
                moment = after
                notes += after.notes
            heads = all(isinstance(record, Headed) for record, _ in notes)
            if moment is None or moment is self._moment or (heads and not everything):
                return
            for record in self._redact(self._clean(notes)):
                self._fold.add(record)
            self._moment, self._written = moment, moment.number
            self._open_gates()

    def _open_gates(self) -> None:
        for at, number in list(self._waiting.items()):
            if self._over or number <= self._written:
                at.put(None)

    def _clean(self, notes: list[Note]) -> list[Record]:
        """The records as they may be kept; none where the redaction fails."""
        try:
            records = [kept for record, redact in notes for kept in self._redacted(record, redact)]
        except Exception as exc:  # noqa: BLE001  a finder may be anybody's
            self._failure = StoreError(f"what happened is not kept, since a finder failed: {exc!r}")
            self._failure.__cause__ = exc
            return []
        return records

    def _redacted(self, record: Record, redact: Redactor | None) -> Iterator[Record]:
        """Give `record` as it may be kept, and before it what is to be known of its surrogates."""
        if redact is not None:
            self._vault = redact.vault
        if redact is None or not isinstance(record, Asked | Ended):
            if isinstance(record, Asked) and isinstance(record.question, Request):
                self._asked[record.call] = record.question
            yield record
        elif isinstance(record, Asked):
            question = redact.question(record.question)
            self._shown.update(dict.fromkeys(taken_out(question), 1))
            if isinstance(question, Request):
                self._asked[record.call] = question
            yield record if question is record.question else evolve(record, question=question)
        else:
            answer = redact.keep(record.answer, self._asked.pop(record.call, None))
            self._shown.update(dict.fromkeys(taken_out(answer), 1))
            if redact.vault is not None and (hidden := redact.vault.take(answer)):
                yield Hidden(hidden)
            yield record if answer is record.answer else evolve(record, answer=answer)

    def _redact(self, records: list[Record]) -> list[Record]:
        """Write `records`, and return them with their bodies in less room."""
        try:
            if self._shrinker:
                return [self._shrinker.shrunk(record) for record in records]
            if records and self._log and not self._failure:
                return self._log.write(records)
        except TraceforkError as exc:
            self._failure = exc
        except Exception as exc:  # noqa: BLE001  whoever waits must hear of it
            self._failure = StoreError(f"the store failed: {type(exc).__name__}: {exc}")
            self._failure.__cause__ = exc
        return records


def _nothing() -> None:
    pass
