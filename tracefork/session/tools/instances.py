"""Instances as plain data, and plain data as instances: the content of `$class` in recorded values. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

from ...errors import Unrecordable
from . import classes, client_messages

Plain: TypeAlias = Callable[[Any], Any]
"""Converts a value to plain data."""

_CAUSES = 10
_MORE = frozenset({"holds", "interrupts", "cause"})


def take_apart(value: Any, plain: Plain) -> Any:
    """Return the content of `value` as `put_together` takes it; `plain` converts each value within it.

    Raises:
        Unrecordable: its class is not one that can be rebuilt, or cannot be found by its name.
    """
    kind = type(value)
    how = classes.classify(kind)
    if how is None:
        raise _refuse(classes.spell(kind))
    if classes.find_class(classes.name_class(kind)) is not kind:
        raise _refuse(f"{classes.spell(kind)}, to which no name leads")
    match how:
        case "enum":
            return plain(classes.name_member(value))
        case "namedtuple" if classes.read_state(value):
            raise _refuse(f"{classes.spell(kind)} with attributes of its own")
        case "namedtuple":
            return [plain(v) for v in value]
        case "collection":
            return _write_collection(value, plain)
        case "validation":
            return plain(classes.read_validation(value))
        case "exception":
            return _write_exception(value, plain)
        case "message":
            form = client_messages.find_form(classes.name_class(kind))
            assert form
            return plain(form.write(value))
        case "gone":
            return plain(object.__getattribute__(value, "_kind"))
        case "instance":
            return plain(classes.read_state(value))


def _write_collection(value: Any, plain: Plain) -> Any:
    if vars(value) if hasattr(value, "__dict__") else None:
        raise _refuse(f"{classes.spell(type(value))} with attributes of its own")
    if isinstance(value, deque):
        return [[plain(v) for v in value], value.maxlen]
    if not isinstance(value, defaultdict):
        return plain(dict(value))
    made = value.default_factory
    named = None if made is None else next((n for n, kind in classes.FACTORIES.items() if kind is made), "")
    if named == "":
        raise _refuse("defaultdict whose factory is no builtin class")
    return [named, plain(dict(value))]


def _write_exception(exc: BaseException, plain: Plain) -> Any:
    """An exception's arguments, its further attributes and, where that can be kept, its cause."""
    form: dict[str, Any] = {"args": [plain(arg) for arg in exc.args]}
    if state := classes.read_extras(exc):
        form["holds"] = plain({key: _keep_or_leave(held) for key, held in state.items()})
    if not isinstance(exc, Exception):
        form["interrupts"] = True
    if exc.__suppress_context__:
        form["cause"] = None
        with suppress(Unrecordable, RecursionError):
            form["cause"] = None if exc.__cause__ is None or _is_long(exc) else plain(exc.__cause__)
    return form


def _keep_or_leave(held: object) -> object:
    return held if classes.classify(type(held)) else client_messages.leave_out(held)


def _is_long(exc: BaseException) -> bool:
    """True if `exc` has a chain of more than `_CAUSES` causes, as it has if it causes itself."""
    cause: BaseException | None = exc
    for _ in range(_CAUSES + 1):
        cause = cause and cause.__cause__
    return cause is not None


def put_together(name: Any, form: Any, near: str) -> Any:
    """Return an instance of the class called `name` with the content `form`.

    Raises:
        Unrecordable: the class is not imported, or not one that is rebuilt from a tape.
        TypeError, ValueError, LookupError: `form` does not fit the class.
    """
    kind = classes.find_class(name, near)
    how = kind and classes.classify(kind)
    if kind is None or how is None:
        problem = "is not imported here" if kind is None else "is no class that is made of what a tape says"
        raise Unrecordable("the recorded result", f"{name.replace(':', '.')}, which {problem}")
    match how, form:
        case "enum", _:
            return classes.find_member(kind, form)
        case "namedtuple", list():
            return tuple.__new__(kind, form)
        case "collection", _:
            return _make_collection(kind, form)
        case "validation", dict():
            return classes.make_validation(form)
        case "exception", {"args": list() as args, **more} if not more.keys() - _MORE:
            holds: Any = more.get("holds", {})
            exc = classes.make_exception(kind, tuple(args), holds)
            if "cause" in more:
                exc.__cause__ = more["cause"]
            return exc
        case "message", _:
            return client_messages.make(kind, form)
        case "gone", str():
            return client_messages.Gone(form)
        case "instance", dict():
            return classes.make_instance(kind, form)
    raise TypeError(f"{name} is not made of a {type(form).__name__}")


def _make_collection(kind: Any, form: Any) -> Any:
    if kind is deque:
        items, most = form
        return deque(items, most)
    factory = None
    if kind is defaultdict:
        named, form = form
        factory = None if named is None else classes.FACTORIES[named]
    made = defaultdict(factory) if kind is defaultdict else kind()
    for key, value in dict(form).items():
        made[key] = value
    return made


def _refuse(kind: str) -> Unrecordable:
    return Unrecordable("a value", kind)
