"""Which vendor's API a request is for, by the path of its URL: hosts differ, paths do not."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

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

CONVERSE = "bedrock.converse"
INVOKE = "bedrock.invoke"
COHERE = "cohere.chat"
OLLAMA = "ollama.chat"

_MORE = (
    (CONVERSE, re.compile(r"/model/(?P<model>[^/]+)/(?P<verb>converse|converse-stream)$")),
    (INVOKE, re.compile(r"/model/(?P<model>[^/]+)/(?P<verb>invoke|invoke-with-response-stream)$")),
    (COHERE, re.compile(r"/v2/chat$")),
    (OLLAMA, re.compile(r"/api/chat$")),
)
"""APIs that are asked in a form that is known. Their answers are read, but for INVOKE's, and not built."""

_DEPLOYED = re.compile(r"/deployments/(?P<model>[^/]+)/(?:chat/)?completions$")
"""How Azure names a model."""

_NAMED = re.compile(r"/models?/(?P<model>[^/:]+)[/:][\w-]+$")
_IN_QUERY = re.compile(r"/realtime\?(?:.*&)?model=(?P<model>[^&#]+)")
"""How what has no form that is known here names one: embeddings by their paths, and a socket."""

_ENDS = tuple((api, re.compile(f"{end}$")) for api, end in PATHS)
_STREAMING = frozenset(
    {"streamRawPredict", "invoke-with-response-stream", "streamGenerateContent", "converse-stream"}
)


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
    for api, end in _ENDS:
        if found := end.search(_path(url)):
            named = found.groupdict()
            return Place(api, unquote(named.get("model") or ""), named.get("verb") or "")
    return None


def find_form(url: str) -> str:
    """Return the API in whose form `url` is asked, those of `_MORE` among them; "" if it is unknown."""
    known = place(url)
    if known is not None:
        return known.api
    return next((api for api, end in _MORE if end.search(_path(url))), "")


def asks_stream(url: str) -> bool:
    """Return whether the path of `url` asks for a stream; elsewhere the body does."""
    ends = (end for _, end in (*_MORE, *_ENDS) if "verb" in end.groupindex)
    found = next((found for end in ends if (found := end.search(_path(url)))), None)
    return found is not None and found["verb"] in _STREAMING


def find_model(url: str) -> str:
    """Return the model, or deployment, that `url` names; "" if it names none."""
    found = _find_model(url) or _NAMED.search(_path(url)) or _IN_QUERY.search(url)
    return unquote(found["model"]) if found else ""


def replace_model(url: str, model: str) -> str:
    """Return `url` with another model in its path; the same where its path names none."""
    found = _find_model(url)
    if found is None or unquote(found["model"]) == model:
        return url
    at = url.index(found.string)
    low, high = found.span("model")
    return url[: at + low] + quote(model, safe="@") + url[at + high :]


def _find_model(url: str) -> re.Match[str] | None:
    path = _path(url)
    for end in (_DEPLOYED, *(end for _, end in (*_MORE, *_ENDS))):
        if "model" in end.groupindex and (found := end.search(path)):
            return found
    return None


def _path(url: str) -> str:
    try:
        return urlsplit(url).path.rstrip("/")
    except ValueError:  # no URL at all
        return ""
