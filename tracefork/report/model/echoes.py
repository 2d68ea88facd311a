"""Recognises messages that send the model's own earlier answer back."""

from __future__ import annotations

import json

from ...providers.messages import Completion, Message, Part, ToolCall


def is_echo(message: Message, answer: Completion | None) -> bool:
    """True if `message` says what a choice of `answer` said; of arguments it is the JSON that counts."""
    return answer is not None and any(
        message.role == choice.message.role and _are_alike(message.parts, choice.message.parts)
        for choice in answer.choices
        if choice.message.parts
    )


def _are_alike(parts: tuple[Part, ...], others: tuple[Part, ...]) -> bool:
    return len(parts) == len(others) and all(map(_is_alike, parts, others))


def _is_alike(part: Part, other: Part) -> bool:
    if part == other:
        return True
    if not (isinstance(part, ToolCall) and isinstance(other, ToolCall)):
        return False
    return (part.id, part.name) == (other.id, other.name) and (
        _canonical(part.arguments) == _canonical(other.arguments)
    )


def _canonical(text: str) -> str:
    try:
        return json.dumps(json.loads(text, parse_float=str, parse_int=str), sort_keys=True)
    except (ValueError, RecursionError):
        return text
