"""Makes plain data of the events of a YAML parser, and counts what it makes.

An anchor that is named again gives the same value again and is counted as often, so that a small text
cannot become a large tree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from attrs import define, frozen

from ...codec.limits import Limits, check_count
from .shapes import Mapped, Misfit, find_line, list_merged, name_kind
from .yaml_tags import FIRST, make_tagged, read_tagged, resolve


class _Mark(Protocol):
    line: int


class Event(Protocol):
    """An event of PyYAML; each has of these what it needs."""

    start_mark: _Mark
    anchor: str | None
    tag: str | None
    implicit: tuple[bool, bool]
    value: str


@frozen
class _Weight:
    """How much a value holds: items, characters, and levels below it."""

    items: int
    size: int
    depth: int


@define
class _Open:
    """A list or table that has begun; `key` is that of the value to come, None where a key is due."""

    value: list[object] | Mapped
    tag: str | None
    anchor: str | None
    items: int
    size: int
    key: str | None = None
    merges: bool = False
    depth: int = 1


class Builder:
    """Makes plain data of events; one for a stream, so that its documents are counted together."""

    def __init__(self, limits: Limits, room: int) -> None:
        self._limits, self._room = limits, room
        self._open = list[_Open]()
        self._anchors = dict[str, tuple[object, _Weight]]()
        self._items = self._size = 0
        self.documents = list[object]()
        self._takers: Mapping[str, Callable[[Event], None]] = {
            "ScalarEvent": self._scalar,
            "SequenceStartEvent": self._begin_list,
            "MappingStartEvent": self._begin_table,
            "SequenceEndEvent": self._end,
            "MappingEndEvent": self._end,
            "AliasEvent": self._alias,
            "DocumentStartEvent": self._forget,
        }

    def take(self, event: Event) -> None:
        """Take one event; `documents` are those that have ended."""
        taker = self._takers.get(type(event).__name__)
        if taker is not None:
            taker(event)

    def _forget(self, _: Event) -> None:
        self._anchors.clear()

    def _scalar(self, event: Event) -> None:
        text = event.value
        self._count(1, len(text))
        value: object = text
        if event.implicit[0]:
            if not text or text[0] in FIRST:
                value = resolve(text)
        elif event.tag is not None:
            value = read_tagged(event.tag, text, event.start_mark.line + 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, _Weight(1, len(text), 0)
        self._put(value, event, may_merge=event.implicit[0] and text == "<<")

    def _begin_list(self, event: Event) -> None:
        self._begin([], event)

    def _begin_table(self, event: Event) -> None:
        table = Mapped()
        table.line = event.start_mark.line + 1
        self._begin(table, event)

    def _begin(self, value: list[object] | Mapped, event: Event) -> None:
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)
        self._open.append(_Open(value, event.tag, event.anchor, self._items, self._size))
        self._count(1, 0)
        if len(self._open) > self._limits.json_depth:
            check_count("levels of nested YAML", len(self._open), self._limits.json_depth)

    def _end(self, event: Event) -> None:
        done = self._open.pop()
        if self._open and self._open[-1].depth <= done.depth:
            self._open[-1].depth = done.depth + 1
        value: object = done.value
        if done.tag is not None:
            value = make_tagged(done.tag, value, find_line(value) or event.start_mark.line + 1)
        if done.anchor is not None:
            weight = _Weight(self._items - done.items, self._size - done.size, done.depth)
            self._anchors[done.anchor] = value, weight
        self._put(value, event)

    def _alias(self, event: Event) -> None:
        found = self._anchors.get(event.anchor or "")
        if found is None:
            raise Misfit(
                f"the anchor {event.anchor!r} is not there, or holds itself", event.start_mark.line + 1
            )
        value, weight = found
        self._count(weight.items, weight.size)
        if self._open:
            depth = len(self._open) + weight.depth
            check_count("levels of nested YAML", depth, self._limits.json_depth)
            self._open[-1].depth = max(self._open[-1].depth, weight.depth + 1)
        self._put(value, event)

    def _count(self, items: int, size: int) -> None:
        self._items += items
        self._size += size
        if self._items > self._limits.json_items:
            check_count("YAML items", self._items, self._limits.json_items)
        if self._size > self._room:
            check_count("characters, anchors counted as often as they are named,", self._size, self._room)

    def _put(self, value: object, event: Event, *, may_merge: bool = False) -> None:
        """Put `value` where it belongs."""
        if not self._open:
            self.documents.append(value)
            return
        within = self._open[-1]
        if isinstance(within.value, list):
            within.value.append(value)
        elif within.key is None:
            within.key = value if isinstance(value, str) else _read_key(value, event)
            within.merges = may_merge
        else:
            tables = list_merged(value) if within.merges else None
            if tables is not None:
                for name, merged in (entry for table in tables for entry in table.items()):
                    within.value.setdefault(name, merged)
            else:
                within.value[within.key] = value
            within.key = None


def _read_key(value: object, event: Event) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case bytes():
            return value.decode("latin-1")
    raise Misfit(f"a key of a table is {name_kind(value)}", event.start_mark.line + 1)
