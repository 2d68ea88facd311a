"""A stream of OpenAI's chat completions, put together into the completion that it spells."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen

from . import _json, base

_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")


@frozen
class _Call:
    """A tool call that is being spelled; `own` is "function" or "custom"."""

    id: list[str] = field(factory=list)
    kind: list[str] = field(factory=list)
    pieces: _json.Pieces = field(factory=_json.Pieces)

    def add(self, delta: base.Payload) -> None:
        self.id.append(_json.string(delta, "id"))
        for kind in ("function", "custom"):
            own = delta.get(kind)
            if isinstance(own, dict):
                self.kind.append(kind)
                for key, piece in own.items():
                    self.pieces.add(key, piece)

    def whole(self) -> base.Payload:
        kind = self.kind[0] if self.kind else "function"
        spelled = {key: self.pieces.text(key) for key in ("name", "arguments", "input")}
        return {"id": next(filter(None, self.id), ""), "type": kind, kind: spelled}


@frozen
class _Choice:
    """An answer that is being spelled."""

    pieces: _json.Pieces = field(factory=_json.Pieces)
    calls: dict[int, _Call] = field(factory=dict)
    older: _Call = field(factory=_Call)
    reasons: list[str] = field(factory=list)

    def add(self, choice: base.Payload) -> None:
        delta = _json.mapping(choice, "delta", "message")
        self.pieces.add("text", choice.get("text"))
        for key in ("role", *_TEXTS):
            self.pieces.add(key, delta.get(key))
        for call in _json.mappings(delta, "tool_calls"):
            self.calls.setdefault(self._place(call), _Call()).add(call)
        if older := _json.mapping(delta, "function_call"):
            self.older.add({"function": older})
        if reason := _json.string(choice, "finish_reason"):
            self.reasons.append(reason)

    def _place(self, call: base.Payload) -> int:
        """Its index; where a server leaves that out, an id begins a call and none goes on with the last."""
        said = _json.count(call, "index")
        if said is not None:
            return said
        last = max(self.calls, default=-1)
        return last + 1 if _json.string(call, "id") or last < 0 else last

    def whole(self, index: int) -> base.Payload:
        reason = self.reasons[-1] if self.reasons else None
        text = self.pieces.text("text")
        if text is not None:
            return {"index": index, "text": text, "finish_reason": reason}
        message: base.Payload = {key: self.pieces.text(key) for key in _TEXTS}
        message["role"] = self.pieces.text("role") or "assistant"
        message["tool_calls"] = [call.whole() for _, call in sorted(self.calls.items())]
        if self.older.kind:
            message["function_call"] = self.older.whole()["function"]
        return {"index": index, "message": message, "finish_reason": reason}


def assembled(chunks: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The completion as far as it came; complete if the stream was done, or each choice said why it stops."""
    body: base.Payload = {}
    choices = dict[int, _Choice]()
    for chunk in chunks:
        for key in ("id", "model"):
            body[key] = body.get(key) or chunk.get(key)
        counted = chunk.get("usage") or _json.mapping(chunk, "x_groq").get("usage")
        body |= {k: v for k, v in (("usage", counted), ("error", chunk.get("error"))) if v}
        for choice in _json.mappings(chunk, "choices"):
            choices.setdefault(_json.index(choice), _Choice()).add(choice)
    if not choices and not any(body.values()):
        return {}, False
    body["choices"] = [choice.whole(index) for index, choice in choices.items()]
    stopped = bool(choices) and all(choice.reasons for choice in choices.values())
    return body, (done or stopped) and "error" not in body
