"""Which questions to models carry all that their answers depend on. Pure.

The list is its own, whatever of it can be read here. Hosts do not count, paths do; and since paths such as
`/v1/chat` are anybody's, the body must have what the vendor's has. What was said must be in the
question: an id of a conversation, of a cache or of a search index stands for what may
change, or for what nobody can compare. A file's id does not: its content never changes.
What the vendor looks up in the world meanwhile (a search, a page or an image at a URL, a server of
tools) is no part of the question either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from ..core.values import Request
from . import _json, base, paths

_GEMINI = r"/(?:models|tunedModels|endpoints)/[^/:]+:"
_VERTEX = r"/publishers/[^/]+/models/[^/:]+:"
_BEDROCK = r"/model/(?!.*:prompt/).+/"

_PATHS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"/v1/messages(?:/count_tokens)?", ("model", "messages")),
    (r"/v1/complete", ("model", "prompt")),
    (r"/chat/completions", ("messages",)),
    (r"(?<!/chat)(?<!/agents)/completions", ("prompt",)),
    (r"/responses(?:/input_tokens|/compact)?", ("model", "input")),
    (r"/embeddings", ("input",)),
    (r"/moderations", ("input",)),
    (r"/audio/speech", ("model", "input")),
    (_GEMINI + r"(?:generateContent|streamGenerateContent|countTokens)", ("contents",)),
    (_GEMINI + r"embedContent", ("content",)),
    (_GEMINI + r"batchEmbedContents", ("requests",)),
    (_VERTEX + r"(?:rawPredict|streamRawPredict)", ()),
    (r"/publishers/google/models/[^/:]*(?:embedding|gecko)[^/:]*:predict", ("instances",)),
    (_BEDROCK + r"(?:converse|converse-stream)", ("messages",)),
    (_BEDROCK + r"(?:invoke|invoke-with-response-stream)", ()),
    (r"/v1/chat", ("model", "message")),  # Cohere
    (r"/v[12]/chat", ("model", "messages")),  # Cohere, Writer
    (r"/v1/generate", ("prompt",)),  # Cohere
    (r"/v1/embed", ("texts",)),
    (r"/v2/embed", ("model",)),
    (r"/v[12]/rerank", ("query", "documents")),
    (r"/api/chat", ("model", "messages")),  # Ollama
    (r"/api/(?:generate|embeddings)", ("model", "prompt")),
    (r"/api/embed", ("model", "input")),
    (r"/models/[^/:]+/[^/:]+(?:/pipeline/[a-z-]+)?", ("inputs",)),  # Hugging Face
    (r"/(?:generate|generate_stream|embed)", ("inputs",)),
    (r"/rerank", ("query", "texts")),
)
"""How the paths of URLs end that generate, embed, rank or count, and the keys that their bodies have.

Those at the end of which a file is left to be fetched (images, batches) are not here.
"""

_ENDS = tuple((re.compile(f"{end}$"), keys) for end, keys in _PATHS)

_REFERENCES = frozenset(
    """
    previous_response_id conversation conversation_id container cachedContent cached_content mcp_servers
    connectors data_sources dataSources web_search_options agent_id search_parameters plugins background
    """.split()
)
"""Keys of a question that name what it does not carry; empty or false they name nothing."""

_SEARCHING = re.compile(r"\bsonar|\bcompound|search-(?:preview|api)|deep-research|:online$")
"""Models that look things up before they answer, by their names."""

_OWN_TOOLS = re.compile(
    r"custom|function|namespace|tool_search|local_shell|apply_patch|image_generation|computer.*"
    r"|(bash|text_editor|computer|memory|code_execution|tool_search_tool)_.+"
)
"""Types of tools that the agent runs, or that are run on nothing but the question."""

_OWN_KINDS = frozenset(
    """
    functionDeclarations function_declarations codeExecution code_execution computerUse computer_use
    toolSpec cachePoint
    """.split()
)
"""Keys of tools that have no type, as Google and Amazon have them."""

_HELD = ("messages", "input", "contents", "system", "systemInstruction", "system_instruction", "content")
"""Keys of a question under which things are said."""

_WITHIN = frozenset(
    """
    content parts output source image image_url document video audio fileData file_data file toolResult
    s3Location
    """.split()
)
"""Keys under which a part holds others; arguments and results of tools are not looked into."""

_LINKS = frozenset({"url", "uri", "image_url", "file_url", "fileUri", "file_uri"})
_FILE_BY_ID = re.compile(r"/v1(?:alpha|beta)?\d?/files/[^/]+$")
"""Google's way to write the id of a file."""


def is_reusable_request(request: Request) -> bool:
    """Whether `request` asks a model, and its answer depends on what it carries alone.

    One of which only the hash was kept is not: nobody knows what it names.
    """
    shapes = _list_shapes(request)
    if not shapes or request.omitted is not None:
        return False
    try:
        body = base.payload(base.decode_body(request))
        is_question = bool(body) and any(all(key in body for key in keys) for keys in shapes)
        return is_question and not _refers(body) and not _SEARCHING.search(_find_model(request, body))
    except (ValueError, RecursionError):
        return False


def asks_model(request: Request) -> bool:
    """Whether `request` goes, by its method and path, where a model answers; whatever it names."""
    return bool(_list_shapes(request))


def _list_shapes(request: Request) -> list[tuple[str, ...]]:
    """The keys that a question to this path has; several where paths are alike, none elsewhere."""
    if request.method.upper() != "POST":
        return []
    try:
        path = unquote(urlsplit(request.url).path.rstrip("/"))
    except ValueError:  # no URL at all
        return []
    return [keys for end, keys in _ENDS if end.search(path)]


def _find_model(request: Request, body: base.Payload) -> str:
    place = paths.place(request.url)
    return _json.string(body, "model") or (place.model if place else "")


def _refers(body: base.Payload) -> bool:
    """Whether a question names something that it does not carry."""
    if any(body.get(key) for key in _REFERENCES) or isinstance(body.get("prompt"), dict):
        return True
    if not all(map(_is_own_tool, _list_tools(body))):
        return True
    return any(_leads_away(value) for value in map(body.get, _HELD) if isinstance(value, dict | list))


def _list_tools(body: base.Payload) -> Iterator[object]:
    for owner in (body, _json.mapping(body, "toolConfig")):
        tools = owner.get("tools")
        yield from tools if isinstance(tools, list) else [] if tools is None else [tools]


def _is_own_tool(tool: object) -> bool:
    """Whether the agent runs it, or the vendor does on nothing but the question."""
    match tool:
        case {"type": "code_interpreter", "container": {"type": "auto"}}:
            return True
        case {"type": str(kind)}:
            return _OWN_TOOLS.fullmatch(kind) is not None
        case {"name": str()}:
            return True
        case dict():
            return tool.keys() <= _OWN_KINDS
        case _:
            return False


def _leads_away(value: object) -> bool:
    """Whether something that is said stands elsewhere: at a URL, or under the id of what was said before."""
    match value:
        case list():
            return any(map(_leads_away, value))
        case {"type": "item_reference"} | {"container_id": str()} | {"container": str()}:
            return True
        case dict():
            return any(
                (key in _LINKS and _is_link(inner)) or (key in _WITHIN and _leads_away(inner))
                for key, inner in value.items()
            )
        case _:
            return False


def _is_link(value: object) -> bool:
    if not isinstance(value, str):
        return _leads_away(value)
    return "://" in value[:32] and not value.startswith("data:") and not _FILE_BY_ID.search(value)
