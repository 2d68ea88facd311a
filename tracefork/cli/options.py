"""The options of a run as the shell has them; one that is not given is as the run was recorded."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from ..session.passthrough import TELEMETRY


class Processes(StrEnum):
    """What becomes of processes that the agent starts."""

    RUN = "run"
    REFUSE = "refuse"


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
LiveTools = Annotated[Tools, typer.Option("--tools", help="What tools do once the run is live.")]
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
        "--ignore", metavar="PATH", help="Makes no difference in a question: a JSON path such as '$.user'."
    ),
]
MaxBody = Annotated[
    int | None,
    typer.Option("--max-body", metavar="BYTES", help="Of longer bodies only a hash is kept.", min=0),
]
Virtualize = Annotated[
    str | None, typer.Option("--virtualize", help="Chance to draw through the run: of random,time,uuid.")
]
Strict = Annotated[
    bool | None,
    typer.Option("--strict/--no-strict", help="Refuse what would not be recorded.", show_default=False),
]
OfProcesses = Annotated[
    Processes | None, typer.Option("--processes", help="What becomes of processes that the agent starts.")
]
Durable = Annotated[Durability, typer.Option("--durability", help="What a recorded step survives.")]
Patience = Annotated[
    float | None,
    typer.Option("--patience", metavar="SECONDS", help="How long to wait for a recorded question."),
]
InstantRetries = Annotated[
    bool, typer.Option("--instant-retries", help="Serve a recorded 429 or 529 without its pause.")
]


def collect(
    *,
    allow: list[str] | None = None,
    passthrough: list[str] | None = None,
    ignore: list[str] | None = None,
    virtualize: str | None = None,
    **others: Any,
) -> dict[str, Any]:
    """Return the options of a run that were given in the shell, as keyword arguments of its verb."""
    options = {
        "allow": allow or None,
        "passthrough": (*TELEMETRY, *passthrough) if passthrough else None,
        "ignore": ignore or None,
        "virtualize": None if virtualize is None else virtualize.replace(",", " ").split(),
        **{name: value.value if isinstance(value, StrEnum) else value for name, value in others.items()},
    }
    return {name: value for name, value in options.items() if value is not None}
