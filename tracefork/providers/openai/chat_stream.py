"""
Assembles the completion from a stream of OpenAI's chat completions.

Servers that speak this API differ: some say the role, the id or the name again in each
delta, some give every call the same index, or none, or one as text, and some send content
as a list of parts. What is said twice is said once, and a call is a new one where it has another id.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field, frozen

from .. import _json, base

_THOUGHTS_AND_REFUSAL = ("refusal", "reasoning_content", "reasoning")
_CHECKS = 64  # how often one call is looked at for whether its arguments are whole: each look reads them all


@define
class _Call:
    """A tool call that is being spelled; `kind` is "function" or "custom"."""

    place: int = 0
    id: str = ""
    kind: str = ""
    name: str = ""
    pieces: _json.Pieces = field(factory=_json.Pieces)
    checks: int = 0

    def add(self, delta: base.Payload) -> None:
        self.id = self.id or _json.string(delta, "id")
        for kind in ("function", "custom"):
            own = delta.get(kind)
            if isinstance(own, dict):
                self.kind = self.kind or kind
                self._add_name(_json.string(own, "name"))
                self._add_arguments(own)

    def _add_name(self, name: str) -> None:
        """Take a name that comes whole, in pieces, or again with each delta."""
        if name != self.name:
            self.name = name if self.name and name.startswith(self.name) else self.name + name

    def _add_arguments(self, own: base.Payload) -> None:
        for key in ("arguments", "input"):
            piece = own.get(key)
            text = _json.write(piece) if isinstance(piece, dict) else piece
            if isinstance(text, str) and text.lstrip().startswith("{") and self.is_whole():
                self.pieces.drop(key)  # the same call, spelled anew
            self.pieces.add(key, text)

    def is_whole(self) -> bool:
        """True where its arguments are an object that is closed: what comes then begins anew."""
        text = self.pieces.text("arguments") or ""
        if not text.rstrip().endswith("}") or self.checks >= _CHECKS:
            return False
        self.checks += 1
        return isinstance(_json.parse(text), dict)

    def is_continued_by(self, delta: base.Payload) -> bool:
        """Whether `delta`, which is for its place, is more of this call and not the next one."""
        call_id = _json.string(delta, "id")
        if call_id and self.id:
            return call_id == self.id
        own = _json.mapping(delta, "function")
        begins = _json.string(own, "name") and own.get("arguments")
        return not (begins and self.is_whole())

    def whole(self) -> base.Payload:
        kind = self.kind or "function"
        spelled = {key: self.pieces.text(key) for key in ("arguments", "input")}
        return {"id": self.id, "type": kind, kind: {"name": self.name or None, **spelled}}


@define
class _Calls:
    """The calls of one answer. A delta goes to the last one at its place, unless it begins another."""

    calls: list[_Call] = field(factory=list)
    ids: dict[tuple[int | None, str], _Call] = field(factory=dict)
    latest: dict[int, _Call] = field(factory=dict)

    def add(self, delta: base.Payload) -> None:
        place, call_id = _json.place(delta), _json.string(delta, "id")
        known = self.ids.get((place, call_id)) if call_id else None
        if known is None:
            before = self._before(place)
            known = before if before and before.is_continued_by(delta) else self._begin(place)
        if call_id:
            self.ids.setdefault((place, call_id), known)
            self.ids.setdefault((None, call_id), known)
        known.add(delta)

    def _before(self, place: int | None) -> _Call | None:
        if place is None:
            return self.calls[-1] if self.calls else None
        return self.latest.get(place)

    def _begin(self, place: int | None) -> _Call:
        call = _Call(max(self.latest, default=-1) + 1 if place is None else place)
        self.calls.append(call)
        self.latest[call.place] = call
        return call

    def whole(self) -> list[base.Payload]:
        return [call.whole() for call in sorted(self.calls, key=lambda call: call.place)]


@define
class _Content:
    """What is said: one text, or parts where a server sends such."""

    parts: list[tuple[base.Payload, list[str]]] = field(factory=list)
    is_text: bool = True

    def add(self, content: object) -> None:
        if isinstance(content, str):
            self._add_text({"type": "text"}, content)
        elif isinstance(content, list | dict):
            self.is_text = False
            for part in content if isinstance(content, list) else [content]:
                self._add_part(part)

    def _add_part(self, part: object) -> None:
        if isinstance(part, str):
            self._add_text({"type": "text"}, part)
        elif isinstance(part, dict):
            kind = _json.string(part, "type") or "text"
            thought = part.get("thinking")
            if kind == "thinking":
                inside = thought if isinstance(thought, list) else [{"type": "text", "text": thought}]
                pieces = [p.get("text") for p in inside if isinstance(p, dict)]
                self._add_text({"type": kind}, "".join(p for p in pieces if isinstance(p, str)))
            elif isinstance(text := part.get("text"), str):
                self._add_text({"type": kind}, text)
            else:
                self.parts.append((part, []))

    def _add_text(self, head: base.Payload, text: str) -> None:
        if self.parts and self.parts[-1][0] == head:
            self.parts[-1][1].append(text)
        else:
            self.parts.append((head, [text]))

    def whole(self) -> object:
        if self.is_text:
            return "".join(text for _, texts in self.parts for text in texts) if self.parts else None
        return [self._part(head, texts) for head, texts in self.parts if not texts or any(texts)]

    @staticmethod
    def _part(head: base.Payload, texts: list[str]) -> base.Payload:
        if not texts:
            return head
        text = "".join(texts)
        if head.get("type") == "thinking":
            return {**head, "thinking": [{"type": "text", "text": text}]}
        return {**head, "text": text}


@frozen
class _Choice:
    """An answer that is being spelled."""

    pieces: _json.Pieces = field(factory=_json.Pieces)
    content: _Content = field(factory=_Content)
    calls: _Calls = field(factory=_Calls)
    older: _Call = field(factory=_Call)
    roles: list[str] = field(factory=list)
    reasons: list[str] = field(factory=list)

    def add(self, choice: base.Payload) -> None:
        delta = _json.mapping(choice, "delta", "message")
        self.pieces.add("text", choice.get("text"))
        self.content.add(delta.get("content"))
        for key in _THOUGHTS_AND_REFUSAL:
            self.pieces.add(key, delta.get(key))
        if role := _json.string(delta, "role"):
            self.roles.append(role)
        one = _json.mapping(delta, "tool_calls")  # a call alone, where a list belongs
        for call in [one] if one else _json.mappings(delta, "tool_calls"):
            self.calls.add(call)
        if older := _json.mapping(delta, "function_call"):
            self.older.add({"function": older})
        if reason := _json.string(choice, "finish_reason"):
            self.reasons.append(reason)

    def whole(self, index: int) -> base.Payload:
        reason = self.reasons[-1] if self.reasons else None
        text = self.pieces.text("text")
        if text is not None:
            return {"index": index, "text": text, "finish_reason": reason}
        message: base.Payload = {key: self.pieces.text(key) for key in _THOUGHTS_AND_REFUSAL}
        message["content"] = self.content.whole()
        message["role"] = self.roles[0] if self.roles else "assistant"
        message["tool_calls"] = self.calls.whole()
        if self.older.kind:
            message["function_call"] = self.older.whole()["function"]
        return {"index": index, "message": message, "finish_reason": reason}


def assemble(chunks: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The completion as far as it came; complete if the stream was done, or each choice said why it stops."""
    body: base.Payload = {}
    choices = dict[int, _Choice]()
    for chunk in chunks:
        for key in ("id", "model"):
            body[key] = body.get(key) or chunk.get(key)
        counted = chunk.get("usage") or _json.mapping(chunk, "x_groq").get("usage")
        body |= {k: v for k, v in (("usage", counted), ("error", chunk.get("error"))) if v}
        for choice in _json.mappings(chunk, "choices"):
            index = _json.index(choice)
            if index not in choices:
                choices[index] = _Choice()
            choices[index].add(choice)
    if not choices and not any(body.values()):
        return {}, False
    body["choices"] = [choice.whole(index) for index, choice in choices.items()]
    stopped = bool(choices) and all(choice.reasons for choice in choices.values())
    return body, (done or stopped) and "error" not in body
