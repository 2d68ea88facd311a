"""Finds tools that a model called and the run did not record. Pure.

Such a tool is a function without a decorator: nothing stands between it and the world, so that it runs
for real whenever the agent does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ..core.advice import advise
from ..core.tape import Tape
from ..core.values import Call, Exchange
from . import read
from .messages import Message, ToolResult

_BY_VENDORS = ("srvtoolu_", "mcptoolu_")
"""How the ids of calls begin that the vendor answers."""


def find_unrecorded(tape: Tape) -> tuple[str, ...]:
    """Return the tools that a model called in `tape` and of which it has no effect, first come first.

    Those that the vendor runs, or that were called over MCP and HTTP, are none of them.
    """
    known = {name for call in _list_calls(tape) for name in _list_names(call.name)}
    known |= {name for path in tape.wrapped for name in _list_names(path)}
    asked = dict.fromkeys(name for exchange in tape for name in _read_calls(exchange))
    left = [name for name in asked if _normalise(name) not in known]
    over_http = {_normalise(name) for exchange in tape for name in _read_http_calls(exchange)} if left else ()
    return tuple(name for name in left if _normalise(name) not in over_http)


def describe_unrecorded(names: tuple[str, ...], *, by_command: bool = False) -> str:
    """Return a line that tells of these tools, and what to do; of those `by_command`, nothing can be done."""
    if by_command:
        return f"not recorded: {', '.join(names)}, which the command runs itself, in every run of it"
    cure = advise("wrap=[module.function] or @tracefork.tool", "--wrap MODULE:FUNCTION or @tracefork.tool")
    which, them = ", ".join(names), "it runs" if len(names) == 1 else "they run"
    return (
        f"not recorded: the model called {which}, and no effect has that name, so {them} for real "
        f"in verify, resume, fork and blame; {cure} makes it a tool of the run"
    )


def describe_asked(tool: str, times: int) -> str:
    """Return a line that says how often `tool` asked a model, unrecorded, and what to do."""
    often = "once" if times == 1 else f"{times} times"
    return (
        f"`{tool}` asked a model {often} while it ran: none of that is on the tape; "
        "@tracefork.tool(agent=True) makes it steps"
    )


def _list_calls(tape: Tape) -> Iterator[Call]:
    yield from (effect.call for effect in tape.effects)
    yield from (left.asked for left in tape.pending if isinstance(left.asked, Call))


def _read_calls(exchange: Exchange) -> Iterator[str]:
    completion = read.completion(exchange)
    for choice in completion.choices if completion else ():
        answered = _find_answered(choice.message)
        for call in choice.message.calls:
            if call.name and call.id not in answered and not call.id.startswith(_BY_VENDORS):
                yield call.name


def _find_answered(message: Message) -> frozenset[str]:
    """Return the ids of calls that came with their results: the vendor ran them."""
    return frozenset(part.id for part in message.parts if isinstance(part, ToolResult) and part.id)


def _read_http_calls(exchange: Exchange) -> Iterator[str]:
    """The tool that a request calls, by JSON-RPC as MCP has it."""
    if b"tools/call" not in exchange.request.body:
        return
    try:
        value = json.loads(exchange.request.body)
    except (ValueError, RecursionError):
        return
    for one in value if isinstance(value, list) else [value]:
        match one:
            case {"method": "tools/call", "params": {"name": str(name)}}:
                yield name


def _list_names(name: str) -> tuple[str, str]:
    """Return what a model may call the tool `name`: all of it, or what follows class, module or server."""
    return _normalise(name), _normalise(re.split(r"[.:/]", name)[-1])


def _normalise(name: str) -> str:
    return re.sub(r"[^0-9a-z]+", "_", name.lower())
