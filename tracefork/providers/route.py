"""Builds an answer in the format of the API that the request's URL path belongs to (see `paths`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from attrs import Attribute, field, frozen

from ..core.values import Exchange, Request, Response
from . import anthropic, base, gemini, openai, paths, turns

BUILDERS: dict[str, ModuleType] = {
    paths.ANTHROPIC: anthropic,
    paths.CHAT: openai,
    paths.RESPONSES: openai,
    paths.GEMINI: gemini,
}
KNOWN = "/v1/messages, /chat/completions, /responses and /models/MODEL:generateContent"


@frozen
class Text:
    """An answer that says `text`, in the form of the API that was asked."""

    text: str

    def __call__(self, asked: base.Asked) -> Response:
        """Build the answer.

        Raises:
            ValueError: the path belongs to no API that we know, or to Bedrock, whose streams are framed
                in a way of their own.
        """
        built: Response = _find_builder(base.question(asked)).text(self.text)(asked)
        return built


def _check_arguments(_: ToolCall, __: Attribute[Mapping[str, object]], value: object) -> None:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TypeError(f"the arguments of a tool call are a mapping of names to values, not {value!r:.80}")
    if not turns.is_object(base.compact(dict(value))):
        raise ValueError(f"the arguments of a tool call are JSON, which has no such number: {value!r:.80}")


@frozen
class ToolCall:
    """An answer that calls the tool `name`, in the form of the API that was asked.

    It is the recorded answer with another call: of several calls the one of this `name` gets these
    `arguments`; where none has it, the only one is replaced. Text, thinking, ids and usage stay as they
    were. An answer without a call, or a bare Request, gets a new answer that does nothing but call the tool.

    Raises:
        TypeError: `arguments` have no JSON form.
        ValueError: they hold a number that JSON does not have, such as infinity.
    """

    name: str
    arguments: Mapping[str, object] = field(factory=dict, validator=_check_arguments)

    def __call__(self, asked: base.Asked) -> Response:
        """Build the answer.

        Raises:
            TypeError: a step that is no question to a server is to be answered so.
            ValueError: the recorded answer makes several calls, and which of them is meant cannot be told;
                or as for `Text`.
            UnfitAnswer: it is a stream of a kind that is not built here.
        """
        if not isinstance(asked, Exchange | Request):
            raise TypeError(f"a model's answer calls tools, and {asked!r:.80} asks none")
        if isinstance(asked, Exchange) and (turn := turns.find_turn(asked)) is not None and turn.calls:
            changed = turns.call_instead(turn, self.name, base.compact(dict(self.arguments)))
            return turns.replace_turn(asked, changed)
        vendor = _find_builder(base.question(asked))
        call = vendor.tool_call if vendor is openai else vendor.tool_use
        built: Response = call(self.name, dict(self.arguments))(asked)
        return built


def _find_builder(request: Request) -> ModuleType:
    place = paths.place(request.url)
    vendor = BUILDERS.get(place.api) if place and not place.verb.startswith("invoke") else None
    if vendor is None:
        raise ValueError(f"{request.url} is no API that answers are built for here; known are {KNOWN}")
    return vendor
