"""Whether a question is the one that was recorded, but for what follows from one other answer. Pure.

Where one answer of a run is another, later questions repeat it: as a message, in a prompt, as the arguments
of a tool. A question with that in its place is still the recorded one; what tools gave may differ, since they
may have been called otherwise. One more turn, another tool, or other words make another question.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from attrs import evolve, field, frozen

from ...core.matching import Matcher
from ...core.values import Exchange, Request, Response
from ...providers import read

Tree: TypeAlias = object
"""JSON as Python has it."""

_RESULTS = {
    "role": {"tool": "content", "function": "content"},
    "type": {
        "tool_result": "content",
        "function_call_output": "output",
        "custom_tool_call_output": "output",
    },
}
"""Objects of questions that are results of tools, by a key and its value; and the key of what came."""

_HOLDERS = {"functionResponse": "response", "toolResult": "content"}
"""Keys of objects that are results of tools; and the key of what came."""


@frozen
class Change:
    """Texts of a recorded answer and JSON objects in it, each with what stands there in the other answer."""

    texts: Mapping[str, str] = field(factory=dict)
    trees: tuple[tuple[Tree, Tree], ...] = ()

    @classmethod
    def of(cls, recorded: Exchange, other: Exchange | None) -> Change:
        """Return what became of the answer of `recorded` in `other`; nothing if that has not come."""
        if other is None:
            return cls()
        pairs = dict(_pair_texts(_read_tree(recorded), _read_tree(other)))
        before, after = read.completion(recorded), read.completion(other)
        trees = []
        if before is not None and after is not None:
            pairs[before.text] = after.text
            pairs[before.text.strip()] = after.text.strip()
            for one, two in zip(before.calls, after.calls, strict=False):
                pairs |= {one.arguments: two.arguments, one.id: two.id}
                trees.append((_parse(one.arguments), _parse(two.arguments)))
                pairs |= dict(_pair_texts(*trees[-1]))
        return cls({old: new for old, new in pairs.items() if old and old != new}, tuple(trees))

    def apply(self, text: str) -> str:
        """Return `text` with each text of the recorded answer replaced, the longest first."""
        if not self.texts:
            return text
        longest = sorted(self.texts, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, longest)), lambda found: self.texts[found[0]], text)


def is_aligned(recorded: Request, live: Request, change: Change, matcher: Matcher) -> bool:
    """True if `live` is the question `recorded` with `change` made to it, as far as `matcher` compares."""
    if matcher(recorded) == matcher(live):
        return True
    if recorded.omitted or live.omitted:
        return False
    url = _choose_text(recorded.url, live.url, change)
    try:
        before, after = json.loads(recorded.body), json.loads(live.body)
        expected, given = _write(_expect(before, after, change)), _write(after)
    except (ValueError, RecursionError):
        one, other = (request.body.decode("utf-8", "surrogateescape") for request in (recorded, live))
        expected, given = _choose_text(one, other, change).encode("utf-8", "surrogateescape"), live.body
    return matcher(evolve(recorded, url=url, body=expected)) == matcher(evolve(live, body=given))


def _expect(recorded: Tree, live: Tree, change: Change) -> Tree:
    """The recorded part of a question, with that of the live one where it may differ."""
    if any(recorded == old and live == new for old, new in change.trees):
        return live
    match recorded, live:
        case str(), str():
            return _choose_text(recorded, live, change)
        case list(), list() if len(recorded) == len(live):
            return [_expect(one, other, change) for one, other in zip(recorded, live, strict=True)]
        case dict(), dict() if recorded.keys() == live.keys():
            free = _find_free(recorded)
            return {
                key: live[key] if key in free else _expect(value, live[key], change)
                for key, value in recorded.items()
            } | {key: _free(recorded[key], live[key], _HOLDERS[key]) for key in _HOLDERS.keys() & live.keys()}
        case _:
            return recorded


def _find_free(node: Mapping[str, Tree]) -> frozenset[str]:
    """The keys of a result of a tool under which is what came."""
    found = (_RESULTS[key].get(value) for key in _RESULTS if isinstance(value := node.get(key), str))
    return frozenset(filter(None, found))


def _free(recorded: Tree, live: Tree, key: str) -> Tree:
    """A recorded result of a tool with what came in the live one."""
    if isinstance(recorded, dict) and isinstance(live, dict) and key in live:
        return {**recorded, key: live[key]}
    return recorded


def _choose_text(recorded: str, live: str, change: Change) -> str:
    changed = change.apply(recorded)
    return changed if changed == live else recorded


def _pair_texts(one: Tree, other: Tree) -> Iterator[tuple[str, str]]:
    """The texts at equal places of two trees."""
    match one, other:
        case str(), str():
            yield one, other
        case list(), list():
            for left, right in zip(one, other, strict=False):
                yield from _pair_texts(left, right)
        case dict(), dict():
            for key in one.keys() & other.keys():
                yield from _pair_texts(one[key], other[key])


def _read_tree(exchange: Exchange) -> Tree:
    """The body of the answer as JSON; as text where it is none."""
    answer = exchange.answer
    if not isinstance(answer, Response):
        return None
    text = answer.body.decode("utf-8", "replace")
    tree = _parse(text)
    return text if tree is None else tree


def _parse(text: str) -> Tree:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _write(tree: Tree) -> bytes:
    return json.dumps(tree, sort_keys=True).encode()
