"""A conversation over one web socket, in terms of a run: each message of the agent is a question.

What the server says until the next one is the answer, a message a chunk. What it says before the first
one answers the handshake. A message that the agent receives belongs to the newest question that was asked
by then; in a replay the agent is given what was recorded for one question, then what was recorded for
the next, once that is asked.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from weakref import WeakKeyDictionary, WeakSet

import anyio
from attrs import frozen

from ..core.values import End, Fault, Request, Response
from ..errors import SocketLost
from ..host import clocks
from ..runtime.event_loop import poster, resolve, running_loop
from ..session.asking import Call
from ..session.faults import Faults
from ..session.session import Session
from ._web_socket_peer import pack, unpack

SEND = "SEND"
"""The method of a question that is a message."""

HEAD = Response(200, (), (), "eof", "", "WebSocket")
"""The head of an answer over a socket: there is none on the wire."""

GLANCE = 0.02  # seconds between two looks of who waits for a message
BLINK = 0.005  # the same under trio, where nobody wakes who waits


@frozen
class Ended:
    """A recorded conversation ends with this fault."""

    fault: Fault


class Conversation:
    """What is said over one socket, from its handshake on, which is given with its head.

    Callable from any thread and task. `faults` is how the library's exceptions are kept.
    """

    def __init__(self, run: Session, handshake: Call, faults: Faults) -> None:
        self._run, self._faults = run, faults
        self.url = handshake.url
        self.live = handshake.served is None
        self.closing = False
        """Whether the agent has closed it."""
        self.by_arrival = False
        """Whether a message counts as received when it comes, read or not."""
        self.waiting = 0
        """How many recorded messages were given to the library, and the agent has not received."""
        self._calls = deque([handshake])
        self._left: WeakKeyDictionary[Call, deque[bytes]] = WeakKeyDictionary()
        self._headed = WeakSet([handshake])
        self._lock = threading.RLock()
        self._wakes: list[Callable[[], object]] = []

    @property
    def passes(self) -> bool:
        """True where what is said is none of the run's: the run is over, or a tool speaks."""
        return (self._run.over and self._run.live) or self._run.is_aside()

    # -- what the agent says -----------------------------------------------------------------

    def say(self, message: str | bytes, send: Callable[[str | bytes], object]) -> None:
        """Put `message` to the run, and let `send` send what must leave, if it is live.

        Raises:
            SocketLost: it is live in a conversation that is served, or the other way round.
        """
        call = self._ask(message)
        call.begin()
        self._put(call)
        try:
            if self.live:
                true = self._restore(call, message)
                with call.aside():
                    send(true)
                if self._is_unheaded(call):
                    call.head(HEAD)
            else:
                call.head()
                self._give(call)
        except BaseException as exc:
            call.leave(exc)
            raise

    async def asay(self, message: str | bytes, send: Callable[[str | bytes], Awaitable[object]]) -> None:
        """`say`, suspending the task."""
        call = self._ask(message)
        await call.abegin()
        self._put(call)
        try:
            if self.live:
                true = self._restore(call, message)
                with call.aside():
                    await send(true)
                if self._is_unheaded(call):
                    await call.ahead(HEAD)
            else:
                await call.ahead()
                self._give(call)
        except BaseException as exc:
            await call.aleave(exc)
            raise

    def _give(self, call: Call) -> None:
        """Let the agent receive what was recorded for `call`, which has its head."""
        with self._lock:
            self._headed.add(call)
        self.wake()

    def _ask(self, message: str | bytes) -> Call:
        return self._run.asking(Request(SEND, self.url, (), pack(message)), self._faults)

    def _put(self, call: Call) -> None:
        """Note that `call`, which has begun, is the newest question."""
        if (call.served is None) is not self.live:
            error = SocketLost(self.url)
            call.leave(error)
            raise self._run.port.fail(error)
        with self._lock:
            if self.live:
                before = self._calls.popleft()
                self._give_head(before)
                before.drop("eof")
            self._calls.append(call)
            self._pass_drained()
            self.wake()

    def _restore(self, call: Call, message: str | bytes) -> str | bytes:
        """What must leave for `call`: `message` itself, or what is put in its place."""
        _ = call.outgoing
        return unpack(call.outgoing.body) if call.is_refilled else message

    # -- what the agent hears ------------------------------------------------------------------

    def note(self, message: str | bytes) -> None:
        """Note that the agent is about to get a live `message`."""
        with self._lock:
            newest = self._calls[-1]
            self._give_head(newest)
            newest.chunk(pack(message))

    def fail(self, exc: Exception) -> None:
        """Note that the agent is told by `exc` that the live conversation is over."""
        with self._lock:
            if not self.closing:
                newest = self._calls[-1]
                self._give_head(newest)
                newest.drop(self._faults.of(exc))

    def take(self) -> bytes | Ended | None:
        """The next recorded message, as it is kept; or how the conversation ends; None for nothing so far."""
        with self._lock:
            self._pass_drained()
            call = self._calls[0]
            if call not in self._headed:
                return None
            if left := self._list_left(call):
                call.chunk(left[0])
                return left.popleft()
            end = _find_end(call)
            if isinstance(end, Fault):
                call.drop(end)
                return Ended(end)
            return None

    def wait_next(
        self, timeout: float | None = None, ready: Callable[[], bool] = lambda: False
    ) -> bytes | Ended | None:
        """The next recorded message; None if the agent closes, after `timeout` seconds, or when `ready`.

        Raises:
            Stalled: the tape has no more, and patience has ended.
        """
        until = None if timeout is None else clocks.monotonic() + timeout
        came = threading.Event()
        while (taken := self.take()) is None and not (self.closing or ready()):
            self._calls[0].watch()
            left = GLANCE if until is None else min(GLANCE, until - clocks.monotonic())
            if left <= 0:
                break
            self._wakes.append(came.set)
            came.wait(left)
            came.clear()
        return taken

    async def await_next(self, ready: Callable[[], bool] = lambda: False) -> bytes | Ended | None:
        """`wait_next`, suspending the task; who waits no longer cancels it."""
        while (taken := self.take()) is None and not (self.closing or ready()):
            self._calls[0].watch()
            if (loop := running_loop()) is None:
                await anyio.sleep(BLINK)
                continue
            came: asyncio.Future[None] = loop.create_future()
            self._wakes.append(poster(loop, partial(resolve, came)))
            await asyncio.wait([came], timeout=GLANCE)
        return taken

    def wake(self) -> None:
        """Let whoever waits look again."""
        wakes, self._wakes = self._wakes, []
        for wake in wakes:
            with suppress(RuntimeError):  # its loop is closed
                wake()

    # -- its end -------------------------------------------------------------------------------

    def close(self) -> None:
        """Note that the agent closes it."""
        with self._lock:
            self.closing = True
            for call in list(self._calls):
                self._give_head(call)
                ended = call is not self._calls[-1] and not self._list_left(call)
                if self.by_arrival and not self.live:
                    self._receive_all(call)  # it had come, whoever is quicker now
                    call.drop(_find_end(call))
                call.drop("eof" if ended else "closed")
            self._calls = deque([self._calls[-1]])
        self.wake()

    def _receive_all(self, call: Call) -> None:
        left = self._list_left(call)
        while left:
            call.chunk(left.popleft())

    # -- below ---------------------------------------------------------------------------------

    def _pass_drained(self) -> None:
        """End the recorded answers of which all was received, but for the newest."""
        while len(self._calls) > 1 and not (isinstance(_find_end(self._calls[0]), Fault)):
            call = self._calls[0]
            if call not in self._headed or self._list_left(call):
                break
            call.drop("eof" if _find_end(call) == "eof" else "closed")
            self._calls.popleft()

    def _list_left(self, call: Call) -> deque[bytes]:
        """The recorded messages of `call` that are still to come."""
        if call not in self._left:
            self._left[call] = deque(call.chunks())
        return self._left[call]

    def _is_unheaded(self, call: Call) -> bool:
        with self._lock:
            unheaded = call not in self._headed
            self._headed.add(call)
        return unheaded

    def _give_head(self, call: Call) -> None:
        """Give the head of `call` at once, where it has not been given."""
        if self._is_unheaded(call):
            with suppress(RuntimeError):  # it was given up as it was talk
                call.head(HEAD if self.live else None)


def _find_end(call: Call) -> End:
    """How the answer to `call` was recorded to end."""
    return call.served.end if isinstance(call.served, Response) else "eof"
