"""What every program is given: a key, a system prompt, a task, and a tool that is a plain function."""

from __future__ import annotations

import os

KEY = os.environ.get("WEATHER_API_KEY", "not-a-real-key")
SYSTEM = "You are a guide who knows the weather."
TASK = "How warm is it in Faro, and in Lagos?"


def weather(city: str) -> str:
    """Tell how warm it is in a city.

    Args:
        city: The name of the city.
    """
    return f"{city} has {10 + len(city)} degrees"


SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "The name of the city."}},
    "required": ["city"],
}
"""The tool's parameters, for SDKs that want them spelled."""
DESCRIPTION = "Tell how warm it is in a city."
CHAT_TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": DESCRIPTION, "parameters": SCHEMA},
}
