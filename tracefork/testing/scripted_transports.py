"""A provider as the real transport classes of httpx or httpx2.

A client checks by identity that a response's stream is of its own library, so each
library gets its own classes, made from the module that the caller passes in.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

from tracefork.core.values import Fault, Request, Response

_Answers = Callable[[Request], "Response | Fault"]


def transport(script: _Answers, lib: ModuleType) -> Any:
    """A `lib.BaseTransport` (`lib` is the httpx or httpx2 module) that answers from `script`.

    Each recorded chunk is yielded as a chunk of its own. A Fault raises the library's
    own exception class of that name, from the call or, as the `end` of a Response,
    after its chunks. What `script` raises reaches the client as it is.
    """
    return _classes(lib).sync(script)


def async_transport(script: _Answers, lib: ModuleType) -> Any:
    """As `transport`, a `lib.AsyncBaseTransport`."""
    return _classes(lib).asynchronous(script)


class _Classes(NamedTuple):
    sync: Callable[[_Answers], Any]
    asynchronous: Callable[[_Answers], Any]


@cache
def _classes(lib: Any) -> _Classes:
    body = type("ScriptedBody", (_Body, lib.SyncByteStream, lib.AsyncByteStream), {"lib": lib})
    own = {"lib": lib, "body": body}
    return _Classes(
        type("ScriptedTransport", (_Sync, lib.BaseTransport), own),
        type("AsyncScriptedTransport", (_Async, lib.AsyncBaseTransport), own),
    )


class _Body:
    lib: ClassVar[Any]

    def __init__(self, answer: Response, request: Any) -> None:
        self._answer = answer
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.chunks
        self._cut()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._answer.chunks:
            yield chunk
        self._cut()

    def _cut(self) -> None:
        if isinstance(self._answer.end, Fault):
            raise _exception(self._answer.end, self.lib, self._request)


class _Transport:
    lib: ClassVar[Any]
    body: ClassVar[type[_Body]]

    def __init__(self, script: _Answers) -> None:
        self._script = script

    def _respond(self, request: Any, body: bytes) -> Any:
        answer = self._script(_question(request, body))
        if isinstance(answer, Fault):
            raise _exception(answer, self.lib, request)
        return self.lib.Response(
            answer.status,
            headers=[(key.encode("latin-1"), value.encode("latin-1")) for key, value in answer.headers],
            stream=self.body(answer, request),
            extensions={
                "http_version": answer.http_version.encode("ascii"),
                "reason_phrase": answer.reason.encode("latin-1"),
            },
        )


class _Sync(_Transport):
    def handle_request(self, request: Any) -> Any:
        return self._respond(request, request.read())


class _Async(_Transport):
    async def handle_async_request(self, request: Any) -> Any:
        return self._respond(request, await request.aread())


def _question(request: Any, body: bytes) -> Request:
    headers = tuple((key.decode("latin-1"), value.decode("latin-1")) for key, value in request.headers.raw)
    return Request(request.method, str(request.url), headers, body)


def _exception(fault: Fault, lib: Any, request: Any) -> Exception:
    """The exception that `fault` stands for.

    Raises:
        ValueError: there is no such exception class; "cancelled" is the agent's own doing.
    """
    module, _, name = fault.kind.rpartition(".")
    kind: Any = getattr(importlib.import_module(module) if module else lib, name, None)
    if not isinstance(kind, type) or not issubclass(kind, Exception):
        owner = module or lib.__name__
        raise ValueError(f"a script cannot raise {fault.kind!r}: {owner} has no such exception")  # noqa: TRY004
    options = {"request": request} if issubclass(kind, lib.RequestError) else {}
    return kind(fault.message, **options)
