"""The rules of a policy of a test: each a function from what a run did to what it did against the rule. Pure.

Each finding comes with the tick at which it happened, so that the earliest can be told first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING, TypeAlias

from ...core.breaches import Breach
from ...providers.tool_uses import ToolUse
from .argument_rules import find_misfit
from .conduct import Conduct, ModelCall
from .names import find_tool, is_model, is_tool
from .wording import join_names, write_use

if TYPE_CHECKING:
    from .policy import Policy

Found: TypeAlias = Iterator[tuple[float, Breach]]
Rule: TypeAlias = "Callable[[Policy, Conduct], Found]"


def check_tools(policy: Policy, conduct: Conduct) -> Found:
    """Find the tool calls that are not among those which may be made, or that never may be."""
    for number, use in enumerate(conduct.tools):
        name = find_tool(use, policy.never)
        if name is not None:
            yield _blame(use, number, "never", f"{write_use(use)} was called: {name} never may be")
        elif policy.tools is not None and find_tool(use, policy.tools) is None:
            only = f"only {join_names(policy.tools)}" if policy.tools else "no tool"
            yield _blame(use, number, "tools", f"{write_use(use)} was called: {only} may be")


def check_must(policy: Policy, conduct: Conduct) -> Found:
    """Find the tools that had to be called and never were."""
    for name in policy.must:
        if not any(is_tool(use, name) for use in conduct.tools):
            others = join_names(dict.fromkeys(use.name for use in conduct.tools))
            instead = f"only {others}" if conduct.tools else "nor was any other tool"
            yield inf, Breach(None, "must", f"{name} was never called, {instead}")


def check_order(policy: Policy, conduct: Conduct) -> Found:
    """Find the first call that came before one that has to come first.

    A name that has had its turn may be called again, and others between; one that stands in the list twice
    has to be called twice before what follows it.
    """
    turn = 0
    for number, use in enumerate(conduct.tools):
        if turn < len(policy.order) and is_tool(use, policy.order[turn]):
            turn += 1
        elif find_tool(use, policy.order[:turn]) is None and find_tool(use, policy.order[turn:]) is not None:
            due = policy.order[turn]
            again = "again " if due in policy.order[:turn] else ""
            yield _blame(use, number, "order", f"{write_use(use)} was called before {due} {again}was")
            return


def check_often(policy: Policy, conduct: Conduct) -> Found:
    """Find the calls of a tool beyond the most that may be made of it."""
    for name, most in policy.at_most.items():
        uses = [(number, use) for number, use in enumerate(conduct.tools) if is_tool(use, name)]
        for count, (number, use) in enumerate(uses, 1):
            if count > most:
                what = f"{write_use(use)} is call {count} of {name}: at most {most} may be made"
                yield _blame(use, number, "at_most", what)


def check_arguments(policy: Policy, conduct: Conduct) -> Found:
    """Find the calls whose arguments are not as they have to be."""
    for name, wanted in policy.arguments.items():
        for number, use in enumerate(conduct.tools):
            if is_tool(use, name) and (misfit := find_misfit(use, wanted)):
                yield _blame(use, number, "arguments", misfit)


def check_models(policy: Policy, conduct: Conduct) -> Found:
    """Find what was asked of models that are not among those which may be asked, answered or not."""
    for call in conduct.models:
        if policy.models is not None and not any(is_model(call.model, name) for name in policy.models):
            only = f"only {join_names(policy.models)}" if policy.models else "none"
            what = f"the model {call.model} was asked: {only} may be"
            yield call.at, Breach(call.step, "models", what)


def check_calls(policy: Policy, conduct: Conduct) -> Found:
    """Find the first call of a model beyond the most that may be made."""
    most = policy.max_calls
    if most is not None and len(conduct.answered) > most:
        beyond = conduct.answered[most]
        count = len(conduct.answered)
        calls = "a call of a model was" if count == 1 else f"{count:,} calls of models were"
        many = f"{calls} answered: at most {most:,} may be"
        yield beyond.at, Breach(beyond.step, "max_calls", many)


def check_tokens(policy: Policy, conduct: Conduct) -> Found:
    """Find the call with which the tokens became too many, and each whose tokens are not known."""
    if policy.max_tokens is not None:
        yield from _add_up(
            conduct,
            "max_tokens",
            {call.step: call.tokens for call in conduct.answered},
            policy.max_tokens,
            lambda call: call.gap,
            lambda total: f"{total:,} tokens were taken by then: at most {policy.max_tokens:,} may be",
        )


def check_cost(policy: Policy, conduct: Conduct) -> Found:
    """Find the call with which the cost became too high, and each whose cost is not known."""
    if policy.max_usd is not None:
        yield from _add_up(
            conduct,
            "max_usd",
            {call.step: call.usd for call in conduct.answered},
            policy.max_usd,
            lambda call: call.unpriced,
            lambda total: f"${_trim(total)} was spent by then: at most ${_trim(policy.max_usd)} may be",
        )


def check_read(policy: Policy, conduct: Conduct) -> Found:
    """Find answers that may ask for tools and that nobody can read, if the policy has a rule on tools."""
    others = ("never", "must", "order", "at_most", "arguments")
    given = next((name for name in others if getattr(policy, name)), None)
    rule = "tools" if policy.tools is not None else given
    for call in conduct.answered:
        if rule is not None and call.hides_tools:
            what = f"which tools {call.model} asked for is not known: nobody here can read its answer"
            yield call.at, Breach(call.step, rule, what)


RULES: tuple[Rule, ...] = (
    check_tools,
    check_read,
    check_must,
    check_order,
    check_often,
    check_arguments,
    check_models,
    check_calls,
    check_tokens,
    check_cost,
)


def _add_up(
    conduct: Conduct,
    rule: str,
    amounts: Mapping[int, int | Decimal | None],
    most: int | Decimal,
    explain: Callable[[ModelCall], str],
    say: Callable[[int | Decimal], str],
) -> Found:
    """What is not known, once for each reason, and where the sum of the rest became more than `most`."""
    total: int | Decimal = 0
    is_over, seen = False, set[str]()
    for call in conduct.answered:
        amount = amounts[call.step]
        if amount is None and explain(call) not in seen:
            seen.add(explain(call))
            yield call.at, Breach(call.step, rule, explain(call))
        total += amount or 0
        if total > most and not is_over:
            is_over = True
            yield call.at, Breach(call.step, rule, say(total))


def _blame(use: ToolUse, number: int, rule: str, message: str) -> tuple[float, Breach]:
    return use.at, Breach(use.step, rule, message, number)


def _trim(amount: int | Decimal | None) -> str:
    """An amount with two digits behind the point, or as many as it has."""
    text = f"{Decimal(amount or 0).normalize():f}"
    return text if len(text.partition(".")[2]) > 1 else f"{Decimal(text):.2f}"
