"""What every run may be told, once: the names, the defaults, the checks, and the words about them.

`Options` is the value. The TypedDicts are the same as keyword arguments of the verbs that take them,
so that a type checker and an editor know them; a test holds both equal.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Self, TypeAlias, TypedDict, TypeVar

from attrs import evolve, field, fields, frozen
from attrs.validators import ge, in_, instance_of, optional

from ..core import notes
from ..core.matching import Matcher, canonical, exact
from ..core.tape import Tape
from ..edits import AnyEdit
from ..errors import CorruptTape
from ..isolation import chance
from ..redact import Redactor
from ..session.passthrough import TELEMETRY, pattern
from ..session.plan import MAX_BODY
from ..session.tools.policy import Loss, OnDoubt, Tools
from ..session.tools.wrapping import Wrapped, Wraps

F = TypeVar("F", bound=Callable[..., Any])

Scope: TypeAlias = Literal["context", "process"]
Durability: TypeAlias = Literal["process", "power"]
Processes: TypeAlias = Literal["run", "join", "refuse"]
Order: TypeAlias = Literal["all", "answers", "any"]


def _texts(given: Iterable[str] | str | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    texts = (given,) if isinstance(given, str) else tuple(given)
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"text is wanted, not {text!r}")
    return texts


def _patterns(given: Iterable[str] | str | None) -> tuple[str, ...] | None:
    texts = _texts(given)
    for text in texts or ():
        pattern(text)
    return texts


def _paths(given: Iterable[str] | str | None) -> tuple[str, ...] | None:
    texts = _texts(given)
    canonical(ignoring=texts or ())
    return texts


def _functions(given: Iterable[Wrapped] | Wrapped | None) -> tuple[Wrapped, ...] | None:
    if given is None:
        return None
    return (given,) if isinstance(given, str) or callable(given) else tuple(given)


def _edits(given: Iterable[AnyEdit] | AnyEdit | None) -> tuple[AnyEdit, ...] | None:
    if given is None:
        return None
    edits = (given,) if callable(given) else tuple(given)
    wrong: list[object] = [edit for edit in edits if isinstance(edit, type) or not callable(edit)]
    if wrong:
        raise TypeError(f"an edit is one of tracefork.edits, or a function of a request, not {wrong[0]!r}")
    return edits


def _kinds(given: Iterable[str] | str | None) -> frozenset[str] | None:
    return None if given is None else chance.kinds(given)


@frozen(kw_only=True)
class Options:
    """What every run may be told. What is None is as the tape has it, or else the default.

    Args:
        intercept: record every client of this context, of the libraries that have adapters. Without it
            only explicit transports record.
        scope: "process" takes in threads and pools that were started before the run.
        matcher: what makes two questions equal.
        ignore: JSON paths of bodies that make no difference, such as `"$.metadata.user_id"`, and patterns of
            what makes none in their texts, between slashes: `"/Today is [0-9-]+/"`. The matcher is then
            `matching.canonical(ignoring=ignore)`. Kept with the run.
        redact: what to take out before anything is kept; by default `redact.redactor(os.environ)`.
        passthrough: calls that are none of the agent's: `"POST host/path"`, where `*` stands for
            anything, and method and path may be left out. By default what telemetry exporters send.
            In a replay they fail as if nobody listened, but at what `allow` names. Kept with the run.
        allow: addresses that may be connected to, also in a replay, and that are no escapes:
            `"127.0.0.1:5432"`, a host, or the path of a unix socket. Kept with the run.
        max_body: the most bytes of one body that are kept. Of a longer one the tape has its length
            and hash; a replay raises `BodyOmitted` when the agent reads it. Kept with the run.
        virtualize: kinds of chance that the agent takes from the standard library and that are
            drawn through the run: "random", "secrets", "time", "uuid". See
            `tracefork.isolation.chance`. Kept with the run.
        strict: refuse what would leave the run unrecorded: connections of clients that are not
            recorded, calls from threads that do not know the run, and processes. By default they are
            counted: `tape.escaped`. Kept with the run.
        processes: "refuse" those that the agent starts, or let them "join": what they ask by the base URLs
            of their environment becomes steps, in a lane each, through a gateway (`tracefork[server]`). By
            default they run, in a replay in an environment whose proxies and base URLs lead nowhere. Kept
            with the run.
        order: what happens again in its recorded order: "all", questions and answers; or "answers" alone,
            among those that were asked, while no question waits: for agents behind a pool of connections,
            which a question that waits may hold up; or "any": in a replay, each question takes the first
            equal answer that is left. Kept with the run.
        patience: seconds to wait for a recorded question; by default 60, or twice the longest
            gap on the tape. Any progress starts them anew.
        instant_retries: serve recorded answers such as 429 and 529 with a `retry-after` of
            next to nothing, so that an SDK does not sleep. The tape keeps what was said.
        tools: what a tool call does once the run is live: "live" runs the tool; "reuse" serves what an
            equal call was answered on the tape, each answer once, and runs others: what a rerun does by
            default; "recorded" serves an equal call's answer as often as it is asked, and refuses others;
            "refuse" refuses all; "ask" asks at the terminal; a function from the Call to the result answers
            instead.
        on_doubt: what to do about a tool that was called before a crash and may have run:
            "raise" InDoubt, "rerun" it, or a function from its Call to its result.
        unrecordable: what becomes of a tool's result or exception that could not be made again from a tape:
            "raise" Unrecordable, once the tool has run, or "warn", and a replay raises it.
        wrap: functions that are tools of the run as they stand, without a decorator: themselves, or as
            `"module:path"`. Kept with the run.
        edits: what becomes of the agent's requests before they are matched, kept and sent; see
            `tracefork.edits`. In a run that follows a tape, new ones change what it asks live, after those
            that the tape has. Kept with the run.
        durability: "process" survives a killed process, "power" a power cut.
        adopts: let a `record()` of the agent's own join this recording, as it joins a replay.
        nested: what a `record()` does within a run that is replayed, verified, forked, rerun or resumed, and
            under `tracefork run`: "join" that run, or make a "separate" one.

    Raises:
        ValueError: an option has a value that it cannot have.
    """

    intercept: bool = True
    scope: Scope = field(default="context", validator=in_(("context", "process")))
    matcher: Matcher = exact
    ignore: tuple[str, ...] | None = field(default=None, converter=_paths)
    redact: Redactor | None = None
    passthrough: tuple[str, ...] | None = field(default=None, converter=_patterns)
    allow: tuple[str, ...] | None = field(default=None, converter=_texts)
    max_body: int | None = field(default=None, validator=optional([instance_of(int), ge(0)]))
    virtualize: frozenset[str] | None = field(default=None, converter=_kinds)
    strict: bool | None = field(default=None, validator=in_((None, True, False)))
    processes: Processes | None = field(default=None, validator=in_((None, "run", "join", "refuse")))
    order: Order | None = field(default=None, validator=in_((None, "all", "answers", "any")))
    patience: float | None = None
    instant_retries: bool = False
    tools: Tools = "live"
    on_doubt: OnDoubt = "raise"
    unrecordable: Loss = field(default="raise", validator=in_(("raise", "warn")))
    wrap: tuple[Wrapped, ...] | None = field(default=None, converter=_functions)
    edits: tuple[AnyEdit, ...] | None = field(default=None, converter=_edits)
    durability: Durability = field(default="process", validator=in_(("process", "power")))
    adopts: bool = False
    nested: Literal["join", "separate"] = field(default="join", validator=in_(("join", "separate")))

    @classmethod
    def of(cls, given: Mapping[str, Any], tape: Tape | None = None) -> Self:
        """Return the options that are `given`, the others as `tape` was recorded with.

        Raises:
            TypeError: an option is unknown.
            ValueError: one has a value that it cannot have, or two contradict each other.
        """
        if unknown := sorted(given.keys() - {field.name for field in fields(cls)}):
            raise TypeError(
                f"there is no option {unknown[0]}=; help(tracefork.record) and its siblings list theirs"
            )
        given_options = cls(**given)
        kept = _kept(tape) if tape else {}
        fresh = {
            name: kept.get(name, default)
            for name, default in KEPT.items()
            if getattr(given_options, name) is None
        }
        if given_options.virtualize is None:
            fresh["virtualize"] = tape.virtualized if tape else ()
        if given_options.wrap is None:
            fresh["wrap"] = tape.wrapped if tape else ()
        whole = evolve(given_options, **fresh)
        if whole.ignore and given_options.matcher is exact:
            return evolve(whole, matcher=canonical(ignoring=whole.ignore))
        if given_options.ignore:
            raise ValueError("give matcher= or ignore=, not both: ignore= stands for canonical(ignoring=...)")
        return whole

    def notes(self, wrapped: Iterable[str] = ()) -> dict[str, str]:
        """Return what a run keeps of these in its `meta`; `wrapped` are the functions as `module:path`."""
        given_options = {name: getattr(self, name) for name in KEPT}
        return notes.make_notes(
            self.virtualize or (),
            wrapped=wrapped,
            options={name: v for name, v in given_options.items() if v != KEPT[name]},
        )


KEPT: dict[str, Any] = {
    "ignore": (),
    "passthrough": TELEMETRY,
    "allow": (),
    "max_body": MAX_BODY,
    "strict": False,
    "processes": "run",
    "order": "all",
}
"""Options that a run keeps and its replays and forks begin with; and what they are if nobody says."""


def _kept(tape: Tape) -> dict[str, Any]:
    """The options that `tape` was recorded with, where they were not the default ones.

    Raises:
        CorruptTape: they are none.
    """
    kept: dict[str, Any] = {n: value for n, value in notes.read_options(tape.meta).items() if n in KEPT}
    try:
        made = Options(**kept, virtualize=tape.virtualized)
        Wraps.of(tape.wrapped)
    except (ValueError, TypeError, AttributeError) as exc:
        raise CorruptTape(f"its options make no sense: {exc}", f"run {tape.run_id!r}") from exc
    return {name: getattr(made, name) for name in kept}


class RunOptions(TypedDict, total=False):
    """What all verbs take."""

    intercept: bool
    scope: Scope
    matcher: Matcher
    ignore: Iterable[str] | None
    redact: Redactor | None
    passthrough: Iterable[str] | None
    allow: Iterable[str] | None
    max_body: int | None
    virtualize: Iterable[str] | None
    strict: bool | None
    processes: Processes | None
    order: Order | None
    edits: Iterable[AnyEdit] | AnyEdit | None
    wrap: Iterable[Wrapped] | None


class RecordOptions(RunOptions, total=False):
    """What `record` takes."""

    durability: Durability
    unrecordable: Loss
    adopts: bool
    nested: Literal["join", "separate"]


class ReplayOptions(RunOptions, total=False):
    """What `replay` and `verify` take."""

    patience: float | None
    instant_retries: bool


class TailOptions(ReplayOptions, total=False):
    """What runs take that go live in the end: `resume`, `fork`."""

    tools: Tools
    on_doubt: OnDoubt
    unrecordable: Loss
    durability: Durability


def lists(kind: type) -> Callable[[F], F]:
    """Return a decorator that lets `help()` list the options of the TypedDict `kind` in a signature."""
    defaults = {a.name: a.default for a in fields(Options)}
    names = [name for base in reversed(kind.__mro__) for name in vars(base).get("__annotations__", {})]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name])
        for name in dict.fromkeys([*names, *kind.__annotations__])
    ]

    def listed(fn: F) -> F:
        own = [p for p in inspect.signature(fn).parameters.values() if p.kind is not p.VAR_KEYWORD]
        fn.__signature__ = inspect.Signature([*own, *more])  # type: ignore[attr-defined]
        return fn

    return listed
