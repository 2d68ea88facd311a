"""What an agent was given to do, read from the first question that it asks a model. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .messages import Message

NOT_USERS: Final = frozenset({"system", "developer", "assistant", "model", "chatbot", "tool", "function"})
"""Roles, in small letters, of those who give no task: who made the agent, models, and tools."""


def find_task(messages: Iterable[Message]) -> str:
    """Return the last words in `messages` that are nobody's but the user's; "" if there are none.

    An agent that puts context in front, as a message of its own, puts the task behind it.
    """
    words = [message.text for message in messages if message.role.casefold() not in NOT_USERS]
    return next((text for text in reversed(words) if text.strip()), "")
