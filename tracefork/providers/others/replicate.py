"""Reads Replicate's predictions: what a model was given, and what it has made of it so far."""

from __future__ import annotations

from .. import _json, api_paths, base
from .._parts import failure, media_at_url, other
from .._reader import Reader
from ..messages import Choice, Completion, Failure, Message, Part, Text, Tool, Usage
from ..openai.embeddings import take_last

API = api_paths.PREDICTIONS
_UNFINISHED = frozenset({"starting", "processing", "queued"})
_SYSTEM = ("system_prompt", "system_instruction")


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    """The prompt, and the system's; settings are no words, and what else there is is kept as it is."""
    if key != "input" or not isinstance(value, dict):
        return ()
    system = _json.string(value, *_SYSTEM)
    asked = [
        Text(_json.clean(text)) for name in ("prompt", "text") if isinstance(text := value.get(name), str)
    ]
    media = [
        media_at_url("image", url) for name in ("image", "input_image") if (url := _json.string(value, name))
    ]
    found: tuple[Part, ...] = (*asked, *media)
    head = (Message("system", (Text(system),)),) if system else ()
    return (*head, Message("user", found or (other(value, "input"),)))


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    status, failed = _json.string(body, "status"), failure(body)
    if not status or ("urls" not in body and "input" not in body):
        return Completion(API, failure=failed) if failed else None
    if failed and status == "failed":
        failed = Failure("failed", failed.message)
    metrics = _json.mapping(body, "metrics")
    counts = _json.count(metrics, "input_token_count"), _json.count(metrics, "output_token_count")
    return Completion(
        API,
        _json.string(body, "id"),
        _json.string(body, "model"),
        (Choice(Message("assistant", _read_output(body.get("output"))), status),),
        None if counts == (None, None) else Usage(*counts),
        failed,
        complete and status not in _UNFINISHED,
    )


def _read_output(output: object) -> tuple[Part, ...]:
    """Texts are pieces of one; an address is what was made."""
    match output:
        case None:
            return ()
        case str():
            return (_read_text(output),)
        case list() if output and all(isinstance(one, str) for one in output):
            if all(_is_address(one) for one in output):
                return tuple(map(_read_text, output))
            return (Text(_json.clean("".join(output))),)
        case _:
            return (other({"output": output}, "output"),)


def _read_text(text: str) -> Part:
    return media_at_url("image", _json.clean(text)) if _is_address(text) else Text(_json.clean(text))


def _is_address(text: str) -> bool:
    return text.startswith(("https://", "data:"))


READER = Reader(API, ("input",), elements, whole, take_last)
