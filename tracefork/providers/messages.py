"""What was said to a model and by it, in one form for all vendors.

Texts are as the vendor spelled them; what a vendor does not say is None or empty,
never a guess. Arguments and schemas stay JSON text: numbers keep their digits.
Every text can be encoded: half of a surrogate pair is U+FFFD.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal, TypeAlias

from attrs import frozen


@frozen
class Text:
    """Words, of whoever has the message's role."""

    text: str


@frozen
class Thinking:
    """The model's reasoning, or its summary; empty where the vendor keeps it hidden."""

    text: str


@frozen
class ToolCall:
    """A call that the model makes; `arguments` is JSON text, `id` what its result will name.

    `arguments` are as the model spelled them, so they may be no JSON; a call that the
    vendor runs itself, such as a search, is one too, where it has a name.
    """

    id: str
    name: str
    arguments: str = "{}"


@frozen
class ToolResult:
    """What came of the call `id`; `name` is the tool's, where the vendor repeats it."""

    id: str
    parts: tuple[Part, ...] = ()
    name: str = ""
    is_error: bool = False


@frozen
class Media:
    """An image, sound or document: never its data. `size` is in bytes, None where it is only referred to.

    `url` is where it is, or the vendor's id of it; `sha256` that of its data, "" where these are elsewhere.
    """

    kind: str
    media_type: str = ""
    size: int | None = None
    url: str = ""
    sha256: str = ""


@frozen
class Embeddings:
    """Vectors that a model made: how many, and of how many numbers each; never the numbers.

    `dimensions` is None where that cannot be told, or they differ.
    """

    count: int
    dimensions: int | None = None

    def __str__(self) -> str:
        each = "" if self.dimensions is None else f" of {self.dimensions} numbers"
        return f"{self.count} embedding{'s' * (self.count != 1)}{each}"


@frozen
class Other:
    """A part of a kind that we have no form for: its vendor's `type`, and its JSON text.

    OpenAI's refusals are of the type "refusal".
    """

    type: str
    json: str


Part: TypeAlias = "Text | Thinking | ToolCall | ToolResult | Media | Embeddings | Other"

Kind: TypeAlias = Literal["answer", "measure", "record"]
"""What a model said; numbers that it made of what it was given (embeddings, scores, counts); or what a
server keeps and gives back, and no model has said just now (an upload, a thread, the state of a batch)."""


@frozen
class Message:
    """One turn. `role` is the vendor's word: "system", "user", "assistant", "model", "tool", ..."""

    role: str
    parts: tuple[Part, ...] = ()

    @property
    def text(self) -> str:
        """All text parts, joined by nothing, as the vendors' SDKs do."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


@frozen
class Tool:
    """A tool that the model may call; `schema` is the JSON text of its parameters.

    A tool of the vendor's own that has no name, such as a search, has its type for one.
    """

    name: str
    description: str = ""
    schema: str = ""


@frozen
class Usage:
    """Tokens. `input` counts all of the prompt, `cached` and `written` (to the cache) being parts of it.

    `output` counts all that was generated, `reasoning` being a part of it. None is "not said".
    `written_hour`, a part of `written`, is kept for an hour; `heard` and `spoken` are the sound in the prompt
    and in what was generated. `cost` is what a router says that it charged, in USD; `billed_input` and
    `billed_output` are the tokens that are charged, where a vendor says that these are fewer.
    """

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    written: int | None = None
    reasoning: int | None = None
    written_hour: int | None = None
    heard: int | None = None
    spoken: int | None = None
    cost: Decimal | None = None
    billed_input: int | None = None
    billed_output: int | None = None


@frozen
class Failure:
    """The vendor's error; `type` is its word for the kind."""

    type: str
    message: str


@frozen
class Choice:
    """One answer of the model, and why it stopped, in the vendor's word; "" where it did not say."""

    message: Message
    stop_reason: str = ""


@frozen
class Prompt:
    """A question to a model: `messages` in the vendor's order, the system's own first."""

    api: str
    model: str = ""
    messages: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    stream: bool = False


@frozen
class Completion:
    """A model's answer: `choices` in the order of their index, usually one, none if it failed at once.

    `complete` is False for a stream that broke off, or failed, before the vendor said that it
    ends, and for a response that is still being made. `kind` says what it is an answer of.
    """

    api: str
    id: str = ""
    model: str = ""
    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    failure: Failure | None = None
    complete: bool = True
    kind: Kind = "answer"

    @property
    def text(self) -> str:
        """What the first choice says."""
        return self.choices[0].message.text if self.choices else ""

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tool calls of the first choice."""
        return self.choices[0].message.calls if self.choices else ()

    @property
    def stop_reason(self) -> str:
        return self.choices[0].stop_reason if self.choices else ""


def texts(parts: tuple[Part, ...]) -> Iterator[str]:
    """Every text that a person would read in `parts`, results of tools included."""
    for part in parts:
        match part:
            case Text(text) | Thinking(text):
                yield text
            case ToolResult(parts=inner):
                yield from texts(inner)
            case _:
                pass
