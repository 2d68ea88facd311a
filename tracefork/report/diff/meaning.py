"""
Compares two questions or two answers by meaning, place by place. Pure.

A vendor that we know is compared by what its readers read, so a stream says the same as one
whole answer; ids, times and counts are for `ids`.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from ...core.content_encoding import decode_body, is_encoded
from ...core.diff import diff_bodies
from ...core.matching import normalise, select_headers
from ...core.trees import NOTHING, Forgive, Place, find_places
from ...core.values import Exchange, Fault, Request, Response
from ...providers import paths, read, sse
from ...providers.messages import Completion, Message, Other, Part, Text, Thinking, ToolCall, ToolResult
from .ids import Ids, but_ids, read_json

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

# -- questions ---------------------------------------------------------------------


def compare_questions(left: Request, right: Request, ids: Ids) -> Iterator[Place]:
    """Give where two questions to a server do not mean the same."""
    known = read.api(left) is not None and read.api(left) is read.api(right)
    if left.method != right.method:
        yield Place("method", left.method, right.method)
    ours, theirs = (_address(request, known=known) for request in (left, right))
    if ours != theirs and not ids.correspond(*map(str, (ours, theirs))):
        yield Place("url", left.url, right.url)
    ours, theirs = (dict(select_headers(request.headers)) for request in (left, right))
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield Place(f"headers.{name}", ours.get(name, NOTHING), theirs.get(name, NOTHING))
    strange = ids.in_rpc if b'"jsonrpc"' in left.body else ids.in_strange_question
    forgive = ids.in_question if known else strange
    yield from _compare_bodies(normalise(left), normalise(right), "$", forgive)


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
    completions = [read.completion(one) for one in (left, right)]
    if completions[0] is None or completions[1] is None:
        yield from _compare_bodies(ours, theirs, "response", ids.in_strange_answer)
        return
    reduced = [_reduce(one) for one in completions]
    found = list(find_places(reduced[0], reduced[1], "response", ids.in_answer, alike=but_ids))
    if found:  # in the words of the vendor, where both are in one piece
        trees = [read_json(_plain(one)) for one in (ours, theirs)]
        if all(isinstance(tree, dict) for tree in trees):
            found = list(find_places(trees[0], trees[1], "response", ids.in_answer, alike=but_ids)) or found
    yield from found


def _reduce(completion: Completion | None) -> object:
    """A completion as JSON: what a model said, and neither how it came nor what it cost."""
    if completion is None:
        return None
    return {
        "id": completion.id,
        "model": completion.model,
        "choices": [
            {"role": c.message.role, "stop_reason": c.stop_reason, "parts": _join(c.message)}
            for c in completion.choices
        ],
        "failure": [completion.failure.type, completion.failure.message] if completion.failure else None,
        "complete": completion.complete,
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
    return [{kind: "".join(value)} if kind and isinstance(value, list) else value for kind, value in found]


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
    trees = read_values(left), read_values(right)
    try:
        if trees[0] is not None and trees[1] is not None:
            yield from find_places(*trees, path, forgive, alike=but_ids)
            return
    except RecursionError:
        pass
    if found := diff_bodies(ours, theirs, path):
        yield Place(found.path, Quoted(found.recorded), Quoted(found.asked))


class Quoted(str):
    """Text that is cut and quoted already, and shown as it is."""

    __slots__ = ()


def _plain(message: Request | Response) -> bytes:
    """The body with its content-encoding undone, as it is where that cannot be."""
    if not is_encoded(message.headers):
        return message.body
    chunks = (message.body,) if isinstance(message, Request) else message.chunks
    pieces = decode_body(message.headers, chunks)
    return message.body if pieces is None else b"".join(pieces)


def read_values(message: Request | Response) -> object | None:
    """The JSON of a body, that of each event of a stream; None where there is none."""
    body = _plain(message)
    kind = next((value for name, value in message.headers if name.lower() == "content-type"), "")
    if "event-stream" in kind.lower():
        return [[event.event, read_json(event.data) or event.data] for event in sse.events(body)]
    return read_json(body)
