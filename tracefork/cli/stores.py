"""Stores by the places that commands are given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StoreError
from ..storage.store import TapeStore
from .app import limits


@contextmanager
def open_store(where: str, *, create: bool = False) -> Iterator[TapeStore]:
    """Give the store at `where`, which has to be there unless it is to be created."""
    if not create and not Path(where).exists():
        raise StoreError(f"there is no store at {where}; name one with --store or TRACEFORK_STORE")
    with TapeStore.open(where, limits=limits()) as store:
        yield store
