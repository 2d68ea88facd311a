"""Builds an answer in the format of the API that the request's URL path belongs to (see `paths`)."""

from __future__ import annotations

from types import ModuleType

from attrs import frozen

from ..core.values import Response
from . import anthropic, base, gemini, openai, paths

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
        request = base.question(asked)
        place = paths.place(request.url)
        vendor = BUILDERS.get(place.api) if place and not place.verb.startswith("invoke") else None
        if vendor is None:
            raise ValueError(f"{request.url} is no API that answers are built for here; known are {KNOWN}")
        built: Response = vendor.text(self.text)(asked)
        return built
