"""Reads Writer's chat, which is OpenAI's at another path."""

from __future__ import annotations

from attrs import evolve

from .. import api_paths, base
from .._reader import Reader
from ..messages import Completion
from ..openai import chat_read
from ..openai.chat_stream import assemble


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    found = chat_read.whole(body, complete)
    return evolve(found, api=api_paths.WRITER) if found else None


READER = Reader(api_paths.WRITER, ("tools", "messages"), chat_read.elements, whole, assemble)
