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
_FIRST = re.compile(r'[ \t\n\r]*\{[ \t\n\r]*"[^"\\]*(?:\\.[^"\\]*)*"[ \t\n\r]*:([ \t\n\r]*)', re.DOTALL)
_UNIT = re.compile(r"\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u[\da-fA-F]{4}|\\.|[^\\]+")

Step: TypeAlias = "str | int"


class Ambiguous(ValueError):
    """A key on the way stands twice in its object: servers differ in which they take."""


@frozen
class Node:
    """A value in a document: the place that leads to it, and where its text starts and ends."""

    place: Place
    low: int
    high: int


@frozen
class _Member:
    """One member of an object, or element of a list: its key, where it starts, and where its value stands."""

    key: Step
    start: int
    low: int
    high: int


@frozen
class Document:
    """A JSON text. Make one with `read_document`; what changes it returns another, or itself.

    A path may lead to several places: then each is changed.
    """

    text: str

    def find(self, path: Path) -> list[Node]:
        """What `path` leads to, in the order of the text; an index from the end is one from the start then.

        Raises:
            Ambiguous: a key on the way stands twice.
        """
        found = [Node((), _skip(self.text, 0), len(self.text.rstrip(" \t\n\r")))]
        for part in path:
            found = [
                Node((*node.place, member.key), member.low, member.high)
                for node in found
                for member in self._choose(node, part)
            ]
        return found

    def value(self, place: Place) -> object:
        """The value at `place`, None too where there is nothing or a number that no machine has room for."""
        node = next(iter(self.find(place)), None)
        try:
            return None if node is None else json.loads(self.text[node.low : node.high])
        except ValueError:
            return None

    def kind(self, place: Place) -> str:
        """The first character of the value at `place`: `{`, `[`, `"` or another; "" where nothing is."""
        node = next(iter(self.find(place)), None)
        return "" if node is None else self.kind_of(node)

    def kind_of(self, node: Node) -> str:
        """The first character of a value."""
        return self.text[node.low]

    def keys(self, place: Place) -> list[Step]:
        """The keys, or indexes, of what stands at `place`; none where that is neither object nor list."""
        return [member.key for node in self.find(place) for member in self._list(node.low)]

    def put(self, path: Path, value: object) -> Document:
        """The document with `value` at `path`: exchanged, or as a new last key of the objects there.

        Raises:
            KeyError: there is no such object or element.
            Ambiguous: a key on the way stands twice.
        """
        cuts, there, written = list[tuple[int, int, str]](), False, self._write(value)
        for parent in self.find(path[:-1]) if path else ():
            chosen = self._choose(parent, path[-1])
            there = there or bool(chosen)
            for member in chosen:
                if not _is_same(self.text[member.low : member.high], value):
                    cuts.append((member.low, member.high, written))
            if not chosen and isinstance(path[-1], str) and self.kind_of(parent) == "{":
                there = True
                colon = ": " if self._is_wide else ":"
                cuts.append(self._add(parent, f"{self._write(path[-1])}{colon}{written}"))
        if not there:
            raise KeyError(write_path(path))
        return self._splice(cuts)

    def append(self, path: Path, value: object) -> Document:
        """The document with `value` as a new last element of the lists at `path`.

        Raises:
            KeyError: there is no such list.
        """
        lists = [node for node in self.find(path) if self.kind_of(node) == "["]
        if not lists:
            raise KeyError(write_path(path))
        return self._splice([self._add(node, self._write(value)) for node in lists])

    def insert(self, place: Place, value: object) -> Document:
        """The document with `value` as an element of a list, at the index that ends `place`.

        Raises:
            KeyError: there is no such list.
        """
        index, lists = place[-1], [n for n in self.find(place[:-1]) if self.kind_of(n) == "["]
        if not lists or not isinstance(index, int):
            raise KeyError(write_path(place))
        members = list(self._list(lists[0].low))
        if index >= len(members):
            return self._splice([self._add(lists[0], self._write(value))])
        at = members[index].start
        return self._splice([(at, at, self._write(value) + self._comma(members))])

    def drop(self, path: Path) -> Document:
        """The document without what stands at `path`; itself where there is nothing.

        Raises:
            ValueError: `path` is the whole.
        """
        if not path:
            raise ValueError("the whole of a document cannot be dropped")
        cuts = list[tuple[int, int, str]]()
        for parent in self.find(path[:-1]):
            gone = {member.low for member in self._choose(parent, path[-1])}
            members = list(self._list(parent.low)) if gone else []
            kept = [member for member in members if member.low not in gone]
            last = kept[-1].start if kept else -1
            for n, member in enumerate(members):
                if member.low in gone and member.start < last:  # the comma after it goes with it
                    cuts.append((member.start, members[n + 1].start, ""))
            if gone and not kept:
                cuts.append((members[0].start, members[-1].high, ""))
            elif gone:
                cuts.append((kept[-1].high, members[-1].high, ""))
        return self._splice(cuts)

    def replace(self, text: str, by: str) -> Document:
        """The document with `by` for `text` in every string but the keys."""
        pieces, done, by = list[str](), 0, self._write(by)[1:-1]
        for found in _STRING.finditer(self.text):
            if _COLON.match(self.text, found.end()):
                continue
            raw = found[1]
            changed = self._replace(raw, text, by)
            if changed is not raw:
                pieces += [self.text[done : found.start(1)], changed]
                done = found.end(1)
        return evolve(self, text="".join([*pieces, self.text[done:]])) if pieces else self

    # -- below -----------------------------------------------------------------------

    def _replace(self, raw: str, text: str, by: str) -> str:
        """`raw`, the inside of a string, with `by`, as it is written, for `text`; itself without it."""
        if "\\" not in raw:
            return raw.replace(text, by) if text in raw else raw
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
            pieces += [raw[done : starts[at]], by]
            at += len(text)
            done = starts[at]
        return "".join([*pieces, raw[done:]]) if pieces else raw

    def _choose(self, node: Node, part: Step | Every) -> list[_Member]:
        members = list(self._list(node.low))
        if isinstance(part, Every):
            chosen = members
        elif isinstance(part, int):
            is_list = self.kind_of(node) == "["
            chosen = members[part:][:1] if is_list and part >= -len(members) else []
        else:
            chosen = [member for member in members if member.key == part]
        if len({member.key for member in chosen}) < len(chosen):
            raise Ambiguous(f"a key at {write_path(node.place)} stands twice")
        return chosen

    def _list(self, at: int) -> Iterator[_Member]:
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
            yield _Member(key, start, at, end)
            at = _skip(text, end)
            if text[at] == ",":
                at = _skip(text, at + 1)

    def _add(self, node: Node, new: str) -> tuple[int, int, str]:
        """The cut that makes `new` the last member of a value."""
        members = list(self._list(node.low))
        if not members:
            return node.low + 1, node.low + 1, new
        end = members[-1].high
        return end, end, self._comma(members) + new

    def _comma(self, members: list[_Member]) -> str:
        """What stands between two members."""
        if len(members) > 1:
            return self.text[members[0].high : members[1].start]
        return ", " if self._is_wide else ","

    def _splice(self, cuts: list[tuple[int, int, str]]) -> Document:
        """The document with other text in the place of what stands from one index to another."""
        pieces, done = list[str](), 0
        for low, high, new in sorted(cuts):
            pieces += [self.text[done:low], new]
            done = high
        return evolve(self, text="".join([*pieces, self.text[done:]])) if cuts else self

    @property
    def _is_wide(self) -> bool:
        """True where blanks stand after colons, as Python's `json` writes by itself."""
        first = _FIRST.match(self.text)
        return '": ' in self.text if first is None else bool(first[1])

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
