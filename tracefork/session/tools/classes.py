"""Finds classes by name, and reads and rebuilds their instances, for results and exceptions of tools. Pure.

Rebuilding an instance runs no code of its class: no `__new__`, `__init__`, validator or setter, only those
of Python's C types and of HTTP clients (see `client_messages`); and nothing is imported. A class is rebuilt
only if it is imported already, and is an Enum, a namedtuple, a dataclass, an attrs or pydantic class, an
exception, or one of COLLECTIONS, PLAIN or `client_messages`. A class with a `__del__` is not: that would run
on whatever data a tape holds.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Mapping
from enum import Enum, Flag
from functools import partialmethod
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    WrapperDescriptorType,
)
from typing import Any, Literal, TypeAlias, cast

from ...errors import Unrecordable
from . import client_messages

Kind: TypeAlias = Literal[
    "enum", "namedtuple", "collection", "exception", "validation", "instance", "message", "gone"
]
"""How the instances of a class are kept.

"validation" is pydantic's ValidationError, "message" is of an HTTP client, "gone" stands for a connection.
"""

COLLECTIONS: frozenset[type] = frozenset({Counter, OrderedDict, defaultdict, deque})
PLAIN = frozenset({"types:SimpleNamespace", "subprocess:CompletedProcess"})
"""Classes of the standard library whose instances hold nothing but their `__dict__`."""

FACTORIES: Mapping[str, type] = {
    kind.__name__: kind for kind in (bool, bytes, dict, float, frozenset, int, list, set, str, tuple)
}
"""The factories that a recorded defaultdict may have, by name."""

_HEAP = 1 << 9  # Py_TPFLAGS_HEAPTYPE: set for classes written in Python, not for those in C
_VALIDATION = "pydantic_core._pydantic_core"
_OF_PYDANTIC = frozenset({"BaseModel", "_BaseUrl", "_BaseMultiHostUrl"})
_HINTS = frozenset({"obj"})  # of an AttributeError: the object that lacked the attribute
_ALIAS = "__orig_class__"  # written by typing into instances of generic classes; not part of their content
_METHODS = (
    FunctionType,
    classmethod,
    staticmethod,
    partialmethod,
    BuiltinFunctionType,
    MethodDescriptorType,
    ClassMethodDescriptorType,
    WrapperDescriptorType,
)
_MISSING = object()


def name_class(kind: type) -> str:
    """Return the name by which `find_class` finds `kind`: `module:path`."""
    return f"{name_module(kind)}:{kind.__qualname__}"


def name_module(kind: type) -> str:
    """Return the module that defines `kind`; our errors, whose `__module__` is shortened, are in `errors`."""
    return "tracefork.errors" if kind.__module__ == "tracefork" else kind.__module__


def spell(kind: type) -> str:
    """Return the name of `kind` as a person writes it."""
    return f"{kind.__module__}.{kind.__qualname__}"


def find_class(name: str, near: str = "") -> type | None:
    """Return the class called `name` in the modules imported already, or None.

    A class of `__main__` is looked for in the module `near` too, and one of `near` in `__main__`: the
    same file may be run as a script or imported.
    """
    module, _, path = name.partition(":")
    for place in [module, *_list_aliases(module, near)]:
        at: object = sys.modules.get(place)
        for part in path.split("."):
            held = getattr(at, "__dict__", None)  # not `getattr`: a module's `__getattr__` may import
            at = held.get(part) if isinstance(held, Mapping) else None
        if isinstance(at, type):
            return at
    return None


def _list_aliases(module: str, near: str) -> tuple[str, ...]:
    if module == "__main__" and near:
        return (near,)
    return ("__main__",) if module == near else ()


def classify(kind: type) -> Kind | None:
    """Return how instances of `kind` are recorded, or None if they cannot be."""
    if kind in COLLECTIONS:
        return "collection"
    if kind.__module__ == _VALIDATION and kind.__name__ == "ValidationError":
        return "validation"
    if kind is client_messages.Gone:
        return "gone"
    if client_messages.find_form(name_class(kind)):
        return "message"
    fields = [vars(base) for base in kind.__mro__]
    if any("__del__" in of for of in fields):
        return None
    if issubclass(kind, Enum):
        return "enum"
    if issubclass(kind, BaseException):
        return "exception"
    base = _find_base(kind)
    if base is tuple:
        names = next((of["_fields"] for of in fields if "_fields" in of), None)
        return "namedtuple" if isinstance(names, tuple) else None
    if name_class(kind) in PLAIN or (
        base is object
        and (
            dataclasses.is_dataclass(kind)
            or any("__attrs_attrs__" in of for of in fields)
            or any(
                c.__name__ in _OF_PYDANTIC and c.__module__.split(".")[0] == "pydantic" for c in kind.__mro__
            )
        )
    ):
        return "instance"
    return None


def read_state(value: object) -> dict[str, Any]:
    """Return the attributes of an instance by name: its filled slots and its `__dict__`."""
    out = dict[str, Any]()
    for base in type(value).__mro__:
        for key, slot in vars(base).items():
            if isinstance(slot, MemberDescriptorType | GetSetDescriptorType) and _is_state(base, key, slot):
                inside = _read_slot(slot, value)
                if inside is not _MISSING:
                    out.setdefault(key, inside)
    own = getattr(value, "__dict__", None)
    if isinstance(own, dict):
        out = {**{key: inside for key, inside in own.items() if key != _ALIAS}, **out}
    return out


def _is_state(base: type, key: str, slot: object) -> bool:
    if base.__flags__ & _HEAP:
        return isinstance(slot, MemberDescriptorType)
    if base is BaseExceptionGroup:  # both are its arguments
        return False
    return not key.startswith("__") and key != "args" and key not in _HINTS


def _read_slot(slot: Any, value: object) -> object:
    try:
        return slot.__get__(value)
    except AttributeError:
        return _MISSING


# -- made again --------------------------------------------------------------------


def make_instance(kind: type, state: Mapping[str, object]) -> Any:
    """Return an instance of the dataclass, attrs or pydantic class `kind` that holds `state`."""
    made: object = _find_base(kind).__new__(kind)
    fill(made, state)
    return made


def fill(made: object, state: Mapping[str, object]) -> None:
    """Set the attributes `state` of `made` without running setters of its class.

    Raises:
        ValueError: a name of `state` is a method of the class or a dunder other than `__notes__`.
    """
    for key, value in state.items():
        slot: Any = next((vars(base)[key] for base in type(made).__mro__ if key in vars(base)), None)
        is_own = isinstance(slot, GetSetDescriptorType) and not key.startswith("__")
        if is_own or isinstance(slot, MemberDescriptorType):
            slot.__set__(made, value)
        elif isinstance(slot, _METHODS) or (key.startswith("__") and key != "__notes__"):
            raise ValueError(f"{key} is nothing that an instance of {name_class(type(made))} holds")
        else:
            made.__dict__[key] = value


def make_exception(kind: type[BaseException], args: tuple[object, ...], state: Mapping[str, object]) -> Any:
    """Return an exception of class `kind` with `args`, that holds `state`."""
    base = _find_base(kind)
    if issubclass(base, UnicodeError) and len(args) > 2 and not (isinstance(args[2], int) and args[2] >= 0):  # noqa: PLR2004  C code would read before the string
        raise ValueError("a UnicodeError begins before its text")
    made: Any = base.__new__(kind, *args)
    base.__init__(made, *args)
    made.args = args
    fixed = read_state(made) if issubclass(base, UnicodeError) else {}  # C code does not check these
    fill(made, {key: value for key, value in state.items() if key not in fixed})
    return made


def read_extras(exc: BaseException) -> dict[str, Any]:
    """Return the attributes of `exc` that differ from those of an exception made of its class and `args`.

    Raises:
        Unrecordable: no exception can be made of these two.
    """
    try:
        bare = read_state(make_exception(type(exc), exc.args, {}))
    except Exception as problem:
        raise Unrecordable("an exception", f"{name_class(type(exc))} with arguments of its own") from problem
    return {
        key: value for key, value in read_state(exc).items() if not _is_equal(bare.get(key, _MISSING), value)
    }


def _is_equal(one: object, other: object) -> bool:
    return one is other or (type(one) is type(other) and isinstance(one, str | int) and one == other)


def find_member(kind: type[Enum], form: object) -> Enum:
    """Return the member of `kind` whose name is `form`, or, of a Flag, whose value is the int `form`.

    Raises:
        ValueError: there is none.
    """
    members: Mapping[str, Enum] = kind._member_map_
    if isinstance(form, str) and form in members:
        return members[form]
    if issubclass(kind, Flag) and type(form) is int:
        parts = [one for one in members.values() if one.value & form == one.value]
        whole: Any = kind._value2member_map_.get(form)
        if whole is None and parts:
            whole = parts[0]
            for one in parts[1:]:
                whole |= one
        if whole is not None and whole.value == form:
            return cast("Enum", whole)
    raise ValueError(f"{name_class(kind)} has no member {form!r}")


def name_member(value: Enum) -> str | int:
    """Return the name or number by which `find_member` finds `value`.

    Raises:
        Unrecordable: there is none.
    """
    kind = type(value)
    form: str | int = value._name_ if kind._member_map_.get(value._name_ or "") is value else value.value
    try:
        if find_member(kind, form) is value:
            return form
    except ValueError:
        pass
    raise Unrecordable("a value", f"{name_class(kind)} without a name")


# -- pydantic's ValidationError, which only its own function makes -----------------------


def read_validation(value: Any) -> dict[str, object]:
    """Return the title and the errors of pydantic's ValidationError `value`."""
    lines = value.errors(include_url=False)
    return {"title": value.title, "lines": lines}


def make_validation(form: Mapping[str, Any]) -> Any:
    """Return the ValidationError that `read_validation` read.

    Raises:
        Unrecordable: pydantic is not imported.
    """
    core = sys.modules.get(_VALIDATION)
    if core is None:
        raise Unrecordable("the recorded result", "ValidationError of pydantic, which is not imported here")
    known, lines = core.list_all_errors(), []
    types = {str(one["type"]) for one in known}
    for line in form["lines"]:
        made = {key: line[key] for key in ("loc", "input")}
        if line["type"] in types:
            made |= {"type": line["type"]} | ({"ctx": line["ctx"]} if "ctx" in line else {})
        else:
            text = str(line["msg"]).replace("{", "{{").replace("}", "}}") if "ctx" in line else line["msg"]
            made["type"] = core.PydanticCustomError(line["type"], text, line.get("ctx"))
        lines.append(made)
    return core.ValidationError.from_exception_data(form["title"], lines)


# -- below -------------------------------------------------------------------------


def _find_base(kind: type) -> Any:
    """The nearest base of `kind` that is written in C."""
    return next(base for base in kind.__mro__ if not base.__flags__ & _HEAP)
