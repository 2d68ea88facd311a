"""A hash of a function's code, by which a tool that was changed is told from the one that was recorded.

It is of the function's own statements; its defaults and what it closes over, as far as these are plain
values, are hashed apart: they may be others in each run (a folder, a port) and are no code. Comments,
docstrings, lines and paths are not in it. Neither is what it calls or reads by a global name: a helper may
change, and the hash stays.

A hash is two or three, with a space between: `ast:` of the source as parsed, which is the same in every
process and version of Python, and one of the bytecode, under the name of the interpreter that compiled it.
The first is missing where there is no source, or where a file is no longer what was imported from it. The
third, `values:`, is there if the function holds any.
"""

from __future__ import annotations

import ast
import dis
import linecache
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache, partial
from hashlib import sha256
from inspect import unwrap
from threading import get_ident
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from ...core.code_hashes import SOURCE, VALUES, Hash
from ...host import clocks

_LENGTH = 16
_BYTECODE = f"{sys.implementation.cache_tag}{'-opt' if sys.flags.optimize else ''}"
_MOST_BITS = 4096  # of an integer whose digits are looked at
_ATOMS = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))
_NONE = "()()"  # how no values are written
_TRIES, _PAUSE = 20, 0.002  # seconds, times the tries so far
_FILES = 2  # whose parsed form is kept: it is large, and each function is looked up once
_DEF = (ast.FunctionDef, ast.AsyncFunctionDef)
_UNHEARD = frozenset({"kind", "type_comment", "ctx"})  # fields that say nothing, or not in each version
_BINDING = frozenset({"STORE_DEREF", "DELETE_DEREF"})
_BY_US = "tool"
"""The last name of the decorator whose options are no code of the function."""

_by_function: WeakKeyDictionary[FunctionType, str] = WeakKeyDictionary()
_by_code: WeakKeyDictionary[CodeType, dict[str, tuple[Hash, Hash, frozenset[str]]]] = WeakKeyDictionary()
"""The hashes of source and bytecode, and the names that are bound anew; by code and file: code of two files
may be equal, and its decorators not."""


def hash_code(fn: object) -> str:
    """Return the hash of the code of `fn`, a function or what holds one; "" if it has none in Python.

    Decorators that say what they wrap, partials, methods and objects with `__call__` are looked through.
    The functions that it calls are not hashed.
    """
    function, held = _find_function(fn)
    if function is None:
        return ""
    if held:  # a partial has values of its own
        return _hash_function(function, held)
    known = _by_function.get(function)
    if known is None:
        known = _by_function[function] = _hash_function(function, "")
    return known


def _find_function(fn: Any) -> tuple[FunctionType | None, str]:
    """The Python function at the bottom of `fn`, and the plain values that partials on the way hold."""
    held, seen = "", set[int]()
    while id(fn) not in seen:
        seen.add(id(fn))
        match fn:
            case partial():
                held += _write_plain((fn.args, tuple(sorted(fn.keywords.items(), key=lambda pair: pair[0]))))
                fn = fn.func
            case MethodType() | classmethod() | staticmethod():
                fn = fn.__func__
            case FunctionType():
                with suppress(ValueError):  # wrappers in a circle
                    fn = unwrap(fn)
                if isinstance(fn, FunctionType):
                    return fn, held
            case type():
                return None, ""
            case _:
                fn = getattr(fn, "__wrapped__", None) or getattr(type(fn), "__call__", None)  # noqa: B004
    return None, ""


def _hash_function(function: FunctionType, held: str) -> str:
    code = function.__code__
    files = _by_code.setdefault(code, {})
    if code.co_filename not in files:
        bytecode = _digest("".join(_write_code(code)))
        files[code.co_filename] = _hash_source(function), bytecode, _list_rebound(code)
    source, bytecode, rebound = files[code.co_filename]
    values = "".join(_write_values(function, rebound)) + held
    kinds = ((SOURCE, source), (_BYTECODE, bytecode), (VALUES, _digest(values) if values != _NONE else ""))
    return " ".join(f"{kind}:{base}" for kind, base in kinds if base)


def _digest(text: str) -> Hash:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_LENGTH]


# -- plain values ----------------------------------------------------------------------


def _write_values(function: FunctionType, rebound: frozenset[str]) -> Iterator[str]:
    """The defaults, and what is closed over and not `rebound`, as far as they are plain."""
    yield _write_plain(function.__defaults__ or ())
    yield _write_plain(tuple(sorted((function.__kwdefaults__ or {}).items())))
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if name not in rebound:
            yield f"{name}={_read_cell(cell)};"


def _read_cell(cell: CellType) -> str:
    try:
        return _write_plain(cell.cell_contents)
    except ValueError:  # not bound yet
        return ""


def _write_plain(value: object) -> str:
    """`value` as text that is the same in every process; "" for what may change, or is not plain."""
    if isinstance(value, int) and type(value) is int and value.bit_length() > _MOST_BITS:
        return "int;"
    if type(value) in _ATOMS:
        return f"{type(value).__name__} {value!r};"
    if isinstance(value, tuple) and type(value) is tuple:
        return f"({''.join(_write_plain(one) for one in value)})"
    if isinstance(value, frozenset):
        return f"{{{''.join(sorted(_write_plain(one) for one in value))}}}"
    return ";"


def _list_rebound(code: CodeType) -> frozenset[str]:
    """The names of the enclosing function that `code` binds: state, which changes as it runs."""
    names = (one.argval for one in dis.get_instructions(code) if one.opname in _BINDING)
    inner = (_list_rebound(const) for const in code.co_consts if isinstance(const, CodeType))
    return frozenset(map(str, names)).union(*inner)


# -- bytecode --------------------------------------------------------------------------


def _write_code(code: CodeType) -> Iterator[str]:
    """The instructions of `code`, with what they name; the docstring is named by none of them."""
    yield f"{code.co_name}({code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]}{code.co_flags}"
    yield f"{code.co_posonlyargcount}{code.co_kwonlyargcount}"
    for one in dis.get_instructions(code):
        value = one.argval
        if isinstance(value, CodeType):
            yield f"{one.opname}<"
            yield from _write_code(value)
            yield ">"
        else:
            yield f"{one.opname} {_write_operand(value)}"
    yield ")"


def _write_operand(value: object) -> str:
    plain = _write_plain(value)
    return plain if plain != ";" else f"{type(value).__name__};"


# -- source ----------------------------------------------------------------------------


def _hash_source(function: FunctionType) -> Hash:
    """The hash of the statements of `function`; "" where no source is known to be its own."""
    code = function.__code__
    try:
        text = "".join(linecache.getlines(code.co_filename, function.__globals__))
        nodes, codes = _read_file(text, code.co_filename)
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
        return ""
    found, place = nodes.get((code.co_name, code.co_firstlineno), ()), (code.co_name, code.co_firstlineno)
    # two lambdas on a line are not told apart; and a file that was changed since has other code there
    if len(found) != 1 or codes.get(place) != (code,):
        return ""
    return _digest("".join(_write_node(found[0])))


Place: TypeAlias = "tuple[str, int]"
"""A function's name and its first line."""


@lru_cache(maxsize=_FILES)
def _read_file(text: str, name: str) -> tuple[dict[Place, list[ast.AST]], dict[Place, tuple[CodeType, ...]]]:
    """The functions of a file by place: as parsed, and as compiled."""
    tree = _parse(text)
    nodes = dict[Place, list[ast.AST]]()
    for node in ast.walk(tree):
        if isinstance(node, (*_DEF, ast.Lambda)):
            called = "<lambda>" if isinstance(node, ast.Lambda) else node.name
            decorators = () if isinstance(node, ast.Lambda) else node.decorator_list
            first = min([node.lineno, *(one.lineno for one in decorators)])
            nodes.setdefault((called, first), []).append(node)
    codes = dict[Place, tuple[CodeType, ...]]()
    for code in _list_codes(compile(tree, name, "exec", dont_inherit=True)):
        place = code.co_name, code.co_firstlineno
        codes[place] = (*codes.get(place, ()), code)
    return nodes, codes


def _parse(text: str) -> ast.Module:
    """`ast.parse`, tried again where another thread was at it too.

    CPython counts the depth of both together, and raises if the collector lets the other go on in between.
    """
    for tries in range(_TRIES):
        with suppress(SystemError):
            return ast.parse(text)
        clocks.sleep(_PAUSE * (tries + get_ident() % 997 / 997))  # no two wait alike
    return ast.parse(text)


def _list_codes(code: CodeType) -> Iterator[CodeType]:
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield const
            yield from _list_codes(const)


def _write_node(node: ast.AST) -> Iterator[str]:
    """What `node` says, without places and docstrings; the same in each version of Python."""
    yield f"{type(node).__name__}("
    for field, value in ast.iter_fields(node):
        if field in _UNHEARD or value is None:
            continue
        items = value if isinstance(value, list) else [value]
        if field == "body" and isinstance(node, (*_DEF, ast.ClassDef)) and _has_docstring(items):
            items = items[1:]
        if field == "decorator_list" and isinstance(node, _DEF):
            items = [one for one in items if not _is_by_us(one)]
        if items:
            yield f"{field}="
        for one in items:
            if isinstance(one, ast.AST):
                yield from _write_node(one)
            else:
                yield _write_plain(one)
    yield ")"


def _has_docstring(body: list[ast.AST]) -> bool:
    match body:
        case [ast.Expr(ast.Constant(str())), *_]:
            return True
    return False


def _is_by_us(decorator: ast.expr) -> bool:
    """True for `tool`, by whatever it is reached: how a tool is called is no code of it."""
    name = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")) == _BY_US
