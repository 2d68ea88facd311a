"""Python values of tools as JSON text, and back. Pure.

JSON's own types stand as they are; other builtins carry a tag, `{"$tuple": [...]}`,
and come back as what they were; a subclass comes back as the builtin. A time
in a named zone comes back at its fixed offset: the same instant. Dataclasses,
attrs classes, enums and pydantic models become plain data, and come back as
`as_` says. No class is ever looked up by a name that the data give.
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
from pathlib import Path, PurePath
from typing import Any, NoReturn
from uuid import UUID

import attrs

from ..errors import TooLarge, Unrecordable
from .limits import UNLIMITED, nesting
from .plain import damage
from .rebuild import rebuilt

_LONG = 10_000  # bits; Python refuses decimal texts of 4,300 digits or more


def encode(value: object, what: str = "a value", *, ordered: bool = False) -> str:
    """Return `value` as JSON text without spaces.

    Keys are sorted, so that equal values give equal text; or, with `ordered`, as
    they stand, so that what is made of the decoded value is made in the same order.

    Raises:
        Unrecordable: something in it has no such form, or it is nested more than
            100 levels deep; `what` says whose it is.
    """
    try:
        text = _text(_plain(value, what, ordered), ordered=ordered)
        nesting(text.encode("utf-8", "surrogatepass"), UNLIMITED)
    except (RecursionError, TooLarge):
        raise Unrecordable(what, "structure that is too deep or holds itself") from None
    return text


def decode(text: str, as_: Any = None) -> Any:
    """Return the value that `encode` made `text` of.

    With the annotation `as_`, dataclasses, attrs classes, enums and pydantic
    models within are rebuilt; without it they stay plain data. An annotation that
    does not fit the data is left aside.

    Raises:
        CorruptTape: it is no such text.
    """
    with damage("a recorded value"):
        nesting(text.encode("utf-8", "surrogatepass"), UNLIMITED)
        value = json.loads(text, object_hook=_built, parse_constant=_no_number)
    return value if as_ is None else rebuilt(value, as_)


def _text(plain: object, *, ordered: bool = False) -> str:
    return json.dumps(
        plain, sort_keys=not ordered, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


# -- to plain data -----------------------------------------------------------------


def _plain(value: Any, what: str, ordered: bool) -> Any:  # noqa: FBT001  one arm per type
    match value:
        case None | bool():
            return value
        case Enum():
            return _plain(value.value, what, ordered)
        case str():
            return str.__str__(value)
        case int():
            return int.__int__(value) if value.bit_length() < _LONG else {"$int": hex(value)}
        case float():
            return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
        case list():
            return [_plain(v, what, ordered) for v in value]
        case tuple():
            return {"$tuple": [_plain(v, what, ordered) for v in value]}
        case set() | frozenset():
            kind = "$set" if isinstance(value, set) else "$frozenset"
            return {kind: sorted((_plain(v, what, ordered) for v in value), key=_text)}
        case dict():
            return _mapping(value, what, ordered)
        case datetime() | time() if value.tzinfo is not None and value.utcoffset() is None:
            raise Unrecordable(what, f"{type(value).__name__} whose zone gives no offset")
        case datetime():  # unbound: a subclass may write itself in another way
            return {"$datetime": _folded(datetime.isoformat(value), value)}
        case time():
            return {"$time": _folded(time.isoformat(value), value)}
    for builtin, tag, to_text in _TAGGED:
        if isinstance(value, builtin):
            return {tag: to_text(value)}
    if (fields := _fields(value)) is not None:
        return _plain(fields, what, ordered)
    raise Unrecordable(what, f"{type(value).__module__}.{type(value).__qualname__}")


def _mapping(value: dict[Any, Any], what: str, ordered: bool) -> Any:  # noqa: FBT001
    if all(type(key) is str and not key.startswith("$") for key in value):
        return {key: _plain(v, what, ordered) for key, v in value.items()}
    pairs = [[_plain(key, what, ordered), _plain(v, what, ordered)] for key, v in value.items()]
    return {"$dict": pairs if ordered else sorted(pairs, key=_text)}


def _folded(text: str, value: datetime | time) -> object:
    return [text, value.fold] if value.fold else text


def _fields(value: object) -> Any:
    """The plain data of an instance of a class that describes itself, or None."""
    kind = type(value)
    if isinstance(value, type):
        return None
    if attrs.has(kind):
        return {a.name: getattr(value, a.name) for a in attrs.fields(kind) if a.init}
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
    dump = getattr(value, "model_dump", None)
    return None if dump is None else dump(mode="json")


_TAGGED: tuple[tuple[type, str, Callable[[Any], Any]], ...] = (
    (bytes, "$bytes", lambda v: base64.b64encode(v).decode()),
    (date, "$date", date.isoformat),
    (timedelta, "$timedelta", lambda v: [v.days, v.seconds, v.microseconds]),
    (Decimal, "$decimal", Decimal.__str__),
    (UUID, "$uuid", UUID.__str__),
    (Path, "$path", str),
    (type(PurePath()), "$purepath", str),
    (complex, "$complex", lambda v: [repr(v.real), repr(v.imag)]),
)


# -- from plain data ---------------------------------------------------------------


def _built(plain: dict[str, Any]) -> Any:
    """The value of a JSON object whose members are built already."""
    if not any(key.startswith("$") for key in plain):
        return plain
    ((tag, inside),) = plain.items()
    kind, build = _FROM_TEXT[tag]
    if type(inside) is not kind:
        if tag in ("$datetime", "$time") and type(inside) is list:
            text, fold = inside
            return build(text).replace(fold=fold)
        raise TypeError(f"{tag} holds a {type(inside).__name__}")
    return build(inside)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_FROM_TEXT: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "$bytes": (str, lambda v: base64.b64decode(v, validate=True)),
    "$datetime": (str, datetime.fromisoformat),
    "$date": (str, date.fromisoformat),
    "$time": (str, time.fromisoformat),
    "$timedelta": (list, lambda v: timedelta(*v)),
    "$decimal": (str, Decimal),
    "$uuid": (str, UUID),
    "$complex": (list, lambda v: complex(float(v[0]), float(v[1]))),
    "$float": (str, float),
    "$int": (str, lambda v: int(v, 16)),
    "$path": (str, Path),
    "$purepath": (str, PurePath),
    "$tuple": (list, tuple),
    "$set": (list, set),
    "$frozenset": (list, frozenset),
    "$dict": (list, dict),
}
