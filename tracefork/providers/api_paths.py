"""Which API a request is for, of all that can be read: more than those that edits know (see `paths`).

A path is anybody's where it is as short as `/v1/chat`; there the keys of the body decide.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from ..core.values import Request
from . import base, paths

SEND = "SEND"
"""The method of what is said over a web socket."""

COMPLETE = "anthropic.complete"
MESSAGE_BATCHES = "anthropic.batches"
COHERE_CHAT_1 = "cohere.chat.1"
COHERE_GENERATE = "cohere.generate"
COHERE_EMBED = "cohere.embed"
CONVERSATIONS = "mistral.conversations"
COUNTS = "tokens"
EMBEDDINGS = "openai.embeddings"
FILES = "openai.files"
GENERATED_TEXT = "huggingface.generate"
GEMINI_EMBED = "gemini.embed"
GEMINI_PREDICT = "gemini.predict"
IMAGES = "openai.images"
INTERACTIONS = "gemini.interactions"
LIVE = "gemini.live"
MODERATIONS = "openai.moderations"
OCR = "mistral.ocr"
OLLAMA_EMBED = "ollama.embed"
OLLAMA_GENERATE = "ollama.generate"
PREDICTIONS = "replicate.predictions"
REALTIME = "openai.realtime"
RERANK = "rerank"
RUNS = "openai.runs"
SPEECH = "openai.speech"
THREADS = "openai.threads"
TRANSCRIPTIONS = "openai.transcriptions"
WRITER = "writer.chat"

FETCHED = frozenset({paths.RESPONSES, paths.CHAT, RUNS, PREDICTIONS, INTERACTIONS})
"""APIs whose answers are made in the background, or kept, and fetched with GET by their ids."""

_ANY = "*"
_ID = r"/[^/:]+"
_BEDROCK = r"/invoke(?:-with-response-stream)?$"
_MAKERS = r"/publishers/(?:mistralai|ai21|openapi|meta|deepseek-ai|qwen)/models/[^/:]+:"
_KEPT = r"/v1(?:alpha|beta)?\d?/(?:files|uploads|batches|cachedContents|vector_stores)"
_HUGGING_FACE = r"^/?$|/generate(?:_stream)?$|/models/[^/:]+/[^/:]+$"
_OF_THREAD = rf"/messages(?:{_ID})?|/runs{_ID}/steps(?:{_ID})?"

_TABLE: tuple[tuple[str, str, str], ...] = (
    (SEND, REALTIME, r"/realtime"),
    (SEND, LIVE, r"\.(?:GenerativeService|LlmBidiService|PredictionService)[./]BidiGenerateContent\w*"),
    (SEND, paths.RESPONSES, r"/responses"),
    ("POST", COMPLETE, r"/v1/complete"),
    ("POST", COUNTS, r"/v1/messages/count_tokens"),
    ("POST", COUNTS, r"/responses/input_tokens"),
    ("POST", COUNTS, r"/models/[^/:]+:countTokens"),
    ("POST", COUNTS, r"/model/[^/]+/count-tokens"),
    ("POST", COUNTS, r"/publishers/anthropic/models/count-tokens:rawPredict"),
    (_ANY, MESSAGE_BATCHES, rf"/v1/messages/batches(?:{_ID}(?:/results|/cancel)?)?"),
    ("GET", paths.RESPONSES, rf"/responses{_ID}"),
    ("POST", paths.RESPONSES, rf"/responses(?:/compact|{_ID}/cancel)"),
    ("GET", THREADS, rf"/responses{_ID}/input_items"),
    ("GET", paths.CHAT, rf"/chat/completions{_ID}"),
    ("GET", THREADS, rf"/chat/completions{_ID}/messages"),
    ("POST", paths.CHAT, r"/agents/completions"),
    ("POST", paths.CHAT, _MAKERS + "(?:r|streamR)awPredict"),
    (_ANY, RUNS, rf"/(?:v1|openai)/threads(?:{_ID})?/runs(?:{_ID}(?:/cancel|/submit_tool_outputs)?)?"),
    (_ANY, THREADS, rf"/(?:v1|openai)/(?:threads|assistants)(?:{_ID}(?:{_OF_THREAD})?)?"),
    ("POST", OLLAMA_EMBED, r"/api/embed(?:dings)?"),
    ("POST", EMBEDDINGS, r"/embeddings"),
    ("POST", IMAGES, r"/images/(?:generations|edits|variations)"),
    ("POST", SPEECH, r"/audio/speech"),
    ("POST", TRANSCRIPTIONS, r"/audio/(?:transcriptions|translations)"),
    ("POST", MODERATIONS, r"(?<!/guardrail)/moderations"),
    (_ANY, FILES, rf"{_KEPT}(?:{_ID}(?:/\w+)*)?(?::\w+)?"),
    ("POST", FILES, r"/upload/v1(?:alpha|beta)?\d?/files"),
    ("POST", GEMINI_EMBED, r"/models/[^/:]+:(?:embedContent|batchEmbedContents)"),
    ("POST", GEMINI_PREDICT, r"/(?:models|endpoints)/[^/:]+:predict"),
    (_ANY, INTERACTIONS, rf"/v1(?:alpha|beta)?\d?(?:/projects/.+)?/interactions(?:{_ID}(?:/cancel)?)?"),
    ("POST", COHERE_GENERATE, r"/v1/generate"),
    ("POST", COHERE_EMBED, r"/v[12]/embed"),
    ("POST", RERANK, r"/rerank"),
    ("POST", OLLAMA_GENERATE, r"/api/generate"),
    (_ANY, PREDICTIONS, rf"/v1(?:/(?:models|deployments)/[^/]+/[^/]+)?/predictions(?:{_ID}(?:/cancel)?)?"),
    ("POST", OCR, r"/v1/ocr"),
)  # fmt: skip
"""Method, API, and how the path ends; most particular first."""

_ENDS = tuple((method, api, re.compile(f"{end}$")) for method, api, end in _TABLE)

_BY_BODY: tuple[tuple[str, re.Pattern[str], tuple[str, ...]], ...] = (
    (WRITER, re.compile(r"/v1/chat$"), ("messages",)),
    (COHERE_CHAT_1, re.compile(r"/v1/chat$"), ("message",)),
    (CONVERSATIONS, re.compile(rf"/v1/conversations(?:{_ID})?$"), ("inputs",)),
    (paths.ANTHROPIC, re.compile(r"/model/[^/]+" + _BEDROCK), ("anthropic_version", "messages")),
    (paths.INVOKE, re.compile(r"/model/[^/]*anthropic\.[^/]+" + _BEDROCK), ("prompt",)),
    (GENERATED_TEXT, re.compile(_HUGGING_FACE), ("inputs", "parameters")),
)  # fmt: skip
"""APIs, how their paths end, and the keys that a question has."""


def find_api(request: Request) -> str:
    """Return the API that `request` is for; "" if none that is known here."""
    found, shapes = _find_by_path(request.method.upper(), request.url)
    body = _read_body(request) if shapes else b""
    for api, keys in shapes:
        if all(re.search(rb'"%s"\s*:' % key.encode(), body) for key in keys):
            return api
    return found


@lru_cache  # a run asks a handful of places
def _find_by_path(method: str, url: str) -> tuple[str, tuple[tuple[str, tuple[str, ...]], ...]]:
    """The API that the path names, and those that it is for instead if the body has all of their keys."""
    try:
        raw = urlsplit(url).path.rstrip("/")  # as it is spelled: an escaped slash is none
    except ValueError:  # no URL at all
        return "", ()
    path = unquote(raw)
    for wanted, api, end in _ENDS:
        if wanted in (method, _ANY) and end.search(path):
            return api, ()
    shapes = ((api, keys) for api, end, keys in _BY_BODY if end.search(raw)) if method == "POST" else ()
    return paths.find_form(url) if method in ("POST", SEND) else "", tuple(shapes)


def _read_body(request: Request) -> bytes:
    """The body, in which keys are looked for: that costs less than to parse it, and it may be no JSON."""
    try:
        return base.decode_body(request)
    except ValueError:
        return b""
