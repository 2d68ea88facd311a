"""Whose code a frame is in: the agent's own, or a library's. For errors that name a line, and for chance."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import PurePath
from types import FrameType

LIBRARIES = frozenset(
    """
    tracefork
    httpx httpx2 httpcore httpcore2 h11 h2 hpack anyio trio sniffio certifi truststore idna curl_cffi
    urllib3 requests aiohttp aiohappyeyeballs aiosignal frozenlist multidict yarl uvloop websockets grpc
    anthropic openai groq cohere google googleapiclient litellm mcp mistralai ollama huggingface_hub
    boto3 botocore s3transfer aiobotocore vertexai tiktoken tokenizers
    pydantic pydantic_core pydantic_settings attrs attr cattrs annotated_types typing_extensions
    msgspec orjson
    tenacity backoff stamina rich tqdm loguru structlog typer click dotenv jinja2
    opentelemetry langsmith langfuse sentry_sdk posthog datadog ddtrace logfire traceloop segment
    numpy pandas scipy torch distributed dask joblib sqlalchemy redis psycopg pytest _pytest pluggy hypothesis
    """.split()
)
"""Packages that serve an agent: what they do of themselves is none of its doing."""


@cache
def is_library(module: str) -> bool:
    """True if a module of this name is of the standard library, or of one of LIBRARIES."""
    root = module.partition(".")[0]
    return root in LIBRARIES or root in sys.stdlib_module_names


def is_of_agent(frame: FrameType) -> bool:
    """True if `frame` runs code that is neither a library's nor ours."""
    return not is_library(str(frame.f_globals.get("__name__", "")))


CLIENT_OF_TORNADO = "tornado.simple_httpclient"


def find_caller() -> str:
    """Return the package of the innermost frame that is neither the standard library's nor ours.

    tornado moves the bytes of others, and has a client of its own: that is called by its module.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    found = ""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        root = module.partition(".")[0]
        if module == CLIENT_OF_TORNADO:
            return module
        if not found and root != "tracefork" and root not in sys.stdlib_module_names:
            found = root
        if found and found != "tornado":
            return found
        frame = frame.f_back
    return found


def find_callsite(*, whole: bool = True) -> str:
    """Return `file.py:12 in name` of the innermost frame that is neither a library's nor ours.

    Unless `whole`, the file's path is cut to its last two parts: the rest is this machine's business.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  what `inspect` would do, at a tenth of the cost
    while frame is not None and not is_of_agent(frame):
        frame = frame.f_back
    if frame is None:
        return "a thread of a library's"
    file = frame.f_code.co_filename
    shown = file if whole else "/".join(PurePath(file).parts[-2:])
    return f"{shown}:{frame.f_lineno} in {frame.f_code.co_name}"
