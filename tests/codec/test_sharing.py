"""A branch refers to its parent: what both have costs next to nothing, and comes back all the same."""

import pytest
from attrs import evolve
from conversations import grown
from hypothesis import example, given
from hypothesis import strategies as st
from logs import chunks_of
from tapes import SMALL, tapes, timed

from tracefork.codec import journal, mending, pack
from tracefork.codec.records import ALONE, Parent, Shares
from tracefork.core.tape import Tape
from tracefork.core.values import Branch, Exchange, Request, Response, Span
from tracefork.errors import CorruptTape
from tracefork.storage.parent_hash import identity


def parent_of(tape):
    """A tape as a store has it, for branches to refer to."""
    back = pack.unpack(pack.pack(tape))
    return Parent(back.steps, Shares(identity(back.steps)))


def later(step, by):
    span = step.span
    return evolve(step, span=Span(span.began + by, span.headed + by, span.ended + by))


@st.composite
def families(draw):
    """A parent, and a branch that has some of its steps, as they were or heard anew, and some of its own."""
    parent, other = draw(tapes()), draw(tapes())
    kept = [step for step in parent.steps if draw(st.booleans())]
    after = 1 + max((step.span.ended for step in kept), default=0)
    steps = [*kept, *(later(step, after) for step in other.steps)]
    if kept and draw(st.booleans()):
        first = next((n for n, step in enumerate(steps) if isinstance(step, Exchange)), None)
        if first is not None:
            steps[first] = evolve(steps[first], answer=Response(200, chunks=(b"another",)))
    return parent, Tape(
        tuple(steps), run_id="branch", parent=Branch("parent", len(kept)), outcome=other.outcome
    )


@example((SMALL, evolve(SMALL, run_id="branch", parent=Branch("parent", 1))))
@given(families())
def test_a_branch_comes_back_with_its_parent(family):
    parent, branch = parent_of(family[0]), family[1]
    packed, chunks = pack.pack(branch, parent), chunks_of(branch, 2, parent)

    for back in (pack.unpack(packed, parent), journal.unroll(chunks, "branch", parent)):
        assert back == branch
        assert timed(back) == timed(branch)
        assert back.digest() == branch.digest()


@given(families())
def test_without_its_parent_a_branch_is_refused_and_said_to_need_it(family):
    parent, branch = parent_of(family[0]), family[1]
    other = evolve(parent, shares=Shares("00" * 32))
    for beside in (ALONE, other):
        with pytest.raises(CorruptTape, match="refers to its parent 'parent'"):
            pack.unpack(pack.pack(branch, parent), beside)
        with pytest.raises(CorruptTape, match="refers to its parent 'parent'"):
            journal.unroll(chunks_of(branch, 2, parent), "branch", beside)


@given(families())
def test_equal_branches_give_equal_bytes(family):
    parent, branch = parent_of(family[0]), family[1]

    assert pack.pack(pack.unpack(pack.pack(branch, parent), parent), parent) == pack.pack(branch, parent)


LONG = grown(60)


def branched(at):
    """LONG up to exchange `at`, which is answered anew, and one more."""
    steps = LONG.steps[: at + 1]
    asked = Request(
        "POST", "https://api.test/v1/messages", (), steps[-1].request.body[:-2] + b', "it goes on"]}'
    )
    steps = (
        *steps[:-1],
        evolve(steps[-1], answer=Response(200, chunks=(b"otherwise",))),
        Exchange(asked, Response(200, chunks=(b"so",)), "", Span(3 * at + 3, 3 * at + 4, 3 * at + 5)),
    )
    return Tape(steps, run_id="branch", parent=Branch("grown", at))


@pytest.mark.parametrize("at", [1, 30, 59])
def test_what_is_shared_costs_next_to_nothing(at):
    parent, branch = parent_of(LONG), branched(at)

    assert len(pack.pack(branch, parent)) < 2_500
    assert sum(map(len, chunks_of(branch, 1, parent)[2:])) < 140 * at + 500
    assert pack.unpack(pack.pack(branch, parent), parent) == branch


def test_a_whole_replay_costs_next_to_nothing():
    parent, replay = parent_of(LONG), evolve(LONG, run_id="replay", parent=Branch("grown", 60))

    assert len(pack.pack(replay, parent)) < len(pack.pack(LONG)) / 40


def test_branches_of_branches_come_back():
    parent, kept = parent_of(LONG), []
    for depth, at in enumerate((50, 40, 30)):
        branch = evolve(branched(at), run_id=f"b{depth}")
        back = pack.unpack(pack.pack(branch, parent), parent)
        kept.append((back, branch))
        parent = Parent(back.steps, Shares(identity(back.steps), depth + 2))

    assert all(back == branch for back, branch in kept)


def test_a_parent_with_fewer_steps_is_refused():
    parent, branch = parent_of(LONG), branched(50)
    short = evolve(parent, steps=parent.steps[:10])

    with pytest.raises(CorruptTape):
        pack.unpack(pack.pack(branch, parent), short)
    with pytest.raises(CorruptTape):
        journal.unroll(chunks_of(branch, 1, parent), "branch", short)


def test_a_header_says_that_its_bytes_need_the_parent():
    parent = parent_of(LONG)

    assert pack.read_summary(pack.pack(branched(3), parent)).header.shares == parent.shares
    assert pack.read_summary(pack.pack(branched(3))).header.shares is None


def test_what_is_left_of_a_damaged_branch_is_read_with_its_parent():
    parent, branch = parent_of(LONG), branched(50)
    packed = pack.pack(branch, parent)
    hurt = packed[:-300] + bytes([packed[-300] ^ 1]) + packed[-299:]
    chunks = chunks_of(branch, 1, parent)

    assert pack.salvage(hurt, "branch", parent).tape == branch
    assert mending.salvage([*chunks[:20], b"", *chunks[21:]], "branch", parent).tape.steps == branch.steps[:6]
