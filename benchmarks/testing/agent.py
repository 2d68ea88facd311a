"""An agent on Anthropic's SDK that looks things up until its model is content. Copied beside the tests."""

from __future__ import annotations

import string
from typing import Any

SYSTEM = (
    "You plan journeys for people who travel by train. Look up every leg before you answer: departure, "
    "arrival, change and price. Never guess a time. If a connection leaves less than eight minutes to "
    "change, look for the next one. Prefer one operator for the whole journey, since a missed connection "
    "is then theirs to mend. Answer briefly, name the trains, and say what you could not find."
)
TOOLS = [
    {
        "name": "look_up",
        "description": "Look up one leg of a journey in the timetable.",
        "input_schema": {
            "type": "object",
            "properties": {
                "journey": {"type": "integer", "description": "The number of the journey."},
                "leg": {"type": "integer", "description": "The number of the leg, from 1."},
            },
            "required": ["journey", "leg"],
        },
    },
]
PAGE = 1_500  # bytes of a result
_LINES = "".join(
    f"{n % 24:02}:{n * 37 % 60:02} train {n * 7919 % 9973} from {string.ascii_uppercase[n % 26]}-town, "
    f"platform {n % 17 + 1}, {n * 31 % 97} places left\n"
    for n in range(2_000)
)


def look_up(journey: int, leg: int) -> str:
    """A page of the timetable, another one for each leg of each journey."""
    start = (journey * 7_919 + leg * 1_543) % (len(_LINES) - PAGE)
    return _LINES[start : start + PAGE]


def plan(client: Any, journey: int, legs: int) -> str:
    """What the model says of a journey, after so many questions."""
    task = f"Plan journey {journey} of {legs} legs, please."
    messages: list[dict[str, Any]] = [{"role": "user", "content": task}]
    while True:
        said = client.messages.create(
            model="claude-sonnet-4-6", max_tokens=1_024, system=SYSTEM, tools=TOOLS, messages=messages
        )
        calls = [block for block in said.content if block.type == "tool_use"]
        if not calls:
            return str(said.content[0].text)
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": look_up(**call.input)}
            for call in calls
        ]
        messages += [{"role": "assistant", "content": said.content}, {"role": "user", "content": results}]
