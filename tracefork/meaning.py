"""
What of a question and of an answer is meant, and what is an id, a time or a count. Pure.

Rules: an id counts only where it refers to something: an id that the left run has where the right
run has another stands for it from then on, and an id that refers to something else is a difference.
What a tool is called with, and what a schema says, is meant to the letter. A vendor that we know is
compared by what its readers read, so a stream says the same as one whole answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from attrs import define, field

from .codec.content import decoded, is_encoded
from .core.diff import bodies
from .core.matching import meaningful, normalised
from .core.trees import NOTHING, Forgive, Place, find_places
from .core.values import Exchange, Fault, Request, Response
from .providers import paths, read, sse
from .providers.messages import Completion, Message, Other, Part, Text, Thinking, ToolCall, ToolResult

_TIMES = frozenset(
    "created created_at createdAt created_time createTime completed_at expires_at updated_at timestamp"
    " system_fingerprint request_id requestId _request_id trace_id traceId x_groq date".split()
)
"""Keys of what differs between any two answers, whoever gives them."""

_COUNTS = frozenset(
    "usage usageMetadata usage_metadata service_tier serviceTier logprobs avgLogprobs obfuscation"
    " prompt_filter_results content_filter_results signature thoughtSignature encrypted_content".split()
)
"""Keys of what a vendor counts, measures and signs."""

_STREAMED = frozenset({"$.stream", "$.stream_options"})
"""How an answer is to come, which is no part of what is asked."""

_REFERENCES = frozenset(
    "id call_id callId item_id tool_call_id toolCallId tool_use_id previous_response_id responseId"
    " response_id message_id parent_message_id".split()
)
"""Keys of ids of what was said, or called."""

_LITERAL = re.compile(
    r"\.(?:args|arguments|parameters|parametersJsonSchema|schema|input_schema|json_schema|response|input)(?:\.|\[')"
)
"""Whatever lies below one of these is meant to the letter: arguments, results, schemas."""

_OPAQUE = re.compile(r"(?=[\w.:-]*\d)[\w.:-]{8,}")  # what nobody would choose for a name
_WORDS = re.compile(r"[\w-]+")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@define
class Ids:
    """Which ids of the left run stand for which of the right."""

    pairs: set[tuple[object, object]] = field(factory=set)
    left: set[object] = field(factory=set)
    right: set[object] = field(factory=set)

    def pair(self, left: object, right: object) -> None:
        """From here on `left` stands for `right`."""
        self.pairs.add((left, right))
        self.left.add(left)
        self.right.add(right)

    def refer(self, left: object, right: object) -> bool:
        """Whether two ids that are asked with stand for one thing; two that nobody has met do from now on."""
        if left == right or (left, right) in self.pairs:
            return True
        if left in self.left or right in self.right:
            return False
        self.pair(left, right)
        return True

    def correspond(self, left: str, right: str) -> bool:
        """Whether two texts are one but for ids that stand for each other."""
        if not self.pairs or _WORDS.sub("", left) != _WORDS.sub("", right):
            return False
        words = zip(_WORDS.findall(left), _WORDS.findall(right), strict=True)
        return all(one == other or (one, other) in self.pairs for one, other in words)

    # -- what is forgiven ------------------------------------------------------------

    def in_value(self, path: str, key: str, left: object, right: object) -> bool:  # noqa: ARG002  as Forgive
        """Forgive ids that stand for each other, and numbers that are spelled otherwise."""
        if _is_same(left, right):
            return True
        return isinstance(left, str) and isinstance(right, str) and self._is_one(left, right)

    def in_question(self, path: str, key: str, left: object, right: object) -> bool:
        """Forgive ids that correspond, times, and the wish for a stream, in a question to a vendor."""
        if path in _STREAMED:
            return True
        if self.in_value(path, key, left, right):
            return True
        if _LITERAL.search(path):
            return False
        if key in _REFERENCES and _is_id(left) and _is_id(right):
            return self.refer(left, right)
        return key in _TIMES or key in _COUNTS

    def in_strange_question(self, path: str, key: str, left: object, right: object) -> bool:
        """As `in_question`, where the vendor is unknown: ids are what looks like one."""
        if self.in_value(path, key, left, right):
            return True
        if key in _TIMES or path == "$.id":
            return True
        return key in _REFERENCES and _is_opaque(left) and _is_opaque(right) and self.refer(left, right)

    def in_answer(self, path: str, key: str, left: object, right: object) -> bool:
        """Forgive ids, times and counts in an answer of a vendor."""
        if self.in_value(path, key, left, right):
            return True
        if _LITERAL.search(path):
            return False
        if key in _REFERENCES and _is_id(left) and _is_id(right):
            self.pair(left, right)
            return True
        return key in _TIMES or key in _COUNTS

    def in_strange_answer(self, path: str, key: str, left: object, right: object) -> bool:
        """As `in_answer`, where the vendor is unknown: the id of the whole, and ids that look like one."""
        if self.in_value(path, key, left, right):
            return True
        if key in _REFERENCES and (path == f"response.{key}" or (_is_opaque(left) and _is_opaque(right))):
            self.pair(left, right)
            return True
        return key in _TIMES

    def _is_one(self, left: str, right: str) -> bool:
        """Whether two texts that differ are the same JSON, or the same but for ids."""
        if self.correspond(left, right):
            return True
        return (
            left[:1] == right[:1] == "{"
            and read_json(left) is not None
            and read_json(left) == read_json(right)
        )


def but_ids(path: str, key: str, left: object, right: object) -> bool:
    """Forgive all ids and times: what is left tells whether two elements of a list are one."""
    if _is_same(left, right) or path in _STREAMED:
        return True
    if _LITERAL.search(path):
        return False
    return key in _TIMES or key in _COUNTS or (key in _REFERENCES and _is_id(left) and _is_id(right))


# -- questions ---------------------------------------------------------------------


def compare_questions(left: Request, right: Request, ids: Ids) -> Iterator[Place]:
    """Give where two questions to a server do not mean the same."""
    known = read.api(left) is not None and read.api(left) is read.api(right)
    if left.method != right.method:
        yield Place("method", left.method, right.method)
    ours, theirs = (_address(request, known=known) for request in (left, right))
    if ours != theirs and not ids.correspond(*map(str, (ours, theirs))):
        yield Place("url", left.url, right.url)
    ours, theirs = (dict(meaningful(request.headers)) for request in (left, right))
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield Place(f"headers.{name}", ours.get(name, NOTHING), theirs.get(name, NOTHING))
    forgive = ids.in_question if known else ids.in_strange_question
    yield from _compare_bodies(normalised(left), normalised(right), "$", forgive)


def _address(request: Request, *, known: bool) -> object:
    """The URL as far as it says what is asked: without a port of this machine, or the wish for a stream."""
    try:
        url = urlsplit(request.url)
        host = url.hostname if url.hostname in _LOOPBACK else url.netloc
        place = paths.place(request.url) if known else None
        query = sorted(
            pair for pair in parse_qsl(url.query, keep_blank_values=True) if not known or pair[0] != "alt"
        )
    except ValueError:
        return request.url
    if place and place.verb:
        return url.scheme, host, place.api, place.model, query
    return url.scheme, host, url.path, query


# -- answers -----------------------------------------------------------------------


def compare_answers(left: Exchange, right: Exchange, ids: Ids) -> Iterator[Place]:
    """Give where two answers of a server do not say the same."""
    ours, theirs = left.answer, right.answer
    if isinstance(ours, Fault) or isinstance(theirs, Fault):
        if ours != theirs:
            yield Place("answer", _fault(ours), _fault(theirs))
        return
    if ours.status != theirs.status:
        yield Place("response.status", ours.status, theirs.status)
    broken = [isinstance(one.end, Fault) for one in (ours, theirs)]
    if broken[0] != broken[1]:
        yield Place("response.end", _fault(ours.end), _fault(theirs.end))
    said = [read.completion(one) for one in (left, right)]
    if said[0] is None or said[1] is None:
        yield from _compare_bodies(ours, theirs, "response", ids.in_strange_answer)
        return
    found = list(find_places(_reduce(said[0]), _reduce(said[1]), "response", ids.in_answer, alike=but_ids))
    if found:  # in the words of the vendor, where both are in one piece
        trees = [read_json(_plain(one)) for one in (ours, theirs)]
        if all(isinstance(tree, dict) for tree in trees):
            found = list(find_places(trees[0], trees[1], "response", ids.in_answer, alike=but_ids)) or found
    yield from found


def _reduce(said: Completion | None) -> object:
    """A completion as JSON: what a model said, and neither how it came nor what it cost."""
    if said is None:
        return None
    return {
        "model": said.model,
        "choices": [
            {"role": c.message.role, "stop_reason": c.stop_reason, "parts": _join(c.message)}
            for c in said.choices
        ],
        "failure": [said.failure.type, said.failure.message] if said.failure else None,
        "complete": said.complete,
    }


def _join(message: Message) -> list[object]:
    """The parts of a message, texts beside each other as one: where a server cuts them says nothing."""
    found = list[tuple[str, list[str] | object]]()
    for part in message.parts:
        if isinstance(part, Text | Thinking):
            kind = "text" if isinstance(part, Text) else "thinking"
            if part.text and found and found[-1][0] == kind and isinstance(found[-1][1], list):
                found[-1][1].append(part.text)
            elif part.text:
                found.append((kind, [part.text]))
        else:
            found.append(("", _part(part)))
    return [{kind: "".join(said)} if kind and isinstance(said, list) else said for kind, said in found]


def _part(part: Part) -> object:
    match part:
        case ToolCall(call_id, name, arguments):
            value = read_json(arguments)
            return {"id": call_id, "call": name, "arguments": arguments if value is None else value}
        case ToolResult(call_id, _, name, is_error):
            inner = _join(Message("", part.parts))
            return {"tool_call_id": call_id, "name": name, "result": inner, "is_error": is_error}
        case Other(kind, text):
            return {"other": kind, "value": read_json(text)}
        case _:
            return repr(part)


def _fault(answer: object) -> str:
    match answer:
        case Fault(kind, message):
            return f"{kind}: {message}"
        case Response(status=status):
            return f"status {status}"
        case _:
            return str(answer)


def compare_texts(left: str, right: str, path: str, ids: Ids) -> Iterator[Place]:
    """Give where two JSON texts, of what a tool is called with or gave, do not say the same."""
    values = read_json(left), read_json(right)
    if None not in values:
        yield from find_places(*values, path, ids.in_value, alike=ids.in_value)
    elif left != right and not ids.correspond(left, right):
        yield Place(path, left, right)


# -- bodies ------------------------------------------------------------------------


def _compare_bodies(
    left: Request | Response, right: Request | Response, path: str, forgive: Forgive
) -> Iterator[Place]:
    if left.omitted or right.omitted:
        if left.omitted != right.omitted:
            yield Place("body" if path == "$" else path, repr(left.omitted), repr(right.omitted))
        return
    ours, theirs = _plain(left), _plain(right)
    if ours == theirs:
        return
    trees = _values(left, ours), _values(right, theirs)
    try:
        if trees[0] is not None and trees[1] is not None:
            yield from find_places(*trees, path, forgive, alike=but_ids)
            return
    except RecursionError:
        pass
    if found := bodies(ours, theirs, path):
        yield Place(found.path, Quoted(found.recorded), Quoted(found.asked))


class Quoted(str):
    """Text that is cut and quoted already, and shown as it is."""

    __slots__ = ()


def _plain(message: Request | Response) -> bytes:
    """The body with its content-encoding undone, as it is where that cannot be."""
    if not is_encoded(message.headers):
        return message.body
    chunks = (message.body,) if isinstance(message, Request) else message.chunks
    pieces = decoded(message.headers, chunks)
    return message.body if pieces is None else b"".join(pieces)


def _values(message: Request | Response, body: bytes) -> object | None:
    """The JSON of a body, that of each event of a stream; None where there is none."""
    kind = next((value for name, value in message.headers if name.lower() == "content-type"), "")
    if "event-stream" in kind.lower():
        return [[event.event, read_json(event.data) or event.data] for event in sse.events(body)]
    return read_json(body)


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
