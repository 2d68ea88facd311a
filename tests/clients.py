"""One scenario for every client: httpx and httpx2, synchronous, under asyncio and under trio.

A scenario is a coroutine function of a client. The synchronous client wears an
asynchronous face that never suspends, so that a scenario is driven without a loop.
`proves` shows that it comes to the same bare, recorded, and replayed with its peer gone.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import httpx2
import pytest
from attrs import frozen

import tracefork
from tracefork import Tape, TapeStore
from tracefork.core.values import Fault

TLS = ssl.create_default_context()  # making one takes longer than most tests


@frozen
class Kind:
    """A kind of client: a library, and how it is run."""

    lib: Any
    how: str

    def __str__(self) -> str:
        return f"{self.lib.__name__}-{self.how}"

    def run(self, scenario: Callable[[Any], Awaitable[Any]], **options: Any) -> Any:
        """Return what `scenario` comes to with a client that is made with `options`."""
        options = {"timeout": 5, "verify": TLS, "trust_env": False, **options}
        if self.how == "sync":
            return driven(self._sync(scenario, options))
        if self.how == "trio":
            return pytest.importorskip("trio").run(self._async, scenario, options)
        return asyncio.run(self._async(scenario, options))

    def transport(self, **options: Any) -> Any:
        """The library's own transport."""
        name = "HTTPTransport" if self.how == "sync" else "AsyncHTTPTransport"
        return getattr(self.lib, name)(**{"verify": TLS, "trust_env": False, **options})

    async def _sync(self, scenario: Any, options: dict[str, Any]) -> Any:
        with self.lib.Client(**options) as client:
            return await scenario(_Client(client))

    async def _async(self, scenario: Any, options: dict[str, Any]) -> Any:
        async with self.lib.AsyncClient(**options) as client:
            return await scenario(client)


LIBS = (httpx, httpx2)
KINDS = [Kind(lib, how) for lib in LIBS for how in ("sync", "asyncio")]
ASYNC = [Kind(lib, how) for lib in LIBS for how in ("asyncio", "trio")]


def _by_day(kinds: list[Kind]) -> Any:
    """By day each library and each way to run it; by night their other pairs, whose code is the same."""
    pairs = {"httpx-sync", "httpx2-asyncio", "httpx-trio"}
    marks = {kind: () if str(kind) in pairs else pytest.mark.nightly for kind in kinds}
    params = [pytest.param(kind, marks=mark) for kind, mark in marks.items()]
    return pytest.mark.parametrize("kind", params, ids=str)


kinds = _by_day(KINDS)
async_kinds = _by_day(ASYNC)
all_kinds = _by_day(sorted({*KINDS, *ASYNC}, key=str))


def driven(scenario: Any) -> Any:
    """What a coroutine that never suspends returns."""
    try:
        scenario.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("a synchronous scenario waits for nothing")


class _Client:
    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def send(self, *args: Any, **kwargs: Any) -> Any:
        return _Response(self._client.send(*args, **kwargs))

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        return _Response(self._client.request(*args, **kwargs))

    async def get(self, *args: Any, **kwargs: Any) -> Any:
        return _Response(self._client.get(*args, **kwargs))

    async def post(self, *args: Any, **kwargs: Any) -> Any:
        return _Response(self._client.post(*args, **kwargs))

    @asynccontextmanager
    async def stream(self, *args: Any, **kwargs: Any) -> Any:
        with self._client.stream(*args, **kwargs) as response:
            yield _Response(response)

    async def aclose(self) -> None:
        self._client.close()


class _Response:
    def __init__(self, response: Any) -> None:
        self._response = response

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)

    async def aread(self) -> bytes:
        data: bytes = self._response.read()
        return data

    async def aclose(self) -> None:
        self._response.close()

    def aiter_raw(self, *args: Any) -> _Iterator:
        return _Iterator(self._response.iter_raw(*args))

    def aiter_bytes(self, *args: Any) -> _Iterator:
        return _Iterator(self._response.iter_bytes(*args))

    def aiter_text(self, *args: Any) -> _Iterator:
        return _Iterator(self._response.iter_text(*args))

    def aiter_lines(self) -> _Iterator:
        return _Iterator(self._response.iter_lines())


class _Iterator:
    def __init__(self, items: Iterable[Any]) -> None:
        self._items: Iterator[Any] = iter(items)

    def __aiter__(self) -> _Iterator:
        return self

    async def __anext__(self) -> Any:
        try:
            return next(self._items)
        except StopIteration:
            raise StopAsyncIteration from None


# -- what came of it ---------------------------------------------------------------------


def raised(exc: BaseException) -> tuple[Any, ...]:
    """What an agent can tell of an exception: its class and text, and the request that it names."""
    try:
        request = exc.request  # type: ignore[attr-defined]
    except (AttributeError, RuntimeError):
        return type(exc), str(exc)
    return type(exc), str(exc), request.method, str(request.url)


async def read(client: Any, url: str, method: str = "POST", **options: Any) -> list[Any]:
    """The status of an answer and its chunks, and how it failed, if it did."""
    got: list[Any] = []
    try:
        async with client.stream(method, url, **options) as response:
            got.append(response.status_code)
            async for chunk in response.aiter_raw():
                got.append(chunk)
    except Exception as exc:
        got.append(raised(exc))
    return got


def proves(act: Callable[[], Any], peer: Any, path: Any, *, twice: bool = True) -> tuple[Any, Tape]:
    """Return what `act()` comes to, bare as recorded and replayed, and its tape.

    Replayed with `peer` closed: from memory, from the store at `path`, and from a
    file's bytes. With `twice=False` it may come to something else bare: a race decides.
    """
    bare = act() if twice else None
    with tracefork.record(path / "runs.db", run_id="one") as run:
        live = act()
    peer.close()
    assert not twice or live == bare
    with TapeStore.open(path / "runs.db") as store:
        loaded = store.load("one")
    with tracefork.replay(run.tape, patience=5) as again:
        assert act() == live
    assert again.tape.digest() == run.tape.digest()
    assert [x.answer for x in again.tape] == [x.answer for x in run.tape]
    assert again.forwarded == 0
    for tape in (loaded, tracefork.loads(tracefork.dumps(run.tape))):
        said: list[Any] = []
        verdict = tracefork.verify(tape, lambda said=said: said.append(act()), patience=5)  # type: ignore[misc]
        assert verdict.ok or verdict.is_empty, verdict
        assert verdict.divergence is None and verdict.recorded == run.tape.digest()
        assert said == [live]
    return live, run.tape


def fault(tape: Tape, at: int = 0) -> str:
    """The kind of fault that ended exchange `at`, before its head or after."""
    answer = tape[at].answer
    end = answer if isinstance(answer, Fault) else answer.end
    assert isinstance(end, Fault), end
    return end.kind
