"""JSON as text that is changed in places: what is not changed stays as it was, to the letter. Pure.

Numbers, escapes, white space, the order of keys and keys that stand twice are nobody's business here but
where a change goes through them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from attrs import evolve, frozen

from .json_paths import Every, Path, Place, write_path

_SCAN: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(
    parse_float=str, parse_int=str, parse_constant=str
).raw_decode
_WHITE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_COLON = re.compile(r"[ \t\n\r]*:")
_UNIT = re.compile(r"\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u[\da-fA-F]{4}|\\.|[^\\]+")

Step: TypeAlias = "str | int"


class Ambiguous(ValueError):
    """A key on the way stands twice in its object: servers differ in which they take."""


@frozen
class Member:
    """One member of an object, or element of a list: its key, where it starts, and where its value stands."""

    key: Step
    start: int
    low: int
    high: int


@frozen
class Document:
    """A JSON text. Make one with `read_document`; what changes it returns another, or itself."""

    text: str

    def expand(self, path: Path) -> list[Place]:
        """Every place that is there and that `path` leads to, an index from the end as one from the start.

        Raises:
            Ambiguous: a key on the way stands twice.
        """
        found: list[tuple[Place, int]] = [((), self._start())]
        for part in path:
            found = [
                ((*place, member.key), member.low)
                for place, at in found
                for member in self._choose(at, part, place)
            ]
        return [place for place, _ in found]

    def value(self, place: Place) -> object:
        """The value at `place`, None too where there is nothing or a number that no machine has room for."""
        span = self._find(place)
        try:
            return None if span is None else json.loads(self.text[slice(*span)])
        except ValueError:
            return None

    def kind(self, place: Place) -> str:
        """The first character of the value at `place`: `{`, `[`, `"` or another; "" where nothing is."""
        span = self._find(place)
        return "" if span is None else self.text[span[0]]

    def keys(self, place: Place) -> list[Step]:
        """The keys, or indexes, of what stands at `place`; none where that is neither object nor list."""
        span = self._find(place)
        return [] if span is None else [member.key for member in self._members(span[0])]

    def put(self, place: Place, value: object) -> Document:
        """The document with `value` at `place`: exchanged, or as a new last key of the object there.

        Raises:
            KeyError: there is no such object or element.
            Ambiguous: a key on the way stands twice.
        """
        span = self._find(place)
        if span is not None:
            if _is_same(self.text[slice(*span)], value):
                return self
            return self._splice(*span, self._write(value))
        parent = self._find(place[:-1])
        if parent is None or self.text[parent[0]] != "{" or not isinstance(place[-1], str):
            raise KeyError(write_path(place))
        colon = ": " if self._is_wide else ":"
        return self._add(parent[0], f"{self._write(place[-1])}{colon}{self._write(value)}")

    def append(self, place: Place, value: object) -> Document:
        """The document with `value` as a new last element of the list at `place`.

        Raises:
            KeyError: there is no such list.
        """
        return self.insert((*place, len(self.keys(place))), value)

    def insert(self, place: Place, value: object) -> Document:
        """The document with `value` as an element of a list at the index that ends `place`.

        Raises:
            KeyError: there is no such list.
        """
        parent, index = self._find(place[:-1]), place[-1]
        if parent is None or self.text[parent[0]] != "[" or not isinstance(index, int):
            raise KeyError(write_path(place))
        members = list(self._members(parent[0]))
        if index >= len(members):
            return self._add(parent[0], self._write(value))
        low = members[index].start
        return self._splice(low, low, self._write(value) + self._comma(members))

    def drop(self, place: Place) -> Document:
        """The document without what stands at `place`; itself where there is nothing.

        Raises:
            ValueError: `place` is the whole.
        """
        if not place:
            raise ValueError("the whole of a document cannot be dropped")
        span, parent = self._find(place), self._find(place[:-1])
        if span is None or parent is None:
            return self
        members = list(self._members(parent[0]))
        at = next(n for n, member in enumerate(members) if member.low == span[0])
        if at + 1 < len(members):
            return self._splice(members[at].start, members[at + 1].start, "")
        return self._splice(members[at - 1].high if at else members[at].start, members[at].high, "")

    def replace(self, text: str, by: str) -> Document:
        """The document with `by` for `text` in every string but the keys."""
        pieces, done = list[str](), 0
        for found in _STRING.finditer(self.text):
            if _COLON.match(self.text, found.end()):
                continue
            changed = self._replace(found[1], text, by)
            if changed is not found[1]:
                pieces += [self.text[done : found.start(1)], changed]
                done = found.end(1)
        return evolve(self, text="".join([*pieces, self.text[done:]])) if pieces else self

    # -- below -----------------------------------------------------------------------

    def _replace(self, raw: str, text: str, by: str) -> str:
        """`raw`, the inside of a string, with `by` for `text`; the same object where it is not in it."""
        if "\\" not in raw:
            return raw.replace(text, self._write(by)[1:-1]) if text in raw else raw
        starts, shown = list[int](), list[str]()
        for unit in _UNIT.finditer(raw):
            if unit[0][0] == "\\":
                starts.append(unit.start())
                shown.append(json.loads(f'"{unit[0]}"'))
            else:
                starts.extend(range(unit.start(), unit.end()))
                shown.append(unit[0])
        whole, pieces, done, at = "".join(shown), list[str](), 0, 0
        starts.append(len(raw))
        while (at := whole.find(text, at)) >= 0:
            pieces += [raw[done : starts[at]], self._write(by)[1:-1]]
            at += len(text)
            done = starts[at]
        return "".join([*pieces, raw[done:]]) if pieces else raw

    def _start(self) -> int:
        return _skip(self.text, 0)

    def _find(self, place: Place) -> tuple[int, int] | None:
        """Where the value at `place` starts and ends; None where there is none."""
        at = self._start()
        low, high = at, len(self.text.rstrip(" \t\n\r"))
        for n, part in enumerate(place):
            member = next(iter(self._choose(low, part, place[:n])), None)
            if member is None:
                return None
            low, high = member.low, member.high
        return low, high

    def _choose(self, at: int, part: Step | Every, place: Place) -> list[Member]:
        members = list(self._members(at))
        if isinstance(part, Every):
            chosen = members
        elif isinstance(part, int):
            chosen = members[part:][:1] if -len(members) <= part and self.text[at] == "[" else []
        else:
            chosen = [member for member in members if member.key == part]
        keys = [member.key for member in chosen]
        if len(set(keys)) < len(keys):
            raise Ambiguous(f"a key at {write_path(place)} stands twice")
        return chosen

    def _members(self, at: int) -> Iterator[Member]:
        """The members of the object, or elements of the list, that starts at `at`; none of another value."""
        text, opening = self.text, self.text[at]
        if opening not in "{[":
            return
        at, index = _skip(text, at + 1), 0
        while text[at] not in "}]":
            start, key = at, index
            if opening == "{":
                key, at = _SCAN(text, at)
                at = _skip(text, _skip(text, at) + 1)
            index += 1
            _, end = _SCAN(text, at)
            yield Member(key, start, at, end)
            at = _skip(text, end)
            if text[at] == ",":
                at = _skip(text, at + 1)

    def _add(self, at: int, new: str) -> Document:
        """The document with `new` as the last member of what starts at `at`."""
        members = list(self._members(at))
        if not members:
            return self._splice(at + 1, at + 1, new)
        end = members[-1].high
        return self._splice(end, end, self._comma(members) + new)

    def _comma(self, members: list[Member]) -> str:
        """What stands between two members."""
        if len(members) > 1:
            return self.text[members[0].high : members[1].start]
        return ", " if self._is_wide else ","

    def _splice(self, low: int, high: int, new: str) -> Document:
        return evolve(self, text=self.text[:low] + new + self.text[high:])

    @property
    def _is_wide(self) -> bool:
        """True where blanks stand after colons, as Python's `json` writes by itself."""
        first = next(iter(self._members(self._start())), None)
        if first is None or not isinstance(first.key, str):
            return '": ' in self.text
        return self.text[first.low - 1] == " "

    def _write(self, value: object) -> str:
        """`value` as this document would write it."""
        plain = self.text.isascii() and ("\\u" in self.text or self._is_wide)
        pair = (", ", ": ") if self._is_wide else (",", ":")
        text = json.dumps(value, ensure_ascii=plain, separators=pair)
        try:
            text.encode()
        except UnicodeEncodeError:  # half of a surrogate pair
            text = json.dumps(value, separators=pair)
        return text


def read_document(text: str) -> Document | None:
    """Return `text` as a document; None if it is no JSON, or nested beyond reason."""
    try:
        at = _skip(text, 0)
        _, end = _SCAN(text, at)
    except (ValueError, RecursionError):
        return None
    return Document(text) if _skip(text, end) == len(text) else None


def _skip(text: str, at: int) -> int:
    found = _WHITE.match(text, at)
    return at if found is None else found.end()


def _is_same(text: str, value: object) -> bool:
    """True if the JSON `text` says `value`; 1 and 1.0 are one number, 1 and true are not."""
    try:
        there: object = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if isinstance(there, int | float) and isinstance(value, int | float):
        return there == value and isinstance(there, bool) == isinstance(value, bool)
    return json.dumps(there, sort_keys=True) == json.dumps(value, sort_keys=True)
