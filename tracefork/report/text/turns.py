"""Spells what was asked and answered as lines; what links a call to its result is a name. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...core.values import Exchange, Fault
from ...providers.messages import (
    Completion,
    Embeddings,
    Media,
    Message,
    Other,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)
from ..model.pool import Piece
from ..model.threads import STANDING, Question, is_turn
from .spelling import (
    INDENT,
    Lines,
    read_json,
    spell_body,
    spell_json,
    spell_key,
    spell_media,
    spell_text,
    spell_url,
    spell_value,
)
from .thread import Thread, join_texts, show

_OK = 200


def spell_question(
    question: Question, exchange: Exchange, before: Exchange | None, thread: Thread, known: set[object]
) -> Lines:
    """Whom a question asks, what is set, and what is new in it since the one that `before` asked.

    `known` has the instructions and the tools that are written already, and gets those that this writes.
    """
    yield f"== {show(question.model) or 'a model'}"
    if question.restarts:
        yield f"{INDENT}a new conversation"
    if question.repeats:
        yield f"{INDENT}the same question again"
    address = spell_url(exchange.request)
    if before is None or spell_url(before.request) != address:
        yield f"{INDENT}{address}"
    for key in question.changed:
        yield from spell_value(question.settings[key], INDENT, f"{show(spell_key(key))}: ")
    for key in question.dropped:
        yield f"{INDENT}{show(spell_key(key))}: no longer set"
    if not question.restarts:
        yield from _spell_gone(question.gone)
    for piece in question.fresh:
        yield from _spell_piece(piece, thread, known)


def spell_answer(
    exchange: Exchange, completion: Completion | None, thread: Thread, expected: str = ""
) -> Lines:
    """What came of a question: words, calls, how it ended, what it took; `expected` is who is to answer."""
    answer = exchange.answer
    if isinstance(answer, Fault):
        yield from _spell_fault("no answer", answer)
        return
    if completion is None or (not completion.choices and completion.failure is None):
        yield f"status: {answer.status}"
        yield from _head("answer", spell_body(answer))
    else:
        if answer.status != _OK:
            yield f"status: {answer.status}"
        yield from _spell_completion(completion, thread, expected)
    if isinstance(answer.end, Fault):
        yield from _spell_fault("broken off", answer.end)
    elif answer.end == "cancelled":
        yield "broken off by the agent"
    elif completion is not None and not completion.complete and completion.failure is None:
        yield "broken off"


def spell_request(exchange: Exchange) -> Lines:
    """A question to a server that is no model's."""
    yield f"== {spell_url(exchange.request)}"
    yield from _head("sends", spell_body(exchange.request))


# -- questions -----------------------------------------------------------------------


def _spell_gone(gone: Sequence[Piece]) -> Lines:
    turns = sum(map(is_turn, gone))
    names = [_name_piece(piece) for piece in gone if not is_turn(piece)]
    if turns:
        yield f"{INDENT}no longer sent: {turns} message{'s' * (turns > 1)}"
    for name in names:
        yield f"{INDENT}no longer sent: {name}"


def _name_piece(piece: Piece) -> str:
    match piece.reading:
        case Message(role):
            return show(role)
        case tuple() as tools:
            return show("tool " + ", ".join(tool.name for tool in tools))
        case _:
            return show(piece.key)


def _spell_piece(piece: Piece, thread: Thread, known: set[object]) -> Lines:
    match piece.reading:
        case Message() as message if is_turn(piece):
            if not thread.knows(message):
                yield from _spell_message(message, thread)
            elif any(call.id not in thread.calls for call in message.calls):
                thread.name_calls(message.parts)
            return
        case _:
            key = piece.reading if isinstance(piece.reading, Message) else piece.text.lstrip(" \t\r\n,")
    if key in known:
        yield f"{_name_piece(piece)}: as before"
        return
    known.add(key)
    if isinstance(key, Message):
        yield from _spell_message(key, thread)
    else:
        yield from _head(_name_piece(piece), spell_json(key))


def _spell_message(message: Message, thread: Thread) -> Lines:
    role = show(message.role) or "message"
    yield from _spell_parts(message.parts, role, "" if message.role in STANDING else f"{role} ", thread)
    if not message.parts:
        yield f"{role}: nothing"


def _spell_parts(parts: Sequence[Part], role: str, who: str, thread: Thread) -> Lines:
    """The parts of a message, each kind under a head of its own; `who` stands before what is no word."""
    names, last = iter(thread.name_calls(parts)), ""
    for part in parts:
        if part == Thinking(""):  # the vendor keeps it to itself
            continue
        head = _name_part(part, role, who, names, thread)
        if head != last or head != role:
            yield f"{head}:"
        last = head
        yield from _spell_part(part)


def _name_part(part: Part, role: str, who: str, names: Iterator[str], thread: Thread) -> str:
    match part:
        case Text() | Media() | Embeddings():
            return role
        case Thinking():
            return f"{who}thinks"
        case ToolCall():
            return f"{who}calls {next(names)}"
        case ToolResult():
            return f"{thread.name_result(part)} {'failed' if part.is_error else 'returned'}"
        case Other(kind):
            return f"{who}{show(kind) or 'other'}"


def _spell_part(part: Part) -> Lines:
    match part:
        case Text(text) | Thinking(text):
            yield from spell_text(text)
        case Media():
            yield f"{INDENT}{show(spell_media(part))}"
        case Embeddings():
            yield f"{INDENT}{part}"
        case ToolCall(_, _, arguments):
            yield from spell_json(arguments)
        case ToolResult(_, inner):
            yield from _spell_result(inner)
        case Other():
            yield from _spell_other(part)


def _spell_result(parts: Sequence[Part]) -> Lines:
    for part in parts:
        match part:
            case Text(text):
                yield from spell_json(text)
            case ToolCall(_, name, arguments):
                yield f"{INDENT}calls {show(name)}:"
                yield from spell_json(arguments, INDENT * 2)
            case _:
                yield from _spell_part(part)


def _spell_other(part: Other) -> Lines:
    value = read_json(part.json)
    if isinstance(value, dict):
        refusal = value.get("refusal")
        if part.type == "refusal" and isinstance(refusal, str):
            yield from spell_text(refusal)
            return
        value = {key: one for key, one in value.items() if key not in _NO_WORDS}
    yield from spell_json(part.json) if value is None else spell_value(value)


_NO_WORDS = frozenset("type id signature thoughtSignature encrypted_content status".split())
"""Members of a part that name and sign it, and say nothing."""


# -- answers -------------------------------------------------------------------------


def _spell_completion(completion: Completion, thread: Thread, expected: str) -> Lines:
    if completion.model and completion.model != expected:
        yield f"answered by: {show(completion.model)}"
    for number, choice in enumerate(completion.choices, 1):
        role = "answer" if number == 1 else f"answer {number}"
        parts = tuple(join_texts(choice.message.parts))
        yield from _spell_parts(parts, role, "" if number == 1 else f"{role} ", thread)
        if not parts and completion.failure is None:
            yield f"{role}: nothing"
        if choice.stop_reason:
            yield f"stopped: {show(choice.stop_reason)}"
    if completion.failure:
        yield from _spell_failure("failed", completion.failure.type, completion.failure.message)
    if completion.usage and (tokens := _spell_usage(completion.usage)):
        yield f"tokens: {tokens}"


def _spell_usage(usage: Usage) -> str:
    parts = ((usage.cached, "cached"), (usage.written, "written"))
    of_these = ", ".join(f"{number} {word}" for number, word in parts if number)
    counts = [
        f"{usage.input} in" + (f" ({of_these})" if of_these else "") if usage.input is not None else "",
        f"{usage.output} out" if usage.output is not None else "",
    ]
    return ", ".join(filter(None, counts)) + (f" ({usage.reasoning} thinking)" if usage.reasoning else "")


def _spell_fault(word: str, fault: Fault) -> Lines:
    if fault.kind == "cancelled":
        yield f"{word}, the agent gave up"
    else:
        yield from _spell_failure(word, fault.kind, fault.message)


def _spell_failure(word: str, kind: str, message: str) -> Lines:
    title = f"{word}, {show(kind)}" if kind else word
    yield f"{title}:" if message else title
    yield from spell_text(message) if message else ()


def _head(title: str, lines: Iterable[str]) -> Lines:
    """A title, and what stands under it; neither where nothing does."""
    found = list(lines)
    if found:
        yield f"{title}:"
        yield from found
