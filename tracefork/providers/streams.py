"""
Turns a vendor's JSON answer into the stream of events with the same content, where a stream was asked for.

An SDK that asked for a stream finds no events in a JSON body, and so an empty answer. Pure, as all of
`providers`.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from ..core.values import Exchange, Response
from ..errors import UnfitAnswer
from . import _json, base, bedrock, paths, read, sse
from .anthropic.edit import event as anthropic_event
from .openai import chat
from .openai.responses import number

_FIELDS = ("event", "data", "id", "retry", "")


def fit(exchange: Exchange, answer: Response, *, strictly: bool = False) -> Response:
    """Return `answer` as whoever asked `exchange` can read it.

    Where the recorded answer is a stream of events and the new one the vendor's whole message as JSON,
    it becomes the stream that spells it. A body that is not encoded, under a header that says so, loses
    the header. Whatever else it is stays as it is, unless it is to be a stream `strictly`.

    Raises:
        UnfitAnswer: a stream was asked for, and this is JSON of which none can be made; or, `strictly`,
            is no stream.
    """
    recorded = exchange.answer
    if not isinstance(recorded, Response) or answer.headers != recorded.headers or answer == recorded:
        return answer  # who gives headers of his own knows what he gives
    body = answer.body
    whole = _json.parse(body) if body.lstrip()[:1] == b"{" else None
    is_stream = _is_events(body)
    if isinstance(whole, dict) or is_stream:
        answer = evolve(answer, headers=base.rewrite_headers(answer, answer.chunks))  # it is not encoded
    if answer.status != base.OK or is_stream:
        return answer
    if bedrock.is_stream(recorded):
        if isinstance(whole, dict) or (strictly and next(bedrock.payloads(body), None) is None):
            raise UnfitAnswer(
                exchange.request.url, "Amazon frames its streams, and no such frames are built here"
            )
        return answer
    if isinstance(whole, dict) and recorded.body.lstrip()[:1] == b"[" and _is_gemini(exchange, whole):
        return answer.with_body(b"[" + body + b"]")  # without alt=sse Google streams one array
    if not base.is_stream(recorded, b""):
        return answer
    if isinstance(whole, dict):
        return _spell(exchange, answer, whole)
    if strictly:
        raise UnfitAnswer(exchange.request.url, "it is neither a stream of events nor a JSON object")
    return answer


def _is_gemini(exchange: Exchange, whole: base.Payload) -> bool:
    place = paths.place(exchange.request.url)
    return bool(place and place.api == paths.GEMINI and place.streams and "candidates" in whole)


def _is_events(body: bytes) -> bool:
    """Whether a body is server-sent events, by its first line that is not empty."""
    first = body.lstrip().partition(b"\n")[0]
    name, colon, _ = first.partition(b":")
    return bool(colon) and name.decode("latin-1") in _FIELDS


def _spell(exchange: Exchange, answer: Response, whole: base.Payload) -> Response:
    place = paths.place(exchange.request.url)
    api = place.api if place else ""
    if whole.get("error"):
        problem = "an error is no stream: give an answer with a status of its own"
        raise UnfitAnswer(exchange.request.url, problem)
    match api:
        case paths.ANTHROPIC if isinstance(whole.get("content"), list):
            events = list(_anthropic(whole))
        case paths.CHAT | paths.COMPLETIONS if isinstance(whole.get("choices"), list):
            events = list(_chat(whole, usage=_wants_usage(exchange)))
        case paths.RESPONSES if isinstance(whole.get("output"), list):
            events = list(number(_responses(whole)))
        case paths.GEMINI if isinstance(whole.get("candidates"), list):
            events = [sse.encode("", base.compact(whole))]
        case _:
            raise UnfitAnswer(
                exchange.request.url,
                f"it is JSON, and no whole message of {api or 'a vendor that is known here'}",
            )
    chunks = tuple(events)
    return evolve(answer, headers=base.rewrite_headers(answer, chunks), chunks=chunks)


def _wants_usage(exchange: Exchange) -> bool:
    """Whether tokens are counted in the stream: it was asked, or the recorded one did without being asked."""
    options = _json.mapping(base.payload(exchange.request.body), "stream_options")
    recorded = read.completion(exchange)
    return options.get("include_usage") is True or bool(recorded and recorded.usage)


# -- Anthropic ---------------------------------------------------------------------


def _anthropic(message: base.Payload) -> Iterator[bytes]:
    usage = _json.mapping(message, "usage")
    opening = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    yield anthropic_event({"type": "message_start", "message": opening})
    for index, block in enumerate(_json.mappings(message, "content")):
        empty, deltas = _anthropic_block(block)
        yield anthropic_event({"type": "content_block_start", "index": index, "content_block": empty})
        for delta in deltas:
            yield anthropic_event({"type": "content_block_delta", "index": index, "delta": delta})
        yield anthropic_event({"type": "content_block_stop", "index": index})
    ending = {key: message.get(key) for key in ("stop_reason", "stop_sequence")}
    yield anthropic_event({"type": "message_delta", "delta": ending, "usage": usage})
    yield anthropic_event({"type": "message_stop"})


def _anthropic_block(block: base.Payload) -> tuple[base.Payload, list[base.Payload]]:
    """A block as it begins, and the deltas that spell it."""
    kind, text = block.get("type"), block.get("text")
    if kind == "text" and isinstance(text, str):
        return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in base.pieces(text)]
    thought = block.get("thinking")
    if kind == "thinking" and isinstance(thought, str):
        deltas: list[base.Payload] = [{"type": "thinking_delta", "thinking": p} for p in base.pieces(thought)]
        if signature := block.get("signature"):
            deltas.append({"type": "signature_delta", "signature": signature})
        return {**block, "thinking": "", "signature": ""}, deltas
    if "input" in block:
        spelled = base.pieces(base.compact(block["input"]))
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": p} for p in spelled]
    return block, []


# -- OpenAI --------------------------------------------------------------------------


def _chat(whole: base.Payload, *, usage: bool) -> Iterator[bytes]:
    frame = {**whole, "object": "chat.completion.chunk"}
    frame.pop("usage", None)
    for choice in _json.mappings(whole, "choices"):
        index = _json.index(choice)
        for delta in _chat_deltas(choice):
            chunk: base.Payload = {"index": index, **delta, "finish_reason": None}
            yield chat.event({**frame, "choices": [chunk]})
        end: base.Payload = {"text": ""} if "text" in choice else {"delta": {}}
        ending: base.Payload = {"index": index, **end, "finish_reason": choice.get("finish_reason")}
        yield chat.event({**frame, "choices": [ending]})
    if usage and "usage" in whole:
        yield chat.event({**frame, "choices": [], "usage": whole["usage"]})
    yield chat.DONE


def _chat_deltas(choice: base.Payload) -> Iterator[base.Payload]:
    text = choice.get("text")
    if isinstance(text, str):
        for piece in base.pieces(text):
            yield {"text": piece}
        return
    message = _json.mapping(choice, "message")
    yield {"delta": {"role": message.get("role") or "assistant"}}
    for key in ("reasoning_content", "reasoning", "content", "refusal"):
        value = message.get(key)
        if isinstance(value, str):
            for piece in base.pieces(value):
                yield {"delta": {key: piece}}
        elif value:
            yield {"delta": {key: value}}
    for index, call in enumerate(_json.mappings(message, "tool_calls")):
        yield {"delta": {"tool_calls": [{"index": index, **call}]}}
    if older := _json.mapping(message, "function_call"):
        yield {"delta": {"function_call": older}}


def _responses(whole: base.Payload) -> Iterator[base.Payload]:
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    for index, item in enumerate(_json.mappings(whole, "output")):
        place: base.Payload = {"output_index": index}
        opened: base.Payload = {**item, "status": "in_progress"}
        if "content" in item:
            opened["content"] = []
        if "arguments" in item:
            opened["arguments"] = ""
        yield {"type": "response.output_item.added", **place, "item": opened}
        yield from _responses_deltas(item, {**place, "item_id": item.get("id")})
        yield {"type": "response.output_item.done", **place, "item": item}
    status = whole.get("status")
    ending = status if status in ("incomplete", "failed") else "completed"
    yield {"type": f"response.{ending}", "response": whole}


def _responses_deltas(item: base.Payload, place: base.Payload) -> Iterator[base.Payload]:
    for index, part in enumerate(_json.mappings(item, "content")):
        here = {**place, "content_index": index}
        text = part.get("text")
        if part.get("type") != "output_text" or not isinstance(text, str):
            continue
        yield {"type": "response.content_part.added", **here, "part": {**part, "text": ""}}
        for piece in base.pieces(text):
            yield {"type": "response.output_text.delta", **here, "delta": piece, "logprobs": []}
        yield {"type": "response.output_text.done", **here, "text": text, "logprobs": []}
        yield {"type": "response.content_part.done", **here, "part": part}
    arguments = item.get("arguments")
    if isinstance(arguments, str):
        for piece in base.pieces(arguments):
            yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
        named = {"name": item.get("name"), "arguments": arguments}
        yield {"type": "response.function_call_arguments.done", **place, **named}
