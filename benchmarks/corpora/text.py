"""Text that every machine has, the standard library's sources, and pieces of it as chance says."""

from __future__ import annotations

import json
import math
import random
import re
import string
from functools import cache
from pathlib import Path

_LETTERS = string.digits + string.ascii_letters


@cache
def texts() -> tuple[str, ...]:
    """The sources of the standard library's top level, sorted by name."""
    sources = sorted(Path(random.__file__).parent.glob("*.py"))
    return tuple(text for path in sources if len(text := path.read_text("utf-8", "replace")) > 400)


@cache
def _paragraphs() -> tuple[str, ...]:
    found = (match for text in texts() for match in re.findall(r'"""(.{80,1500}?)"""', text, re.DOTALL))
    return tuple(" ".join(paragraph.split()) for paragraph in found)


def piece(chance: random.Random, low: int = 500, high: int = 8000) -> str:
    """A piece of a real file, its length drawn log-uniformly from `low` to `high` characters."""
    size = int(math.exp(chance.uniform(math.log(low), math.log(high))))
    text = chance.choice(texts())
    start = chance.randrange(max(1, len(text) - size))
    return text[start : start + size]


def shown(chance: random.Random) -> str:
    """What a tool shows of a file: a piece, in every other case with numbered lines."""
    text = piece(chance, 500, 6000)
    if chance.random() < 0.5:
        return text
    lines = text.split("\n")
    return "\n".join(f"{n:6d}\t{line}" for n, line in enumerate(lines, chance.randrange(1, 400)))


def prose(chance: random.Random, size: int) -> str:
    """`size` characters of paragraphs that people wrote."""
    found, length = list[str](), 0
    while length < size:
        found.append(chance.choice(_paragraphs()))
        length += len(found[-1]) + 1
    return " ".join(found)[:size]


def name(chance: random.Random, prefix: str, size: int = 22) -> str:
    """An id as vendors make them: no two are alike."""
    return prefix + "".join(chance.choices(_LETTERS, k=size))


def digits(chance: random.Random, size: int) -> str:
    """Hexadecimal digits."""
    return f"{chance.getrandbits(4 * size):0{size}x}"


def compact(value: object) -> bytes:
    """JSON as SDKs send it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
