"""A run as one self-contained page: no request, no inline handler, nothing that recorded text could run.

Autoescape is on for everything but three constants of this package. The policy
allows this package's script and style by their hashes and no other, and forbids
the sinks that turn text into markup.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, get_args

from ...core.tape import Tape
from ...core.visible import visible
from ...errors import MissingPart
from ...providers.prices import Prices
from ..model.blame import BlameLike
from ..model.gather import view_of
from ..model.verified import VerdictLike
from ..model.view import View
from . import sidebar, step_list
from .ending import make_card
from .payload import blocks
from .strands import list_strands
from .timeline import strip

if TYPE_CHECKING:
    from jinja2 import Environment

Mode = Literal["app", "static"]

_INDENT = re.compile(r"^[ ]+", re.MULTILINE)
_COMMENT = re.compile(r"^/\*.*?\*/\n+|[ ]{2,}(?://[^\n\"'`]*|/\*[^\n]*\*/)$", re.MULTILINE | re.DOTALL)
_NOT_HTML = re.compile("[\ud800-\udfff\x00]")

SCRIPT = tuple(
    """
    state elements figures payload json code markdown media values messages words ending
    views showing beside address
    order list table pattern search strip keys panes live start
    """.split()
)
"""The parts of the page's script, in the order in which they are joined."""
STYLE = tuple(
    "colours base top strip list origin table step values ending side panes help static narrow".split()
)
"""The parts of the style, the same; what comes later overrides what came before."""

MOST_ROWS = 2_000
"""Steps that are listed in the page itself; of a longer run the script makes the list."""
TOGETHER = 50
"""Steps that a browser lays out together, once one of them comes into sight."""


def html(
    tape: Tape,
    *,
    blame: BlameLike | None = None,
    branches: Iterable[object] = (),
    verified: VerdictLike | None = None,
    prices: Prices | None = None,
    parent: object | None = None,
    failure: str = "",
    beside: Iterable[object] = (),
    mode: Mode = "app",
) -> str:
    """Return the page about `tape`, the same text for the same arguments.

    Args:
        tape: the run.
        blame: a report of blame, whose ranking is drawn.
        branches: tapes of runs that were forked from it, or of forks of those; sessions and whatever
            else has a `.tape` will do.
        verified: the verdict of a replay, `verify(tape, agent)`, which the page then tells.
        prices: what tokens cost, by default `providers.prices.listed()`.
        parent: the tape of the run that this one went on from, or whatever has it as its `.tape`: the page
            then tells what was saved, and from which of its steps answers came.
        failure: what somebody who judged the run, a test or an oracle, says went wrong: the page then says
            that it failed, whatever the agent did.
        beside: tapes of other runs, of which none came from it: each is shown beside it, step by step.
        mode: "app" holds every byte of the run and a script to look at them; "static" has no script and
            shows what each step said, for mail and for servers that forbid scripts.

    Raises:
        MissingPart: Jinja2 is not installed.
        TypeError: a branch or the parent is no tape and has none, or a verdict is none.
        ValueError: there is no such mode, or the verdict is on another run.
    """
    if mode not in get_args(Mode):
        raise ValueError(f"mode is one of {', '.join(get_args(Mode))}, not {mode!r}")
    view = view_of(
        tape,
        blame=blame,
        branches=branches,
        verified=verified,
        prices=prices,
        parent=parent,
        failure=failure,
        beside=beside,
    )
    return render(view, tape, mode)


def render(
    view: View, tape: Tape, mode: Mode = "app", *, live: str = "", most: int | None = None, back: str = ""
) -> str:
    """The page about a View of `tape`; `live` is the address at which a server tells what comes next.

    A static page has all steps, or the first `most`. `back` is the address of the list that it belongs to.
    """
    app = mode == "app"
    return (
        environment()
        .get_template("page.html")
        .render(
            mode=mode,
            live=live,
            back=back,
            policy=policy(mode, live=bool(live)),
            css=style(),
            js=script(),
            head=step_list.head(view, live=bool(live)),
            strip=strip(view, live=bool(live)),
            steps=step_list.steps(view, MOST_ROWS if app else most, whole=not app),
            together=TOGETHER,
            after=step_list.after(view),
            more=step_list.more(view, MOST_ROWS if app else most, app=app),
            ending=None if live else make_card(view),
            strands=tuple(list_strands(view)),
            blame=sidebar.blame(view),
            branches=tuple(sidebar.branches(view)),
            blocks=blocks(view, tape.masked, MOST_ROWS) if app else (),
        )
    )


def policy(mode: Mode = "app", *, live: bool = False) -> str:
    """The content security policy of a page: its style and script by their hashes, and nothing else.

    Sounds are played from what the script itself made of the tape's bytes, `blob:`, which loads nothing.
    A `live` page may also ask the server that it came from.
    """
    rules = [
        "default-src 'none'",
        f"script-src '{_hash(script())}'" if mode == "app" else "",
        f"style-src '{_hash(style())}'",
        "media-src blob:" if mode == "app" else "",
        "connect-src 'self'" if live else "",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'; trusted-types 'none'",
    ]
    return "; ".join(rule for rule in rules if rule)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def script() -> str:
    """The script of the page: its parts in their order, within the one function of `page.js`."""
    parts = "\n".join(asset(f"script/{part}.js") for part in SCRIPT)
    return asset("page.js").replace('"parts";\n', parts)


@cache
def style() -> str:
    """The style of the pages: its parts in their order."""
    return "\n".join(asset(f"style/{part}.css") for part in STYLE)


@cache
def asset(name: str) -> str:
    """A file of this package; what a browser runs without its comments and the indents of its lines."""
    text = (files(__package__) / "assets" / name).read_text("utf-8")
    return text if name.endswith(".html") else _COMMENT.sub("", _INDENT.sub("", text))


def _printable(value: object) -> object:
    """What goes into the page: half of a surrogate pair has no UTF-8, and NUL no place in HTML.

    Other controls are spelled: pages are printed on terminals too.
    """
    if type(value) is not str or value.isprintable():
        return value
    return visible(_NOT_HTML.sub("\ufffd", value))


@cache
def environment() -> Environment:
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415
    except ImportError as exc:
        raise MissingPart("a page", "jinja2", "report") from exc
    made = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
        loader=FunctionLoader(asset),
    )
    macros = made.get_template("macros.html").module
    names = ("asides", "card", "told", "tree", "spots", "agents", "ranking")
    made.globals |= {name: getattr(macros, name) for name in names}
    return made
