"""Readers of questions and answers, whoever the vendor is. They never fail: what is unknown is None.

An API is known by the path of its URL (see `paths`): hosts differ, paths do not. What
strangers wrote is read without trust: a part of another shape than its API has is
an `Other`, an answer that makes no sense is None.
"""

from __future__ import annotations

from typing import Protocol

from attrs import evolve

from ..core.values import Exchange, Request, Response
from . import api_paths, base
from .amazon import converse, invoke
from .anthropic import batches, complete
from .anthropic import read as anthropic
from .cohere import chat as cohere_chat
from .cohere import embed as cohere_embed
from .cohere import older as cohere_older
from .gemini import embed as gemini_embed
from .gemini import interactions, live
from .gemini import read as gemini
from .messages import Completion, Message, Prompt, Tool
from .ollama import chat as ollama_chat
from .ollama import embed as ollama_embed
from .ollama import generate as ollama_generate
from .openai import (
    audio,
    chat_read,
    embeddings,
    files,
    images,
    moderations,
    realtime,
    responses_read,
    runs,
    threads,
)
from .others import counts, huggingface, mistral, replicate, rerank, writer


class Api(Protocol):
    """One vendor's API.

    `lists` are the keys of the request's JSON whose elements are messages or
    tools, in the order in which a model is given them; a key may hold a single
    string or object instead of a list.
    """

    @property
    def name(self) -> str: ...

    @property
    def lists(self) -> tuple[str, ...]: ...

    def elements(self, key: str, value: object) -> tuple[Message | Tool, ...]:
        """What one element of the list `key` holds: a message, a tool, several of these, or nothing."""

    def element(self, key: str, value: object) -> Message | Tool | None:
        """One element of the list `key`, or None if it is neither a message nor a tool, or is several."""

    def prompt(self, request: Request) -> Prompt | None: ...

    def completion(self, response: Response) -> Completion | None: ...


_APIS: dict[str, Api] = {
    reader.name: reader
    for reader in (
        anthropic.READER,
        chat_read.READER,
        chat_read.BARE,
        responses_read.READER,
        gemini.READER,
        audio.SPEECH,
        audio.TRANSCRIPTIONS,
        batches.READER,
        cohere_chat.READER,
        cohere_embed.READER,
        cohere_older.CHAT,
        cohere_older.GENERATE,
        complete.READER,
        converse.READER,
        counts.READER,
        embeddings.READER,
        files.READER,
        gemini_embed.PREDICT,
        gemini_embed.READER,
        huggingface.READER,
        images.READER,
        interactions.READER,
        invoke.READER,
        live.READER,
        mistral.OCR,
        mistral.READER,
        moderations.READER,
        ollama_chat.READER,
        ollama_embed.READER,
        ollama_generate.READER,
        realtime.READER,
        replicate.READER,
        rerank.READER,
        runs.READER,
        threads.READER,
        writer.READER,
    )
}


def api(request: Request) -> Api | None:
    """The API that the request is for, or None."""
    return _APIS.get(api_paths.find_api(request))


def prompt(request: Request) -> Prompt | None:
    """What the request asks a model, or None where it asks none that we know."""
    known = api(request)
    if known is None:
        return None
    if request.method == api_paths.SEND and request.body[:1] == _BINARY:
        request = evolve(request, body=request.body[1:])
    return known.prompt(request)


def completion(exchange: Exchange) -> Completion | None:
    """What the model answered, or None where there is no response or no API that we know.

    Over a web socket it is what came until the next message.
    """
    known, answer = api(exchange.request), exchange.answer
    if known is None or not isinstance(answer, Response):
        return None
    if exchange.request.method != api_paths.SEND:
        return known.completion(answer)
    lines = [b"data: " + _unframe(chunk) + b"\n\n" for chunk in answer.chunks]
    return known.completion(Response(base.OK, _EVENTS, tuple(lines))) if lines else None


_BINARY = b"\xff"
"""What a binary message of a web socket begins with on a tape: Google's frames are JSON all the same."""

_EVENTS = (("content-type", "text/event-stream"),)


def _unframe(chunk: bytes) -> bytes:
    return chunk.removeprefix(_BINARY).replace(b"\r", b"").replace(b"\n", b"")
