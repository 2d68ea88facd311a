"""Exceptions of `http.client`, and of what stands on it, kept so that they read the same again."""

from __future__ import annotations

import ast
import re
import sys
from typing import Any

from ..core.values import Fault
from ..errors import TraceforkError
from ..session.tools.effects import class_name, make_exception, make_fault, message_of
from ._framing import INCOMPLETE
from ._wire import CutShort

_ERRNO = re.compile(r"\[Errno (-?\d+)\] (.*)", re.DOTALL)
_OBJECT = re.compile(r"<[^<>]*>")
_KNOWN = ("builtins", "ssl", "socket", "http.client", "urllib3.exceptions")
"""Modules whose exceptions are arguments of others."""


class ClientFaults:
    """Exceptions by the path of their class and their text, or their arguments where that says too little."""

    def of(self, exc: Exception) -> Fault:
        """The fault to keep for `exc`."""
        plain = Fault(class_name(exc), message_of(exc))
        for fault in (plain, Fault(plain.kind, repr(exc.args))):
            made = _make(fault)
            if repr(made) == repr(exc) and str(made) == plain.message:
                return fault
        return plain

    def make(self, fault: Fault) -> Exception:
        """The exception that `fault` was; a body that was cut short raises by itself."""
        return CutShort(b"") if fault.kind == INCOMPLETE else _make(fault)


def _make(fault: Fault) -> Exception:
    for args in _list_arguments(fault.message):
        try:
            made = make_exception(fault.kind, args)
        except (TraceforkError, TypeError, ValueError):
            continue
        if isinstance(made, Exception) and fault.message in (str(made), repr(args)):
            return made
    return make_fault(fault.kind, fault.message)


def _list_arguments(message: str) -> list[tuple[Any, ...]]:
    """The arguments of which an exception with this text may be made, the likeliest first."""
    found: list[tuple[Any, ...]] = [(message,)]
    if numbered := _ERRNO.fullmatch(message):
        found.insert(0, (int(numbered[1]), numbered[2]))
    if message.startswith("(") and isinstance(read := read_repr(message), tuple):
        found.insert(0, read)
    return found


class _Shown:
    """Stands for an object of which only the text is kept."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def read_repr(text: str) -> Any:
    """Return the constants, tuples and known exceptions that `text` shows; None if it shows others."""
    shown: dict[str, _Shown] = {}

    def keep(found: re.Match[str]) -> str:
        name = f"_shown_{len(shown)}"
        shown[name] = _Shown(found[0])
        return name

    for source in (text, _OBJECT.sub(keep, text)):
        try:
            return _build(ast.parse(source, mode="eval").body, shown)
        except (SyntaxError, TypeError, ValueError, KeyError, TraceforkError):
            continue
    return None


def _build(node: ast.expr, shown: dict[str, _Shown]) -> Any:
    match node:
        case ast.Tuple(elts=parts):
            return tuple([_build(part, shown) for part in parts])
        case ast.Name(id=name):
            return shown[name]
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]):
            module = next((m for m in _KNOWN if hasattr(sys.modules.get(m), name)), "")
            args = tuple([_build(part, shown) for part in parts])
            return make_exception(name if module == "builtins" else f"{module}.{name}", args)
    return ast.literal_eval(node)
