"""How the tests of a transport adapter ask through it, and what their servers answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, closing
from typing import Any, ClassVar, Literal, TypeAlias

import pytest

from tracefork.core.tape import Tape
from tracefork.core.values import Exchange, Fault, Request, Response
from tracefork.runs.api import record, replay
from tracefork.session.session import Session
from tracefork.storage.store import TapeStore

from ..scripted import by_rule
from ..server import LoopbackServer

Ability: TypeAlias = Literal["sync", "async", "streams", "faults", "cancellation", "secrets"]
Heard: TypeAlias = "tuple[int, list[bytes]]"
Ask: TypeAlias = Callable[["Session | None", str, bytes], Heard]


class Asking:
    """How the adapter under test is asked: what a subclass of `TransportTests` declares and gives.

    Abilities:
        sync: `opened` asks in the caller's thread.
        async: `aopened` asks in an asyncio loop.
        streams: chunks are given as they come, while the rest of the body is still to be sent.
        faults: what goes wrong on the wire is raised as the client's own exception, live and in a replay.
        cancellation: a task that is cancelled while it waits or reads gives its call up ("async" only).
        secrets: the adapter sends `call.outgoing`: edited, and with secrets as they are.
    """

    abilities: ClassVar[frozenset[Ability]] = frozenset({"sync"})
    intercepts: ClassVar[bool] = False
    """True for an adapter that is met in clients which know of no run: tests' runs then intercept."""

    def opened(
        self, run: Session | None, url: str, body: bytes
    ) -> AbstractContextManager[tuple[int, Iterator[bytes]]]:
        """Post `body` to `url` through `run`, without one as the client is: give status and chunks.

        Leaving the block closes the response, read or not. A status such as 429 is given, not raised.
        """
        raise NotImplementedError

    def aopened(
        self, run: Session | None, url: str, body: bytes
    ) -> AbstractAsyncContextManager[tuple[int, AsyncIterator[bytes]]]:
        """`opened` for an asyncio loop."""
        raise NotImplementedError

    # -- how tests ask ---------------------------------------------------------------------

    def record(self, store: TapeStore | None = None, **options: Any) -> Session:
        """A recording that the adapter is met in."""
        return record(store, intercept=self.intercepts, **options)

    def replay(self, tape: Tape, **options: Any) -> Session:
        """A replay that the adapter is met in."""
        return replay(tape, intercept=self.intercepts, **options)

    def needs(self, *abilities: Ability) -> None:
        """Skip the test unless the adapter declares all of these."""
        if missing := set(abilities) - self.abilities:
            pytest.skip(f"the adapter does not declare {', '.join(sorted(missing))}")

    def ways(self) -> list[Ask]:
        """The ways to ask that the adapter declares: each reads a whole answer."""
        ways: list[Ask] = []
        if "sync" in self.abilities:
            ways.append(self._ask)
        if "async" in self.abilities:
            ways.append(lambda run, url, body: asyncio.run(self._aask(run, url, body)))
        return ways

    def _ask(self, run: Session | None, url: str, body: bytes) -> Heard:
        with self.opened(run, url, body) as (status, chunks):
            return status, [chunk for chunk in chunks if chunk]

    async def _aask(self, run: Session | None, url: str, body: bytes) -> Heard:
        async with self.aopened(run, url, body) as (status, chunks):
            return status, [chunk async for chunk in chunks if chunk]


def serving(
    rule: Callable[[Request], Response | Fault], *, lockstep: bool = False
) -> closing[LoopbackServer]:
    return closing(LoopbackServer(by_rule(rule), lockstep=lockstep))


def answer(*chunks: bytes, status: int = 200, end: Fault | Literal["eof"] = "eof") -> Response:
    return Response(status, (("content-type", "text/plain"),), chunks, end, "Said")


def breaking(kind: str, *chunks: bytes) -> Callable[[Request], Response | Fault]:
    """A rule whose connection breaks, after `chunks` of a body or before any answer."""
    fault = Fault(kind, "")
    return lambda _: answer(*chunks, end=fault) if chunks else fault


def change(step: Exchange) -> Response:
    """An answer in the place of the recorded one; `UNO` for the first step of a fork."""
    return step.response.with_body(b"UNO")


def fail_thrice(ask: Ask, url: str, *, intercept: bool = False) -> tuple[str, Session]:
    """Ask without a run, recorded, and replayed: each must raise the same."""
    with pytest.raises(Exception) as bare:
        ask(None, url, b"")
    run = record(intercept=intercept)
    with pytest.raises(type(bare.value)) as live, run:
        ask(run, url, b"")
    again = replay(run.tape, intercept=intercept)
    with pytest.raises(type(bare.value)) as served, again:
        ask(again, url, b"")

    assert type(served.value) is type(bare.value)
    assert str(served.value) == str(live.value)
    assert again.tape.digest() == run.tape.digest()
    return repr(bare.value), run


def refuse_to_run() -> int:
    raise AssertionError("a replay runs no tool")
