"""The tool calls of a run: what models asked for, and what ran, one call counted once. Pure.

A model asks for `book`, and the tool `book` runs: that is one call. Which of several belong together is told
by names, arguments and time: a tool that runs is the newest equal one that was asked for before it and has
not run yet, or else the newest of its name. What ran and nobody asked for is a call of its own, and so is
what was asked for and is not known to have run: a plain function, or a tool of the vendor's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from urllib.parse import urlsplit

from attrs import field, frozen

from ..core.tape import Tape
from ..core.values import Call, Effect, Exchange, Fault, Reply, Response
from . import base
from .last_answers import find_answer, is_fetched
from .messages import Other, ToolCall

_HELLOS = ((":initialize", '"protocolVersion"'), (":server/discover", '"io.modelcontextprotocol/'))
"""How the effect ends that begins a session of MCP, whose server stands before it; and what it has in it."""

_METHODS = frozenset(
    """
    completion/complete initialize logging/setLevel ping prompts/get prompts/list resources/list
    resources/read resources/subscribe resources/templates/list resources/unsubscribe server/discover
    tasks/cancel tasks/get tasks/list tasks/result tools/list
    """.split()
)
"""What a server of MCP is asked that calls no tool."""

_PARTS = re.compile(r"[.:/]|__")


@frozen
class Ran:
    """A call that ran, or was about to: an effect, or a request to a server of tools (MCP over HTTP).

    `began` is the tick at which it did.
    """

    call: Call
    began: int
    lane: str = ""


@frozen
class ToolUse:
    """One call of a tool: what a model `asked` for, what `ran`, or both.

    `step` is the index of the exchange whose answer asked for it; of a call that no model asked for, that of
    the last exchange which had begun before, None if there was none. `at` is the tick at which it ran, or
    was asked for if it is not known to have run.
    """

    asked: ToolCall | None
    ran: Ran | None
    step: int | None
    at: int

    @property
    def name(self) -> str:
        return self.asked.name if self.asked else self.ran.call.name if self.ran else ""

    @property
    def names(self) -> frozenset[str]:
        """What this call may be named by: the tool's names, whole and without class, module or server."""
        asked = list_forms(self.asked.name) if self.asked else ()
        return frozenset((*asked, *(list_forms(self.ran.call.name) if self.ran else ())))


def list_tool_uses(tape: Tape) -> tuple[ToolUse, ...]:
    """Return the tool calls of `tape` in the order in which they ran, or were asked for."""
    asked, ran = list(_list_asked(tape)), sorted(_list_ran(tape), key=lambda one: one.began)
    pairs = _pair(asked, ran)
    claimed = {place: one for one, place in zip(ran, pairs, strict=True) if place is not None}
    found = [
        ToolUse(one.call, claimed.get(place), one.step, claimed[place].began if place in claimed else one.at)
        for place, one in enumerate(asked)
        if one.counts or place in claimed
    ]
    found += [
        ToolUse(None, one, _find_step(tape, one.began), one.began)
        for one, place in zip(ran, pairs, strict=True)
        if place is None
    ]
    return tuple(sorted(found, key=lambda use: use.at))


def list_forms(name: str) -> tuple[str, ...]:
    """Return what the tool `name` may be called, in one spelling: whole, and its last part.

    `Desk.book`, `shop:book` and `mcp__shop__book` are `book` too; the last of them is `shop_book`, too.
    """
    whole = name.removeprefix("mcp__")
    last = [part for part in _PARTS.split(name) if part]
    return tuple(dict.fromkeys(spell(form) for form in (name, whole, last[-1] if last else name)))


def spell(name: str) -> str:
    """Return `name` in the spelling in which names are compared: `Get-Weather` is `get_weather`."""
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_") or name


# -- what models asked for -------------------------------------------------------------


@frozen
class _Asked:
    """A call in an answer. It `counts` by itself unless the answer broke off: then only if it ran."""

    call: ToolCall
    step: int
    at: int
    lane: str
    counts: bool = True
    forms: frozenset[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "forms", frozenset(list_forms(self.call.name)))


def _list_asked(tape: Tape) -> Iterator[_Asked]:
    fetched = set[str]()  # answers by their ids
    for step, exchange in enumerate(tape):
        completion = find_answer(exchange)
        if completion is None:
            continue
        calls = [call for choice in completion.choices for call in _list_calls(choice.message.parts)]
        again = is_fetched(exchange) and bool(completion.id)
        if again and completion.id in fetched:
            continue
        if again and calls:
            fetched.add(completion.id)
        broke = isinstance(exchange.answer, Response) and isinstance(exchange.answer.end, Fault)
        for call in calls:
            yield _Asked(call, step, exchange.span.headed, exchange.lane, counts=not broke)


def _list_calls(parts: tuple[object, ...]) -> Iterator[ToolCall]:
    """The calls of a message; those too that a vendor has a type of their own for, and no name."""
    for part in parts:
        match part:
            case ToolCall(name=str(name)) if name:
                yield part
            case Other(type=kind, json=text) if kind.endswith("_call"):
                yield ToolCall("", kind.removesuffix("_call"), text)


# -- what ran ---------------------------------------------------------------------------


def _list_ran(tape: Tape) -> Iterator[Ran]:
    servers = {
        effect.call.name.removesuffix(hello)
        for effect in tape.effects
        for hello, mark in _HELLOS
        if effect.call.name.endswith(hello) and mark in effect.call.arguments
    }
    for effect in tape.effects:
        if not _is_protocol(effect, servers):
            yield Ran(effect.call, effect.span.began, effect.lane)
    for one in tape.pending:
        if isinstance(one.asked, Call):
            yield Ran(one.asked, one.began, one.lane)
    for exchange in tape:
        for call in _read_http_calls(exchange):
            yield Ran(call, exchange.span.began, exchange.lane)


def _is_protocol(effect: Effect, servers: AbstractSet[str]) -> bool:
    """Whether a server of MCP was asked for something else than a tool.

    A tool may be called `ping`: its result has `content`.
    """
    server, _, method = effect.call.name.partition(":")
    if server not in servers:
        return False
    answered = effect.reply.value if isinstance(effect.reply, Reply) else ""
    is_tool = "/" not in method and '"content":' in answered
    return method in _METHODS and not is_tool


def _read_http_calls(exchange: Exchange) -> Iterator[Call]:
    """The tools that a request calls, by JSON-RPC as MCP has it."""
    request = exchange.request
    if b"tools/call" not in request.body:
        return
    try:
        value = json.loads(base.decode_body(request))
        server = urlsplit(request.url).hostname or ""
    except (ValueError, RecursionError):
        return
    for one in value if isinstance(value, list) else [value]:
        match one:
            case {"method": "tools/call", "params": {"name": str(name), **rest}}:
                arguments = rest.get("arguments")
                kwargs = arguments if isinstance(arguments, dict) else {}
                yield Call(f"{server}:{name}", json.dumps({"args": [], "kwargs": kwargs}))


# -- which belong together ----------------------------------------------------------------


def _pair(asked: list[_Asked], ran: list[Ran]) -> list[int | None]:
    """For each of `ran` the place of the one in `asked` that it is, or None."""
    pairs: list[int | None] = [None] * len(ran)
    free = dict(enumerate(asked))
    for strictly in (True, False):
        for n, one in enumerate(ran):
            if pairs[n] is not None:
                continue
            forms = frozenset(list_forms(one.call.name))
            fitting = [
                (_is_below(one.lane, wish.lane), wish.at, -place, place)
                for place, wish in free.items()
                if wish.at < one.began
                and forms & wish.forms
                and (not strictly or have_same_arguments(wish.call, one.call))
            ]
            if fitting:
                pairs[n] = max(fitting)[-1]
                del free[max(fitting)[-1]]
    return pairs


def _is_below(lane: str, above: str) -> bool:
    return lane == above or not above or lane.startswith(f"{above}/")


def have_same_arguments(asked: ToolCall, ran: Call) -> bool:
    """Whether a tool ran with the arguments that were asked for, whether it was given their names or not."""
    wanted, (args, kwargs) = read_object(asked.arguments), read_arguments(ran)
    if wanted is None or any(name not in wanted or wanted[name] != kwargs[name] for name in kwargs):
        return False
    return [value for name, value in wanted.items() if name not in kwargs] == args


def read_object(text: str) -> dict[str, object] | None:
    """Return the JSON object that `text` is, or None if it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_arguments(call: Call) -> tuple[list[object], dict[str, object]]:
    """Return the arguments that `call` was given without a name, and those with one."""
    match read_object(call.arguments):
        case {"args": list() as args, "kwargs": dict() as kwargs}:
            return args, kwargs
    return [], {}


def _find_step(tape: Tape, tick: int) -> int | None:
    before = sum(1 for exchange in tape if exchange.span.began < tick)
    return before - 1 if before else None
