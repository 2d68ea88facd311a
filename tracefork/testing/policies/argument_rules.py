"""Which arguments a tool may be called with: as values of some of them, or as a function of all. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ...providers.tool_uses import ToolUse, read_arguments, read_object
from .wording import write_asked, write_ran, write_use, write_value

Arguments: TypeAlias = dict[str | int, Any]
"""The arguments of a call by their names; those without a name by their places, from 0."""

Wanted: TypeAlias = "Mapping[str, Any] | Callable[[Arguments], object]"
"""The values that some arguments have to have, or a function that says whether all of them will do."""


def find_misfit(use: ToolUse, wanted: Wanted) -> str:
    """Return what is wrong with the arguments of `use`, as a sentence; "" if nothing is.

    What a model asked for and what ran are both looked at, where they differ.
    """
    return _look(use, wanted) if callable(wanted) else _compare(use, wanted)


def _compare(use: ToolUse, wanted: Mapping[str, Any]) -> str:
    asked = read_object(use.asked.arguments) if use.asked else None
    if use.asked is not None and asked is None:
        return (
            f"{write_use(use)} was called with what is no JSON object: {_list_wanted(wanted)} has to be in it"
        )
    args, kwargs = read_arguments(use.ran.call) if use.ran else ([], {})
    for name, value in wanted.items():
        has_to = f"{name} has to be {write_value(value)}"
        if asked is not None and not _has(asked, name, value):
            assert use.asked is not None
            return f"{write_asked(use.asked)} was called: {has_to}"
        is_there = _has(kwargs, name, value) if name in kwargs else _holds([args, kwargs], value)
        if use.ran is not None and not is_there:
            ran = write_ran(use.ran.call)
            before = f", and {write_asked(use.asked)} was asked for" if use.asked else ""
            return f"{ran} ran{before}: {has_to}"
    return ""


def _look(use: ToolUse, accept: Callable[[Arguments], object]) -> str:
    for arguments in _list_arguments(use):
        try:
            is_fine = bool(accept(arguments))
        except Exception as exc:  # noqa: BLE001  it is the user's: what it raised is told with the call
            return f"{write_use(use)} was called: the function of its arguments raised {exc!r}"
        if not is_fine:
            return f"{write_use(use)} was called: its arguments will not do"
    return ""


def _list_arguments(use: ToolUse) -> list[Arguments]:
    """What a model asked for, and what ran where that differs; places without a name are taken in turn."""
    asked = read_object(use.asked.arguments) if use.asked else None
    found = list[Arguments]()
    if use.asked is not None:
        wanted: Arguments = {0: use.asked.arguments} if asked is None else {}
        wanted.update(asked or {})
        found.append(wanted)
    if use.ran is None:
        return found
    args, kwargs = read_arguments(use.ran.call)
    open_ = [name for name in asked or () if name not in kwargs]
    names: Sequence[str | int] = open_ if len(open_) == len(args) else range(len(args))
    ran: Arguments = dict(zip(names, args, strict=True))
    ran.update(kwargs)
    if ran not in found:
        found.append(ran)
    return found


def _has(arguments: Mapping[str, object], name: str, value: object) -> bool:
    return name in arguments and _are_equal(arguments[name], value)


def _holds(structure: object, value: object) -> bool:
    """Whether `value` stands somewhere in a structure of JSON: tools call things by names of their own."""
    inner = (
        structure.values()
        if isinstance(structure, dict)
        else structure
        if isinstance(structure, list)
        else ()
    )
    return _are_equal(structure, value) or any(_holds(one, value) for one in inner)


def _are_equal(one: object, other: object) -> bool:
    """Whether two values are equal as JSON: True is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _list_wanted(wanted: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={write_value(value)}" for name, value in wanted.items())
