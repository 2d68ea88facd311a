"""Tries a test before it is written: the run happens again, and what is to hold holds."""

from __future__ import annotations

from ...core.tape import Tape
from ...errors import PinRefused, TraceforkError
from ...runs.agents import Agent, run_agent
from ...runs.api import replay
from ...runs.verify import judge
from ..policies.policy import Policy
from .agents import find_scope
from .checks import Check, try_check
from .hold import find_failure, find_result


def try_out(tape: Tape, agent: Agent | None, check: Check | None, policy: Policy | None) -> str:
    """Return why a test of this would fail, though the agent does what it did; "" if it would pass.

    Without an agent nothing runs, and the tape alone is looked at.

    Raises:
        PinRefused: the agent does something else than it did, or cannot be replayed.
    """
    breaches = "; ".join(map(str, policy.check(tape))) if policy is not None else ""
    if agent is None:
        return f"the policy is not kept: {breaches}" if breaches else ""
    session = replay(tape, scope=find_scope(agent), instant_retries=True)
    ending = run_agent(session, agent)
    failure = find_failure(judge(tape, session, ending), ending, session)
    if isinstance(failure, TraceforkError):
        raise PinRefused(f"the run does not happen again: {failure}") from failure
    if failure is not None and tape.outcome.kind != "raised":
        raise PinRefused(
            f"the run does not happen again: it raises {type(failure).__name__}: {failure}"
        ) from failure
    if failure is not None:
        return f"the run failed: it raised {type(failure).__name__}: {failure}"
    if breaches:
        return f"the policy is not kept: {breaches}"
    problem = try_check(check, find_result(ending, session), session.tape) if check is not None else ""
    return f"the check {check.text}: {problem}" if check is not None and problem else ""
