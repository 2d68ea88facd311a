"""A rerun beside its parent: by what each step was served from, and not by what looks alike."""

from __future__ import annotations

import reruns
from attrs import evolve

import tracefork
from tracefork.core.values import Exchange


def ask(*prompts):
    return [reruns.ask(prompt) for prompt in prompts]


def rerun(before, after, **options):
    """A run that asked `before`, and its rerun that asked `after`."""
    with tracefork.record(run_id="first") as run:
        ask(*before)
    with tracefork.rerun(run.tape, run_id="again", **options) as again:
        ask(*after)
    return run.tape, again.tape


def lone(left, right):
    """The prompts that stand beside nothing, on either side."""
    found = tracefork.diff(left, right)
    alone = [place for place in (found.every if found else ()) if place.path == "steps"]
    return [[prompt(p.left) for p in alone if p.left], [prompt(p.right) for p in alone if p.right]]


def prompt(step):
    assert isinstance(step, Exchange)
    return step.request.body.decode().rpartition('"content":"')[2].split('"')[0]


def test_a_question_that_came_in_between_stands_alone():
    parent, tape = rerun("abcd", "aXbcd")

    assert lone(parent, tape) == [[], ["X"]]
    assert lone(tape, parent) == [["X"], []]
    assert len(tracefork.diff(parent, tape).every) == 1


def test_one_that_is_not_asked_any_more_stands_alone():
    parent, tape = rerun("abcd", "acd")

    assert lone(parent, tape) == [["b"], []]


def test_what_was_asked_in_another_order_is_the_same():
    parent, tape = rerun("abcd", "adbc")

    assert [step.origin is None for step in tape] == [False] * 4
    assert tracefork.diff(parent, tape) is None
    assert tracefork.diff(parent, evolve(tape, parent=None)) is not None


def test_a_prompt_in_other_words_stands_beside_the_one_that_it_was():
    parent, tape = rerun("abcd", "abXd")
    found = tracefork.diff(parent, tape)

    assert [(place.step, place.path) for place in found.every] == [
        (2, "$.messages[0].content"),
        (2, "response.content[0].text"),
    ]


def test_one_that_went_and_one_that_came_elsewhere_are_not_taken_for_each_other():
    parent, tape = rerun("abcd", "bcXd")

    assert lone(parent, tape) == [["a"], ["X"]]


def test_to_the_letter_the_order_counts():
    parent, tape = rerun("abcd", "adbc")

    assert tracefork.diff(parent, tape, exact=True) is not None


def test_a_fork_of_another_run_of_the_name_is_compared_as_ever():
    parent, tape = rerun("abcd", "aXbcd")
    other = evolve(parent, steps=parent.steps[1:])

    assert len(tracefork.diff(other, tape).every) > 1
