"""The options of a run as the shell has them; one that is not given is as the run was recorded."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any

import typer

from ..session.passthrough import TELEMETRY
from . import edits


class Processes(StrEnum):
    """What becomes of processes that the agent starts."""

    RUN = "run"
    JOIN = "join"
    REFUSE = "refuse"


class Order(StrEnum):
    """What happens again in its recorded order."""

    ALL = "all"
    ANSWERS = "answers"
    ANY = "any"


class Durability(StrEnum):
    """What a recorded step survives."""

    PROCESS = "process"
    POWER = "power"


class Doubt(StrEnum):
    """What becomes of a tool that may have run before the crash."""

    RAISE = "raise"
    RERUN = "rerun"


class Loss(StrEnum):
    """What becomes of what a tool gave and no tape can keep."""

    RAISE = "raise"
    WARN = "warn"


class Tools(StrEnum):
    """What tools do once a run is live."""

    LIVE = "live"
    REUSE = "reuse"
    RECORDED = "recorded"
    REFUSE = "refuse"
    ASK = "ask"


Wrap = Annotated[
    list[str] | None,
    typer.Option("--wrap", metavar="MODULE:FUNCTION", help="A function that is a tool; may be repeated."),
]
OnDoubt = Annotated[
    Doubt,
    typer.Option("--on-doubt", help="A tool that may have run before the crash: raise InDoubt, or rerun it."),
]
LiveTools = Annotated[Tools | None, typer.Option("--tools", help="What tools do once the run is live.")]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow", metavar="ADDRESS", help="May be connected to, also in a replay. HOST, HOST:PORT or PATH."
    ),
]
Passthrough = Annotated[
    list[str] | None,
    typer.Option(
        "--passthrough",
        metavar="PATTERN",
        help="None of the agent's, as 'POST HOST/PATH', beside telemetry.",
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="PATH",
        help="Makes no difference in a question: a JSON path, '$.user', or a pattern, '/[0-9]+ ms/'.",
    ),
]
MaxBody = Annotated[
    int | None,
    typer.Option("--max-body", metavar="BYTES", help="Of longer bodies only a hash is kept.", min=0),
]
Virtualize = Annotated[
    str | None,
    typer.Option("--virtualize", help="Chance to draw through the run: of random,secrets,time,uuid."),
]
Strict = Annotated[
    bool | None,
    typer.Option("--strict/--no-strict", help="Refuse what would not be recorded.", show_default=False),
]
OfProcesses = Annotated[
    Processes | None, typer.Option("--processes", help="What becomes of processes that the agent starts.")
]
OfOrder = Annotated[
    Order | None,
    typer.Option(
        "--order", help="What keeps its recorded order: all, or answers alone, where questions cannot wait."
    ),
]
Durable = Annotated[Durability, typer.Option("--durability", help="What a recorded step survives.")]
Patience = Annotated[
    float | None,
    typer.Option("--patience", metavar="SECONDS", help="How long to wait for a recorded question."),
]
Unrecordable = Annotated[
    Loss,
    typer.Option(help="A tool's result that cannot be kept whole: raise Unrecordable, or warn."),
]
InstantRetries = Annotated[
    bool, typer.Option("--instant-retries", help="Serve a recorded 429 or 529 without its pause.")
]


SHARED: dict[str, tuple[Any, Any]] = {
    "tools": (LiveTools, None),
    "on_doubt": (OnDoubt, Doubt.RAISE),
    "allow": (Allow, None),
    "passthrough": (Passthrough, None),
    "ignore": (Ignore, None),
    "max_body": (MaxBody, None),
    "virtualize": (Virtualize, None),
    "strict": (Strict, None),
    "processes": (OfProcesses, None),
    "order": (OfOrder, None),
    "patience": (Patience, None),
    "instant_retries": (InstantRetries, False),
    "durability": (Durable, Durability.PROCESS),
    "wrap": (Wrap, None),
    "unrecordable": (Unrecordable, Loss.RAISE),
    "model": (edits.ModelName, None),
    "system": (edits.System, None),
    "temperature": (edits.Heat, None),
    "set_": (edits.Settings, None),
    "unset": (edits.Deleted, None),
    "replace": (edits.Replaced, None),
}
"""The options of runs that several commands take: how each is read, and what it is by default."""

OF_REPLAYS = "allow", "passthrough", "ignore", "strict", "processes", "order", "patience", "instant_retries"
OF_TAILS = "tools", "on_doubt", *OF_REPLAYS, "durability"


def take(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds the options `names` to a command, before its last parameter.

    Those that were given in the shell are passed to it as `chosen`: keyword arguments of a verb.
    """
    shared = [
        Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=SHARED[name][1], annotation=SHARED[name][0])
        for name in names
    ]

    def add(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**values: Any) -> None:
            command(chosen=_collect(**{name: values.pop(name) for name in names}), **values)

        *own, last = (p for p in signature(command, eval_str=True).parameters.values() if p.name != "chosen")
        run.__signature__ = Signature([*own, *shared, last])  # type: ignore[attr-defined]
        return run

    return add


def _collect(
    *,
    allow: list[str] | None = None,
    passthrough: list[str] | None = None,
    ignore: list[str] | None = None,
    virtualize: str | None = None,
    **others: Any,
) -> dict[str, Any]:
    """The options that were given, as keyword arguments of a verb."""
    of_edits = {name: others.pop(name) for name in edits.NAMES if name in others}
    options = {
        "edits": edits.collect_edits(**of_edits) or None,
        "allow": allow or None,
        "passthrough": (*TELEMETRY, *passthrough) if passthrough else None,
        "ignore": ignore or None,
        "virtualize": None if virtualize is None else virtualize.replace(",", " ").split(),
        **{name: value.value if isinstance(value, StrEnum) else value for name, value in others.items()},
    }
    return {name: value for name, value in options.items() if value is not None}
