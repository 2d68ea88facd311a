"""Where in the agent's own code a call comes from, for errors that have to name it."""

from __future__ import annotations

import sys
from types import FrameType

_OURS = frozenset(
    "tracefork httpx httpx2 httpcore httpcore2 anyio asyncio trio threading concurrent contextlib socket ssl "
    "urllib urllib3 requests http aiohttp aiohappyeyeballs selectors tenacity anthropic openai groq cohere "
    "google litellm mcp mistralai ollama boto3 botocore s3transfer".split()
)


def callsite() -> str:
    """Return `file.py:12 in name` of the innermost frame that is neither a library's nor ours."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  what `inspect` would do, at a tenth of the cost
    last = frame
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in _OURS:
            last = frame
            break
        frame = frame.f_back
    if last is None:
        return "an unknown place"
    return f"{last.f_code.co_filename}:{last.f_lineno} in {last.f_code.co_name}"
