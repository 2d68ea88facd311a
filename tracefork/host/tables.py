"""Dicts that others may change while they are read: other threads, and finalizers.

In Python 3.11 `list(table.items())` makes a tuple for each item, and so may run the cycle collector, whose
finalizers may do anything: it raises "dictionary changed size during iteration". A copy is made by C alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, cast
from weakref import WeakKeyDictionary

K = TypeVar("K")
V = TypeVar("V")


def list_items(table: Mapping[K, V]) -> list[tuple[K, V]]:
    """Return the items of `table` at one moment, whatever happens to it meanwhile."""
    if isinstance(table, WeakKeyDictionary):
        pairs = ((key, table.get(key)) for ref in table.keyrefs() if (key := ref()) is not None)
        return [(key, cast("V", value)) for key, value in pairs if value is not None]
    return list(cast("dict[K, V]", table).copy().items())
