"""Conversations like those of real agents, seeded, from text that every machine has: the standard library."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


@cache
def texts() -> tuple[str, ...]:
    """The sources of the standard library's top level, sorted by name."""
    sources = sorted(Path(random.__file__).parent.glob("*.py"))
    return tuple(text for path in sources if len(text := path.read_text("utf-8", "replace")) > 400)


def piece(chance: random.Random, low: int = 500, high: int = 8000) -> str:
    """A piece of a real file, its length drawn log-uniformly from `low` to `high` characters."""
    size = int(math.exp(chance.uniform(math.log(low), math.log(high))))
    text = chance.choice(texts())
    start = chance.randrange(max(1, len(text) - size))
    return text[start : start + size]


def growth(turns: int, seed: int = 7) -> Iterator[tuple[Json, Json]]:
    """A conversation that only grows: for each turn its question and its answer, as Anthropic's payloads.

    At 50 turns a question holds 150 kB on average.
    """
    chance = random.Random(seed)
    tools = [
        {"name": f"tool_{n}", "description": piece(chance, 400, 900), "input_schema": {}} for n in range(12)
    ]
    opening = {"model": "claude", "max_tokens": 4096, "system": piece(chance, 6000, 9000), "tools": tools}
    messages: list[Json] = []
    for turn in range(turns):
        messages = [*messages, _said("user", piece(chance))]
        content = _said("assistant", piece(chance, 200, 1500))
        yield (
            {**opening, "messages": messages},
            {
                "id": f"msg_{turn}",
                "type": "message",
                "model": "claude",
                **content,
                "usage": {"output_tokens": turn},
            },
        )
        messages = [*messages, content]


def _said(role: str, text: str) -> Json:
    return {"role": role, "content": [{"type": "text", "text": text}]}
