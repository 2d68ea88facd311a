"""Edits of requests as the shell has them: --model, --system, --temperature, --set, --delete, --replace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ..edits import AnyEdit, Delete, Model, Replace, Set, SystemPrompt, Temperature

ModelName = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="Ask this model instead, of the same vendor.")
]
System = Annotated[
    str | None,
    typer.Option("--system", metavar="TEXT", help="Another system prompt; @FILE is what stands in a file."),
]
Heat = Annotated[float | None, typer.Option("--temperature", metavar="NUMBER", help="Another temperature.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=JSON", help="Set a place of requests, as '$.top_p=0.5'; may be repeated."
    ),
]
Deleted = Annotated[
    list[str] | None,
    typer.Option("--unset", metavar="PATH", help="Leave a place of requests out; may be repeated."),
]
Replaced = Annotated[
    list[str] | None,
    typer.Option(
        "--replace", metavar="OLD=NEW", help="Put one text for another in all requests; may be repeated."
    ),
]

NAMES = "model", "system", "temperature", "set_", "unset", "replace"
"""The options, as `options.SHARED` has them."""


def collect_edits(
    *,
    model: str | None = None,
    system: str | None = None,
    temperature: float | None = None,
    set_: list[str] | None = None,
    unset: list[str] | None = None,
    replace: list[str] | None = None,
) -> list[AnyEdit]:
    """Return the edits that the options name, in the order of this list.

    Raises:
        ValueError: one says nothing that is understood.
        OSError: a file cannot be read.
    """
    return [*_read_vendors(model, system, temperature), *_read_places(set_, unset), *_read_texts(replace)]


def _read_vendors(model: str | None, system: str | None, temperature: float | None) -> Iterator[AnyEdit]:
    if model is not None:
        yield Model(model)
    if system is not None:
        yield SystemPrompt(Path(system[1:]).read_text("utf-8") if system.startswith("@") else system)
    if temperature is not None:
        yield Temperature(temperature)


def _read_places(set_: list[str] | None, unset: list[str] | None) -> Iterator[AnyEdit]:
    for text in set_ or ():
        path, is_said, value = _part(text)
        if not is_said:
            raise ValueError(f"--set says a path and a value, as '$.temperature=0', not {text!r}")
        yield Set(path, _read_value(value))
    for path in unset or ():
        yield Delete(path)


def _read_texts(replace: list[str] | None) -> Iterator[AnyEdit]:
    for text in replace or ():
        old, is_said, new = text.partition("=")
        if not is_said or not old:
            raise ValueError(f"--replace says what stands there and what for it, as 'OLD=NEW', not {text!r}")
        yield Replace(old, new)


def _part(text: str) -> tuple[str, str, str]:
    """`text` at its first `=` that is in no quoted key."""
    quoted = False
    for n, character in enumerate(text):
        quoted ^= character == "'"
        if character == "=" and not quoted:
            return text[:n], "=", text[n + 1 :]
    return text, "", ""


def _read_value(text: str) -> Any:
    """What `text` is as JSON; what is none is text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
