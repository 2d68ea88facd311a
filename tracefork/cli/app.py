"""What all commands share: the application, its two consoles, common options, and how things are printed.

A command's module is imported when the command runs: `COMMANDS` has what the list of them tells.

Exit codes: 0 fine, 1 the answer is no (a verdict that is not ok, two tapes that
part, damage), 2 wrong usage or an error that the message explains, 3 nothing to vouch for
(a run without an exchange, draw or effect is verified).
"""

from __future__ import annotations

import json
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import markup
from rich.console import Console
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from .. import __version__
from ..core.advice import in_shell
from ..core.visible import visible, visible_json

if TYPE_CHECKING:
    from ..codec.limits import Limits

COMMANDS = {
    "demo": ("run", "Show the whole product on a small agent, offline, in a few seconds."),
    "run": (
        "run",
        "Record any script or module, unmodified, or any command. A record() of its own joins the run.",
    ),
    "verify": (
        "run",
        "Replay a run with its script, offline, and say whether everything happened again.",
    ),
    "fork": (
        "run",
        "Run a recorded script again with one answer changed, live from there. Without an answer, ask anew.",
    ),
    "rerun": (
        "rerun",
        "Run a changed script again: what it still asks costs nothing, the rest is asked live.",
    ),
    "resume": ("run", "Run an interrupted script to its end: what was recorded costs nothing."),
    "calibrate": (
        "run",
        "Run a script for real, and again on its recording: what varies by itself, and what would help.",
    ),
    "blame": (
        "blame",
        "Measure which step of a run made its outcome, by running it again from many places.",
    ),
    "compare": (
        "compare",
        "Say whether a change is better, worse or the same on recorded runs, by running both in pairs.",
    ),
    "validate": (
        "blame",
        "Try blame on planted causes, offline: the planner often, and real agents. Exit code 1 if it fails.",
    ),
    "policy": (
        "policies",
        "Say what a run did that it may not: tools, their order, models, cost. Exit code 1 if it did.",
    ),
    "pin": (
        "pin",
        "Make a test of a run: its tape, and a test file beside it that holds the agent to it.",
    ),
    "gateway": (
        "gateway",
        "Record agents that are started elsewhere, in any language, until it is interrupted.",
    ),
    "workspace": (
        "workspace",
        "List the files of a command's run as they were at a step, or write them to a folder.",
    ),
    "group": ("groups", "Put failed runs in groups that one cure would probably mend: why, and which runs."),
    "ls": ("ls", "List the runs of a store, newest first, or those that you look for."),
    "show": (
        "show",
        "Print a run as a conversation: what each step added, what came, which tools were called.",
    ),
    "diff": (
        "show",
        "Say where what was said in two runs is not the same, a line each. Exit code 1 if it is somewhere.",
    ),
    "textconv": (
        "textconv",
        "Print a tape as the text that `git diff` compares: what was asked, answered and called.",
    ),
    "git": (
        "textconv",
        "Print what makes `git diff` show tapes as conversations: for .gitattributes, and for a shell.",
    ),
    "report": ("report", "Write a run as one page that needs nothing else, or as text."),
    "serve": (
        "report",
        "Show all runs of a store in the browser, live, at an address of this machine alone.",
    ),
    "check": (
        "maintenance",
        "Read every run and say what is damaged. Exit code 0 clean, 1 damage, 2 cannot tell.",
    ),
    "salvage": (
        "maintenance",
        "Keep what is whole of a damaged run, as a run or a file of its own; the damaged one stays.",
    ),
    "gc": ("maintenance", "Tidy up: seal runs that died, finish what was interrupted, give room back."),
    "export": (
        "export",
        "Write a run to a file that stands by itself, or what is known of runs as JSON lines.",
    ),
    "scrub": (
        "maintenance",
        "Keep a run without its secrets as another run; the one with them stays until it is deleted.",
    ),
    "import": (
        "maintenance",
        "Put tape files, or other recorders' cassettes, into a store as runs. Nothing damaged is kept.",
    ),
    "delete": ("maintenance", "Remove a run. One that has branches stays, unless these are rebased."),
}
"""Each command in the order in which help lists them: the module that has it, and what it does."""


class Group(TyperGroup):
    """The commands, each of whose modules is imported when it is asked for."""

    _listed = False

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, summary = COMMANDS[cmd_name]
        if self._listed:
            return TyperCommand(cmd_name, help=summary)
        return get_group(import_module(f".{module}", __package__).commands).commands[cmd_name]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._listed = True
        super().format_help(ctx, formatter)


app = typer.Typer(
    cls=Group,
    help="Record, replay, fork and compare agent runs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console(soft_wrap=True, highlight=False, emoji=False)
err = Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)

Store = Annotated[str, typer.Option("--store", envvar="TRACEFORK_STORE", help="Where runs are kept.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run_id or its beginning, `last`, or a file: tape, report or cassette."
    ),
]
RUNS = "runs.db"
NOTHING = 3
"""The exit code of `verify` for a run that holds nothing."""
_NO_LIMITS: ContextVar[bool] = ContextVar("tracefork.cli.no_limits", default=False)


def main() -> None:
    """Run the command line; what tracefork raises on purpose is printed, not traced."""
    with in_shell():
        try:
            app()
        except Exception as exc:
            if not _is_expected(exc):
                raise
            if "--json" in sys.argv:
                print_json({"error": {"type": type(exc).__name__, "message": str(exc)}})
            err.print(f"[bold red]error:[/] {escape(exc)}")
            sys.exit(2)


def _is_expected(exc: Exception) -> bool:
    """True if this is raised on purpose, and its message is for whoever gave the command."""
    from ..errors import TraceforkError  # noqa: PLC0415  --help needs none of it

    return isinstance(exc, TraceforkError | OSError | ValueError)


@app.callback(invoke_without_command=True)
def top(
    no_limits: Annotated[
        bool,
        typer.Option(
            "--no-limits",
            envvar="TRACEFORK_NO_LIMITS",
            help="Read runs and files of any size: for those whose maker is trusted.",
        ),
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    _NO_LIMITS.set(no_limits)
    if version:
        out.print(__version__)
        raise typer.Exit


def limits() -> Limits:
    """Return how much is read, by the option in front of the command."""
    from ..codec.limits import DEFAULT, UNLIMITED  # noqa: PLC0415  --help needs none of it

    return UNLIMITED if _NO_LIMITS.get() else DEFAULT


def print_json(value: object) -> None:
    text = visible_json(json.dumps(value, indent=2, ensure_ascii=False, default=str))
    print(text if fit(text) == text else json.dumps(value, indent=2, default=str))


def print_plain(text: str) -> None:
    """Print `text` as it is, but for what steers a terminal."""
    out.print(fit(visible(text)), markup=False)


def print_line(text: str) -> None:
    """Print `text` as one line: a new line in a name begins none."""
    out.print(fit(visible(text, one_line=True)), markup=False)


def escape(value: object) -> str:
    """`value` as it may stand in what is printed: no markup, and nothing that steers a terminal.

    The text of an error may have several lines; a name or a value has one.
    """
    text = visible(str(value), one_line=not isinstance(value, BaseException))
    return markup.escape(fit(text))


def fit(text: str) -> str:
    """`text` with what the terminal's encoding has no bytes for spelled."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def format_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S") if seconds else ""


def plural(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
