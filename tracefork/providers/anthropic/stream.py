"""Assembles the message from a stream of Anthropic's Messages API.

Gateways that imitate it differ: some begin every block at index 0, or name none, or say the
deltas of a block that was never begun. Blocks come out in the order of their indexes.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from .. import _json, base

_DELTAS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
    "signature_delta": "signature",
}
"""The kinds of delta that spell something, and the key under which a piece of it stands."""


@define
class _Block:
    """A content block that is being spelled; `is_over` once it was stopped."""

    place: int
    head: base.Payload
    pieces: _json.Pieces = field(factory=_json.Pieces)
    is_begun: bool = False
    is_over: bool = False

    def add(self, delta: base.Payload) -> None:
        kind = delta.get("type")
        key = _DELTAS.get(kind, "") if isinstance(kind, str) else ""
        self.is_begun = True
        self.pieces.add(key, delta.get(key))
        if "citation" in delta and (citation := _json.mapping(delta, "citation")):
            self.head = {**self.head, "citations": [*_json.mappings(self.head, "citations"), citation]}

    def whole(self) -> base.Payload:
        """The block with what its deltas spell."""
        spelled = {key: self.pieces.text(key) for key in _DELTAS.values()}
        new: base.Payload = {
            key: _json.string(self.head, key) + text
            for key, text in spelled.items()
            if text is not None and key != "partial_json"
        }
        if spelled["partial_json"]:
            new["input"] = _json.Verbatim(spelled["partial_json"])
        return {**self.head, **new}


@define
class _Blocks:
    """The blocks of one message; `latest` holds the last one that was begun at each place."""

    blocks: list[_Block] = field(factory=list)
    latest: dict[int, _Block] = field(factory=dict)

    def begin(self, place: int | None, head: base.Payload) -> _Block:
        """Begin a block; one that was begun at this place and has said nothing is replaced."""
        before = self.latest.get(place) if place is not None else None
        if before and not before.is_begun and not before.is_over:
            before.head = head
            return before
        block = _Block(max(self.latest, default=-1) + 1 if place is None else place, head)
        self.blocks.append(block)
        self.latest[block.place] = block
        return block

    def add(self, place: int | None, delta: base.Payload) -> None:
        block = self._at(place)
        if block is None and delta.get("type") in ("text_delta", "thinking_delta"):
            block = self.begin(place, {"type": _DELTAS[_json.string(delta, "type")]})
        if block is not None:
            block.add(delta)

    def stop(self, place: int | None) -> None:
        if block := self._at(place):
            block.is_over = True

    def _at(self, place: int | None) -> _Block | None:
        if place is None:
            return self.blocks[-1] if self.blocks else None
        return self.latest.get(place)

    def whole(self) -> list[base.Payload]:
        return [block.whole() for block in sorted(self.blocks, key=lambda block: block.place)]


def assemble(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The message as far as it came; it is complete if it was stopped."""
    message: base.Payload = {}
    blocks = _Blocks()
    usage: base.Payload = {}
    done = False  # this API has no [DONE]
    for event in events:
        place = _json.place(event)
        match event.get("type"):
            case "content_block_delta":
                blocks.add(place, _json.mapping(event, "delta"))
            case "message_start":
                message = {"content": [], **_json.mapping(event, "message")}
                usage |= _json.mapping(message, "usage")
            case "content_block_start":
                blocks.begin(place, _json.mapping(event, "content_block"))
            case "content_block_stop":
                blocks.stop(place)
            case "message_delta":
                message |= {k: v for k, v in _json.mapping(event, "delta").items() if v is not None}
                usage |= {k: v for k, v in _json.mapping(event, "usage").items() if v is not None}
            case "message_stop":
                done = True
            case "error":
                message |= {"error": event.get("error")}
            case _:
                pass
    if blocks.blocks:
        message = {"role": "assistant", **message, "content": blocks.whole()}
    return {**message, "usage": usage}, done
