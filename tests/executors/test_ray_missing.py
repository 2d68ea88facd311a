"""What can be told without Ray: that it is missing, and what may not be asked of it."""

from __future__ import annotations

import sys

import pytest

import tracefork
from tracefork.errors import MissingPart


def test_without_ray_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # an import of it fails

    with pytest.raises(MissingPart, match=r"executors\.ray needs ray: pip install 'tracefork\[ray\]'"):
        tracefork.executors.ray()


@pytest.mark.parametrize("workers", [0, -1])
def test_there_is_at_least_one_worker(workers):
    with pytest.raises(ValueError, match=rf"1 or more, not {workers}"):
        tracefork.executors.ray(workers)


@pytest.mark.parametrize("option", ["max_retries", "retry_exceptions", "num_returns"])
def test_how_often_a_fork_is_made_is_not_the_callers_choice(option):
    with pytest.raises(TypeError, match=rf"{option}= cannot be chosen: a fork is made once"):
        tracefork.executors.ray(**{option: 3})
