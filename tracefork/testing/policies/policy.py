"""A policy of a test: rules that a run has to keep, whatever its prompts say. Pure.

What tools *do* once a run is live is another thing, `tools=` of the verbs; a policy of a test looks at what
has happened, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from attrs import field, frozen
from attrs.validators import ge, instance_of, optional

from ...core.breaches import Breach
from ...core.tape import Tape
from ...errors import PolicyBroken
from ...providers.prices import Prices
from ...session.session import Session
from .argument_rules import Wanted
from .conduct import Conduct
from .names import covers
from .rules import RULES


def _read_names(given: Iterable[str] | str) -> tuple[str, ...]:
    names: list[object] = [given] if isinstance(given, str) else list(given)
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise TypeError(f"a name is text, not {name!r}")
    return tuple(map(str, names))


def _read_optional_names(given: Iterable[str] | str | None) -> tuple[str, ...] | None:
    return None if given is None else _read_names(given)


def _read_amount(given: object) -> Decimal | None:
    if given is None:
        return None
    try:
        amount = Decimal(str(given))
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(given, bool) or not amount.is_finite() or amount < 0:
        raise ValueError(f"max_usd= is an amount of USD such as 0.05, not {given!r}")
    return amount


def _read_counts(given: Mapping[str, int] | None) -> dict[str, int]:
    counts = dict(given or {})
    for name, most in counts.items():
        if type(most) is not int or most < 0:
            raise ValueError(f"at_most= has a number for each tool, not {name}: {most!r}")
    return counts


def _read_wanted(given: Mapping[str, Wanted] | None) -> dict[str, Wanted]:
    rules = dict(given or {})
    for name, wanted in rules.items():
        if not (callable(wanted) or isinstance(wanted, Mapping)):
            raise TypeError(
                f"arguments= has values by name for each tool, or a function, not {name}: {wanted!r}"
            )
    return rules


_most = optional([instance_of(int), ge(0)])


@frozen(kw_only=True)
class Policy:
    """Rules that a run has to keep; see `policy`, which makes one, for each of them."""

    tools: tuple[str, ...] | None = field(default=None, converter=_read_optional_names)
    never: tuple[str, ...] = field(default=(), converter=_read_names)
    must: tuple[str, ...] = field(default=(), converter=_read_names)
    order: tuple[str, ...] = field(default=(), converter=_read_names)
    at_most: Mapping[str, int] = field(default=None, converter=_read_counts, hash=False)
    arguments: Mapping[str, Wanted] = field(default=None, converter=_read_wanted, hash=False)
    models: tuple[str, ...] | None = field(default=None, converter=_read_optional_names)
    max_calls: int | None = field(default=None, validator=_most)
    max_tokens: int | None = field(default=None, validator=_most)
    max_usd: Decimal | None = field(default=None, converter=_read_amount)
    prices: Prices | None = field(default=None, repr=False, hash=False)

    def __attrs_post_init__(self) -> None:
        limits = (self.tools, self.models, self.max_calls, self.max_tokens, self.max_usd)
        rules = (self.never, self.must, self.order, self.at_most, self.arguments)
        if not any(rules) and all(limit is None for limit in limits):
            raise ValueError("a policy has a rule at least, such as never=[...] or max_calls=...")
        for name in (*self.must, *self.order):
            if any(covers(other, name) for other in self.never):
                raise ValueError(f"{name} is to be called, and never may be: leave it out of one of these")
        for name in self.must:
            if self.tools is not None and not any(covers(other, name) for other in self.tools):
                raise ValueError(f"{name} has to be called, and only others may be: add it to tools=")

    def check(self, subject: Tape | Session) -> tuple[Breach, ...]:
        """Return what a run did against these rules, the earliest first; empty if nothing.

        `subject` is a tape, or a run: of one in progress, what has happened so far. Over a tape without a
        step nothing can be vouched for: that is a breach, of the rule "empty".

        Raises:
            TypeError: it is neither.
        """
        conduct = Conduct(_find_tape(subject), self.prices)
        if conduct.is_empty:
            return (Breach(None, "empty", "it has no exchange, draw or effect: nothing can be vouched for"),)
        found = [one for rule in RULES for one in rule(self, conduct)]
        return tuple(breach for _, breach in sorted(found, key=lambda one: one[0]))

    def hold(self, subject: Tape | Session) -> None:
        """See that the run kept these rules.

        Raises:
            PolicyBroken: it did not; it lists all breaches, the earliest first, and is an AssertionError.
            TypeError: `subject` is neither a tape nor a run.
        """
        __tracebackhide__ = True
        breaches = self.check(subject)
        if breaches:
            raise PolicyBroken(breaches, _find_tape(subject).run_id)


def policy(
    *,
    tools: Sequence[str] | None = None,
    never: Sequence[str] = (),
    must: Sequence[str] = (),
    order: Sequence[str] = (),
    at_most: Mapping[str, int] | None = None,
    arguments: Mapping[str, Wanted] | None = None,
    models: Sequence[str] | None = None,
    max_calls: int | None = None,
    max_tokens: int | None = None,
    max_usd: float | str | Decimal | None = None,
    prices: Prices | None = None,
) -> Policy:
    """Return a policy of a test: rules that a run has to keep. At least one is to be given.

    A tool call is what a model asked for and what ran: effects (`@tracefork.tool`, `wrap=`, MCP over pipes),
    MCP over HTTP, the vendor's own tools, plain functions that a model called, and those of sub-agents. What
    was asked for and then ran is one call. A tool's name stands for it in any class and on any server:
    `book` is `Desk.book` and `shop:book` too, and `shop:book` that one alone. `*` stands for anything.

    Args:
        tools: only these tools may be called; of an empty list, none.
        never: these never may be.
        must: each of these has to be called, at least once.
        order: tools in the order in which they have to be called. None may be called before those in front
            of it were; others may come between, one that had its turn may come again, and one that stands
            twice in it has to be called twice before what follows. That they are called at all is for `must`.
        at_most: how often each of these tools may be called.
        arguments: for each tool the values that some of its arguments have to have, by name; or a function
            from all of them, a dict, to whether they will do. What a model asked for and what ran have to
            fit, both. Arguments without a name are looked for by value; a function has them by place, from 0.
        models: only these may be asked, as the question names them; with or without a date at the end.
        max_calls: the most calls of models. An answer that came counts, a stream that broke off too; a
            refusal does not, such as a 429 that the SDK tried again, nor does the counting of tokens.
        max_tokens: the most tokens, of all prompts and answers together.
        max_usd: the most that they may cost. An answer of which tokens or price are not known is a breach.
        prices: by which table; by default `providers.prices.listed()`.

    Raises:
        TypeError: a rule is not of its kind.
        ValueError: there is no rule, a number is negative, or two rules contradict each other.
    """
    return Policy(
        tools=tools,
        never=never,
        must=must,
        order=order,
        at_most=at_most,
        arguments=arguments,
        models=models,
        max_calls=max_calls,
        max_tokens=max_tokens,
        max_usd=max_usd,
        prices=prices,
    )


def read_policy(rules: Mapping[str, Any], *, prices: Prices | None = None) -> Policy:
    """Return the policy that `rules` are, by keyword: what a file of TOML or JSON holds.

    Raises:
        ValueError: it has a keyword that is none, or a value that does not fit.
    """
    known = [a for a in (policy.__kwdefaults__ or ()) if a != "prices"]
    if unknown := sorted(rules.keys() - set(known)):
        raise ValueError(f"a policy has no rule {unknown[0]!r}; it has {', '.join(known)}")
    try:
        return policy(**rules, prices=prices)
    except TypeError as exc:
        raise ValueError(str(exc)) from exc


def _find_tape(subject: Tape | Session) -> Tape:
    """The tape of a run, with `[secret:NAME]` where surrogates stand."""
    tape = subject if isinstance(subject, Tape) else getattr(subject, "tape", None)
    return tape.masked if isinstance(tape, Tape) else _refuse(subject)


def _refuse(subject: object) -> NoReturn:
    raise TypeError(f"a policy is held by a tape or a run, not by {subject!r:.80}")
