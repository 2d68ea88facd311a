"""Whose code a frame is in: the agent's own, or a library's.

For the lines that steps and errors name, for tracebacks, and for chance.
"""

from __future__ import annotations

import os
import sys
import traceback
from functools import cache
from pathlib import PurePath
from types import FrameType
from typing import Final

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


INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
"""Folders in which is what others wrote."""

LONGEST: Final = 400
"""Characters of a path that are looked at: of a longer one the last."""

_PACKAGE = PurePath(__file__).parents[1]

MOST: Final = 16_000
"""Characters of a traceback that are kept: of a longer one the beginning and, twice as much, the end."""

_Where = tuple[str, bool]  # how a file is shown, and whether it is the agent's own for sure
_known: dict[tuple[str, str], _Where | None] = {}  # by working folder and file; None of a library's
_MOST_KNOWN: Final = 20_000


def find_site() -> str:
    """Return `agent.py:12 in plan`, the agent's innermost line on this thread's stack; "" if there is none.

    What is installed is not the agent's own: its line is returned where the stack has no other.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  as above
    installed, folder = "", find_folder()
    while frame is not None:
        file = folder, frame.f_code.co_filename
        found = _known[file] if file in _known else _look_at(frame, folder)
        if found is not None:
            site = f"{found[0]}:{frame.f_lineno} in {frame.f_code.co_name}"
            if found[1]:
                return site
            installed = installed or site
        frame = frame.f_back
    return installed


def format_traceback(exc: BaseException) -> str:
    """Return the whole traceback of `exc` and its causes, paths as in `find_site`: see `cut_traceback`."""
    folder = find_folder()
    try:
        made = traceback.TracebackException.from_exception(exc, limit=-60)
        _shorten_paths(made, folder)
        return "".join(made.format())
    except Exception:  # noqa: BLE001  whatever classes of the agent's do when they are printed
        frames = traceback.extract_tb(exc.__traceback__, limit=-60)
        _shorten_frames(frames, folder)
        return f"{''.join(traceback.format_list(frames))}{type(exc).__qualname__}, which cannot be printed\n"


def cut_traceback(text: str) -> str:
    """Return at most `MOST` characters of a traceback: its beginning, and twice as much of its end.

    Secrets are taken out before: of one that is cut nobody knows any more that it is one.
    """
    if len(text) <= MOST:
        return text
    left_out = f"\n ... {len(text) - MOST:,} characters are left out ...\n"
    return text[: MOST // 3] + left_out + text[-MOST * 2 // 3 :]


def _look_at(frame: FrameType, folder: str) -> _Where | None:
    file = frame.f_code.co_filename
    found: _Where | None = None
    if is_of_agent(frame):
        found = show_file(file, folder), INSTALLED.isdisjoint(PurePath(file).parts)
    if not file.startswith("<") and len(_known) < _MOST_KNOWN:  # such a name is that of many codes
        _known[folder, file] = found
    return found


def find_folder() -> str:
    """Return the working folder; "" where it is gone."""
    try:
        return os.getcwd()  # noqa: PTH109  a quarter of the cost
    except OSError:
        return ""


def show_file(file: str, folder: str) -> str:
    """Return the path of `file` from the working `folder`, or the last two parts of it."""
    path = PurePath(file if len(file) <= LONGEST else f"…{file[-LONGEST:]}")
    try:
        return path.relative_to(folder).as_posix() if folder else "/".join(path.parts[-2:])
    except ValueError:
        return "/".join(path.parts[-2:]) if path.is_absolute() else path.as_posix()


def _shorten_paths(made: traceback.TracebackException, folder: str) -> None:
    """Shorten the paths of a traceback, of its causes, and of what groups hold."""
    seen, left = set[int](), [made]
    while left:
        one = left.pop()
        if id(one) not in seen:
            seen.add(id(one))
            _shorten_frames(one.stack, folder)
            others = (one.__cause__, one.__context__, *(one.exceptions or ()))
            left += [other for other in others if other is not None]


def _shorten_frames(stack: traceback.StackSummary, folder: str) -> None:
    own = [summary for summary in stack[:-1] if _PACKAGE in PurePath(summary.filename).parents]
    for summary in own:  # between the agent and its tools: no line of anybody's who reads this
        stack.remove(summary)
    for summary in stack:
        summary.line  # noqa: B018  is looked up by the path that the file has
        summary.filename = show_file(summary.filename, folder)
