"""The seam for transports: one HTTP call of an agent, put to a run and answered by it.

    with run.asking(request) as call:
        source = None
        if call.served is None:  # nothing recorded answers it: ask the real world
            with call.aside():
                source = send(call.outgoing)
        head = call.head(source and head_of(source))
        yield head
        yield from call.through(source and chunks_of(source))

Leaving the block ends the step as it went: with the whole body, closed early by the agent, interrupted, or
by the fault that the transport raised. In an event loop it is `async with`, `await call.ahead(...)` and
`async for chunk in call.athrough(...)`.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from attrs import evolve

from ..core.values import CANCELLED, Answer, End, Fault, Request, Response
from ..errors import Refused, TraceforkError
from ..runtime import lanes
from ..runtime.flight import Flight
from .bodies import Gathering
from .faults import DOTTED, Faults
from .served import correct_headers
from .through import Through

if TYPE_CHECKING:
    from .session import Session

SWITCHING_PROTOCOLS = 101


class Call:
    """One call of an agent, from its question to the end of its answer. Made by `Session.asking`.

    Args:
        run: the run that is asked.
        asked: the question as it is kept, its body at most `run.max_body` bytes long, else its hash.
        faults: how the library's exceptions are kept.
        whole: the question with its whole body, where `asked` has only the hash of it.
        unrecorded: what is asked is none of the run's, as within a live call of it: it goes through.
        signs: who sends it signs what leaves, if that `is_refilled`.
        switches: who asks can carry on a socket, if the server switches protocols.
    """

    def __init__(
        self,
        run: Session,
        asked: Request,
        faults: Faults = DOTTED,
        *,
        whole: Request | None = None,
        unrecorded: bool = False,
        signs: bool = False,
        switches: bool = False,
    ) -> None:
        self._run, self._port = run, run.port
        self._asked, self._whole, self._faults = asked, whole or asked, faults
        self._unrecorded, self._signs, self._switches = unrecorded, signs, switches
        self.served: Answer | None = None
        """The recorded answer, or None: then the real world is to be asked, within `aside`."""
        self.given_up = False
        """Whether the agent was interrupted as it read, and may read on: if it does not, that is the end."""
        self._outgoing: Request | None = None
        self._flight: Flight | None = None
        self._head: Response | None = None
        self._recorded: Iterator[bytes] = iter(())
        self._taken = Gathering(run.max_body)
        self._began = self._over = False

    # -- the block -------------------------------------------------------------------------

    def begin(self) -> None:
        """Put the question, and wait for its turn; `with` does this.

        Raises:
            Divergence: the tape cannot answer it.
            StoreError: the store refused this step or an earlier one.
        """
        self._check_new()
        if not self._unrecorded:
            self._flight = self._port.ask(self._asked)
            self.served = self._flight.served

    async def abegin(self) -> None:
        """`begin`, suspending the task; `async with` does this."""
        self._check_new()
        if not self._unrecorded:
            self._flight = await self._port.aask(self._asked)
            self.served = self._flight.served

    def leave(self, exc: BaseException | None) -> None:
        """End the step as its block ended, with `exc` or without; leaving a `with` block does this.

        Raises:
            Exception: the fault with which the recorded body broke, if the agent has come so far.
        """
        if self._is_open:
            match self._find_end(exc):
                case None:
                    self.finish()
                case Fault() as fault:
                    self._end(fault)
                case end:
                    self.drop(end)

    async def aleave(self, exc: BaseException | None) -> None:
        """`leave`, suspending the task; leaving an `async with` block does this."""
        if self._is_open:
            match self._find_end(exc):
                case None:
                    await self.afinish()
                case Fault() as fault:
                    await self._aend(fault)
                case end:
                    self.drop(end)

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.leave(exc)

    async def __aenter__(self) -> Self:
        await self.abegin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aleave(exc)

    @property
    def url(self) -> str:
        """What was asked for, as it is kept: secrets that the tape had hidden are not put back."""
        return self._asked.url

    # -- what is to be sent -----------------------------------------------------------------

    @property
    def outgoing(self) -> Request:
        """What is asked as it must leave: edited, and with the secrets that the tape had hidden.

        Raises:
            RedactedSecret: one of them is not known to this process.
            EditRefused: it was signed before it was edited.
            TraceforkError: the run's gate does not let it pass.
        """
        if self._outgoing is None:
            self._outgoing = self._whole if self._flight is None else self._restore()
        return self._outgoing

    @property
    def is_refilled(self) -> bool:
        """True if what must leave is not what the agent asked: it was edited, or secrets were put back."""
        return self.outgoing is not self._whole

    def aside(self) -> AbstractContextManager[None]:
        """A block in which the world is asked: what happens in it is no part of the run."""
        return lanes.aside()

    # -- what the agent gets -----------------------------------------------------------------

    def head(self, live: Response | None = None) -> Response:
        """Return the head to give to the agent, once it is its turn: `live`, or else the recorded one.

        Of a recorded head, a content-length that is no longer right is corrected.

        Raises:
            Exception: the recorded fault, as the library's own class.
            Divergence: the run has left the tape meanwhile.
            Refused: the server switched protocols: what follows is not HTTP.
        """
        flight, answer = self._flight, self._choose(live)
        if flight is None:
            return cast("Response", live)
        if answer == CANCELLED:
            self._port.hang(flight)  # until the agent is interrupted, as it was
        if isinstance(answer, Fault):
            self._end(answer)
            raise self._faults.make(answer)
        head = self._receive(answer)
        try:
            self._port.head(flight, self.taken)
        except BaseException:  # given up before its turn: the agent has no head
            self._head = None
            raise
        return self._offer(flight, head)

    async def ahead(self, live: Response | None = None) -> Response:
        """`head`, suspending the task."""
        flight, answer = self._flight, self._choose(live)
        if flight is None:
            return cast("Response", live)
        if answer == CANCELLED:
            await self._port.ahang(flight)  # until the agent is interrupted, as it was
        if isinstance(answer, Fault):
            await self._aend(answer)
            raise self._faults.make(answer)
        head = self._receive(answer)
        try:
            await self._port.ahead(flight, self.taken)
        except BaseException:  # given up before its turn: the agent has no head
            self._head = None
            raise
        return self._offer(flight, head)

    def chunk(self, data: bytes) -> None:
        """Note that the agent is about to get `data`: before it has it, so that nothing it saw is missing."""
        if self._flight is not None:
            if self._head is None:
                raise RuntimeError("give the agent a head before its body: call.head(...)")
            self._taken.take(data)
            self._flight.saw_chunk()

    def chunks(self) -> Iterator[bytes]:
        """The recorded chunks, each once, whoever asks for the next one.

        Raises:
            BodyOmitted: the tape has only the hash of this body.
        """
        if self._head is not None and self._head.omitted and self._flight is not None:
            raise self._port.omitted(self._flight, self._head.omitted)
        return self._recorded

    def through(self, live: Iterable[bytes] | None = None) -> Iterator[bytes]:
        """Yield the body on its way to the agent, `live` or as recorded, and end the step after it.

        Raises:
            Exception: the fault with which the recorded body broke, as the library's own class.
            Divergence: the agent reads on where it had stopped when recorded.
            BodyOmitted: the tape has only the hash of this body.
        """
        for data in self.chunks() if live is None else live:
            self.chunk(data)
            yield data
        self.finish()

    def athrough(self, live: AsyncIterable[bytes] | None = None) -> AsyncIterator[bytes]:
        """`through`, for `async for`."""
        return Through(self, None if live is None else aiter(live))

    # -- how it ends -------------------------------------------------------------------------

    @property
    def taken_length(self) -> int:
        """How many bytes of the body the agent has had."""
        return self._taken.length

    @property
    def is_whole(self) -> bool:
        """True if a recorded body was taken to its last byte, and had been read to its end."""
        head = self._head if self.served is not None else None
        return head is not None and head.end == "eof" and self._taken.length >= head.size

    def taken(self) -> Answer:
        """What the agent has had, as a body that it closed, or at which it gave up."""
        return self._answer("cancelled" if self.given_up else "closed")

    def finish(self, live: End | None = None) -> None:
        """End the step: its body is read to the end, which is `live`, or else what its head says.

        Raises:
            Exception: the fault with which the body broke.
            Divergence: the agent reads on where it had stopped when recorded.
        """
        if self._flight is None:
            return
        if self.served is not None and self._head is not None and self._head.end == "cancelled":
            self._port.hang(self._flight)  # until the agent is interrupted again
        end = self._find_body_end(self._flight, live)
        self._end(end)
        if isinstance(end, Fault):
            raise self._faults.make(end)

    async def afinish(self, live: End | None = None) -> None:
        """`finish`, suspending the task."""
        if self._flight is None:
            return
        if self.served is not None and self._head is not None and self._head.end == "cancelled":
            await self._port.ahang(self._flight)  # until the agent is interrupted again
        end = self._find_body_end(self._flight, live)
        await self._aend(end)
        if isinstance(end, Fault):
            raise self._faults.make(end)

    def watch(self) -> None:
        """Look whether the agent, which waits for more than was recorded here, may go on waiting.

        Raises:
            Stalled: patience has ended.
        """
        if self._flight is not None and self._is_open:
            self._port.watch(self._flight)

    def drop(self, end: End) -> None:
        """End the step at once, with what the agent has had: callable from any thread, even a finalizer."""
        if self._is_open:
            self._over = True
            self._port.drop(cast("Flight", self._flight), self._answer(end))

    # -- below -------------------------------------------------------------------------------

    def _restore(self) -> Request:
        """The question, edited, with true secrets, its whole body, and a content-length that fits."""
        true = self._port.outgoing(self._asked, self._flight, signs=self._signs)
        if true is self._asked or true == self._asked:
            return self._whole
        if true.omitted:
            return evolve(true, body=self._whole.body, omitted=self._whole.omitted)
        size = str(len(true.body))
        pairs = [(name, size if name.lower() == "content-length" else value) for name, value in true.headers]
        return evolve(true, headers=tuple(pairs))

    def _check_new(self) -> None:
        if self._began:
            raise RuntimeError("a call is asked once: make another one with run.asking(...)")
        self._began = True

    def _choose(self, live: Response | None) -> Answer | None:
        """The head to go by: `live`, or the recorded answer.

        Raises:
            RuntimeError: the block was not entered, the head was given before, or there is none to give.
        """
        if not self._began:
            raise RuntimeError("enter the block first: with run.asking(...) as call")
        if self._head is not None:
            raise RuntimeError("the agent has had the head of this answer")
        if live is None and self.served is None:
            raise RuntimeError("the tape has no answer to this: give head() that of the real world")
        return live or self.served

    @property
    def _is_open(self) -> bool:
        return self._flight is not None and not self._over

    def _end(self, end: End) -> None:
        if self._is_open:
            self._over = True
            self._port.end(cast("Flight", self._flight), self._answer(end))

    async def _aend(self, end: End) -> None:
        if self._is_open:
            self._over = True
            await self._port.aend(cast("Flight", self._flight), self._answer(end))

    def _answer(self, end: End) -> Answer:
        """What is kept as the answer: the head with what was taken, or how it failed before there was one."""
        if (head := self._head) is None:
            return end if isinstance(end, Fault) else CANCELLED
        chunks, omitted = self._taken.chunks, self._taken.omitted
        return Response(head.status, head.headers, chunks, end, head.reason, head.http_version, omitted)

    def _receive(self, answer: Answer | None) -> Response:
        self._head = head = cast("Response", answer)
        self._recorded = iter(head.chunks)
        return head

    def _offer(self, flight: Flight, head: Response) -> Response:
        if head.status == SWITCHING_PROTOCOLS and not self._switches:
            self.drop("closed")
            why = "the server switched protocols, and what follows is not HTTP: wrap the call in run.call()"
            raise self._port.fail(Refused(self._asked.url, "", why=why))
        if flight.served is None:
            return head
        headers = correct_headers(head, self._asked.method, instant=self._run.instant_retries)
        return head if headers == head.headers else evolve(head, headers=headers)

    def _find_body_end(self, flight: Flight, live: End | None) -> End:
        """How a body that was read to its last chunk ends."""
        recorded = self._head.end if self._head is not None else "eof"
        if flight.served is None:
            return live or recorded
        if recorded in ("closed", "cancelled"):
            raise self._port.stray(flight)
        return recorded

    def _find_end(self, exc: BaseException | None) -> End | None:
        """How the step ends where its block is left with `exc`; None if its body was read to the end."""
        if exc is None:  # `through` and `finish` have ended what was read to its end
            head = self._head if self.served is not None else None
            is_whole = head and head.end not in ("closed", "cancelled") and self._taken.length >= head.size
            return None if is_whole else "closed"
        if isinstance(exc, GeneratorExit | TraceforkError):
            return "closed"
        return self._faults.of(exc) if isinstance(exc, Exception) else "cancelled"
