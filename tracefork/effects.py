"""Tool calls as values: what was called, and what came of it. Pure."""

from __future__ import annotations

import builtins
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from types import GenericAlias
from typing import Any, Literal

from attrs import frozen

from .codec import objects, rebuild
from .core.values import Call, Reply
from .errors import CorruptTape, Unrecordable


def asked(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> Call:
    """Return the call of tool `name` with these arguments.

    Raises:
        Unrecordable: an argument has no JSON form.
    """
    return Call(name, objects.encode({"args": list(args), "kwargs": dict(kwargs)}, f"an argument of {name}"))


def returned(value: object) -> Reply:
    """Return the reply of a tool that returned `value`; "opaque" where it has no JSON form."""
    try:
        return Reply("returned", objects.encode(value, "a result", ordered=True))
    except Unrecordable as exc:
        return Reply("opaque", "null", exc.kind)


def raised(exc: BaseException) -> Reply:
    """Return the reply of a tool that raised `exc`."""
    try:
        args = objects.encode(list(exc.args))
    except Unrecordable:
        args = objects.encode([said(exc)])
    return Reply("raised", args, class_name(exc))


def replayed(reply: Reply, fn: Callable[..., object] | None = None) -> Any:
    """Return what the tool returned, typed as `fn` is annotated, or raise what it raised.

    Raises:
        Unrecordable: the result was opaque.
    """
    match reply.kind:
        case "returned":
            return objects.decode(reply.value, _result_type(fn))
        case "raised":
            raise rebuilt(reply.type, typing.cast("list[Any]", objects.decode(reply.value)))
        case "opaque":
            raise Unrecordable("the recorded result", reply.type)


@frozen
class Yields:
    """What a generator came to: what it yielded, then how it ended.

    It "returned" `value`, "raised" an exception of class `type` whose arguments `value` is, or was
    "closed" by who asked, and had nothing more to say then.
    """

    items: tuple[Any, ...]
    end: Literal["returned", "raised", "closed"] = "closed"
    value: Any = None
    type: str = ""


class Yielding:
    """What a generator has given so far, as it was when it was given."""

    def __init__(self) -> None:
        self._items: list[str] = []
        self._opaque = ""

    def add(self, item: object) -> None:
        """Keep `item` as it is now: its maker may go on changing it."""
        try:
            self._items.append(objects.encode(item, "what a generator gave", ordered=True))
        except Unrecordable as exc:
            self._opaque = self._opaque or exc.kind

    def returned(self, value: object = None) -> Reply:
        """Return the reply of a generator that then returned `value`."""
        return self._reply(end="returned", value=value)

    def raised(self, exc: BaseException) -> Reply:
        """Return the reply of a generator that then raised `exc`."""
        ended = raised(exc)
        return self._reply(end="raised", type=ended.type, value=objects.decode(ended.value))

    def closed(self) -> Reply:
        """Return the reply of a generator that was closed then."""
        return self._reply(end="closed")

    def _reply(self, **end: object) -> Reply:
        try:
            ended = objects.encode(end, "what a generator returned", ordered=True)
        except Unrecordable as exc:
            return Reply("opaque", "null", exc.kind)
        if self._opaque:
            return Reply("opaque", "null", self._opaque)
        return Reply("returned", f'{{"yielded":[{",".join(self._items)}],{ended[1:]}')


def unrolled(reply: Reply, fn: Callable[..., object] | None = None) -> Yields:
    """Return what the generator came to, its items typed as `fn` is annotated.

    Raises:
        Unrecordable: something that it yielded or returned was opaque.
        CorruptTape: it is no reply of a generator.
    """
    if reply.kind == "opaque":
        raise Unrecordable("what the recorded generator gave", reply.type)
    said = objects.decode(reply.value)
    if reply.kind == "raised":
        return Yields((), "raised", said, reply.type)
    match said:
        case list():  # what somebody gave in the tool's stead
            return Yields(_items(said, fn), "returned")
        case {"yielded": list() as items, "end": "returned" | "raised" | "closed" as end}:
            return Yields(_items(items, fn), end, said.get("value"), str(said.get("type", "")))
    raise CorruptTape(f"a generator gives what it yielded and how it ended, not {reply!r}")


def _items(items: list[Any], fn: Callable[..., object] | None) -> tuple[Any, ...]:
    """`items` as the annotation of `fn` says that they are: the first argument of its Iterator."""
    given = typing.get_args(_result_type(fn))
    return tuple(rebuild.rebuilt(items, GenericAlias(list, given[:1])) if given else items)


def said(exc: BaseException) -> str:
    """Return `str(exc)`, or nothing where that fails in its turn."""
    try:
        return str(exc)
    except Exception:  # noqa: BLE001  it is somebody else's method, and must not replace their exception
        return ""


def class_name(exc: BaseException) -> str:
    """Return the dotted path of the class of `exc`; of a builtin, its bare name."""
    kind = type(exc)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def rebuilt(dotted: str, args: Sequence[object]) -> Exception:
    """Return an exception of class `dotted`, from modules that are imported already.

    Its `__init__` is not run. A class that cannot be found gives a RuntimeError
    that names it: nothing in a tape makes us import.
    """
    module, _, name = dotted.rpartition(".")
    found = getattr(sys.modules.get(module) if module else builtins, name, None)
    if isinstance(found, type) and issubclass(found, Exception):
        made = found.__new__(found, *args)
        made.args = tuple(args)
        return made
    return RuntimeError(f"{dotted}: {', '.join(map(str, args))}")


def _result_type(fn: Callable[..., object] | None) -> Any:
    try:
        return typing.get_type_hints(fn).get("return") if fn else None
    except Exception:  # noqa: BLE001  an annotation may name what does not exist at run time
        return None
