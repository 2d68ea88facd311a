"""Bodies on their way through a run: kept whole up to `max_body`, and beyond it known by their hash."""

from __future__ import annotations

import re
import weakref
from collections.abc import Mapping
from hashlib import sha256
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from attrs import evolve

from ..core.matching import NORMAL, find_boundary
from ..core.values import Headers, Omitted, Request

if TYPE_CHECKING:
    from .session import Session


class Gathering:
    """Chunks, as far as they are to be kept: all of up to `most` bytes together, else their hash.

    It is the hash of the body in which each of `replaced` stands for what it is
    replaced by: as a body that is kept would have it. With `spooled`, chunks that are
    not kept are in `file`.
    """

    def __init__(
        self, most: int, replaced: Mapping[bytes, bytes] | None = None, *, spooled: bool = False
    ) -> None:
        self.length = 0
        self.file: IO[bytes] | None = None
        self._most = most
        self._replaced = replaced or {}
        self._spooled = spooled
        self._chunks: list[bytes] = []
        self._hash: _Hash | None = None

    def take(self, chunk: bytes) -> None:
        """Add `chunk`, in memory only as long as all may be kept."""
        chunk = bytes(chunk)  # a stream may give one buffer again and again
        self.length += len(chunk)
        if self.length <= self._most:
            self._chunks.append(chunk)
            return
        if self._hash is None:
            self._hash = _Hash(self._replaced)
            if self._spooled:
                self.file = TemporaryFile()  # noqa: SIM115  it lives as long as this
                weakref.finalize(self, self.file.close)
            for early in self._chunks:
                self._pass(early, self._hash)
            self._chunks.clear()
        self._pass(chunk, self._hash)

    def _pass(self, chunk: bytes, made: _Hash) -> None:
        made.update(chunk)
        if self.file is not None:
            self.file.write(chunk)

    @property
    def chunks(self) -> tuple[bytes, ...]:
        """What is kept of the chunks: all or none."""
        return tuple(self._chunks)

    @property
    def content(self) -> bytes:
        """What is kept, joined."""
        return b"".join(self._chunks)

    @property
    def omitted(self) -> Omitted | None:
        """The length and hash of what was taken, if it was too long to keep."""
        return Omitted(self.length, self._hash.hexdigest()) if self._hash else None


class _Hash:
    """A sha-256 of a stream in which some strings are replaced, wherever it is cut."""

    def __init__(self, replaced: Mapping[bytes, bytes]) -> None:
        self._replaced = replaced
        longest_first = sorted(replaced, key=len, reverse=True)
        self._any = re.compile(b"|".join(map(re.escape, longest_first))) if replaced else None
        self._reach = len(longest_first[0]) - 1 if replaced else 0
        self._made = sha256()
        self._left = b""

    def update(self, chunk: bytes) -> None:
        if self._any is None:
            self._made.update(chunk)
        else:
            self._left = self._through(self._left + chunk, self._made, keep=self._reach)

    def hexdigest(self) -> str:
        made = self._made.copy()
        if self._any is not None:
            self._through(self._left, made, keep=0)
        return made.hexdigest()

    def _through(self, data: bytes, made: Any, keep: int) -> bytes:
        """Hash `data` but for its end, in which one of the strings may begin; return that."""
        assert self._any is not None
        end, done = max(0, len(data) - keep), 0
        for found in self._any.finditer(data):
            if found.start() >= end:
                break
            made.update(data[done : found.start()])
            made.update(self._replaced[found[0]])
            done = found.end()
        end = max(end, done)
        made.update(data[done:end])
        return data[end:]


def bound(run: Session, request: Request) -> Request:
    """Return `request` as `run` keeps it: of a body longer than `run.max_body` only its length and hash."""
    if len(request.body) <= run.max_body:
        return request
    body = gather_body(run, request.headers)
    body.take(request.body)
    return evolve(request, body=b"", omitted=body.omitted)


def gather_body(run: Session, headers: Headers, *, spooled: bool = False) -> Gathering:
    """Return what gathers a request's body; its hash leaves secrets and the boundary of `headers` aside."""
    replaced, ours = run.port.secrets.replacements(), find_boundary(headers)
    if ours:
        replaced = {**replaced, ours: NORMAL}
    return Gathering(run.max_body, replaced, spooled=spooled)
