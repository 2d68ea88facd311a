"""What is known in a strand before its next exchange: its calls by name, and what it was answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from attrs import define, field

from ...core.visible import visible
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
)
from .spelling import read_json, spell_value

_OWN = frozenset({"assistant", "model", "completion"})
"""Roles in which vendors want a model's own answer sent back."""


@define
class Thread:
    """What is known in a strand: the names of its calls by their ids, and what its answers have said already.

    `open_` counts the calls of each tool whose results are not here yet.
    """

    calls: dict[str, str] = field(factory=dict)
    latest: set[str] = field(factory=set)
    open_: Counter[str] = field(factory=Counter)
    has_results: bool = False
    answers: set[object] = field(factory=set)

    def branch(self) -> Thread:
        """The same for a strand that goes on from here."""
        return Thread(
            dict(self.calls), set(self.latest), Counter(self.open_), self.has_results, set(self.answers)
        )

    def name_calls(self, parts: Sequence[Part]) -> list[str]:
        """A name for each call of a message: the tool's, with a number where it is called more than once."""
        calls = [part for part in parts if isinstance(part, ToolCall)]
        if calls and self.has_results:
            self._begin()
        times, names = Counter(call.name for call in calls), list[str]()
        for call in calls:
            self.open_[call.name] += 1
            number, name = self.open_[call.name], show(call.name)
            names.append(f"{name} {number}" if times[call.name] > 1 or number > 1 else name)
            self.calls[call.id] = names[-1]
            self.latest.add(call.id)
        return names

    def name_result(self, result: ToolResult) -> str:
        """The name of the call that a result is of."""
        self.has_results = True
        name = self.calls.get(result.id) if result.id else None
        if name is None:
            return show(result.name) or "an unknown call"
        return name if result.id in self.latest else f"{name}, called before,"

    def learn(self, completion: Completion | None) -> None:
        """Take notice of an answer, which is no news when it is sent back."""
        for choice in completion.choices if completion else ():
            self._begin()
            self.answers.update(_list_words(choice.message.parts))
            self.answers.update(_list_words(join_texts(choice.message.parts)))

    def knows(self, message: Message) -> bool:
        """True if a message sends back what the model has answered."""
        words = list(_list_words(message.parts))
        return message.role in _OWN and bool(words) and self.answers.issuperset(words)

    def _begin(self) -> None:
        """From here on another answer's calls are made."""
        self.latest.clear()
        self.open_.clear()
        self.has_results = False


def join_texts(parts: Iterable[Part]) -> Iterator[Part]:
    """Texts beside each other as one: where a server cuts them says nothing."""
    last: Part | None = None
    for part in parts:
        match last, part:
            case Text(one), Text(other):
                last = Text(one + other)
            case Thinking(one), Thinking(other):
                last = Thinking(one + other)
            case _:
                if last is not None:
                    yield last
                last = part
    if last is not None and last != Text(""):
        yield last


def show(text: str) -> str:
    """A name as a part of a line."""
    return visible(text, one_line=True)


# -- below ---------------------------------------------------------------------------


def _list_words(parts: Iterable[Part]) -> Iterator[object]:
    """What a message says and calls, so that the same is told from other things."""
    for part in parts:
        match part:
            case Text(text) | Thinking(text) if text.strip():
                yield type(part), text.strip()
            case ToolCall(_, name, arguments):
                value = read_json(arguments)
                yield "call", name, arguments if value is None else "\n".join(spell_value(value))
            case Media() | ToolResult() | Embeddings() | Other():
                yield part
            case _:
                pass
