"""Source as formatters leave it: calls that fit their lines, strings in double quotes, imports. Pure."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeAlias
from unicodedata import east_asian_width

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


@frozen
class Joined:
    """A path and what is joined to it by a slash."""

    left: str
    right: str


Node: TypeAlias = "str | Group | Joined"
"""A piece of source: text that is not broken, or what may be."""


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
    match node:
        case Group(head, items, tail):
            return Group(text + head, items, tail)
        case Joined(left, right):
            return Joined(text + left, right)
        case _:
            return text + node


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
    quote = "'" if text.count('"') > text.count("'") else '"'
    plain = "".join(f"\\{one}" if one == quote else one if one in "'\"" else repr(one)[1:-1] for one in text)
    return f"{quote}{plain}{quote}"


def write_statement(before: str, node: Node, indent: str = "") -> str:
    """Return the lines of a statement that ends in `node`, broken as formatters do where it is too long."""
    if isinstance(node, Joined) and not _fits(f"{indent}{before}{_flatten(node)}"):
        inner = _break(indent + _INDENT, node, "")
        return "\n".join([f"{indent}{before}(", *inner, f"{indent})"])
    return "\n".join(_break(indent, prefix(before, node), ""))


def write_assert(operands: Sequence[str], indent: str = _INDENT) -> str:
    """Return the lines of an assert that one of `operands` is true."""
    whole = " or ".join(operands)
    if _fits(f"{indent}assert {whole}"):
        return f"{indent}assert {whole}"
    inner = [f"{indent}{_INDENT}{whole}"]
    if not _fits(inner[0]):
        if len(operands) == 1:
            return f"{indent}assert {whole}"
        inner = [f"{indent}{_INDENT}{'or ' * bool(n)}{operand}" for n, operand in enumerate(operands)]
    return "\n".join([f"{indent}assert (", *inner, f"{indent})"])


def list_operands(node: ast.expr) -> tuple[str, ...]:
    """Return the source of what `node` joins by `or`, or of itself alone."""
    parts = node.values if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or) else [node]
    loose = (ast.IfExp, ast.Lambda)
    return tuple(
        f"({write_expression(part)})"
        if len(parts) > 1 and isinstance(part, loose)
        else write_expression(part)
        for part in parts
    )


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
    """The lines of `node` with `end` behind it: one, if it fits; or else what is in it, each in its lines."""
    whole = f"{indent}{_flatten(node)}{end}"
    if isinstance(node, str) or _fits(whole):
        return [whole]
    if isinstance(node, Joined):
        return [f"{indent}{node.left}", f"{indent}/ {node.right}{end}"]
    inner = indent + _INDENT
    match node.items:
        case ():
            return [whole]
        case (item,):
            lines = _break(inner, item, "")
        case items:
            together = inner + ", ".join(map(_flatten, items))
            is_call = node.tail == ")"
            lines = (
                [together]
                if is_call and _fits(together)
                else [line for item in items for line in _break(inner, item, ",")]
            )
    return [f"{indent}{node.head}", *lines, f"{indent}{node.tail}{end}"]


def _fits(line: str) -> bool:
    """Whether a line is short enough; some characters are as wide as two."""
    return sum(1 + (east_asian_width(one) in "WF") for one in line) <= WIDTH


def _flatten(node: Node) -> str:
    match node:
        case Group(head, items, tail):
            return f"{head}{', '.join(map(_flatten, items))}{tail}"
        case Joined(left, right):
            return f"{left} / {right}"
        case _:
            return node
