"""Bodies as botocore reads them: live ones on their way, and recorded ones."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import urllib3.exceptions
from botocore import exceptions

from ..core.values import End, Fault, Headers
from ..errors import TraceforkError
from ..session.asking import Call
from ..session.served import is_bodiless
from ._seam import Tee


class Live:
    """What the network answers: `pieces` says how its body is to be read next.

    `stream` is None for a body that botocore has read to its end already.
    """

    def __init__(self, response: Any, sent: Any) -> None:
        self.raw = response.raw
        self.stream = self if sent.stream_output else None
        self.pieces: Callable[[], Iterable[bytes]] = self.raw.stream
        self.content: bytes = b"" if sent.stream_output else response.content
        self.bodiless = sent.stream_output or is_bodiless(sent.method, self.raw.status)

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces()

    def close(self) -> None:
        self.raw.close()


class Raw(io.IOBase, Tee):
    """A body as botocore reads it: the part of urllib3's response that it uses."""

    def __init__(self, call: Call, source: Any) -> None:
        Tee.__init__(self, call, source)
        self._headers = source.raw.headers if source is not None else {}
        self._rest = bytearray()  # served, and more than `read` was asked for
        self._position = 0

    def stream(self, amt: int = 2**16) -> Iterator[bytes]:
        """The chunks as they come, or as they came."""
        if self._inner is not None:
            self._inner.pieces = partial(self._inner.raw.stream, amt)
        if rest := self.read(len(self._rest)):
            yield rest
        for chunk in self._pulled():
            self._position += len(chunk)
            yield chunk

    def read(self, amt: int | None = None) -> bytes:
        """`amt` bytes, fewer only at the end; all that are left without it."""
        wanted = None if amt is None or amt < 0 else amt
        while wanted is None or len(self._rest) < wanted:
            if self._inner is not None:
                left = None if wanted is None else wanted - len(self._rest)
                self._inner.pieces = partial(_reads, self._inner.raw, left)
            if (chunk := next(self._pulled(), None)) is None:
                break
            self._rest += chunk
        data = bytes(self._rest[:wanted])
        del self._rest[:wanted]
        self._position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        Tee.close(self)
        io.IOBase.close(self)

    @property
    def _fp(self) -> Any:  # where StreamingBody.set_socket_timeout looks for the socket
        return NO_SOCKET if self._inner is None else self._inner.raw._fp  # noqa: SLF001

    def _live_end(self) -> End | None:
        return (
            None if self._inner is None else find_end(tuple(self._headers.items()), self._call.taken_length)
        )

    def _pulled(self) -> Iterator[bytes]:
        if self.closed:
            return
        try:
            yield from Tee.__iter__(self)
        except TraceforkError:
            raise
        except exceptions.IncompleteReadError:  # for whoever counts to find: here it is but the end
            return
        except Exception as exc:  # the live one itself, or a likeness
            dress(exc, self._call.url)
            raise


NO_SOCKET = SimpleNamespace(
    fp=SimpleNamespace(raw=SimpleNamespace(_sock=SimpleNamespace(settimeout=lambda _: None)))
)


def find_end(headers: Headers, size: int) -> End:
    """How a body of `size` bytes ends: urllib3, as botocore uses it, does not mind if it is cut short."""
    promised = next((value for name, value in headers if name.lower() == "content-length"), "")
    if promised.isdigit() and size < int(promised):
        return Fault("botocore.exceptions.IncompleteReadError", f"{size} of {promised} bytes")
    return "eof"


def _reads(raw: Any, amt: int | None) -> Iterator[bytes]:
    while data := raw.read(amt):
        yield data


def dress(exc: Exception, url: str) -> None:
    """Give `exc`, if it was rebuilt from a tape, the attributes of its class: no `__init__` has run."""
    has: dict[str, Any] = {}
    if isinstance(exc, exceptions.BotoCoreError):
        has = {"kwargs": {"endpoint_url": url, "error": str(exc)}, "request": None, "response": None}
    elif isinstance(exc, urllib3.exceptions.RequestError):
        has = {"pool": None, "url": None}  # as the live one: urllib3 does not know it there
    for name, value in has.items():
        vars(exc).setdefault(name, value)
