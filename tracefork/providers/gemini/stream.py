"""Assembles one answer from a stream of Gemini's generateContent; each chunk has the form of an answer."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _json, base


def assemble(chunks: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The answer as far as it came; complete if each candidate said why it stops, or none will."""
    body: base.Payload = {}
    candidates = dict[int, base.Payload]()
    parts = dict[int, list[base.Payload]]()
    for chunk in chunks:
        body |= {key: value for key, value in chunk.items() if key != "candidates" and value}
        for one in _json.mappings(chunk, "candidates"):
            place = _json.index(one)
            content = _json.mapping(one, "content")
            parts.setdefault(place, []).extend(_json.mappings(content, "parts"))
            old = candidates.get(place, {})
            role = _json.string(content, "role") or _json.string(old, "role")
            reason = one.get("finishReason") or old.get("finishReason")
            candidates[place] = {**one, "role": role, "finishReason": reason}
    if not body and not candidates:
        return {}, False
    body["candidates"] = [
        {**one, "content": {"role": one["role"], "parts": _join(parts[place])}}
        for place, one in candidates.items()
    ]
    stopped = bool(candidates) and all(one["finishReason"] for one in candidates.values())
    blocked = bool(_json.mapping(body, "promptFeedback").get("blockReason"))
    return body, (done or stopped or blocked) and "error" not in body


def _join(parts: list[base.Payload]) -> list[base.Payload]:
    """The parts, those beside each other that spell one text made one."""
    groups = list[tuple[base.Payload, list[str]]]()
    for part in parts:
        text = part.get("text")
        if not isinstance(text, str):
            groups.append((part, []))
        elif not text and groups and part.keys() <= {"text", "thought", "thoughtSignature"}:
            continue  # the end of a stream says nothing, in a part of its own
        elif groups and groups[-1][1] and _is_thought(groups[-1][0]) == _is_thought(part):
            groups[-1][1].append(text)
        else:
            groups.append((part, [text]))
    return [{**part, "text": "".join(texts)} if texts else part for part, texts in groups]


def _is_thought(part: base.Payload) -> bool:
    return part.get("thought") is True
