"""The options of a study as one value, and the identity of a study in its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any, Literal, TypeAlias

from attrs import asdict, evolve, field, fields, frozen, has
from attrs.validators import ge, in_

from ...core.matching import Matcher, exact
from ...core.script import AT_ONCE
from ...core.tape import Tape
from ...providers.prices import Prices
from ...runs.options import Options, TailOptions
from ...session.tools.policy import Tools, answers
from ..forks.arms import Arms
from ..forks.grading import OnRaise
from ..mutations import Mutation
from ..oracles import Oracle, is_exact

How: TypeAlias = Literal["value", "flip", "direct"]
Final: TypeAlias = Literal["auto", "known", "sampled"]


@frozen(kw_only=True)
class Design:
    """The options of `blame`.

    Args:
        method: "value" searches for the step with the largest value drop, "flip" measures
            every step's flip rate and no-op rate with `k` forks each, "direct" asks each step anew with
            all other answers forced.
        find: "first" stops at the first certified step, "all" goes on.
        alpha: the probability at most that a step is named whose drop is within `margin`.
        delta: the smallest drop that is looked for.
        margin: the drop that a step must exceed to be named.
        k: forks of each kind and step, for "flip".
        mutation: what "flip" answers instead; None asks the step anew.
        seed: all draws follow from it.
        final: whether the value of the whole recorded prefix is "known", being the recorded outcome, or
            has to be "sampled"; "auto" samples it if the oracle is not exact, or tools or chance that no
            fork serves come after the last answer.
        on_raise: what an exception of the agent's own is: "as_recorded" a failure if the recorded run
            raised too, "failure" always one, "error" no evidence.
        tools: what tools do in the live tail, as for `fork`. By default none runs.
        batch: forks in flight at most; by default one, or as many as there are workers.
        barrier: plan the next forks only when all of a batch are over. The conclusion is then the same
            whoever makes them.
        matcher, redact, wrap and others: as for `tracefork.fork`.
        prices: what models cost; by default list prices.
        prior: a weight for each arm but the last, from whoever has an opinion; it costs no validity.
        tools_run_for_real: make forks though a model called tools that are no effects of the tape: each fork
            runs them.
        on_doubt: what to do about a tool that may have run before a crash, as for `tracefork.resume`; a tape
            with such a call is refused without it.
        repeats: "audit" certifies nothing by forks that are copies of each other, as a cache makes them;
            "drawn" says that each answer is a draw of its own, however alike they are.
        backoff: seconds before a fork that a vendor failed is gone on with from there; the second wait is
            twice as long, none is longer than 8. A fork is made three times at most.
    """

    method: How = field(default="value", validator=in_(("value", "flip", "direct")))
    find: Literal["first", "all"] = field(default="first", validator=in_(("first", "all")))
    alpha: float = 0.05
    delta: float = 0.20
    margin: float = 0.10
    k: int = field(default=10, validator=ge(1))
    mutation: Mutation | None = None
    seed: int = 0
    final: Final = field(default="auto", validator=in_(("auto", "known", "sampled")))
    on_raise: OnRaise = field(default="as_recorded", validator=in_(("as_recorded", "failure", "error")))
    tools: Tools = "recorded"
    batch: int | None = None
    barrier: bool = False
    matcher: Matcher = exact
    prices: Prices | None = None
    prior: tuple[float, ...] | None = None
    tools_run_for_real: bool = False
    repeats: Literal["audit", "drawn"] = field(default="audit", validator=in_(("audit", "drawn")))
    backoff: float = field(default=0.5, validator=ge(0))
    options: Mapping[str, Any] = field(factory=dict)

    @classmethod
    def of(cls, **given: Any) -> Design:
        """Return the design of these options; those that are none of its own go to the runs.

        Raises:
            TypeError: one is neither.
            ValueError: one has a value that it cannot have.
        """
        own = {a.name for a in cls.__attrs_attrs__} - {"options"}
        unknown = given.keys() - own - _OF_RUNS
        if unknown:
            raise TypeError(f"blame() has no option {', '.join(sorted(unknown))}")
        rest = {name: given.pop(name) for name in _OF_RUNS & given.keys()}
        return cls(**given, options={"instant_retries": True, **rest})

    def is_final_known(self, tape: Tape, oracle: Oracle, arms: Arms) -> bool:
        """True if a fork that is served what the last of `arms` serves must end as the recorded run did."""
        if self.final != "auto":
            return self.final == "known"
        last = AT_ONCE if arms.last is None else arms.last
        if any(draw.span.began > last for draw in tape.draws) or not is_exact(oracle):
            return False
        after = [effect for effect in tape.effects if effect.span.began > last]
        given = answers(tape) if self.tools == "recorded" else {}
        return all(given.get(effect.call) == effect.answer for effect in after)

    def on(self, tape: Tape) -> Design:
        """Return this design with the matcher of `tape`, if that ignores something and no other is given."""
        given = {"matcher": self.matcher, "ignore": self.options.get("ignore")}
        options = {name: value for name, value in self.options.items() if name != "ignore"}
        return evolve(self, matcher=Options.of(given, tape).matcher, options=options)


_OF_RUNS = frozenset(TailOptions.__annotations__) - {"matcher", "tools", "durability"}


_NOT_THE_STUDY = frozenset({"options", "prices", "tools_run_for_real", "backoff", "repeats"})


def identity(design: Design, tape: Tape, agent: object, oracle: object, arms: Arms) -> dict[str, object]:
    """Return what two studies must share for one to continue the other's ledger, as JSON."""
    kept = asdict(design, recurse=False, filter=lambda a, _: a.name not in _NOT_THE_STUDY)
    values = {
        name: value if isinstance(value, str | int | float | None) else spell(value)
        for name, value in kept.items()
    }
    return {
        "tape": tape.digest(),
        "run_id": tape.run_id,
        "agent": spell(agent),
        "oracle": spell(oracle),
        "arms": arms.mark,
        **values,
    }


def spell(what: object) -> str:
    """Return a name for a function or value: the same in another process, another if it does something else.

    Of a function it has a hash of its code, its defaults and what it has closed over. Of what
    may change, such as a list, it has the type.
    """
    return _spell(what, ())


def _spell(what: object, above: tuple[object, ...]) -> str:
    def inner(value: object) -> str:
        return _spell(value, (*above, what))

    kind = type(what)
    name = f"{kind.__module__}:{kind.__qualname__}"
    if any(what is one for one in above):  # a function that has closed over itself
        return "..."
    if isinstance(what, MethodType):
        return f"{inner(what.__self__)}.{what.__name__}"
    if isinstance(what, FunctionType):
        parts = [
            _spell_constant(what.__code__),
            *map(inner, what.__defaults__ or ()),
            *map(inner, _read_closure(what)),
        ]
        return f"{what.__module__}:{what.__qualname__} {sha256(repr(parts).encode()).hexdigest()[:12]}"
    if isinstance(what, partial):
        return f"partial({', '.join(map(inner, (what.func, *what.args, *what.keywords.items())))})"
    if has(kind):
        return f"{name}({', '.join(inner(getattr(what, a.name)) for a in fields(kind) if a.init)})"
    if isinstance(what, tuple):
        return f"({', '.join(map(inner, what))})"
    if isinstance(what, type | BuiltinFunctionType):
        return f"{what.__module__}:{what.__qualname__}"
    return repr(what) if isinstance(what, str | bytes | int | float | complex | None) else name


def _read_closure(function: FunctionType) -> list[object]:
    """The values that the function has closed over, None for one that is not assigned yet."""
    found = []
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:
            found.append(None)
    return found


def _spell_constant(value: object) -> object:
    """A constant of a function's code, in an order that does not depend on hash seeds."""
    match value:
        case CodeType():
            return value.co_code, [_spell_constant(c) for c in value.co_consts], value.co_names
        case tuple():
            return [_spell_constant(part) for part in value]
        case frozenset():
            return sorted(map(repr, value))
        case _:
            return repr(value)
