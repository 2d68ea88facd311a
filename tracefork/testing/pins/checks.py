"""What is checked of a result: the text of a lambda as the asserts of a test, or a function by its path."""

from __future__ import annotations

import ast
import builtins
import inspect
import symtable
import sys
from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen

from ...errors import BadCheck
from ...runs.naming import resolve
from .lambdas import make_function, parse_text
from .source import Imported, abridge, is_path, list_operands

TAKEN = frozenset("AGENT POLICY Path ROOT TAPE command hold load policy prices pytest script".split())
"""Names that a test has for other things."""

_ARGUMENTS = (1, 2)
_NEVER_FALSE = ast.Tuple | ast.Lambda | ast.GeneratorExp
_WAITS = ast.Yield | ast.YieldFrom | ast.Await


@frozen
class Check:
    """A check of a result, and perhaps of the tape: `parameters` are its names for these.

    Of each of `asserts` one of the expressions has to be true; `modules` are those of the standard library
    that they use, and `used` the parameters that stand in them. `function` is what is called where the check
    is one.
    """

    text: str
    parameters: tuple[str, ...]
    asserts: tuple[tuple[str, ...], ...]
    modules: tuple[str, ...] = ()
    function: Imported | None = None
    used: frozenset[str] = frozenset()

    def call(self, result: object, tape: object) -> Any:
        """Return what the check gives for a result and its tape."""
        return _make(self)(*(result, tape)[: len(self.parameters)])


def parse_check(text: str) -> Check:
    """Return the check that `text` is: `lambda result: "Rome" in result`, or `package.module:function`.

    A lambda may have a second argument, the tape, and may use modules of the standard library by their names.
    So may a function: it is given the tape if it needs two arguments, or has one of that name.

    Raises:
        BadCheck: it does not compile, is something else, or uses a name that nobody knows in a test.
    """
    text = text.strip()
    if is_path(text):
        return _parse_path(text)
    body, parameters = _parse_lambda(text)
    names = [name for name in _list_names(text) if not hasattr(builtins, name)]
    unknown = next((name for name in names if name not in sys.stdlib_module_names), None)
    if unknown is not None:
        cure = "put it into a function, and name that, as package.module:function"
        raise BadCheck(text, f"a test does not know {unknown}: {cure}", *_find_name(body, unknown))
    parts = body.values if isinstance(body, ast.BoolOp) and isinstance(body.op, ast.And) else [body]
    used = frozenset(node.id for node in ast.walk(body) if isinstance(node, ast.Name)) & {*parameters}
    return Check(text, parameters, tuple(map(list_operands, parts)), tuple(names), used=used)


def try_check(check: Check, result: object, tape: object) -> str:
    """Return why `check` does not hold of `result`; "" if it does."""
    try:
        found = check.call(result, tape)
    except Exception as exc:  # noqa: BLE001  whatever it raises is told
        return f"it raises {type(exc).__name__}: {exc}; the result is {abridge(result)}"
    if inspect.isawaitable(found):
        getattr(found, "close", lambda: None)()
        return "it is asynchronous: a test needs an answer at once"
    try:
        return "" if found else f"it does not hold of the result, which is {abridge(result)}"
    except Exception as exc:  # noqa: BLE001  as numpy's arrays, which are neither true nor false
        return f"whether it holds cannot be told: {type(exc).__name__}: {exc}"


def _parse_path(text: str) -> Check:
    try:
        function = resolve(text)
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError) as exc:
        raise BadCheck(text, str(exc)) from exc
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [one for one in parameters if one.default is one.empty and one.kind in kinds]
    wants_tape = len(required) > 1 or any(one.name == "tape" for one in parameters)
    names = ("result", "tape") if wants_tape else ("result",)
    imported = Imported.of(text, TAKEN | {*names}, "check")
    return Check(text, names, (), (), imported, frozenset(names))


def _parse_lambda(text: str) -> tuple[ast.expr, tuple[str, ...]]:
    try:
        tree = parse_text(text)
    except SyntaxError as exc:
        raise BadCheck(text, f"it does not compile: {exc.msg}", exc.lineno or 1, exc.offset or 1) from exc
    except (ValueError, RecursionError, MemoryError) as exc:
        raise BadCheck(text, f"it does not compile: {exc}") from exc
    if not isinstance(tree, ast.Lambda):
        raise _refuse(text, "it is to be a lambda of the result, or the path of a function", tree)
    args = tree.args
    plain = [*args.posonlyargs, *args.args]
    if len(plain) not in _ARGUMENTS or args.vararg or args.kwarg or args.kwonlyargs or args.defaults:
        raise _refuse(text, "its arguments are to be the result, and perhaps the tape", tree)
    for one in plain:
        if one.arg in TAKEN:
            raise _refuse(text, f"a test has {one.arg} for something else: call it otherwise", one)
    for node in ast.walk(tree.body):
        if isinstance(node, _WAITS):
            raise _refuse(text, "it gives no answer at once", node)
    if isinstance(tree.body, _NEVER_FALSE):
        raise _refuse(text, "it would always hold", tree.body)
    return tree.body, tuple(one.arg for one in plain)


def _refuse(text: str, problem: str, node: ast.expr | ast.arg) -> BadCheck:
    return BadCheck(text, problem, node.lineno, node.col_offset + 1)


def _list_names(text: str) -> list[str]:
    """The names that a lambda looks up outside of itself, in the order of the alphabet."""

    def walk(table: symtable.SymbolTable) -> Iterator[str]:
        yield from (one.get_name() for one in table.get_symbols() if one.is_global() and one.is_referenced())
        for inner in table.get_children():
            yield from walk(inner)

    inner = symtable.symtable(text, "<check>", "eval").get_children()
    return sorted({name for table in inner for name in walk(table)})


def _find_name(body: ast.expr, name: str) -> tuple[int, int]:
    found = (node for node in ast.walk(body) if isinstance(node, ast.Name) and node.id == name)
    return next(((node.lineno, node.col_offset + 1) for node in found), (0, 0))


def _make(check: Check) -> Callable[..., Any]:
    if check.function is None:
        return make_function(check.text, check.modules)
    function: Callable[..., Any] = resolve(check.text)
    return function
