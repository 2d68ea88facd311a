"""The request bodies of one tape, each kept as its delta; made whole when somebody looks.

A body is flattened into *pieces*: ranges of the one literal that all deltas
share, or of a body that another tape keeps. So a look copies each byte once,
however long the chain of deltas is, and a hash goes on from where the base's was.

A piece is an address and a place in the body: it reaches to where the next one
begins. The high bits of an address say whose bytes these are, 0 being the literal.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from attrs import frozen

from ...core.values import Deferred
from ...errors import CorruptTape, TooLarge
from .delta import LITERAL, Ops

if TYPE_CHECKING:
    from hashlib import _Hash

MOST_PIECES = 1 << 16
"""Pieces of one body; a writer starts anew with a whole body before there are more."""

_FLAT = 32  # bodies whose pieces are remembered, and ...
_MILESTONE = 64  # ... each so-manieth besides, so that no chain is followed for long
_HASHES = 64  # hashes that may be gone on from

_FOREIGN = 48  # bits of an address within one source
_WITHIN = (1 << _FOREIGN) - 1


@frozen
class _Pieces:
    """The pieces of one body: `starts` is longer by one, the end."""

    addresses: list[int]
    starts: list[int]


_NONE = _Pieces([], [0])


class _Kept(NamedTuple):
    """How one body is kept: its delta, where its part of the literal begins, and what it comes to."""

    base: int | None
    ops: Ops
    literal: int
    length: int
    most_pieces: int


class Bodies:
    """Bodies by number, in the order in which they were added.

    One thread may add while others look. The last body that was looked at is
    remembered: for those who look twice, and as the base of the next.
    """

    def __init__(self) -> None:
        self._literal = bytearray()
        self._kept: list[_Kept | Deferred] = []
        self._flat: dict[int, _Pieces] = {}
        self._milestones: dict[int, _Pieces] = {}
        self._hash_states: dict[int, tuple[int, _Hash]] = {}
        self._hashes: dict[int, str] = {}
        self._last = -1, b""

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, base: int | None, ops: Ops, literal: bytes) -> Body:
        """Keep the body that `ops` make of body `base` and `literal`.

        Raises:
            CorruptTape: there is no such base, the operations reach beyond it or
                copy more than it has, or the literal is not of their length.
            TooLarge: the body has more than `MOST_PIECES` pieces.
        """
        known = 0 if base is None else self._length(base)
        copied = new = 0
        for offset, length in ops:
            if length < 0 or offset < LITERAL or (offset >= 0 and offset + length > known):
                raise CorruptTape("a body copies what its base does not have")
            if offset == LITERAL:
                new += length
            else:
                copied += length
        if copied > known:
            raise CorruptTape("a body copies what its base does not have")
        if new != len(literal):
            raise CorruptTape("a body has not the new bytes that it names")
        most = self.count_pieces(base, ops)
        if most > MOST_PIECES:
            raise TooLarge(f"a body has more than the {MOST_PIECES:,} pieces that are allowed")
        self._kept.append(_Kept(base, ops, len(self._literal), copied + new, most))
        self._literal += literal
        return Body(self, len(self._kept) - 1)

    def adopt(self, body: Deferred) -> int:
        """Number a body that another tape keeps, so that it can be a base."""
        self._kept.append(body)
        return len(self._kept) - 1

    def count_pieces(self, base: int | None, ops: Ops) -> int:
        """At most how many pieces a body of this delta has."""
        kept = None if base is None else self._kept[base]
        return 2 * len(ops) + (kept.most_pieces if isinstance(kept, _Kept) else 1)

    def whole(self, number: int) -> bytes:
        """The bytes of a body."""
        last, body = self._last
        if last == number:
            return body
        kept = self._kept[number]
        body = b"".join(self._list_parts(number, kept)) if isinstance(kept, _Kept) else bytes(kept)
        self._last = number, body
        return body

    def same(self, number: int, body: bytes) -> bool:
        """True if these are the bytes of a body: in order of number it is compared and nothing is made."""
        kept, at = self._kept[number], 0
        if not isinstance(kept, _Kept) or self._last[0] == number:
            return self.whole(number) == body
        for part in self._list_parts(number, kept):
            if not body.startswith(part, at):
                return False
            at += len(part)
        if at < len(body):
            return False
        self._last = number, body
        return True

    def sha256(self, number: int) -> str:
        """The hash of a body. In order of number, what it begins with like its base is not hashed again."""
        kept = self._kept[number]
        if not isinstance(kept, _Kept):
            return kept.sha256()
        if number not in self._hashes:
            self._hashes[number] = self._hash(number, kept)
        return self._hashes[number]

    def _hash(self, number: int, kept: _Kept) -> str:
        shared = kept.ops[0][1] if kept.ops and kept.ops[0][0] == 0 else 0
        at, state = self._hash_states.get(-1 if kept.base is None else kept.base, (0, None))
        if state is None or at > shared:
            at, state = 0, sha256()
        state = state.copy()
        for piece in self._read(number, at, shared):
            state.update(piece)
        self._hash_states[number] = shared, state.copy()
        if len(self._hash_states) > _HASHES:
            self._hash_states.pop(next(iter(list(self._hash_states))), None)
        for piece in self._read(number, shared, kept.length):
            state.update(piece)
        return state.hexdigest()

    def _length(self, number: int) -> int:
        if not 0 <= number < len(self._kept):
            raise CorruptTape(f"a body is made of body {number}, of {len(self._kept)}")
        kept = self._kept[number]
        return kept.length if isinstance(kept, _Kept) else len(kept)

    def _list_parts(self, number: int, kept: _Kept) -> Iterator[bytearray | memoryview]:
        """What a body is joined of: parts of the one looked at last, if that is its base, or its pieces."""
        last, base = self._last
        if last != kept.base:
            yield from self._read(number, 0, kept.length)
            return
        here, literal = memoryview(base), kept.literal
        for offset, length in kept.ops:
            if offset == LITERAL:
                yield self._literal[literal : literal + length]
                literal += length
            else:
                yield here[offset : offset + length]

    def _read(self, number: int, start: int, stop: int) -> Iterator[bytearray | memoryview]:
        """The bytes of `[start:stop]` of a body, piece by piece."""
        if start >= stop:
            return
        pieces, foreign = self._flatten_chain(number), dict[int, memoryview]()
        n = bisect_right(pieces.starts, start) - 1
        while start < stop:
            begins, ends = pieces.starts[n], min(pieces.starts[n + 1], stop)
            source, at = pieces.addresses[n] >> _FOREIGN, (pieces.addresses[n] & _WITHIN) + start - begins
            if not source:
                yield self._literal[at : at + ends - start]
            else:
                if source not in foreign:
                    foreign[source] = memoryview(self.whole(source - 1))
                yield foreign[source][at : at + ends - start]
            start, n = ends, n + 1

    def _flatten_chain(self, number: int) -> _Pieces:
        path, at, found = list[int](), number, self._find_flat(number)
        while found is None:
            path.append(at)
            kept = self._kept[at]
            if not isinstance(kept, _Kept) or kept.base is None:
                found = _NONE
            else:
                at = kept.base
                found = self._find_flat(at)
        for step in reversed(path):
            found = self._flatten(step, found)
            (self._flat if step % _MILESTONE else self._milestones)[step] = found
            if len(self._flat) > _FLAT:
                self._flat.pop(next(iter(list(self._flat))), None)
        return found

    def _find_flat(self, number: int) -> _Pieces | None:
        return self._flat.get(number) or self._milestones.get(number)

    def _flatten(self, number: int, base: _Pieces) -> _Pieces:
        kept = self._kept[number]
        if not isinstance(kept, _Kept):
            return _Pieces([(number + 1) << _FOREIGN], [0, len(kept)])
        addresses, starts, ends, literal = list[int](), list[int](), 0, kept.literal
        for offset, length in kept.ops:
            if not length:
                continue
            if offset == LITERAL:
                found, cut, literal = [literal], [0], literal + length
            else:
                first = bisect_right(base.starts, offset) - 1
                last = bisect_left(base.starts, offset + length)
                found = base.addresses[first:last]
                found[0] += offset - base.starts[first]
                cut = base.starts[first:last]
                cut[0] = offset
            if addresses and addresses[-1] + ends - starts[-1] == found[0]:  # goes on where the last one ends
                found, cut_ = found[1:], cut[1:]
            else:
                cut_ = cut
            shift = ends - cut[0]
            addresses += found
            starts += [start + shift for start in cut_]
            ends += length
        return _Pieces(addresses, [*starts, ends])


class Body(Deferred):
    """One body of a `Bodies`."""

    __slots__ = ("_bodies", "number")

    def __init__(self, bodies: Bodies, number: int) -> None:
        self._bodies = bodies
        self.number = number

    def __len__(self) -> int:
        return self._bodies._length(self.number)  # noqa: SLF001  the two are one thing

    def __bytes__(self) -> bytes:
        return self._bodies.whole(self.number)

    def same(self, body: bytes) -> bool:
        return self._bodies.same(self.number, body)

    def chunks(self) -> tuple[bytes, ...]:
        return (bytes(self),)

    def lengths(self) -> tuple[int, ...]:
        return (len(self),)

    def sha256(self) -> str:
        return self._bodies.sha256(self.number)

    def __hash__(self) -> int:
        return hash(bytes(self))

    def __reduce__(self) -> tuple[type[bytes], tuple[bytes]]:
        return bytes, (bytes(self),)
