"""Tells answers that came whole from those that were cut, given up, refused or too long to be kept. Pure."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from ..core.values import Exchange, Response
from . import _json, base, bedrock, paths, read, sse
from .questions import asks_model

_FAILED = 400  # HTTP statuses from here on are of errors
_LAST_TYPES = frozenset({"message_stop", "response.completed", "response.incomplete", "message-end"})
_UNFINISHED = frozenset({"failed", "cancelled"})


def is_whole(exchange: Exchange) -> bool:
    """Whether all of a good answer was recorded: it may be served to whoever asks the same.

    It was read to its end, or closed after the vendor's own last event, as OpenAI's client closes each
    stream after `[DONE]`. A fault, an error (in a stream, too), an answer that was given up, broke off or is
    still being made, and one of which only the hash was kept are none.
    """
    answer = exchange.answer
    if not isinstance(answer, Response) or answer.omitted is not None or answer.status >= _FAILED:
        return False
    if answer.end not in ("eof", "closed") or not _is_fine(exchange):
        return False
    try:
        found = _find_ending(answer, base.decode_body(answer))
    except ValueError:  # encoded in a way that is unknown here
        return answer.end == "eof" or _has_all(answer)
    return not found.is_error and (answer.end == "eof" or found.is_last or _has_all(answer))


def _is_fine(exchange: Exchange) -> bool:
    """Whether nothing that can be read of an answer speaks against it."""
    completion = read.completion(exchange)
    if completion is None or not (asks_model(exchange.request) or paths.find_form(exchange.request.url)):
        return True  # the state of what goes on is whole whatever it says
    if completion.failure is not None and completion.api != paths.GEMINI:  # there, a refusal is an answer
        return False
    return completion.complete and completion.stop_reason not in _UNFINISHED


@frozen
class _Ending:
    """What an answer says last; and whether that is an error, or such that nothing can follow."""

    last: object
    is_last: bool

    @property
    def is_error(self) -> bool:
        match self.last:
            case {"type": "error"}:
                return True
            case dict():
                return bool(self.last.get("error"))
            case _:
                return False


def _find_ending(answer: Response, body: bytes) -> _Ending:
    if bedrock.is_stream(answer):
        return _of(list(bedrock.payloads(body))[-1:], _ends_frames)
    if base.is_stream(answer, body):
        data = [event.data for event in sse.events(body)][-1:]
        return _of([one if one == "[DONE]" else _json.parse(one) for one in data], _ends_events)
    whole = _json.parse(body)
    if isinstance(whole, list):
        return _Ending(whole[-1] if whole else None, is_last=True)
    if isinstance(whole, dict) and not _is_in_lines(answer):
        return _Ending(whole, is_last=True)
    return _of([_json.parse(line) for line in body.splitlines()[-1:]], _ends_lines)


def _of(last: list[object], ends: Callable[[object], bool]) -> _Ending:
    return _Ending(last[0], ends(last[0])) if last else _Ending(None, is_last=False)


def _ends_frames(event: object) -> bool:
    """Whether this is the last that Amazon sends: it counts tokens, or says how long it took."""
    if not isinstance(event, dict):
        return False
    is_metadata = "metrics" in event and "usage" in event
    return is_metadata or "amazon-bedrock-invocationMetrics" in event


def _ends_events(event: object) -> bool:
    if not isinstance(event, dict):
        return event == "[DONE]"
    candidates = _json.mappings(event, "candidates")
    stopped = bool(candidates) and all(one.get("finishReason") for one in candidates)
    return stopped or event.get("type") in _LAST_TYPES


def _ends_lines(event: object) -> bool:
    """Whether this is the last line that Ollama, or Cohere, sends."""
    return isinstance(event, dict) and (event.get("done") is True or event.get("event_type") == "stream-end")


def _is_in_lines(answer: Response) -> bool:
    """Whether JSON comes a line a piece, so that another may follow."""
    kind = base.header(answer.headers, "content-type").lower()
    return any(word in kind for word in ("ndjson", "jsonl", "stream+json"))


def _has_all(answer: Response) -> bool:
    """Whether there are as many bytes as the headers say."""
    return base.header(answer.headers, "content-length") == str(answer.size)
