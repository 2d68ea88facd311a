"""Which vendor's API a request is for, by the path of its URL: hosts differ, paths do not."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from attrs import frozen

ANTHROPIC = "anthropic.messages"
CHAT = "openai.chat"
RESPONSES = "openai.responses"
COMPLETIONS = "openai.completions"
GEMINI = "gemini.generate"

PATHS: tuple[tuple[str, str], ...] = (
    (ANTHROPIC, r"/v1/messages"),
    (ANTHROPIC, r"/publishers/anthropic/models/(?!count-tokens:)(?P<model>[^/:]+):(?P<verb>rawPredict)"),
    (ANTHROPIC, r"/publishers/anthropic/models/(?P<model>[^/:]+):(?P<verb>streamRawPredict)"),
    (ANTHROPIC, r"/model/(?P<model>[^/]*anthropic\.[^/]+)/(?P<verb>invoke|invoke-with-response-stream)"),
    (CHAT, r"/chat/completions"),
    (COMPLETIONS, r"/completions"),
    (RESPONSES, r"/responses"),
    (GEMINI, r"/(?:models|tunedModels|endpoints)/(?P<model>[^/:]+):(?P<verb>generateContent)"),
    (GEMINI, r"/(?:models|tunedModels|endpoints)/(?P<model>[^/:]+):(?P<verb>streamGenerateContent)"),
)
"""APIs and how the paths of their URLs end, most particular first.

`/publishers/anthropic/` is Vertex AI's, `/model/` Amazon Bedrock's (of a model
whose id names the vendor; an inference profile's does not, and is not known).
"""

_ENDS = tuple((api, re.compile(f"{end}$")) for api, end in PATHS)
_STREAMING = frozenset({"streamRawPredict", "invoke-with-response-stream", "streamGenerateContent"})


@frozen
class Place:
    """What a URL names: the API and, if its path has them, the model and the verb."""

    api: str
    model: str = ""
    verb: str = ""

    @property
    def streams(self) -> bool:
        """True if the path itself asks for a stream; elsewhere the body does."""
        return self.verb in _STREAMING


def place(url: str) -> Place | None:
    """Return the API that the path of `url` belongs to, or None if it is unknown."""
    try:
        path = urlsplit(url).path.rstrip("/")
    except ValueError:  # no URL at all
        return None
    for api, end in _ENDS:
        if found := end.search(path):
            named = found.groupdict()
            return Place(api, unquote(named.get("model") or ""), named.get("verb") or "")
    return None
