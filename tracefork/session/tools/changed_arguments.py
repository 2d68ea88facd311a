"""Records which arguments a tool changed in place, and changes them likewise in a replay.

Each mutable argument is encoded before and after a live call. Where the two differ, the reply keeps
the later one: `{"$changed":[[argument, form], ...],"came":REPLY}`. If the tool returned one of its arguments
itself, so that later changes to either name change both, `"is":argument` stands between these.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from attrs import evolve, frozen

from ...codec.strict_json import damage
from ...core.values import Reply
from ...errors import CorruptTape, TraceforkError, Unrecordable
from . import classes, python_values

_HEAD, _IS, _MIDDLE = '{"$changed":', ',"is":', ',"came":'
_FIXED = (str, int, float, bool, bytes, complex, type(None), Enum)

_MUTABLE = (list, dict, set, bytearray, deque)


@frozen
class Form:
    """The content of the argument `key` (a position or a name) as JSON `text`, or None if it has no form.

    `named` is true if the text names the classes of instances.
    """

    key: int | str
    value: object
    text: str | None
    named: bool


def read_forms(args: Sequence[object], kwargs: Mapping[str, object]) -> tuple[Form, ...]:
    """Return the present form of each argument that can be changed in place."""
    named: list[tuple[int | str, object]] = [*enumerate(args), *kwargs.items()]
    return tuple(Form(key, value, *_write(value)) for key, value in named if not isinstance(value, _FIXED))


def note_changes(reply: Reply, before: Sequence[Form], tool: str, near: str, result: object = None) -> Reply:
    """Return `reply` with the arguments that changed since `before`; opaque if a change cannot be kept.

    `result` is what the tool returned, which may be one of its arguments.
    """
    changes = []
    for form in before:
        text, named = _write(form.value)
        if text == form.text and named == form.named:
            continue
        what = f"an argument that {tool} changed"
        kind = f"{type(form.value).__module__}.{type(form.value).__qualname__}"
        if text is None or not named:
            return make_opaque(what, kind)
        try:
            if python_values.encode(python_values.decode(text, near=near), ordered=True, named=True) != text:
                return make_opaque(what, kind)
        except TraceforkError:
            return make_opaque(what, kind)
        changes.append(f"[{json.dumps(form.key)},{text}]")
    same = next((form.key for form in before if form.value is result and _is_mutable(result)), None)
    if reply.kind == "opaque" or (not changes and same is None):
        return reply
    which = "" if same is None else f"{_IS}{json.dumps(same)}"
    return evolve(reply, value=f"{_HEAD}[{','.join(changes)}]{which}{_MIDDLE}{reply.value}}}")


def _is_mutable(value: object) -> bool:
    return isinstance(value, _MUTABLE) or classes.classify(type(value)) == "instance"


def make_opaque(what: str, kind: str, of: str = "") -> Reply:
    """Return the reply in place of `what`, a value of type `kind` that cannot be kept.

    If that is an exception, `of` is its class.
    """
    described = f"{of}, which holds a {kind}" if of and of.rpartition(".")[2] not in kind else kind
    return Reply("opaque", json.dumps([what, described]), of or kind)


def split_changes(reply: Reply) -> tuple[str, int | str | None, Reply]:
    """Split `reply` into its changes as text ("" if none), the argument returned or None, and the bare reply.

    Raises:
        CorruptTape: it begins like a reply with changes, but is none.
    """
    if not reply.value.startswith(_HEAD):
        return "", None, reply
    with damage("a recorded reply"):
        key, after = None, json.JSONDecoder().raw_decode(reply.value, len(_HEAD))[1]
        changes = reply.value[len(_HEAD) : after]
        if reply.value.startswith(_IS, after):
            key, after = json.JSONDecoder().raw_decode(reply.value, after + len(_IS))
        if not reply.value.startswith(_MIDDLE, after) or not isinstance(key, int | str | None):
            raise CorruptTape("changed arguments come with no reply")
        return changes, key, evolve(reply, value=reply.value[after + len(_MIDDLE) : -1])


def find_same(
    result: object, key: int | str | None, args: Sequence[object], kwargs: Mapping[str, object]
) -> object:
    """Return the argument `key` itself if it equals `result`; otherwise `result`."""
    if key is None:
        return result
    held: Any = args if isinstance(key, int) else kwargs
    with damage("the argument that was returned"):
        return held[key] if python_values.are_same(held[key], result) else result


def apply_changes(text: str, args: Sequence[object], kwargs: Mapping[str, object], near: str) -> None:
    """Change `args` and `kwargs` in place to the contents in `text`, the changes of a reply.

    Raises:
        CorruptTape: there is no such argument.
        Unrecordable: an argument has another class than when recorded, or cannot be changed in place.
    """
    for key, after in python_values.decode(text, near=near):
        held: Any = args if isinstance(key, int) else kwargs
        with damage("changed arguments"):
            before = held[key]
        if patch(before, after) is not before:
            raise Unrecordable("a changed argument", f"{type(before).__qualname__} now")


def patch(old: Any, new: Any) -> Any:
    """Give `old` the content of `new` in place and return it; where that is impossible, return `new`.

    Raises:
        Unrecordable: `old` is an instance whose attributes cannot be set.
    """
    if type(old) is not type(new):
        return new
    match old:
        case list():
            old[:] = [*_patch_each(old, new)]
        case bytearray():
            old[:] = new
        case deque():
            items = [*_patch_each([*old], [*new])]
            old.clear()
            old.extend(items)
        case set():
            old.clear()
            old.update(new)
        case dict():
            pairs = [(key, patch(old[key], value) if key in old else value) for key, value in new.items()]
            old.clear()
            for key, value in pairs:
                old[key] = value
        case tuple():
            parts = [*_patch_each(old, new)]
            return old if len(old) == len(new) and all(map(_is, old, parts)) else new
        case _ if classes.classify(type(old)) == "instance":
            _fill(old, classes.read_state(new))
        case _:
            return old if python_values.are_same(old, new) else new
    return old


def _patch_each(old: Sequence[Any], new: Sequence[Any]) -> Iterator[Any]:
    for n, value in enumerate(new):
        yield patch(old[n], value) if n < len(old) else value


def _is(one: object, other: object) -> bool:
    return one is other


def _fill(old: Any, state: Mapping[str, Any]) -> None:
    before = classes.read_state(old)
    try:
        classes.fill(
            old,
            {key: patch(before[key], value) if key in before else value for key, value in state.items()},
        )
        for key in before.keys() - state.keys():
            object.__delattr__(old, key)
    except (ValueError, TypeError, AttributeError) as exc:
        raise Unrecordable("a changed argument", f"{type(old).__qualname__}, which {exc}") from exc


def _write(value: object) -> tuple[str | None, bool]:
    """`value` as text, or None if it has no form, and whether the text names classes."""
    for named in (True, False):
        try:
            return python_values.encode(value, ordered=True, named=named), named
        except (Unrecordable, RuntimeError):  # RuntimeError: another thread changes it while it is encoded
            continue
    return None, False
