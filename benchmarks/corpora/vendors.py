"""What every vendor has: encoded messages, tools, headers that SDKs share.

Messages are encoded once and joined to bodies, as bytes: an SDK would give the same,
and a run of gigabytes would take minutes.
"""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, TypeAlias

from attrs import frozen

from . import text
from .text import compact

Json: TypeAlias = dict[str, Any]
Headers: TypeAlias = tuple[tuple[str, str], ...]


@frozen
class Message:
    """An encoded message, cut where a cache marker may stand."""

    before: bytes
    after: bytes
    clears: bytes = b""
    """What stands for `before` once old results are cleared; empty for other messages."""

    @property
    def cleared(self) -> Message:
        return Message(self.clears, self.after) if self.clears else self


@frozen
class ToolCall:
    id: str
    name: str
    arguments: Json


@frozen
class Opening:
    """What every question of a conversation repeats: `stamp` is new in each, in front of `system`."""

    system: str
    tools: tuple[Json, ...]
    stamp: str = ""


class Vendor(ABC):
    """Encodes one vendor's traffic."""

    url: str
    marker = b""
    calls = "toolu_01"

    @abstractmethod
    def fields(self, opening: Opening, messages: bytes, *, marked: bool) -> dict[str, bytes]:
        """The fields of a body, encoded, in the order in which the SDK sends them."""

    @abstractmethod
    def user(self, words: str) -> Message: ...

    @abstractmethod
    def assistant(self, words: str, call: ToolCall) -> Message: ...

    @abstractmethod
    def result(self, call: ToolCall, shown: str | bytes) -> Message:
        """The result of a tool: text, or the bytes of an image."""

    @abstractmethod
    def events(self, chance: random.Random, at: float, words: str, call: ToolCall) -> Iterator[bytes]:
        """The answer as a stream of server-sent events."""

    @abstractmethod
    def asked(self, size: int) -> Headers:
        """Request headers; only the length of the body changes from call to call."""

    @abstractmethod
    def headed(self, chance: random.Random, at: float) -> Headers:
        """Response headers, of which a handful change from call to call."""


def tools(chance: random.Random, size: int) -> tuple[Json, ...]:
    """Definitions of tools that are about `size` bytes of JSON, as Anthropic has them."""
    names = "read_file write_file bash grep glob edit fetch todo task list_dir run_tests sql plan".split()
    keys = "path pattern command timeout limit offset content query url cwd".split()
    made = list[Json]()
    while len(compact(made)) < size:
        turn, place = divmod(len(made), len(names))
        properties = {
            key: {
                "type": chance.choice(["string", "integer", "boolean"]),
                "description": text.prose(chance, chance.randrange(30, 120)),
            }
            for key in chance.sample(keys, chance.randrange(1, 5))
        }
        made.append(
            {
                "name": names[place] + (str(turn) if turn else ""),
                "description": text.prose(chance, chance.randrange(200, 1200)),
                "input_schema": {
                    "type": "object",
                    "properties": properties,
                    "required": list(properties)[:1],
                },
            }
        )
    return tuple(made)


STAINLESS = (
    ("x-stainless-lang", "python"),
    ("x-stainless-package-version", "0.71.0"),
    ("x-stainless-os", "Linux"),
    ("x-stainless-arch", "x64"),
    ("x-stainless-runtime", "CPython"),
    ("x-stainless-runtime-version", "3.11.7"),
    ("x-stainless-async", "false"),
    ("x-stainless-retry-count", "0"),
    ("x-stainless-read-timeout", "600"),
)
KEPT_ALIVE = (
    ("accept", "application/json"),
    ("accept-encoding", "gzip, deflate"),
    ("connection", "keep-alive"),
)


def date(at: float) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(at))


def iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def pieces(chance: random.Random, words: str) -> Iterator[str]:
    """Some tokens at a time, as models speak."""
    at = 0
    while at < len(words):
        size = max(1, round(chance.gauss(20, 11)))
        yield words[at : at + size]
        at += size
