"""Source as formatters leave it: calls that fit their lines, strings in double quotes, imports. Pure."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from attrs import frozen

WIDTH = 88
"""Characters of a line, as ruff and black have them unless they are told otherwise."""

_INDENT = "    "
_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_MOST = 60  # characters of a value in a sentence


@frozen
class Group:
    """What stands in brackets: a call, a list or a dict. Items are separated by commas."""

    head: str
    items: tuple[Node, ...]
    tail: str


Node: TypeAlias = "str | Group"
"""A piece of source: text that is not broken, or a group that may be."""


@frozen
class Imported:
    """A name that a test imports: `inner` of `module`, whose first part goes by `name` there."""

    module: str
    inner: str
    name: str

    @classmethod
    def of(cls, path: str, taken: AbstractSet[str], otherwise: str) -> Imported:
        """Return what `package.module:function` names, under a name that is not `taken`."""
        module, _, inner = path.partition(":")
        top = inner.partition(".")[0]
        return cls(module, inner, otherwise if top in taken else top)

    @property
    def line(self) -> str:
        top = self.inner.partition(".")[0]
        return f"from {self.module} import {top}" + (f" as {self.name}" if self.name != top else "")

    @property
    def expression(self) -> str:
        """How the function is named in the test."""
        _, dot, rest = self.inner.partition(".")
        return f"{self.name}{dot}{rest}"


def is_path(text: str) -> bool:
    """Whether `text` is of the form `package.module:function`."""
    return _PATH.fullmatch(text) is not None


def call(name: str, *args: Node, **named: Node) -> Group:
    """Return the source of a call."""
    return Group(f"{name}(", (*args, *(prefix(f"{key}=", value) for key, value in named.items())), ")")


def prefix(text: str, node: Node) -> Node:
    """Return `node` with `text` in front of it."""
    return text + node if isinstance(node, str) else Group(text + node.head, node.items, node.tail)


def write_value(value: object) -> Node:
    """Return the source of plain data.

    Raises:
        ValueError: it is something else.
    """
    match value:
        case str():
            return write_text(value)
        case bool() | int() | float() | None:
            return repr(value)
        case Mapping():
            pairs = [prefix(f"{write_text(str(key))}: ", write_value(one)) for key, one in value.items()]
            return Group("{", tuple(pairs), "}")
        case Sequence():
            return Group("[", tuple(map(write_value, value)), "]")
        case _:
            raise ValueError(f"{value!r:.80} cannot be written into a test")


def write_text(text: str) -> str:
    """Return the literal of a text, in double quotes, but where single ones spare escapes."""
    literal = repr(text)
    if literal[0] == '"' or '"' in text:
        return literal
    return f'"{literal[1:-1]}"'


def write_statement(before: str, node: Node, indent: str = "") -> str:
    """Return the lines of a statement that ends in `node`, broken as formatters do where it is too long."""
    return "\n".join(_break(indent, prefix(before, node), ""))


def write_assert(expression: str, indent: str = _INDENT) -> str:
    """Return the lines of an assert."""
    line = f"{indent}assert {expression}"
    if len(line) <= WIDTH or len(indent) + len(_INDENT) + len(expression) > WIDTH:
        return line
    return f"{indent}assert (\n{indent}{_INDENT}{expression}\n{indent})"


def write_expression(node: ast.expr) -> str:
    """Return the source of `node`, in a line."""
    text = ast.unparse(node)
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return text
    for token in reversed(tokens):
        if token.type == tokenize.STRING and token.string[0] == "'" and token.start[0] == token.end[0] == 1:
            literal = write_text(ast.literal_eval(token.string))
            text = text[: token.start[1]] + literal + text[token.end[1] :]
    return text


def abridge(value: object) -> str:
    """Return the `repr` of a value, or its beginning; somebody's own may fail at that."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001
        text = f"a {type(value).__name__}"
    return text if len(text) <= _MOST else f"{text[: _MOST - 3]}..."


def _break(indent: str, node: Node, end: str) -> list[str]:
    """The lines of `node` with `end` behind it: one; its items in one between brackets; or one for each."""
    whole = f"{indent}{_flatten(node)}{end}"
    if isinstance(node, str) or not node.items or len(whole) <= WIDTH:
        return [whole]
    inner = indent + _INDENT
    together = inner + ", ".join(map(_flatten, node.items))
    lines = [together]
    if len(together) > WIDTH:
        lines = [line for item in node.items for line in _break(inner, item, ",")]
    return [f"{indent}{node.head}", *lines, f"{indent}{node.tail}{end}"]


def _flatten(node: Node) -> str:
    return node if isinstance(node, str) else f"{node.head}{', '.join(map(_flatten, node.items))}{node.tail}"
