"""Dicts that are read while finalizers change them."""

from __future__ import annotations

import gc
from weakref import WeakKeyDictionary

import pytest

from tracefork.host.tables import list_items


class Key:
    pass


class Changing:
    """A cycle whose finalizer puts something in a table."""

    def __init__(self, table):
        self.table, self.itself = table, self

    def __del__(self):
        self.table[Key()] = 1


@pytest.fixture
def eager_collector():
    before = gc.get_threshold()
    gc.set_threshold(50)
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize("kind", [dict, WeakKeyDictionary])
def test_the_items_are_those_of_one_moment_whatever_a_finalizer_does(kind, eager_collector):
    keys = [Key() for _ in range(2_000)]
    for _ in range(50):
        table = kind(dict.fromkeys(keys, 1))
        for _ in range(10):
            Changing(table)
        found = list_items(table)

        assert {key for key, _ in found} >= set(keys)
