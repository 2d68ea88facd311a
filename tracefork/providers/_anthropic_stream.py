"""A stream of Anthropic's Messages API, put together into the message that it spells."""

from __future__ import annotations

from collections.abc import Iterable

from . import _json, base

_DELTAS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}
"""The kinds of delta that spell something, and the key under which a piece of it stands."""


def assembled(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The message as far as it came; it is complete if it was stopped."""
    message: base.Payload = {}
    blocks = dict[int, base.Payload]()
    pieces = _json.Pieces()
    usage: base.Payload = {}
    done = False  # this API has no [DONE]
    for event in events:
        place = _json.index(event)
        match event.get("type"):
            case "message_start":
                message = {"content": [], **_json.mapping(event, "message")}
                usage |= _json.mapping(message, "usage")
            case "content_block_start":
                blocks[place] = _json.mapping(event, "content_block")
            case "content_block_delta":
                delta = _json.mapping(event, "delta")
                kind = _DELTAS.get(_json.string(delta, "type"), "")
                pieces.add((place, kind), delta.get(kind))
            case "message_delta":
                message |= {k: v for k, v in _json.mapping(event, "delta").items() if v is not None}
                usage |= {k: v for k, v in _json.mapping(event, "usage").items() if v is not None}
            case "message_stop":
                done = True
            case "error":
                message |= {"error": event.get("error")}
            case _:
                pass
    if blocks:
        message["content"] = [_spelled(block, place, pieces) for place, block in blocks.items()]
    return {**message, "usage": usage}, done


def _spelled(block: base.Payload, place: int, pieces: _json.Pieces) -> base.Payload:
    """The block with what its deltas spell."""
    spelled = {key: pieces.text((place, key)) for key in _DELTAS.values()}
    new: base.Payload = {
        key: _json.string(block, key) + text
        for key, text in spelled.items()
        if text is not None and key != "partial_json"
    }
    if spelled["partial_json"]:
        new["input"] = _json.Verbatim(spelled["partial_json"])
    return {**block, **new}
