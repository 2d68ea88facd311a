"""A store that is slower than the agent: what waits to be written does not fill the memory."""

from __future__ import annotations

import gc

import pytest

import tracefork
from tracefork.runtime.keeper import AHEAD
from tracefork.runtime.stepper import Moment


@pytest.mark.slow
def test_an_agent_that_only_draws_is_never_far_ahead_of_what_is_written(tmp_path):
    waiting = []
    with tracefork.record(tmp_path / "runs.db", intercept=False) as run:
        for n in range(30_000):
            run.random()
            if n % 5000 == 4999:
                waiting.append(sum(isinstance(one, Moment) for one in gc.get_objects()))

    assert max(waiting) < 2 * AHEAD
    assert len(run.tape.steps) == 30_000
