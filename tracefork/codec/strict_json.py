"""Headers, outcomes, draws and tool calls as JSON text; and checked accessors for parsed JSON.

A union is an object whose `is` names the class. Text is UTF-8 with lone
surrogates passed through. Numbers are finite. Nothing is coerced and no key is
spare: `"5"` is not 5, and what is not exactly of the shape is a CorruptTape.

An `expect_...` returns the value if its type is exactly as expected and raises CorruptTape
otherwise. Readers of rows ask these, and not patterns such as `int(call)`: those let truth
values pass, and each costs more than half a microsecond in CPython 3.11.
"""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Final, Literal, NoReturn, TypeGuard, TypeVar, get_args, get_origin

from cattrs.errors import BaseValidationError, ForbiddenExtraKeysError, StructureHandlerNotFoundError
from cattrs.gen import make_dict_unstructure_fn, override
from cattrs.preconf.json import JsonConverter, make_converter
from cattrs.strategies import configure_tagged_union

from ..core.values import Branch, Call, Fault, Outcome, Reading, Reply, Source
from ..errors import CorruptTape, TraceforkError
from .limits import Limits, check_nesting

T = TypeVar("T")
ASKED: Final = Source | Call
ANSWERED: Final = Fault | Reading | Reply
_ENDS: Final = ("eof", "closed", "cancelled")
_UNIONS: Final = (ASKED, ANSWERED)
_WHOLE: Final = frozenset({int})


@contextmanager
def damage(where: str = "") -> Iterator[None]:
    """Turn whatever wrong bytes make parsers raise into CorruptTape: the one place that does.

    A CorruptTape from within passes, with `where` in front of its own; so does
    every other TraceforkError.
    """
    try:
        yield
    except CorruptTape as error:
        if not where:
            raise
        inner = f"{where}, {error.where}" if error.where else where
        raise type(error)(error.problem, inner, error.advice) from error
    except TraceforkError:
        raise
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
        RecursionError,
        struct.error,
        BaseValidationError,
        ForbiddenExtraKeysError,
        StructureHandlerNotFoundError,
    ) as error:
        raise CorruptTape(
            f"it has not the expected shape: {type(error).__name__}: {error!s:.200}", where
        ) from error


def dump(value: object, as_: object = None) -> bytes:
    """Return `value` as one line of JSON without its newline; `as_` is its union, if it is of one.

    Raises:
        ValueError: a number is not finite.
    """
    return encode(unstructure(value, as_))


def load(line: bytes, as_: type[T], limits: Limits) -> T:
    """Return the value of class or union `as_` that `dump` wrote.

    Raises:
        TooLarge: the text is deeper or has more items than the limits allow.
        CorruptTape: it is no such value.
    """
    with damage():
        return structure(parse(line, limits), as_)


def unstructure(value: object, as_: object = None) -> object:
    """Return `value` as what JSON has words for; `as_` is its union, if it is of one."""
    made: object = _converter().unstructure(value, unstructure_as=as_)
    return made


def structure(plain: object, as_: type[T]) -> T:
    """Return the value of class or union `as_` that `unstructure` gave, within `damage`."""
    return _converter().structure(plain, as_)


def encode(value: object) -> bytes:
    """Return what `unstructure` gave as JSON, without spaces or line breaks.

    Raises:
        ValueError: a number is not finite.
    """
    made = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return made.encode("utf-8", "surrogatepass")


def parse(line: bytes, limits: Limits) -> object:
    """Return what the JSON `line` says, within `damage`.

    Raises:
        TooLarge: it is deeper or has more items than the limits allow.
    """
    check_nesting(line, limits)
    made: object = _JSON.decode(line.decode("utf-8", "surrogatepass"))
    return made


def expect_list(value: object) -> list[object]:
    if type(value) is not list:
        raise _misfit("a list", value)
    return value


def expect_text(value: object) -> str:
    if type(value) is not str:
        raise _misfit("text", value)
    return value


def expect_whole(value: object) -> int:
    if type(value) is not int:
        raise _misfit("a whole number", value)
    return value


def _expect_truth(value: object) -> bool:
    if type(value) is not bool:
        raise _misfit("true or false", value)
    return value


def expect_natural(value: object) -> int:
    number = expect_whole(value)
    if number < 0:
        raise CorruptTape("a row counts from the end")
    return number


def expect_naturals(value: object) -> list[int]:
    numbers = expect_list(value)
    if not are_whole(numbers) or (numbers and min(numbers) < 0):
        raise _misfit("a list of lengths", value)
    return numbers


def expect_finite(value: object) -> float:
    if type(value) not in (int, float):
        raise _misfit("a number", value)
    number = float(value)  # type: ignore[arg-type]
    if number - number != 0:  # JSON has no word for infinity, but 1e999 for it
        raise CorruptTape("a number is not finite")
    return number


def are_whole(numbers: list[object]) -> TypeGuard[list[int]]:
    """True when all of them are whole numbers."""
    return _WHOLE.issuperset(map(type, numbers))


@cache
def _converter() -> JsonConverter:
    made = make_converter(detailed_validation=False, forbid_extra_keys=True)
    made.register_unstructure_hook(bytes, lambda data: data.decode("latin-1"))
    made.register_structure_hook(bytes, lambda text, _: expect_text(text).encode("latin-1"))
    made.register_structure_hook(str, lambda text, _: expect_text(text))
    made.register_structure_hook(int, lambda number, _: expect_whole(number))
    made.register_structure_hook(bool, lambda value, _: _expect_truth(value))
    made.register_structure_hook(float, lambda number, _: expect_finite(number))
    made.register_unstructure_hook_func(_is_end, lambda end: _unstructure_end(made, end))
    made.register_structure_hook_func(
        _is_end, lambda end, _: end if end in _ENDS else made.structure(end, Fault)
    )
    made.register_structure_hook_func(_is_literal, _structure_literal)
    made.register_structure_hook_func(_is_tuple, lambda items, kind: _structure_items(made, items, kind))
    late = override(omit_if_default=True)  # not in older tapes
    of_call = make_dict_unstructure_fn(Call, made, code=late, inside=late, repeatable=late)
    made.register_unstructure_hook(Call, of_call)
    made.register_unstructure_hook(Outcome, make_dict_unstructure_fn(Outcome, made, traceback=late))
    made.register_unstructure_hook(Branch, make_dict_unstructure_fn(Branch, made, departure=late))
    made.register_unstructure_hook_func(_is_meta, dict)
    made.register_structure_hook_func(_is_meta, lambda meta, _: _structure_texts(meta))
    for union in _UNIONS:
        configure_tagged_union(union, made, tag_name="is")
    return made


def _is_end(kind: object) -> bool:
    return kind == Literal["eof", "closed", "cancelled"] | Fault


def _is_literal(kind: object) -> bool:
    origin: object = get_origin(kind)
    return origin is Literal


def _is_tuple(kind: object) -> bool:
    return get_origin(kind) is tuple


def _structure_items(converter: JsonConverter, items: object, kind: object) -> tuple[object, ...]:
    inner, *others = get_args(kind)
    kinds = itertools.repeat(inner) if others == [...] else [inner, *others]
    found = expect_list(items)
    if isinstance(kinds, list) and len(found) != len(kinds):
        raise ValueError(f"wants {len(kinds)} items, has {len(found)}")
    return tuple(converter.structure(item, of) for item, of in zip(found, kinds, strict=False))


def _is_meta(kind: object) -> bool:
    return kind == Mapping[str, str]


def _unstructure_end(converter: JsonConverter, end: object) -> object:
    return converter.unstructure(end, Fault) if isinstance(end, Fault) else end


def _structure_literal(value: object, literal: object) -> object:
    if value not in get_args(literal):  # cattrs raises a bare Exception here in older versions
        raise ValueError(f"wants one of {get_args(literal)}")
    return value


def _structure_texts(meta: object) -> dict[str, str]:
    if type(meta) is not dict:
        raise _misfit("an object", meta)
    return {expect_text(key): expect_text(value) for key, value in meta.items()}


def _misfit(wanted: str, value: object) -> CorruptTape:
    return CorruptTape(f"it has not the expected shape: {type(value).__name__} where {wanted} belongs")


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_JSON: Final = json.JSONDecoder(parse_constant=_no_number)  # made once: that takes longer than a short row
