"""A body that is kept in less room and made when somebody looks at it: the contract, without the making."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Deferred(ABC):
    """A body that is kept in less room, and made whenever somebody looks at it.

    It equals, and hashes as, the bytes or the tuple of chunks that it stands for.
    """

    __slots__ = ()

    @abstractmethod
    def __len__(self) -> int:
        """Its length in bytes."""

    @abstractmethod
    def __bytes__(self) -> bytes:
        """The whole body."""

    @abstractmethod
    def chunks(self) -> tuple[bytes, ...]:
        """Its chunks, as the agent saw them."""

    @abstractmethod
    def lengths(self) -> tuple[int, ...]:
        """The length of each chunk in bytes."""

    @abstractmethod
    def sha256(self) -> str:
        """Its sha-256, as 64 hex characters."""

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Deferred):
            return self is other or (self.lengths() == other.lengths() and self.sha256() == other.sha256())
        if isinstance(other, bytes):
            return len(self) == len(other) and self.same(other)
        return isinstance(other, tuple) and self.chunks() == other

    def same(self, body: bytes) -> bool:
        """True if `body`, which is as long, equals this one; cheaper than to make this one and compare."""
        return bytes(self) == body

    @abstractmethod
    def __hash__(self) -> int: ...
