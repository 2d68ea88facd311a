"""The new messages of a step, as a page without a script prints them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from attrs import frozen

from ...core.values import Fault
from ...providers.messages import (
    Embeddings,
    Media,
    Message,
    Other,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    texts,
)
from ..figures import size
from ..model.pool import BETWEEN
from ..model.view import StepView, View

Printed: TypeAlias = tuple[str, str, str]
"""Kind, title and text of a part of a message."""


@frozen
class Card:
    """A message as it is printed."""

    kind: str
    role: str
    note: str
    parts: tuple[Printed, ...]

    @property
    def declares(self) -> bool:
        """True if it declares tools."""
        return (self.role, self.note) == ("tools", "declared")


def cards(view: View, step: StepView) -> Iterator[Card]:
    """The new messages of the question, and the answer."""
    for number in step.lineage.fresh:
        piece = view.pieces[number]
        match piece.reading:
            case Message(role) if number in step.echoed and step.lineage.base is not None:
                base = view.every_step[step.lineage.base].index
                yield Card("asked", role, f"the answer of step {base}, sent back unchanged", ())
            case Message(role, parts):
                yield Card("asked", role, f"new, {size(piece.size)}", tuple(map(format_part, parts)))
            case tuple() as tools:
                declared = tuple(("other", tool.name, tool.description) for tool in tools)
                yield Card("asked", "tools", "declared", declared)
            case None if piece.key != BETWEEN or (piece.text.strip() and not step.api):
                text = f"{size(piece.size)} that are no text" if piece.binary else piece.text
                yield Card("asked", piece.key or "request", "", (("other", "", text),))
            case _:
                pass
    yield from _answer_cards(view, step)


def _answer_cards(view: View, step: StepView) -> Iterator[Card]:
    answer, completion = step.exchange.answer, step.completion
    if isinstance(answer, Fault):
        yield Card("failed", answer.kind, "no response", (("text", "", answer.message),))
    elif completion and completion.failure:
        failure = completion.failure
        yield Card(
            "failed", failure.type or "error", f"HTTP {answer.status}", (("text", "", failure.message),)
        )
    elif completion:
        for choice in completion.choices:
            parts = tuple(map(format_part, choice.message.parts))
            yield Card("answer", choice.message.role, choice.stop_reason, parts)
    else:
        number = step.response if step.decoded is None else step.decoded
        piece = None if number is None else view.pieces[number]
        text = piece.text if piece and not piece.binary else f"{size(answer.size)} that are no text"
        yield Card("answer", "response", f"HTTP {answer.status}", (("other", "", text),))


def format_part(part: Part) -> Printed:
    """A part of a message as text."""
    match part:
        case Text(text):
            return "text", "", text
        case Thinking(text):
            return "thinking", "thinking", text or "(not shown by the vendor)"
        case ToolCall(_, name, arguments):
            return "call", f"→ {name}", arguments
        case ToolResult(_, parts, name, is_error):
            title = "✕ tool error" if is_error else "← tool result"
            return "wrong" if is_error else "result", f"{title} {name}".strip(), "\n".join(texts(parts))
        case Media(kind, media_type, bytes_, url):
            detail = ", ".join(x for x in (media_type, size(bytes_) if bytes_ is not None else "", url) if x)
            return "media", f"[{kind}]", detail
        case Embeddings():
            return "other", "embeddings", str(part)
        case Other(kind, json):
            return "other", kind, json
