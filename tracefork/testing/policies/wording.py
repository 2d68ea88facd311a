"""Tool calls, arguments and lists as the sentences of a breach have them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ...core.values import Call
from ...providers.messages import ToolCall
from ...providers.tool_uses import ToolUse, read_arguments, read_object

_MOST = 160
"""Characters of a call's arguments."""


def write_use(use: ToolUse) -> str:
    """Return the call as a person writes one: `book(city="Rome")`, as it was asked for or else as it ran."""
    if use.asked is not None:
        return write_asked(use.asked)
    return write_ran(use.ran.call) if use.ran else "nothing"


def write_asked(call: ToolCall) -> str:
    """Return what a model asked for, with the arguments as it spelled them where they are no object."""
    wanted = read_object(call.arguments)
    return f"{call.name}({abridge(call.arguments if wanted is None else _write_named(wanted))})"


def write_ran(call: Call) -> str:
    """Return what ran."""
    args, kwargs = read_arguments(call)
    return (
        f"{call.name}({abridge(', '.join([*map(write_value, args), *filter(None, [_write_named(kwargs)])]))})"
    )


def write_value(value: object) -> str:
    """Return a value of JSON as JSON."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def join_names(names: Iterable[str]) -> str:
    """Return `a, b and c`; "" of no names."""
    *others, end = list(names) or [""]
    return f"{', '.join(others)} and {end}" if others else end


def abridge(text: str, most: int = _MOST) -> str:
    """Return `text` in at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _write_named(values: dict[str, object]) -> str:
    return ", ".join(f"{name}={write_value(value)}" for name, value in values.items())
