"""
Pairs the ids of two runs, and ignores ids, times and counts where their JSON is compared. Pure.

Rules: an id counts only where it refers to something: an id that the left run has where the right
run has another stands for it from then on, and an id that refers to something else is a difference.
What a tool is called with, what a schema says, and what a server is asked that is no model's, is meant
to the letter, but for ids that stand for each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from attrs import define, field

from ...core.trees import NOTHING, find_places

_REQUESTS = frozenset("request_id requestId _request_id trace_id traceId".split())
"""Keys of what names a request, wherever it goes."""

_TIMES = _REQUESTS | frozenset(
    "created created_at createdAt created_time createTime completed_at expires_at updated_at timestamp"
    " system_fingerprint x_groq".split()
)
"""Keys of what differs between any two answers, whoever gives them."""

_COUNTS = frozenset(
    "usage usageMetadata usage_metadata service_tier serviceTier logprobs avgLogprobs obfuscation"
    " prompt_filter_results content_filter_results signature thoughtSignature encrypted_content"
    " metrics total_duration load_duration eval_count eval_duration prompt_eval_count"
    " prompt_eval_duration".split()
)
"""Keys of what a vendor counts, measures and signs."""

_STREAMED = frozenset({"$.stream", "$.stream_options"})
"""How an answer is to come, which is no part of what is asked."""

_REFERENCES = frozenset(
    "id call_id callId item_id tool_call_id toolCallId tool_use_id toolUseId previous_response_id responseId"
    " response_id message_id parent_message_id".split()
)
"""Keys of ids of what was said, or called."""

_LITERALS = frozenset(
    "args arguments parameters parametersJsonSchema schema input_schema inputSchema json_schema"
    " responseSchema response input json data structuredContent".split()
)
"""Whatever lies below one of these is meant to the letter: arguments, results, schemas, documents."""

_LITERAL = re.compile(rf"\.(?:{'|'.join(sorted(_LITERALS))})(?:\.|\[')")
_HISTORY = re.compile(r"\$\.(?:messages|input|contents|history)\[")
_TOP = re.compile(r"response(?:\[\d+\]\[1\])?\.\w+")

_NO_ID = (None, NOTHING, "")
_ELEMENT = re.compile(r"\$\.\w+\[\d+\]")
_OPAQUE = re.compile(r"(?=[\w.:-]*\d)[\w.:-]{8,}")  # what nobody would choose for a name
_WORDS = re.compile(r"([\w-]+)")
_NAME = re.compile(r"(?=.*\d)(?=.*[A-Za-z_-])[\w-]{4,}|\d{8,}")  # an id that is no word and no number
_LONG = 1 << 20  # characters of a text in which ids are looked for


@define
class Ids:
    """Which ids of the left run stand for which of the right."""

    pairs: set[tuple[object, object]] = field(factory=set)
    left: set[object] = field(factory=set)
    right: set[object] = field(factory=set)
    seen: set[int] = field(factory=set)

    def pair(self, left: object, right: object) -> None:
        """From here on `left` stands for `right`; where one has no id, nothing does."""
        if left in _NO_ID or right in _NO_ID:
            return
        self.pairs.add((left, right))
        self.left.add(left)
        self.right.add(right)

    def refer(self, left: object, right: object) -> bool:
        """Whether two ids that are asked with stand for one thing; two that nobody has met do from now on."""
        if (left, right) in self.pairs or left in _NO_ID or right in _NO_ID:
            return True
        if left in self.left or right in self.right:
            return False
        self.pair(left, right)
        return True

    def correspond(self, left: str, right: str) -> bool:
        """Whether two texts are one but for ids that stand for each other."""
        if not self.pairs or len(left) > _LONG:
            return False
        ours, theirs = _WORDS.split(left), _WORDS.split(right)
        if len(ours) != len(theirs):
            return False
        words = zip(ours, theirs, strict=True)
        return all(one == other or self._stands_for(one, other) for one, other in words)

    def _stands_for(self, one: str, other: str) -> bool:
        """Whether two words are such ids; a number that is one, or a word, says something in a text."""
        return (one, other) in self.pairs and bool(_NAME.fullmatch(one) and _NAME.fullmatch(other))

    # -- what is forgiven ------------------------------------------------------------

    def in_value(self, path: str, key: str, left: object, right: object) -> bool:  # noqa: ARG002  as Forgive
        """Forgive ids that stand for each other, and numbers that are spelled otherwise."""
        if _is_same(left, right):
            return True
        return isinstance(left, str) and isinstance(right, str) and self._is_one(left, right)

    def in_question(self, path: str, key: str, left: object, right: object) -> bool:
        """Forgive ids that correspond, times, and the wish for a stream, in a question to a vendor."""
        if path in _STREAMED or self._was_seen(path, left, right):
            return True
        is_literal = _LITERAL.search(path) is not None
        if not is_literal:
            if path != "$":  # of questions that are equal throughout, each has all that its ids refer to
                self._note(left, right)
            if key in _REFERENCES and _is_id(left) and _is_id(right):
                is_known = key != "id" or _HISTORY.match(path) is not None  # else it names what is asked for
                return self.refer(left, right) if is_known else left == right or (left, right) in self.pairs
        if self.in_value(path, key, left, right):
            return True
        return not is_literal and (key in _TIMES or key in _COUNTS)

    def in_strange_question(self, path: str, key: str, left: object, right: object) -> bool:
        """As `in_question`, where the vendor is unknown: ids are those that stand for each other already."""
        return (
            self.in_value(path, key, left, right)
            or key in _REQUESTS
            or self._was_seen(path, left, right)
            or (key in _REFERENCES and _is_id(left) and (left, right) in self.pairs)
        )

    def in_rpc(self, path: str, key: str, left: object, right: object) -> bool:
        """As `in_strange_question`, of a call by JSON-RPC, which has a number."""
        return path == "$.id" or self.in_strange_question(path, key, left, right)

    def in_answer(self, path: str, key: str, left: object, right: object) -> bool:
        """Forgive ids, times and counts in an answer of a vendor."""
        is_literal = _LITERAL.search(path) is not None
        if not is_literal:
            self._note(left, right)
            if key in _REFERENCES and _is_id(left) and _is_id(right):
                self.pair(left, right)
                return True
        if self.in_value(path, key, left, right):
            return True
        return not is_literal and (key in _TIMES or key in _COUNTS)

    def in_strange_answer(self, path: str, key: str, left: object, right: object) -> bool:
        """As `in_answer`, where the vendor is unknown: the id of the whole, and ids that look like one."""
        if self.in_value(path, key, left, right):
            return True
        if key in _REFERENCES and (path == f"response.{key}" or (_is_opaque(left) and _is_opaque(right))):
            self.pair(left, right)
            return True
        return key in _REQUESTS or (key in _TIMES and _TOP.fullmatch(path) is not None)

    def _note(self, left: object, right: object) -> None:
        """Note the ids of two trees that are equal, which nobody looks into: each stands for itself."""
        if isinstance(left, dict | list) and left == right:
            for one in _list_ids(left):
                self.pair(one, one)

    def _was_seen(self, path: str, left: object, right: object) -> bool:
        """Whether an element of a history was compared at this place before: each question sends it again."""
        if not _ELEMENT.fullmatch(path):
            return False
        here = hash((path, repr(left), repr(right)))  # a hash: a history may be long
        if here in self.seen:
            return True
        self.seen.add(here)
        return False

    def _is_one(self, left: str, right: str) -> bool:
        """Whether two texts that differ are the same JSON, or the same but for ids."""
        if self.correspond(left, right):
            return True
        if left[:1] != right[:1] or left[:1] not in ("{", "["):
            return False
        values = read_json(left), read_json(right)
        return None not in values and next(find_places(*values, forgive=_but_spelling), None) is None


def but_ids(path: str, key: str, left: object, right: object) -> bool:
    """Forgive all ids and times: what is left tells whether two elements of a list are one."""
    if _is_same(left, right) or path in _STREAMED:
        return True
    if _LITERAL.search(path):
        return False
    return key in _TIMES or key in _COUNTS or (key in _REFERENCES and _is_id(left) and _is_id(right))


def _but_spelling(path: str, key: str, left: object, right: object) -> bool:  # noqa: ARG001  as Forgive
    return _is_same(left, right)


def _list_ids(tree: object) -> Iterator[str | int]:
    """The ids of a tree, but for those that are meant to the letter."""
    left = [tree]
    while left:
        match left.pop():
            case dict() as owner:
                for key, value in owner.items():
                    if key in _REFERENCES and isinstance(value, str | int):
                        yield value
                    elif key not in _LITERALS:
                        left.append(value)
            case list() as several:
                left += several
            case _:
                pass


def read_json(text: str | bytes) -> object | None:
    """The JSON value, or None where there is none."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def _is_same(left: object, right: object) -> bool:
    """Whether two numbers are one, however they are spelled: 0 and 0.0."""
    return _is_number(left) and _is_number(right) and left == right


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_id(value: object) -> bool:
    return value is None or value is NOTHING or (isinstance(value, str | int) and not isinstance(value, bool))


def _is_opaque(value: object) -> bool:
    return isinstance(value, str) and _OPAQUE.fullmatch(value) is not None
