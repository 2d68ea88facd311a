"""Rebuilds instances from plain data, guided by an annotation. Pure.

The annotation comes from the program, never from the data. Builtin values are not
coerced but stay as recorded; only dataclasses, attrs classes, enums and pydantic
models are made.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path, PurePath
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

import attrs
from cattrs import Converter

from ...codec.strict_json import damage
from ...errors import CorruptTape

_AS_RECORDED = (
    *(str, int, float, bool, complex, bytes),
    *(datetime, date, time, timedelta, Decimal, UUID, Path, PurePath),
)


def rebuilt(value: Any, as_: Any) -> Any:
    """Return `value` with instances of the classes that the annotation `as_` names in place of plain data.

    Data that does not fit the annotation is returned unchanged.
    """
    try:
        with damage():
            return _converter().structure(value, as_)
    except CorruptTape:
        return value


@cache
def _converter() -> Converter:
    made = Converter(detailed_validation=False, forbid_extra_keys=True)
    made.register_structure_hook_func(lambda kind: kind in (object, type(None)), lambda value, _: value)
    for builtin in _AS_RECORDED:
        made.register_structure_hook(builtin, _keep)
    made.register_structure_hook_func(_is_union, lambda value, union: _arm(made, value, union))
    made.register_structure_hook_func(
        lambda kind: hasattr(kind, "model_validate"), lambda value, kind: kind.model_validate(value)
    )
    return made


def _keep(value: Any, kind: type) -> Any:
    return kind(value) if issubclass(kind, Enum) else value  # cattrs calls this hook for an IntEnum too


def _is_union(kind: object) -> bool:
    return get_origin(kind) in (Union, types.UnionType)


def _arm(converter: Converter, value: Any, union: Any) -> Any:
    """`value` rebuilt as the first arm of `union` that it fits; TypeError if it fits none."""
    arms = get_args(union)
    for arm in arms:
        if not _fits(value, arm):
            continue
        try:
            with damage():
                return converter.structure(value, arm)
        except CorruptTape:
            continue
    raise TypeError(f"{type(value).__name__} is none of {arms}")


def _fits(value: Any, arm: Any) -> bool:
    """True if the outermost type of `value` is one that data for `arm` may have."""
    kind = get_origin(arm) or arm
    if kind is Literal:
        return value in get_args(arm)
    if not isinstance(kind, type) or hasattr(kind, "model_validate") or issubclass(kind, Enum):
        return True
    if attrs.has(kind) or dataclasses.is_dataclass(kind):
        return isinstance(value, Mapping)
    return isinstance(value, kind)
