"""Gemini's generateContent APIs.

`build` makes answers, and its names are here; `read` reads questions and answers, `edit` changes answers.
"""

from __future__ import annotations

from .build import STATUS, Error, FunctionCall, Message, WithText, error, text, tool_use, with_text

__all__ = ["STATUS", "Error", "FunctionCall", "Message", "WithText", "error", "text", "tool_use", "with_text"]
