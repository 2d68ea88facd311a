"""Answers that are no words: what was measured, and what a server keeps."""

from __future__ import annotations

import json
from collections.abc import Iterable

from . import _json, base
from ._parts import failure, size_of_base64
from .messages import Choice, Completion, Embeddings, Failure, Kind, Message, Other, Part, Usage

_FLOAT = 4  # bytes of a number in base64


def make(
    api: str,
    body: base.Payload,
    choices: Iterable[tuple[str, tuple[Part, ...]]],
    *,
    kind: Kind,
    usage: Usage | None = None,
    complete: bool = True,
) -> Completion:
    """The answer that says `choices`, each a role and parts; id and model are those of `body`."""
    return Completion(
        api,
        _json.string(body, "id"),
        _json.string(body, "model"),
        tuple(Choice(Message(role, parts)) for role, parts in choices),
        usage,
        failure(body),
        complete,
        kind,
    )


def fail(api: str, failed: Failure | None, kind: Kind = "answer") -> Completion | None:
    return Completion(api, failure=failed, kind=kind) if failed else None


def parse_roughly(text: bytes) -> object:
    """The JSON value with its numbers as the machine has them: for pages of them that nobody reads."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def count_tokens(asked: int | None) -> Usage | None:
    """Tokens of what was embedded or ranked: nothing was generated."""
    return None if asked is None else Usage(asked, 0)


def describe_vectors(vectors: list[object]) -> Embeddings:
    """How many vectors there are, and of how many numbers; a text is their base64."""
    sizes = set(map(_measure, vectors))
    return Embeddings(len(vectors), sizes.pop() if len(sizes) == 1 else None)


def _measure(vector: object) -> int | None:
    match vector:
        case list():
            return len(vector)
        case str():
            return size_of_base64(vector) // _FLOAT
        case _:
            return None


# -- what is kept -------------------------------------------------------------------


def record(
    api: str, body: base.Payload, *, name: str = "", hidden: frozenset[str] = frozenset()
) -> Completion:
    """The state of something, under its vendor's word for it; a list is of what it lists."""
    if isinstance(body.get("data"), list):
        return make(api, {}, [_show(one, name, hidden) for one in list_kept(body)], kind="record")
    return make(api, {**body, "error": None}, [_show(body, name, hidden)], kind="record")


def list_kept(body: base.Payload) -> list[base.Payload]:
    """What a list lists; the body itself where it is none."""
    return _json.mappings(body, "data") if isinstance(body.get("data"), list) else [body]


def _show(body: base.Payload, name: str, hidden: frozenset[str]) -> tuple[str, tuple[Part, ...]]:
    kind = _json.string(body, "object", "type") or name
    return kind, (Other(kind, _json.write({key: value for key, value in body.items() if key not in hidden})),)
