"""The filters of runs as the shell has them: one list of options, for every command that looks for runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any

import typer

from ..storage.catalogue.facts import WORDS
from ..storage.catalogue.filters import SORTS

OPTIONS: dict[str, Any] = {
    "failed": Annotated[
        bool, typer.Option("--failed", help="Only runs that failed: they raised, or their oracle says so.")
    ],
    "outcome": Annotated[str | None, typer.Option(metavar="WORD", help=f"One of: {', '.join(WORDS)}.")],
    "agent": Annotated[str | None, typer.Option(help="A part of the agent's name.")],
    "since": Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Began since then: 2h, 3d, 1w ago, or a day: 2026-11-24."),
    ],
    "until": Annotated[str | None, typer.Option(metavar="TIME", help="Began before then.")],
    "model": Annotated[str | None, typer.Option(help="A part of the name of a model that was asked.")],
    "grep": Annotated[
        str | None,
        typer.Option(
            metavar="WORDS", help='Words that all stand in its prompts and answers; "a phrase" in quotes.'
        ),
    ],
    "cost_above": Annotated[str | None, typer.Option(metavar="USD", help="Cost more than this.")],
    "parent": Annotated[str | None, typer.Option(metavar="RUN", help="Went on from this run.")],
    "probes": Annotated[bool, typer.Option("--probes", "--forks", help="The forks that blame made too.")],
    "sort": Annotated[
        str | None,
        typer.Option(
            metavar="BY", help=f"{', '.join(SORTS)}: largest or newest first; -cost turns it round."
        ),
    ],
    "limit": Annotated[int | None, typer.Option(min=0, help="How many to give at most.")],
    "offset": Annotated[
        int | None, typer.Option(min=0, help="How many to leave out at the beginning.", show_default=False)
    ],
}
"""How each filter is read."""


def take_filters(command: Callable[..., None]) -> Callable[..., None]:
    """Return `command` with the options of all filters before its last parameter.

    Those that were given in the shell are passed to it as `asked`: keyword arguments of `make_filters`.
    """
    options = [
        Parameter(
            name,
            Parameter.POSITIONAL_OR_KEYWORD,
            default=False if name in ("failed", "probes") else None,
            annotation=hint,
        )
        for name, hint in OPTIONS.items()
    ]

    @wraps(command)
    def run(**values: Any) -> None:
        given = {name: values.pop(name) for name in OPTIONS}
        asked = {name: value for name, value in given.items() if value is not None and value is not False}
        command(asked=asked, **values)

    *own, last = (p for p in signature(command, eval_str=True).parameters.values() if p.name != "asked")
    run.__signature__ = Signature([*own, *options, last])  # type: ignore[attr-defined]
    return run
