"""Makes a function of the lambda that a user has typed to check a result.

This is the only place here where text becomes code. It is what the user gave to `pin` and what the test will
say; nothing that was read, from a tape or elsewhere, gets here.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

_FILE = "<check>"


def parse_text(text: str) -> ast.expr:
    """Return the tree of an expression that compiles.

    Raises:
        SyntaxError: it does not, and where.
        ValueError, RecursionError, MemoryError: it does not, for what it holds or because it is too deep.
    """
    tree = ast.parse(text, _FILE, "eval").body
    compile(text, _FILE, "eval")
    return tree


def make_function(text: str, modules: Sequence[str]) -> Callable[..., Any]:
    """Return the function that a lambda is, which knows these modules by their names."""
    names = {name: import_module(name) for name in modules}
    made: Callable[..., Any] = eval(compile(text, _FILE, "eval"), dict(names))  # noqa: S307  the user's own
    return made
