"""The command that holds a run to a policy of a test, and the options that policies have in a shell."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from decimal import Decimal
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from ..core.tape import Tape
from ..providers.prices import load
from ..report.figures import dollars, plural
from ..testing.policies.conduct import Conduct
from ..testing.policies.policy import Policy, read_policy
from .app import NOTHING, RUNS, Json, Run, Store, escape, out, print_json
from .tapes import load_tape

commands = typer.Typer()

_Names = list[str] | None
_LISTS = "tools", "never", "must", "order", "models"

RULES: dict[str, Any] = {
    "tools": Annotated[
        _Names, typer.Option("--tools", metavar="A,B", help="Only these tools may be called.")
    ],
    "never": Annotated[
        _Names, typer.Option("--never", metavar="A,B", help="These tools never may be called.")
    ],
    "must": Annotated[_Names, typer.Option("--must", metavar="A,B", help="Each of these has to be called.")],
    "order": Annotated[
        _Names, typer.Option("--order", metavar="A,B", help="None may be called before those in front of it.")
    ],
    "at_most": Annotated[
        _Names, typer.Option("--at-most", metavar="TOOL=N", help="How often a tool may be called.")
    ],
    "models": Annotated[
        _Names, typer.Option("--models", metavar="A,B", help="Only these models may be asked.")
    ],
    "max_calls": Annotated[
        int | None, typer.Option("--max-calls", min=0, help="The most calls of models that are answered.")
    ],
    "max_tokens": Annotated[
        int | None, typer.Option("--max-tokens", min=0, help="The most tokens of all prompts and answers.")
    ],
    "max_usd": Annotated[
        str | None, typer.Option("--max-usd", metavar="USD", help="The most that they may cost.")
    ],
    "rules": Annotated[
        Path | None,
        typer.Option("--rules", metavar="FILE", help="More rules, in TOML or JSON: keywords of a policy."),
    ],
    "prices": Annotated[
        Path | None,
        typer.Option("--prices", metavar="FILE", help="What tokens cost, by a table of your own."),
    ],
}
"""How each rule is read. Lists have commas between, or an option for each."""


@attrs.frozen
class Chosen:
    """The policy that options name, None if they name none, and the file of its table of prices."""

    policy: Policy | None
    prices: Path | None


def take_rules(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with the options of policies before its last parameter; it gets them as `chosen`."""
    shared = [
        Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=kind)
        for name, kind in RULES.items()
    ]

    @wraps(command)
    def run(**values: Any) -> None:
        rules = {name: values.pop(name) for name in RULES}
        command(chosen=Chosen(_make_policy(**rules), rules["prices"]), **values)

    own = [p for p in signature(command, eval_str=True).parameters.values() if p.name != "chosen"]
    run.__signature__ = Signature([*own[:-1], *shared, own[-1]])  # type: ignore[attr-defined]
    return run


@commands.command()
@take_rules
def policy(
    run: Run,
    store: Store = RUNS,
    json_: Json = False,
    *,
    chosen: Chosen,
) -> None:
    """Say what a run did that it may not: tools, their order, models, cost. Exit code 1 if it did.

    A tool's name stands for it in any class and on any server, and `*` for anything.
    Exit code 3 where the run holds nothing.
    """
    rules = chosen.policy
    if rules is None:
        raise ValueError("say what the run may do, by one rule at least, such as --never delete")
    tape = load_tape(run, store)
    breaches = rules.check(tape)
    is_empty = any(breach.rule == "empty" for breach in breaches)
    if json_:
        found = {"run_id": tape.run_id, "ok": not breaches, "breaches": [*map(attrs.asdict, breaches)]}
        print_json(found | _count(tape, rules))
    elif not breaches:
        out.print(f"[green]kept[/]: {escape(_describe(tape, rules))}")
    else:
        for breach in breaches:
            out.print(escape(breach))
    raise typer.Exit(NOTHING if is_empty else 1 if breaches else 0)


# -- below -------------------------------------------------------------------------


def _make_policy(*, rules: Path | None, prices: Path | None, **given: Any) -> Policy | None:
    """The policy that the options are, None if there are none.

    Raises:
        ValueError: one of them says nothing that is understood.
        OSError: a file cannot be read.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    for name in chosen.keys() & {*_LISTS}:
        chosen[name] = [one.strip() for text in chosen[name] for one in text.split(",") if one.strip()]
    if "at_most" in chosen:
        chosen["at_most"] = dict(_read_count(one) for text in chosen["at_most"] for one in text.split(","))
    if rules is not None:
        chosen = {**_read_rules(rules), **chosen}
    if not chosen:
        return None
    return read_policy(chosen, prices=None if prices is None else load(prices))


def _read_rules(file: Path) -> dict[str, Any]:
    text = file.read_text("utf-8")
    try:
        found = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except ValueError as exc:
        raise ValueError(f"{file} is no {'JSON' if file.suffix == '.json' else 'TOML'}: {exc}") from exc
    if not isinstance(found, dict):
        raise ValueError(f"{file} holds no rules by their names")  # noqa: TRY004  a file is at fault
    return found


def _read_count(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name or not number.isdecimal():
        raise ValueError(f"--at-most says a tool and a number, as book=1, not {text!r}")
    return name.strip(), int(number)


def _count(tape: Tape, policy: Policy) -> dict[str, Any]:
    """What the run did, in numbers; None where one is not known."""
    conduct = Conduct(tape.masked, policy.prices)
    tokens = [call.tokens for call in conduct.answered]
    usd = [call.usd for call in conduct.answered]
    return {
        "model_calls": len(conduct.answered),
        "tool_calls": len(conduct.tools),
        "tokens": None if None in tokens else sum(filter(None, tokens)),
        "usd": None if None in usd else str(sum(filter(None, usd))),
    }


def _describe(tape: Tape, policy: Policy) -> str:
    figures = _count(tape, policy)
    parts = [plural(figures["model_calls"], "model call"), plural(figures["tool_calls"], "tool call")]
    if figures["tokens"] is not None:
        parts.append(plural(figures["tokens"], "token"))
    if figures["usd"] is not None:
        parts.append(dollars(Decimal(figures["usd"])))
    return ", ".join(parts)
