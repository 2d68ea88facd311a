"""Recognises messages that send the model's own earlier answer back."""

from __future__ import annotations

import json

from attrs import evolve

from ...providers.messages import Completion, Message, Part, ToolCall


def is_echo(message: Message, answer: Completion | None) -> bool:
    """True if `message` says what a choice of `answer` said; of arguments it is the JSON that counts."""
    return answer is not None and any(
        message.role == choice.message.role and _plain(message.parts) == _plain(choice.message.parts)
        for choice in answer.choices
        if choice.message.parts
    )


def _plain(parts: tuple[Part, ...]) -> list[Part]:
    return [evolve(p, arguments=_canonical(p.arguments)) if isinstance(p, ToolCall) else p for p in parts]


def _canonical(text: str) -> str:
    try:
        return json.dumps(json.loads(text, parse_float=str, parse_int=str), sort_keys=True)
    except (ValueError, RecursionError):
        return text
