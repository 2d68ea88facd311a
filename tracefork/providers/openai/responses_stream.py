"""Assembles the response from a stream of OpenAI's Responses API.

Its last event repeats all of it; only of a stream that broke off, or of a server that repeats
nothing, are the deltas needed. An event names its item by its place, or by its id alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from .. import _json, base

_ENDINGS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})

_SPELLED = {
    "response.output_text.delta": ("content", "output_text", "text"),
    "response.refusal.delta": ("content", "refusal", "refusal"),
    "response.reasoning_text.delta": ("content", "reasoning_text", "text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_text", "text"),
}
"""Events that spell a part: the item's list that it is in, its type, and the key of its text."""

_FIELDS = {
    "response.function_call_arguments.delta": "arguments",
    "response.mcp_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
}
"""Events that spell a field of an item."""

_AGAIN = {kind.removesuffix("delta") + "done": kind for kind in (*_SPELLED, *_FIELDS)}
"""Events that say once more all that deltas of a kind have spelled."""


def assemble(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The response as far as it came; it is complete if an event said that it ended."""
    response: base.Payload = {}
    items = dict[int, base.Payload]()
    pieces = _json.Pieces()
    places = dict[tuple[int, str, int], str]()  # of each part that is spelled, its type
    ids = dict[str, int]()  # of items, and their places
    done = False  # this API has no [DONE]
    for event in events:
        name = _json.string(event, "type")
        kind = _AGAIN.get(name, name)
        item, place = _place(event, ids), _json.index(event, "content_index")
        if begun := _json.mapping(event, "response"):
            response, done = begun, done or kind in _ENDINGS
        elif kind in {"response.output_item.added", "response.output_item.done"}:
            items[item] = _json.mapping(event, "item")
        elif kind in _SPELLED:
            where, part, key = _SPELLED[kind]
            place = _json.index(event, "summary_index") if where == "summary" else place
            places[item, where, place] = part
            _spell(pieces, (item, where, place), event, key)
        elif kind in _FIELDS:
            _spell(pieces, (item, _FIELDS[kind]), event, _FIELDS[kind])
        elif kind == "error":
            response = {**response, "error": event.get("error") or {**event, "type": None}}
    if not response and not items and not places:
        return {}, False
    if not response.get("output"):
        response = {**response, "output": [_finish(i, items, places, pieces) for i in _order(items, places)]}
    return response, done


def _place(event: base.Payload, ids: dict[str, int]) -> int:
    """The place of the item that an event is about; where it has none, an item's id stands for one."""
    place = _json.place(event, "output_index")
    name = _json.string(event, "item_id") or _json.string(_json.mapping(event, "item"), "id")
    if place is None:
        place = ids.get(name, max(ids.values(), default=-1) + 1) if name else max(ids.values(), default=0)
    if name:
        ids[name] = place
    return place


def _spell(pieces: _json.Pieces, place: Hashable, event: base.Payload, key: str) -> None:
    """Add a delta; or put the whole, where the event says that, in its place."""
    whole = event.get(key)
    if "delta" not in event and isinstance(whole, str):
        pieces.drop(place)
        pieces.add(place, whole)
    else:
        pieces.add(place, event.get("delta"))


def _order(items: dict[int, base.Payload], places: dict[tuple[int, str, int], str]) -> list[int]:
    return sorted({*items, *(item for item, _, _ in places)})


def _finish(
    index: int,
    items: dict[int, base.Payload],
    places: dict[tuple[int, str, int], str],
    pieces: _json.Pieces,
) -> base.Payload:
    """An item: as it was when it was done, else with what its deltas have spelled so far."""
    item = items.get(index, {"type": "message", "role": "assistant"})
    new: base.Payload = {}
    for key in ("arguments", "input"):
        if not item.get(key) and (text := pieces.text((index, key))) is not None:
            new[key] = text
    for key in ("content", "summary"):
        mine = sorted(place for place in places if place[:2] == (index, key))
        if mine and not item.get(key):
            new[key] = [_part(places[place], pieces.text(place)) for place in mine]
    return {**item, **new}


def _part(kind: str, text: str | None) -> base.Payload:
    return {"type": kind, ("refusal" if kind == "refusal" else "text"): text}
