"""Reads OpenAI's speech, and its transcriptions: sound is named with its size, never copied."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _json, api_paths, base
from .._answers import fail
from .._multipart import describe
from .._parts import failure, media_in_base64
from .._reader import Reader
from ..messages import Choice, Completion, Media, Message, Part, Text, Tool, Usage


def _elements_of_speech(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "instructions", str():
            return (Message("system", (Text(_json.clean(value)),)),)
        case "input", str():
            return (Message("user", (Text(_json.clean(value)),)),)
        case _:
            return ()


def _hear(media_type: str, data: bytes) -> Completion:
    return _answer(api_paths.SPEECH, (describe(media_type or "audio/mpeg", data),), None)


def _speech(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001
    """The sound that a stream has; each piece is base64 of its own."""
    pieces = body.get("audio")
    if not isinstance(pieces, list):
        return fail(api_paths.SPEECH, failure(body))
    sounds = [media_in_base64("audio", "", piece) for piece in pieces]
    size = sum(sound.size or 0 for sound in sounds)
    return _answer(api_paths.SPEECH, (Media("audio", "", size),), body, complete=complete)


def _assemble_speech(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    body: base.Payload = {}
    pieces: list[object] = []
    for event in events:
        if isinstance(piece := event.get("audio"), str):
            pieces.append(piece)
        body |= {key: event[key] for key in ("usage", "error") if key in event}
        done = done or event.get("type") == "speech.audio.done"
    return body | ({"audio": pieces} if pieces else {}), done


SPEECH = Reader(
    api_paths.SPEECH, ("instructions", "input"), _elements_of_speech, _speech, _assemble_speech, plain=_hear
)


# -- transcriptions -----------------------------------------------------------------


def _elements_of_sound(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "prompt", str():
            return (Message("system", (Text(_json.clean(value)),)),)
        case "file", {"file": Media() as media}:
            return (Message("user", (media,)),)
        case _:
            return ()


def _transcription(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001
    text = body.get("text")
    if not isinstance(text, str):
        return fail(api_paths.TRANSCRIPTIONS, failure(body))
    return _answer(api_paths.TRANSCRIPTIONS, (Text(_json.clean(text)),), body, complete=complete)


def _read_plain(_: str, data: bytes) -> Completion:
    return _answer(api_paths.TRANSCRIPTIONS, (Text(data.decode("utf-8", "replace")),), None)


def _assemble_text(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    body: base.Payload = {}
    pieces = _json.Pieces()
    for event in events:
        pieces.add("text", event.get("delta"))
        body |= {key: event[key] for key in ("text", "usage", "error") if key in event}
        done = done or event.get("type") == "transcript.text.done"
    spelled = pieces.text("text")
    return ({"text": spelled} if spelled is not None else {}) | body, done


TRANSCRIPTIONS = Reader(
    api_paths.TRANSCRIPTIONS,
    ("prompt", "file"),
    _elements_of_sound,
    _transcription,
    _assemble_text,
    plain=_read_plain,
)


def _answer(
    api: str, parts: tuple[Part, ...], body: base.Payload | None, *, complete: bool = True
) -> Completion:
    counted = _json.mapping(body or {}, "usage")
    counts = _json.count(counted, "input_tokens"), _json.count(counted, "output_tokens")
    heard = _json.count(_json.mapping(counted, "input_token_details"), "audio_tokens")
    usage = None if counts == (None, None) else Usage(*counts, heard=heard)
    choice = Choice(Message("assistant", parts))
    return Completion(api, "", "", (choice,), usage, failure(body or {}), complete)
