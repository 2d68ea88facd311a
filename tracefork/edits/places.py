"""Edits of what stands at a path in a request's JSON: `Set`, `Delete`, `Append`. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from difflib import get_close_matches
from typing import ClassVar

from attrs import Attribute, evolve, field, frozen

from ..core.json_paths import Path, Place, parse_path, write_path
from ..core.json_text import Document
from ..core.trees import abridge
from ..core.values import Request
from ..errors import EditRefused
from .base import WHOLE, Attempt, Edit
from .bodies import read_json, with_body


def copy_json(value: object) -> object:
    """Return a copy of a JSON value, so that nobody else can change it.

    Raises:
        TypeError: it is none.
        ValueError: it is not finite, or holds itself.
    """
    made: object = json.loads(json.dumps(value, allow_nan=False))
    return made


def edit_json(edit: Edit, request: Request, change: Callable[[Document], Document]) -> Request:
    """Return `request` with the JSON that `change` makes of its own; the same where it has none.

    Raises:
        EditRefused: its body is not to be read, or would be damaged.
    """
    try:
        opened = read_json(request)
        if opened is None:
            return request
        document, text = opened
        changed = change(document)
        if changed == document:
            return request
        return with_body(request, evolve(text, text=changed.text).encode())
    except (ValueError, KeyError, RecursionError) as exc:
        problem = exc.args[0] if exc.args and isinstance(exc, ValueError) else "its JSON has another form"
        raise EditRefused(str(edit), request.url, str(problem)) from exc


def _check(_: Edit, attribute: Attribute[str], path: object) -> None:
    if not isinstance(path, str) or not parse_path(path):
        raise ValueError(f"a {attribute.name} is one such as $.temperature, not {path!r}")


@frozen
class _AtPath(Edit):
    """What edits of a path share: they meet a request that has what they are for."""

    path: str = field(validator=_check)

    missing: ClassVar[str] = "it leads nowhere"

    def attempt(self, request: Request) -> Attempt:
        path, met, nearest = parse_path(self.path), False, ""

        def change(document: Document) -> Document:
            nonlocal met, nearest
            met = self._meets(document, path)
            nearest = "" if met else find_nearest(document, path)
            return self._change(document, path) if met else document

        edited = edit_json(self, request, change)
        return Attempt(edited, WHOLE if met else frozenset(), nearest)

    def change(self, request: Request) -> Request:
        return self.attempt(request).request

    def _meets(self, document: Document, path: Path) -> bool:
        return bool(document.find(path))

    def _change(self, document: Document, path: Path) -> Document:
        raise NotImplementedError


@frozen
class Set(_AtPath):
    """`value` stands at `path`, `$.temperature` or `$.messages[0].content`; an absent last key is made."""

    value: object = field(converter=copy_json)

    missing: ClassVar[str] = "what its path leads through is not there"

    def _meets(self, document: Document, path: Path) -> bool:
        if not isinstance(path[-1], str):
            return bool(document.find(path))
        return any(document.kind_of(parent) == "{" for parent in document.find(path[:-1]))

    def _change(self, document: Document, path: Path) -> Document:
        return document.put(path, self.value)

    def __str__(self) -> str:
        return f"{self.path} is {abridge(self.value)}"


@frozen
class Delete(_AtPath):
    """What stands at `path` is taken out."""

    missing: ClassVar[str] = "nothing is there"

    def _change(self, document: Document, path: Path) -> Document:
        return document.drop(path)

    def __str__(self) -> str:
        return f"{self.path} is taken out"


@frozen
class Append(_AtPath):
    """`value` is added at the end of the list at `path`; a text to the text that is there."""

    value: object = field(converter=copy_json)

    missing: ClassVar[str] = "it leads to no list, nor a text to which one is added"

    def _meets(self, document: Document, path: Path) -> bool:
        kinds = ("[", '"') if isinstance(self.value, str) else ("[",)
        return any(document.kind_of(node) in kinds for node in document.find(path))

    def _change(self, document: Document, path: Path) -> Document:
        nodes = document.find(path)
        if any(document.kind_of(node) == "[" for node in nodes):
            document = document.append(path, self.value)
        for node in nodes if isinstance(self.value, str) else ():
            if document.kind(node.place) == '"':
                document = document.put(node.place, f"{document.value(node.place)}{self.value}")
        return document

    def __str__(self) -> str:
        return f"{abridge(self.value)} is added at {self.path}"


def find_nearest(document: Document, path: Path) -> str:
    """Return the place of `document` that is nearest to `path`, which leads nowhere in it."""
    place: Place = ()
    for n in range(len(path), -1, -1):
        if nodes := document.find(path[:n]):
            place = nodes[0].place
            break
    missing = path[len(place)] if len(place) < len(path) else ""
    names = [key for key in document.keys(place) if isinstance(key, str)]
    close = get_close_matches(missing, names, 1) if isinstance(missing, str) else []
    return write_path((*place, *close))
