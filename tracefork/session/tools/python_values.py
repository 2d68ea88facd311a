"""Converts arguments and results of tools to JSON text and back. Pure.

JSON's own types are written as they are; other builtins carry a tag, `{"$tuple": [...]}`,
and are rebuilt as what they were. Instances of all other classes have two forms:

- `named`, for results: `{"$class": [name, content]}`. It is rebuilt with its class; a value for which that
  is impossible is refused. See `classes` for the classes that are rebuilt.
- plain, for arguments, which are compared and not rebuilt, and in older tapes: a subclass is written as
  its builtin, a time in a named zone with its offset; dataclasses, attrs classes, enums and
  pydantic models become plain data, which is rebuilt as the annotation `as_` says.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import re
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import Path, PurePath
from typing import Any, NoReturn
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs
from attrs import evolve, frozen

from ...codec.limits import UNLIMITED, check_nesting
from ...codec.strict_json import damage
from ...errors import CorruptTape, TooLarge, TraceforkError, Unrecordable
from . import classes, instances
from .rebuild import rebuilt

_AS_IS = '{"$as_is":'  # marks plain data that `rebuilt` would turn into an instance
_LONG = 10_000  # bits; Python refuses decimal texts of 4,300 digits or more


@frozen
class Annotated:
    """An item in plain form that an annotation is to rebuild, among items in named form."""

    value: Any


@frozen
class _Form:
    """How a value is to be encoded; `what` describes the value in the error if it has no such form."""

    what: str
    ordered: bool
    named: bool

    def refuse(self, kind: str) -> Unrecordable:
        return Unrecordable(self.what, kind)


def encode(value: object, what: str = "a value", *, ordered: bool = False, named: bool = False) -> str:
    """Return `value` as JSON text without spaces.

    Keys are sorted, so that equal values give equal text; with `ordered` they keep
    their order, so that a decoded dict has the order of the original.
    With `named`, instances carry the names of their classes.

    Raises:
        Unrecordable: something in it has no such form, or it is nested more than
            100 levels deep; `what` describes the value in the message.
    """
    form = _Form(what, ordered, named)
    try:
        text = _text(_encode(value, form), ordered=ordered)
        check_nesting(text.encode("utf-8", "surrogatepass"), UNLIMITED)
    except (RecursionError, TooLarge):
        raise form.refuse("structure that is too deep or holds itself") from None
    return text


def decode(text: str, as_: Any = None, near: str = "") -> Any:
    """Return the value that `encode` made `text` of.

    With the annotation `as_`, dataclasses, attrs classes, enums and pydantic
    models that were written without a name are rebuilt; without it they stay plain data. An annotation
    that does not fit the data is ignored. `near` is the module of the function that made the value.

    Raises:
        CorruptTape: `encode` makes no such text.
        Unrecordable: a class that it names is not imported, or is not one that is rebuilt.
    """
    with damage("a recorded value"):
        check_nesting(text.encode("utf-8", "surrogatepass"), UNLIMITED)
        value = json.loads(text, object_hook=partial(_build, near=near), parse_constant=_no_number)
    is_named = '{"$class":' in text or text.startswith(_AS_IS)
    return value if as_ is None or is_named else rebuilt(value, as_)


def encode_whole(value: object, what: str, as_: Any = None, near: str = "") -> str:
    """Return the text from which `decode` rebuilds `value` with the same classes and contents.

    That is the named form; or the plain form, if the annotation `as_` rebuilds all of it: for classes
    that are defined within a function and cannot be found by name.

    Raises:
        Unrecordable: `value` is rebuilt from neither.
    """
    try:
        text = encode(value, what, ordered=True, named=True)
        if encode(decode(text, None, near), what, ordered=True, named=True) == text:
            stands = as_ is None or are_same(value, decode(text, as_, near))
            return text if stands else f"{_AS_IS}{text}}}"
        refused = Unrecordable(what, f"{classes.spell(type(value))} that does not come back as it was")
    except CorruptTape as exc:
        refused = Unrecordable(
            what, f"{classes.spell(type(value))} that does not come back as it was: {exc.problem}"
        )
    except Unrecordable as exc:
        refused = Unrecordable(what, exc.kind)
    if as_ is not None:
        with suppress(TraceforkError):
            text = encode(value, what, ordered=True)
            if are_same(value, decode(text, as_, near)):
                return text
    raise refused


def are_same(one: object, other: object) -> bool:
    """True if both have equal contents and the same classes at every level."""
    if type(one) is not type(other):
        return False
    match one, other:
        case Enum(), _:
            return one is other
        case ((list() | tuple() | deque()), (list() | tuple() | deque())):
            return len(one) == len(other) and all(map(are_same, one, other))
        case dict(), dict():
            return len(one) == len(other) and are_same([*one.items()], [*other.items()])
        case float(), float():
            return repr(one) == repr(other)
        case BaseException(), BaseException():
            return are_same(one.args, other.args) and are_same(
                classes.read_state(one), classes.read_state(other)
            )
        case _ if classes.classify(type(one)) == "instance":
            return are_same(classes.read_state(one), classes.read_state(other))
    return bool(one == other)


def _text(plain: object, *, ordered: bool = False) -> str:
    return json.dumps(
        plain, sort_keys=not ordered, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


# -- to plain data -----------------------------------------------------------------


def _encode(value: Any, form: _Form) -> Any:
    if form.named and type(value) not in _EXACT and value is not None:
        return {"$class": [classes.name_class(type(value)), _write_instance(value, form)]}
    match value:
        case None | bool():
            return value
        case Enum():
            return _encode(value.value, form)
        case str():
            return str.__str__(value)
        case int():
            return int.__int__(value) if value.bit_length() < _LONG else {"$int": hex(value)}
        case float():
            return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
        case list():
            return [_encode(v, form) for v in value]
        case tuple():
            return {"$tuple": [_encode(v, form) for v in value]}
        case set() | frozenset():
            kind = "$set" if isinstance(value, set) else "$frozenset"
            return {kind: sorted((_encode(v, form) for v in value), key=_text)}
        case dict():
            return _mapping(value, form)
        case deque():
            return {"$deque": [_encode(v, form) for v in value]}
        case datetime() | time() if value.tzinfo is not None and value.utcoffset() is None:
            raise form.refuse(f"{type(value).__name__} whose zone gives no offset")
        case datetime() if form.named and type(value.tzinfo) is ZoneInfo and value.tzinfo.key:
            return {"$zoned": [value.replace(tzinfo=None).isoformat(), value.fold, value.tzinfo.key]}
        case datetime() | time() if form.named and (name := _name_zone(value)):
            return {"$fixed": [_encode(value, evolve(form, named=False)), name]}
        case datetime():  # called on datetime, since a subclass may override isoformat
            return {"$datetime": _read_fold(datetime.isoformat(value), value)}
        case time():
            return {"$time": _read_fold(time.isoformat(value), value)}
    for builtin, tag, to_text in _TAGGED:
        if isinstance(value, builtin):
            return {tag: to_text(value)}
    if (fields := _fields(value)) is not None:
        return _encode(fields, form)
    raise form.refuse(classes.spell(type(value)))


def _write_instance(value: Any, form: _Form) -> Any:
    """The content of an instance, with every value in it encoded."""
    try:
        return instances.take_apart(value, lambda inside: _encode(inside, form))
    except Unrecordable as exc:
        raise form.refuse(exc.kind) from None


def _mapping(value: dict[Any, Any], form: _Form) -> Any:
    if all(type(key) is str and not key.startswith("$") for key in value):
        return {key: _encode(v, form) for key, v in value.items()}
    pairs = [[_encode(key, form), _encode(v, form)] for key, v in value.items()]
    return {"$dict": pairs if form.ordered else sorted(pairs, key=_text)}


def _read_fold(text: str, value: datetime | time) -> object:
    return [text, value.fold] if value.fold else text


def _name_zone(value: datetime | time) -> str | None:
    """The name of the zone of `value`, or None if it is the default name of its offset."""
    offset = value.utcoffset()
    if offset is None:
        return None
    name = value.tzname()
    return None if name == timezone(offset).tzname(None) else name


def _fields(value: object) -> Any:
    """The fields of an attrs, dataclass or pydantic instance as a dict, or None for any other value."""
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
    (bytearray, "$bytearray", lambda v: base64.b64encode(v).decode()),
    (date, "$date", date.isoformat),
    (timedelta, "$timedelta", lambda v: [v.days, v.seconds, v.microseconds]),
    (Decimal, "$decimal", Decimal.__str__),
    (UUID, "$uuid", UUID.__str__),
    (Path, "$path", str),
    (type(PurePath()), "$purepath", str),
    (complex, "$complex", lambda v: [repr(v.real), repr(v.imag)]),
)


_EXACT = frozenset(
    {bool, str, int, float, list, tuple, set, frozenset, dict, datetime, time, date, timedelta}
    | {bytes, bytearray, Decimal, UUID, type(Path()), type(PurePath()), complex}
)
"""Classes with a tag or a JSON form of their own; in named form their subclasses are instances."""


# -- from plain data ---------------------------------------------------------------


def _build(plain: dict[str, Any], near: str) -> Any:
    """The value of a decoded JSON object: a dict, or what its `$` tag stands for; its members are built."""
    if not any(key.startswith("$") for key in plain):
        return plain
    ((tag, inside),) = plain.items()
    if tag == "$class":
        name, form = inside
        return instances.put_together(name, form, near)
    if tag == "$as_is":
        return inside
    if tag == "$annotated":
        return Annotated(inside)
    kind, build = _FROM_TEXT[tag]
    if type(inside) is not kind:
        if tag in ("$datetime", "$time") and type(inside) is list:
            text, fold = inside
            return build(text).replace(fold=fold)
        raise TypeError(f"{tag} holds a {type(inside).__name__}")
    return build(inside)


def _read_zoned(form: list[Any]) -> datetime:
    text, fold, key = form
    if not re.fullmatch(r"[A-Za-z0-9_+/-]{1,99}", key):
        raise ValueError(f"{key!r} is no name of a zone")
    try:
        zone = ZoneInfo(key)
    except ZoneInfoNotFoundError:
        raise Unrecordable("the recorded result", f"time in {key}, a zone that is not known here") from None
    return datetime.fromisoformat(text).replace(fold=fold, tzinfo=zone)


def _read_fixed(form: list[Any]) -> datetime | time:
    value, name = form
    if not isinstance(value, datetime | time) or (offset := value.utcoffset()) is None:
        raise ValueError("a zone is that of a time")
    return value.replace(tzinfo=timezone(offset, name))


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_FROM_TEXT: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "$bytes": (str, lambda v: base64.b64decode(v, validate=True)),
    "$bytearray": (str, lambda v: bytearray(base64.b64decode(v, validate=True))),
    "$zoned": (list, _read_zoned),
    "$fixed": (list, _read_fixed),
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
    "$deque": (list, deque),
    "$frozenset": (list, frozenset),
    "$dict": (list, dict),
}
