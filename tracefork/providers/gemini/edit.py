"""Replaces the text of a recorded answer of Gemini, chunk by chunk, and leaves all else unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracefork.core.values import Fault, Response

from .. import _json, base, sse

_OF_THE_TEXT = frozenset({"citationMetadata", "groundingMetadata", "avgLogprobs", "logprobsResult"})


def replace_text(recorded: Response, text: str) -> Response:
    """Return `recorded` with `text` as its text.

    Raises:
        ValueError: it is an error, was cut by a fault, or is no whole answer.
    """
    if isinstance(recorded.end, Fault) or recorded.status != base.OK:
        raise ValueError(f"the recorded answer is {recorded!r}, not a whole message; use text() instead")
    body = base.decode_body(recorded)
    if base.is_stream(recorded, body):
        chunks = [base.payload(e.data) for e in sse.events(body)]
        return base.replace_body(recorded, tuple(map(event, _edit_chunks(chunks, text))))
    if body.lstrip().startswith(b"["):
        # wrapped, because base.payload reads objects alone
        chunks = _json.mappings(base.payload(b'{"chunks":' + body + b"}"), "chunks")
        return base.replace_body(recorded, write_array(list(_edit_chunks(chunks, text))))
    answer = base.payload(body)
    if not _candidates(answer):
        raise ValueError("the recorded answer has no candidates; use text() instead")
    new = [_edit_candidate(one, text) for one in _candidates(answer)]
    return base.replace_body(recorded, (base.compact({**answer, "candidates": new}).encode(),))


def event(chunk: base.Payload) -> bytes:
    return sse.encode("", base.compact(chunk))


def write_array(chunks: Sequence[base.Payload]) -> tuple[bytes, ...]:
    """The pieces of a JSON array, as the vendor sends it where no events are asked for."""
    values = [base.compact(chunk).encode() for chunk in chunks]
    return *((b",\r\n" if i else b"[") + one for i, one in enumerate(values)), b"]"


# -- one answer ------------------------------------------------------------------


def _edit_candidate(candidate: base.Payload, text: str) -> base.Payload:
    parts = _parts(candidate)
    place = _place(parts)
    old = parts[place] if place < len(parts) and _has_text(parts[place]) else {}
    kept = [part for part in parts[place:] if not _has_text(part)]
    return _with_parts(candidate, [*parts[:place], {**old, "text": text}, *kept])


def _place(parts: list[base.Payload]) -> int:
    """Where the text belongs: at the first text, else before the first call, else last."""
    for wanted in (_has_text, _has_call):
        for index, part in enumerate(parts):
            if wanted(part):
                return index
    return len(parts)


# -- a stream ----------------------------------------------------------------------


def _edit_chunks(chunks: list[base.Payload], text: str) -> Iterator[base.Payload]:
    all_of_them = [one for chunk in chunks for one in _candidates(chunk)]
    speaking = {_json.index(one) for one in all_of_them if any(map(_has_text, _parts(one)))}
    stopped = {_json.index(one) for one in all_of_them if one.get("finishReason")}
    if not stopped or stopped != {_json.index(one) for one in all_of_them}:
        raise ValueError("the recorded stream stops before its finishReason; use text() instead")
    written = set[int]()
    for chunk in chunks:
        kept = []
        for candidate in _candidates(chunk):
            index, parts = _json.index(candidate), _parts(candidate)
            due = _is_due(candidate, silent=index not in speaking)
            rest = parts
            if due and index not in written:
                written.add(index)
                place = _place(parts)
                rest = parts[place:]
                spelled: list[base.Payload] = [{"text": piece} for piece in base.pieces(text)]
                for part in (*parts[:place], *spelled):
                    yield {**chunk, "candidates": [_drop_ending(_with_parts(candidate, [part]))]}
            new = _with_parts(candidate, [part for part in rest if not _has_text(part)])
            if _parts(new) or new.get("finishReason") or not parts:
                kept.append(new)
        if kept or not _candidates(chunk):
            yield {**chunk, "candidates": kept}


def _is_due(candidate: base.Payload, *, silent: bool) -> bool:
    """True where the new text belongs: at the first text, or if there is none, before what follows it."""
    if not silent:
        return any(map(_has_text, _parts(candidate)))
    return any(map(_has_call, _parts(candidate))) or bool(candidate.get("finishReason"))


def _drop_ending(candidate: base.Payload) -> base.Payload:
    return {key: value for key, value in candidate.items() if key != "finishReason"}


# -- shapes ------------------------------------------------------------------------


def _candidates(answer: base.Payload) -> list[base.Payload]:
    return _json.mappings(answer, "candidates")


def _parts(candidate: base.Payload) -> list[base.Payload]:
    return _json.mappings(_json.mapping(candidate, "content"), "parts")


def _with_parts(candidate: base.Payload, parts: list[base.Payload]) -> base.Payload:
    content = {"role": "model", **_json.mapping(candidate, "content"), "parts": parts}
    kept = {key: value for key, value in candidate.items() if key not in _OF_THE_TEXT}
    return {**kept, "content": content}


def _has_text(part: base.Payload) -> bool:
    return isinstance(part.get("text"), str) and part.get("thought") is not True


def _has_call(part: base.Payload) -> bool:
    return "functionCall" in part
