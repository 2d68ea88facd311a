"""Failed runs in groups: what changes from run to run parts none, another cause does."""

from __future__ import annotations

from contextlib import nullcontext
from inspect import signature

import httpx
import pytest
from report import failures

import tracefork
from tracefork.experiments.grouping import group
from tracefork.providers import anthropic
from tracefork.testing import scripted

URL = "https://api.anthropic.com/v1/messages"


def fail(error=None, said="No.", times=1):
    """The tape of a run that asked a model `times`, and ended by `error` if there is one."""
    script = scripted.by_rule(anthropic.text(said))
    client = httpx.Client(transport=scripted.transport(script, httpx))
    with pytest.raises(type(error)) if error else nullcontext(), tracefork.record() as run:
        for n in range(times):
            body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": f"Go {n}."}]}
            client.post(URL, json=body)
        if error:
            raise error
    return run.tape


def test_numbers_ids_and_quoted_texts_part_no_runs():
    tapes = [fail(ValueError(f"no seat {n} in train 'IC{n}' at 10:{n}")) for n in (10, 11, 12)]
    (found,) = group(tapes)
    assert found.tapes == tuple(tapes)
    assert str(found).startswith("3 runs: raised ValueError: no seat 10 in train")


def test_another_error_is_another_group_and_the_largest_comes_first():
    tapes = [fail(KeyError("seat")), fail(ValueError("sold out")), fail(ValueError("sold out"))]
    first, second = group(tapes)
    assert (len(first.tapes), len(second.tapes)) == (2, 1)
    assert "sold out" in first.reason and "KeyError" in second.reason


def test_runs_that_only_said_something_else_are_told_apart_by_their_words():
    said = "I could not find the night train to Lisbon in the timetable."
    alike = [fail(said=said), fail(said=said.replace("timetable", "plan"))]
    tapes = [*alike, fail(said="Done, seat 4 is yours!")]
    first, second = group(tapes)
    assert first.tapes == tuple(alike)
    assert "Done, seat 4 is yours!" in second.reason


def test_ten_ways_to_fail_are_ten_groups(tmp_path):
    runs = [make(tmp_path) if signature(make).parameters else make() for make in failures.ALL.values()]
    found = group(run.tape for run in runs)
    assert sum(len(one.tapes) for one in found) == len(runs) == len(found)
    assert all(one.reason for one in found)


def test_no_runs_are_no_groups():
    assert group([]) == ()
