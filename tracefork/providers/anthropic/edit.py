"""Replaces the text of a recorded Messages answer, event by event, and leaves all else unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tracefork.core.values import Fault, Response

from .. import base, sse


def replace_text(recorded: Response, text: str) -> Response:
    """Return `recorded` with `text` as its only text.

    Raises:
        ValueError: it is an error, was cut by a fault, or is no whole message.
    """
    if isinstance(recorded.end, Fault) or recorded.status != base.OK:
        raise ValueError(f"the recorded answer is {recorded!r}, not a whole message; use text() instead")
    body = base.decode_body(recorded)
    if base.is_stream(recorded, body):
        chunks = tuple(_edit_events([base.payload(e.data) for e in sse.events(body)], text))
    else:
        chunks = (base.compact(_edit_message(base.payload(body), text)).encode(),)
    return base.replace_body(recorded, chunks)


def event(payload: base.Payload) -> bytes:
    """One event on the wire, named after its own `type`."""
    return sse.encode(str(payload.get("type", "")), base.compact(payload))


# -- one JSON body ---------------------------------------------------------------


def _edit_message(message: base.Payload, text: str) -> base.Payload:
    content = message.get("content")
    if message.get("type") != "message" or not isinstance(content, list):
        raise ValueError("the recorded answer is no message: it has no content blocks; use text() instead")
    blocks = [block for block in content if isinstance(block, dict)]
    place = _place(blocks)
    old = blocks[place] if _is_text(blocks, place) else {"type": "text"}
    new = {**old, "text": text} | ({"citations": None} if "citations" in old else {})
    kept = [block for block in blocks[place:] if block.get("type") != "text"]
    return {**message, "content": [*blocks[:place], new, *kept]}


def _place(blocks: list[base.Payload]) -> int:
    """Where the text belongs: at the first text block, else before the first tool call, else last."""
    kinds = [block.get("type") for block in blocks]
    for kind in ("text", "tool_use"):
        if kind in kinds:
            return kinds.index(kind)
    return len(kinds)


def _is_text(blocks: list[base.Payload], place: int) -> bool:
    return place < len(blocks) and blocks[place].get("type") == "text"


# -- a stream --------------------------------------------------------------------


def _edit_events(recorded: list[base.Payload], text: str) -> Iterator[bytes]:
    if not any(e.get("type") == "message_stop" for e in recorded):
        raise ValueError("the recorded stream stops before message_stop; use text() instead")
    opened = [e["content_block"] for e in recorded if e.get("type") == "content_block_start"]
    blocks = [block for block in opened if isinstance(block, dict)]
    place = _place(blocks)
    inserted = not _is_text(blocks, place)
    places = list(_places(blocks, place, inserted=inserted))
    written = False
    for e in recorded:
        index = e.get("index")
        due = index == place or e.get("type") == "message_delta"
        if due and not written:
            old: base.Payload = {"type": "text"} if inserted else blocks[place]
            yield from _text_block(place, old, text)
            written = True
        if not isinstance(index, int):
            yield event(e)
        elif (new := places[index]) is not None:
            yield event({**e, "index": new})


def _places(blocks: Iterable[base.Payload], place: int, *, inserted: bool) -> Iterator[int | None]:
    """The new index of each recorded block; None for the text blocks that go."""
    new = 0
    for old, block in enumerate(blocks):
        if old == place:
            new += 1  # the new text's
        if block.get("type") == "text" and not inserted:
            yield None
        else:
            yield new
            new += 1


def _text_block(index: int, old: base.Payload, text: str) -> Iterator[bytes]:
    empty = {**old, "text": ""} | ({"citations": None} if "citations" in old else {})
    yield event({"type": "content_block_start", "index": index, "content_block": empty})
    for piece in base.pieces(text):
        delta = {"type": "text_delta", "text": piece}
        yield event({"type": "content_block_delta", "index": index, "delta": delta})
    yield event({"type": "content_block_stop", "index": index})
