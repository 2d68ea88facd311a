"""Python values of tools as JSON text, and back. Pure.

JSON's own types stand as they are; other builtins carry a tag, `{"$tuple": [...]}`,
and come back as what they were. Dataclasses, attrs classes, enums and pydantic
models become plain data, and come back as `as_` says. No class is ever looked
up by a name that the data give.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import PurePath
from typing import Any
from uuid import UUID

import attrs
from cattrs import Converter
from cattrs.errors import BaseValidationError, StructureHandlerNotFoundError

from ..errors import CorruptTape, Unrecordable

_TO_TEXT: dict[type, tuple[str, Callable[[Any], Any]]] = {
    bytes: ("$bytes", lambda v: base64.b64encode(v).decode()),
    datetime: ("$datetime", datetime.isoformat),
    date: ("$date", date.isoformat),
    time: ("$time", time.isoformat),
    timedelta: ("$timedelta", lambda v: [v.days, v.seconds, v.microseconds]),
    Decimal: ("$decimal", str),
    UUID: ("$uuid", str),
    complex: ("$complex", lambda v: [repr(v.real), repr(v.imag)]),
}
_FROM_TEXT: dict[str, Callable[[Any], Any]] = {
    "$bytes": lambda v: base64.b64decode(v, validate=True),
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$timedelta": lambda v: timedelta(*v),
    "$decimal": Decimal,
    "$uuid": UUID,
    "$complex": lambda v: complex(float(v[0]), float(v[1])),
    "$float": float,
    "$path": PurePath,
    "$tuple": lambda v: tuple(map(_built, v)),
    "$set": lambda v: set(map(_built, v)),
    "$frozenset": lambda v: frozenset(map(_built, v)),
    "$dict": lambda v: {_built(key): _built(value) for key, value in v},
}


def encode(value: object, what: str = "a value", *, ordered: bool = False) -> str:
    """Return `value` as JSON text without spaces.

    Keys are sorted, so that equal values give equal text; or, with `ordered`, as
    they stand, so that what is made of the decoded value is made in the same order.

    Raises:
        Unrecordable: something in it has no such form; `what` says whose it is.
    """
    try:
        return _text(_plain(value, what), ordered=ordered)
    except RecursionError:
        raise Unrecordable(what, "structure that is too deep or holds itself") from None


def decode(text: str, as_: Any = None) -> Any:
    """Return the value that `encode` made `text` of.

    With the annotation `as_`, dataclasses, attrs classes, enums and pydantic
    models within are rebuilt; without it they stay plain data. An annotation that
    does not fit the data is left aside.

    Raises:
        CorruptTape: it is no such text.
    """
    try:
        plain = json.loads(text)
        value = _built(plain)
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as exc:
        raise CorruptTape(f"a recorded value cannot be read: {exc!s:.200}") from exc
    if as_ is None or not _has_classes(as_):
        return value
    try:
        return (
            as_.model_validate(value)
            if hasattr(as_, "model_validate")
            else _converter().structure(value, as_)
        )
    except (BaseValidationError, StructureHandlerNotFoundError, ValueError, TypeError, LookupError):
        return value


def _text(plain: object, *, ordered: bool = False) -> str:
    return json.dumps(
        plain, sort_keys=not ordered, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _plain(value: Any, what: str) -> Any:
    match value:
        case None | bool():
            return value
        case Enum():
            return _plain(value.value, what)
        case str() | int():
            return value if type(value) in (str, int) else type(value).__mro__[-2](value)
        case float():
            return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
        case list():
            return [_plain(v, what) for v in value]
        case tuple():
            return {"$tuple": [_plain(v, what) for v in value]}
        case set() | frozenset():
            kind = "$set" if isinstance(value, set) else "$frozenset"
            return {kind: sorted((_plain(v, what) for v in value), key=_text)}
        case dict():
            return _mapping(value, what)
        case PurePath():
            return {"$path": str(value)}
    if type(value) in _TO_TEXT:
        tag, to_text = _TO_TEXT[type(value)]
        return {tag: to_text(value)}
    if attrs.has(type(value)):
        return _plain({a.name: getattr(value, a.name) for a in attrs.fields(type(value))}, what)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain({f.name: getattr(value, f.name) for f in dataclasses.fields(value)}, what)
    if hasattr(value, "model_dump") and not isinstance(value, type):
        return _plain(value.model_dump(mode="json"), what)
    raise Unrecordable(what, f"{type(value).__module__}.{type(value).__qualname__}")


def _mapping(value: dict[Any, Any], what: str) -> Any:
    if all(type(key) is str and not key.startswith("$") for key in value):
        return {key: _plain(v, what) for key, v in value.items()}
    return {"$dict": [[_plain(key, what), _plain(v, what)] for key, v in value.items()]}


def _built(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_built(v) for v in plain]
    if isinstance(plain, dict):
        if len(plain) == 1:
            ((tag, inside),) = plain.items()
            if tag.startswith("$"):
                return _FROM_TEXT[tag](inside)
        return {key: _built(v) for key, v in plain.items()}
    return plain


def _has_classes(kind: Any) -> bool:
    """True when `kind` names, or holds, a class that only an annotation can rebuild."""
    if isinstance(kind, type) and (
        attrs.has(kind)
        or dataclasses.is_dataclass(kind)
        or issubclass(kind, Enum)
        or hasattr(kind, "model_validate")
    ):
        return True
    return any(_has_classes(inner) for inner in getattr(kind, "__args__", ()))


@cache
def _converter() -> Converter:
    made = Converter()
    for kind in (datetime, date, time, timedelta, Decimal, UUID, PurePath):
        made.register_structure_hook(kind, lambda value, _: value)
    made.register_structure_hook_factory(
        lambda kind: hasattr(kind, "model_validate"), lambda kind: lambda value, _: kind.model_validate(value)
    )
    return made
