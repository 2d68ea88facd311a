"""The text of a pinned test: short, as a person would write it, and as formatters leave it. Pure.

Paths in it start from the test's own file, so that it may be moved together with what it tests.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from attrs import fields, frozen

from ..policies.policy import Policy
from ..policies.wording import join_names
from .checks import TAKEN, Check
from .places import Places
from .source import (
    Group,
    Imported,
    Joined,
    Node,
    call,
    write_assert,
    write_statement,
    write_text,
    write_value,
)

_SHORT = 20  # characters of a name, with which a sentence about it fits its line

_EMPTY = frozenset({"never", "must", "order", "at_most", "arguments"})
"""Rules that say nothing where they are empty."""


@frozen
class Starting:
    """How a test starts its agent: by `kind`, a "script", a "command" or a "function".

    `words` are those of the first two, run in the folder `cwd`; of a function they are its path.
    """

    kind: str
    words: tuple[str, ...]
    cwd: Path


@frozen
class Planned:
    """All that a test says: `prices` is the policy's own table, a file; without `starting` no agent runs.

    `own` are the modules, by the first part of their names, that are the project's, which formatters put
    behind those of others.
    """

    places: Places
    starting: Starting | None
    check: Check | None = None
    policy: Policy | None = None
    prices: Path | None = None
    failing: bool = False
    own: frozenset[str] = frozenset()


def write_test(plan: Planned) -> str:
    """Return the source of the test.

    Raises:
        ValueError: the policy has a rule that is a function.
    """
    lines = [f'"""{_describe(plan)}"""', "", *_list_imports(plan), "", *_list_constants(plan), "", ""]
    return "\n".join([*lines, f"def {plan.places.name}():", *_list_body(plan), ""])


def _describe(plan: Planned) -> str:
    tape = re.sub(r'["\\]', "_", plan.places.tape.name)
    name = f"The run in {tape}" if len(tape) <= _SHORT else "This run"
    if plan.starting is None:
        return f"{name} keeps its policy; no agent runs."
    if plan.failing:
        return f"{name} fails: mend the agent until this passes."
    facts = ["passes its check"] * bool(plan.check) + ["keeps its policy"] * bool(plan.policy)
    return f"{name} {join_names(['happens again', *facts])}."


def _list_imports(plan: Planned) -> Iterator[str]:
    if plan.check is not None:
        yield from (f"import {module}" for module in plan.check.modules)
    yield "from pathlib import Path"
    agent = _find_agent(plan)
    named = [agent] if agent else []
    if plan.check and plan.check.function:
        named.append(_rename(plan.check.function, agent))
    lines = [*_list_ours(plan), *((one.module, one.line) for one in named)]
    own = {line for module, line in lines if module.partition(".")[0] in plan.own}
    for block in ([one for one in lines if one[1] not in own], [one for one in lines if one[1] in own]):
        if block:
            yield ""
            yield from dict.fromkeys(line for _, line in sorted(block))


def _list_ours(plan: Planned) -> Iterator[tuple[str, str]]:
    """What the test imports of tracefork, each module and its line."""
    if _wants_tape(plan):
        yield "tracefork", "from tracefork import load"
    if plan.prices:
        yield "tracefork.providers", "from tracefork.providers import prices"
    names = ["hold"] * bool(plan.starting) + ["policy"] * bool(plan.policy)
    if plan.starting and plan.starting.kind != "function":
        names.append(plan.starting.kind)
    yield "tracefork.testing", f"from tracefork.testing import {', '.join(sorted(names))}"


def _list_constants(plan: Planned) -> Iterator[str]:
    here = plan.places.test.parent
    yield write_statement("TAPE = ", _write_path(plan.places.tape, here))
    if plan.starting and plan.starting.kind != "function":
        words = [*map(write_text, plan.starting.words)]
        cwd = _write_path(plan.starting.cwd, here)
        yield write_statement("AGENT = ", call(plan.starting.kind, *words, cwd=cwd))
    if plan.policy is not None:
        yield write_statement("POLICY = ", _write_policy(plan.policy, plan.prices, here))


def _list_body(plan: Planned) -> Iterator[str]:
    if plan.starting is None:
        yield "    POLICY.hold(load(TAPE))"
        return
    agent = _find_agent(plan)
    held = call("hold", "TAPE", agent.expression if agent else "AGENT")
    if plan.policy is not None:
        held = Group(held.head, (*held.items, "policy=POLICY"), held.tail)
    if plan.check is None:
        yield write_statement("", held, "    ")
        return
    result = plan.check.parameters[0]
    yield write_statement(f"{result} = " if result in plan.check.used else "", held, "    ")
    if _wants_tape(plan):
        yield f"    {plan.check.parameters[1]} = load(TAPE)"
    yield ""
    function = plan.check.function
    if function is not None:
        name = _rename(function, agent).expression
        yield write_assert([f"{name}({', '.join(plan.check.parameters)})"])
        return
    yield from map(write_assert, plan.check.asserts)


def _find_agent(plan: Planned) -> Imported | None:
    """The function that is the agent, by a name that the test has for nothing else."""
    if plan.starting is None or plan.starting.kind != "function":
        return None
    check = plan.check
    taken = TAKEN | {*(check.parameters if check else ()), *(check.modules if check else ())}
    return Imported.of(plan.starting.words[0], taken, "agent")


def _rename(function: Imported, agent: Imported | None) -> Imported:
    """The check's function, under another name if the agent goes by its own."""
    is_other = agent is not None and agent.name == function.name and agent.module != function.module
    return Imported(function.module, function.inner, "check") if is_other else function


def _wants_tape(plan: Planned) -> bool:
    wants = plan.check is not None and bool(plan.check.used & {*plan.check.parameters[1:]})
    return plan.starting is None or wants


def _write_policy(policy: Policy, prices: Path | None, here: Path) -> Group:
    named: dict[str, Node] = {}
    for field in fields(Policy):
        value = getattr(policy, field.name)
        if field.name == "prices" or value is None or (not value and field.name in _EMPTY):
            continue
        named[field.name] = f"{value:f}" if field.name == "max_usd" else write_value(value)
    if prices is not None:
        named["prices"] = call("prices.load", _write_path(prices, here))
    return call("policy", **named)


def _write_path(path: Path, here: Path) -> Node:
    """The source of `path`, from the folder `here` of the test."""
    try:
        relative = Path(os.path.relpath(path, here))
    except ValueError:  # on another drive
        return call("Path", write_text(path.as_posix()))
    parts = relative.parts
    if len(parts) == 1 and parts[0] != "..":
        return call("Path(__file__).with_name", write_text(parts[0]))
    ups = sum(1 for part in parts if part == "..")
    base = f"Path(__file__).parents[{ups}]" if ups else "Path(__file__).parent"
    rest = "/".join(parts[ups:])
    return Joined(base, write_text(rest)) if rest else base
