"""OpenAI's chat completions and Responses APIs.

`build` makes answers, and its names are here; `read` reads questions and answers, `edit` changes answers.
"""

from __future__ import annotations

from .build import STATUS, Error, Message, ToolCall, WithText, error, is_chat, text, tool_call, with_text

__all__ = [
    "STATUS",
    "Error",
    "Message",
    "ToolCall",
    "WithText",
    "error",
    "is_chat",
    "text",
    "tool_call",
    "with_text",
]
