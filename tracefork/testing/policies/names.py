"""How policies of tests name tools and models: by their names, whole or in part, and by patterns. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from ...providers.prices import is_version
from ...providers.tool_uses import ToolUse, spell


def is_tool(use: ToolUse, name: str) -> bool:
    """Whether `name` names the tool that `use` calls.

    `book` is any tool of this name, in whatever class or on whatever server; `shop:book` that one alone.
    `*` stands for anything; case and punctuation make no difference.
    """
    return any(_compile_tool(name).fullmatch(form) for form in use.names)


def find_tool(use: ToolUse, names: Iterable[str]) -> str | None:
    """Return the first of `names` that names the tool of `use`, or None."""
    return next((name for name in names if is_tool(use, name)), None)


def is_model(model: str, name: str) -> bool:
    """Whether `name` names `model`, perhaps without its date or version; `*` stands for anything."""
    return _compile(name, str).fullmatch(model) is not None if "*" in name else is_version(model, name)


def covers(pattern: str, name: str) -> bool:
    """Whether all tools that are called `name`, which is no pattern itself, are called `pattern` as well."""
    return "*" not in name and _compile_tool(pattern).fullmatch(spell(name)) is not None


@lru_cache(maxsize=256)
def _compile_tool(name: str) -> re.Pattern[str]:
    return _compile(name, _fold) if "*" in name else re.compile(re.escape(spell(name)))


def _compile(name: str, write: Callable[[str], str]) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(write(part)) for part in name.split("*")), re.DOTALL)


def _fold(part: str) -> str:
    """A part of a pattern in the spelling of `spell`, with what stands at its ends."""
    return re.sub(r"[\W_]+", "_", part.casefold())
