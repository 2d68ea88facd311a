"""The answer that a fork gives one step instead of the recorded one, as its options say."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import typer
from attrs import frozen

from ..core.tape import Tape
from ..core.values import Exchange, Response
from ..providers import route, streams, turns
from ..providers.turn_texts import read_turn_text, write_turn
from .app import err, escape


@frozen
class Given:
    """An answer, or what makes one of the recorded exchange; None asks anew. `desc` says what it is."""

    answer: Callable[[Exchange], Response] | Response | None
    desc: str


def read_answer(
    tape: Tape,
    at: int,
    *,
    text: str | None,
    body: Path | None,
    tool: tuple[str, str] | None,
    editor: bool,
) -> Given | None:
    """Return the answer that the options give step `at` of `tape`; None where the editor changed nothing.

    Raises:
        ValueError: they give several, what they give is no answer, or the tape has no such step.
    """
    if not -len(tape) <= at < len(tape):
        raise ValueError(f"the run has {len(tape)} exchanges, there is no step {at}")
    if sum((text is not None, body is not None, tool is not None, editor)) > 1:
        raise ValueError("give one of --text, --body, --tool and --editor")
    if text is not None:
        return Given(route.Text(text), text or "an empty text")
    if body is not None:
        return Given(partial(_replace_body, body.read_bytes()), f"body of {body}")
    if tool is not None:
        return Given(route.ToolCall(tool[0], _read_arguments(*tool)), " ".join(tool))
    return edit_answer(tape, at) if editor else Given(None, "asked anew")


def edit_answer(tape: Tape, at: int) -> Given | None:
    """Return what the editor of the user makes of the recorded answer; None where it changes nothing.

    On a terminal an edit that cannot be used is opened again; elsewhere it is kept in its file.

    Raises:
        ValueError: the recorded answer cannot be edited, there is no editor, or the edit cannot be used.
    """
    exchange = tape[at]
    old = turns.read_turn(exchange)
    file = _open_file(at, write_turn(old))
    while True:
        _run_editor(file)
        try:
            new = read_turn_text(file.read_text("utf-8"), old)
            answer = turns.replace_turn(exchange, new)
        except ValueError as exc:
            if sys.stdin.isatty() and _wants_again(exc):
                continue
            raise ValueError(f"{exc}; what you wrote is kept in {file}") from exc
        file.unlink(missing_ok=True)
        return None if new == old else Given(answer, "edited by hand")


def _open_file(at: int, text: str) -> Path:
    """A new file that holds `text`, for this user alone."""
    number, name = tempfile.mkstemp(".json", f"tracefork-step-{at}-")
    with open(number, "w", encoding="utf-8") as file:  # noqa: PTH123  it is open already
        file.write(text)
    return Path(name)


def _run_editor(file: Path) -> None:
    words = _find_editor()
    try:
        done = subprocess.run([*words, str(file)], check=False)  # noqa: S603  it is the user's own
    except OSError as exc:
        file.unlink(missing_ok=True)
        raise ValueError(f"there is no editor {words[0]!r} ({exc.strerror}): set VISUAL or EDITOR") from exc
    if done.returncode:
        raise ValueError(
            f"{words[0]} left with exit code {done.returncode}, nothing was run; the text is kept in {file}"
        )


def _find_editor() -> Sequence[str]:
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    return shlex.split(named) or ["vi"]


def _wants_again(problem: ValueError) -> bool:
    err.print(f"[bold red]this cannot be used:[/] {escape(problem)}")
    return typer.confirm("Edit it again?", default=True, err=True)


def _read_arguments(name: str, arguments: str) -> dict[str, object]:
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"--tool {name}: its arguments are no JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise ValueError(f"--tool {name}: its arguments are a JSON object, not {arguments:.80}")  # noqa: TRY004  a text in the shell
    return value


def _replace_body(data: bytes, exchange: Exchange) -> Response:
    """The recorded answer with `data` for a body, as a stream where it was one."""
    return streams.fit(exchange, exchange.response.with_body(data), strictly=True)
