"""What was served from another tape is known by its origin, stands beside that, and is never guessed."""

from __future__ import annotations

import reruns
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import tracefork
from tracefork import Branch, Draw, Tape
from tracefork.core.values import Departure
from tracefork.report.pairing import pair_by_kind, pair_by_origins
from tracefork.report.served import (
    describe_lineage,
    find_sources,
    is_parent,
    knows_origins,
    mark_steps,
    number_exchanges,
    pair_steps,
    show_lineage,
)
from tracefork.testing import strategies


@st.composite
def followers(draw):
    """Any tape, and another one whose steps have any origins, or none."""
    parent, tape = draw(strategies.tapes()), draw(strategies.tapes())
    ticks = st.none() | st.sampled_from([step.span.began for step in parent.steps] or [0]) | st.integers(0)
    return parent, evolve(tape, steps=tuple(evolve(step, origin=draw(ticks)) for step in tape.steps))


def says(step):
    return not isinstance(step, Draw) or step.source.kind == "env"


# -- laws ---------------------------------------------------------------------------------


@given(followers())
def test_a_step_is_served_once_and_from_one_of_its_kind(pair):
    parent, tape = pair
    found = pair_steps(parent.steps, tape.steps)

    assert len(set(found.values())) == len(found)
    for n, place in found.items():
        assert tape.steps[n].origin == parent.steps[place].span.began
        assert type(tape.steps[n]) is type(parent.steps[place])


@given(followers())
def test_every_step_that_says_something_stands_somewhere_once(pair):
    parent, tape = pair
    origins = pair_steps(parent.steps, tape.steps)

    for pairs in (
        list(pair_by_kind(parent.steps, tape.steps)),
        list(pair_by_origins(parent.steps, tape.steps, origins)),
    ):
        for side, steps in ((1, parent.steps), (2, tape.steps)):
            placed = sorted(pair[side] for pair in pairs if pair[side] is not None)
            assert placed == [n for n, step in enumerate(steps) if says(step)]


@given(followers())
def test_what_was_served_stands_beside_its_origin(pair):
    parent, tape = pair
    origins = pair_steps(parent.steps, tape.steps)
    beside = {other: one for _, one, other in pair_by_origins(parent.steps, tape.steps, origins)}

    for n, place in origins.items():
        if says(tape.steps[n]) and says(parent.steps[place]):
            assert beside[n] == place


@given(strategies.tapes())
def test_a_run_that_follows_none_has_no_marks(tape):
    old = evolve(tape, steps=tuple(evolve(step, origin=None) for step in tape.steps))

    assert set(mark_steps(evolve(tape, parent=None))) <= {""}
    assert set(mark_steps(evolve(old, parent=Branch("an old one", 2)))) <= {""}


@given(strategies.tapes())
def test_a_run_that_was_served_all_stands_beside_its_parent_step_by_step(tape):
    steps = tuple(evolve(step, origin=step.span.began) for step in tape.steps)
    pairs = pair_by_origins(tape.steps, steps, pair_steps(tape.steps, steps))

    assert all(one == other for _, one, other in pairs)
    assert is_parent(tape, Tape(steps, parent=Branch(tape.run_id, None)))


# -- marks --------------------------------------------------------------------------------


def recorded(*prompts):
    with tracefork.record(run_id="first") as run:
        for prompt in prompts:
            reruns.ask(prompt)
    return run.tape


def rerun(tape, *prompts, **options):
    with tracefork.rerun(tape, run_id="again", **options) as run:
        for prompt in prompts:
            reruns.ask(prompt)
    return run.tape


def test_steps_are_served_live_or_new():
    tape = recorded("a", "b")
    with tracefork.fork(tape, 1, tape[0].response) as forked:
        reruns.ask("a"), reruns.ask("b")
    with tracefork.resume(tape) as resumed:
        reruns.ask("a"), reruns.ask("b"), reruns.ask("c")

    assert mark_steps(tape) == ("", "")
    assert mark_steps(rerun(tape, "a", "B")) == ("served", "live")
    assert mark_steps(forked.tape) == ("served", "new")
    assert mark_steps(resumed.tape) == ("served", "served", "live")


def test_a_rerun_that_parted_at_once_is_live_from_the_start():
    assert mark_steps(rerun(recorded("a"), "A")) == ("live",)


def test_a_sub_agent_is_neither():
    with tracefork.record(run_id="first") as run:
        reruns.agent()
    with tracefork.rerun(run.tape) as again:
        reruns.agent()

    assert sorted(mark_steps(again.tape)) == ["", *["served"] * 6]
    assert again.savings.tools_run == 0
    assert again.savings.tools_served == 1


def test_sources_are_exchanges_by_number():
    tape = recorded("a", "b", "c")
    changed = rerun(tape, "c", "new", "a")

    assert find_sources(tape, changed) == {0: 2, 2: 0}
    assert find_sources(None, changed) == {}
    assert number_exchanges(tape.steps) == [0, 1, 2]


def test_another_run_of_the_name_is_no_parent():
    tape = recorded("a", "b")
    changed = rerun(tape, "a", "B")

    assert is_parent(tape, changed)
    assert not is_parent(evolve(tape, run_id="other"), changed)
    assert not is_parent(evolve(tape, steps=()), changed)
    assert not is_parent(tape, tape)
    assert not is_parent(tape, evolve(changed, steps=tuple(evolve(s, origin=0) for s in changed.steps)))


def test_where_a_run_left_another_is_said_as_far_as_it_is_known():
    parted = Branch("first", 17, "rerun", departure=Departure(17))
    shown = [parted, Branch("first", None, "rerun"), Branch("first", 3), Branch("a\nb", 0, "c\x1b[2J"), None]

    assert [describe_lineage(one) for one in shown] == [
        "first at 17",
        "first",
        "first at 3",
        r"a\nb at 0",
        "",
    ]
    assert [show_lineage(one) for one in shown] == [
        "first at 17 rerun",
        "first rerun",
        "first at 3",
        r"a\nb at 0 c\x1b[2J",
        "",
    ]
    assert [knows_origins(one, ()) for one in shown] == [True, True, False, False, False]
