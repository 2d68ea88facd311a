"""Laws of following: whatever is written when, and looked at when, each step is given once and all are."""

from __future__ import annotations

import contextlib

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from server.growing import Growing, story
from worlds import World, say

import tracefork
from tracefork import Branch, TapeStore
from tracefork.backends import MemoryBackend
from tracefork.codec.records import Ended, Header, fold, list_records
from tracefork.core.values import RETURNED
from tracefork.errors import Conflict, CorruptTape, NotFound
from tracefork.testing.strategies import tapes

runs = tapes().map(lambda tape: evolve(tape, run_id="r", created_at=1.5))
LOOK = 0  # among the sizes of chunks: a look instead of a chunk


def key(step):
    return step.span.began


def told(following, looks=3):
    """What a few more looks give."""
    return [step for _ in range(looks) for step in following.steps()]


def written(log, left, plan):
    """Write the records `left` in chunks as planned; give what to do at each look."""
    for size in plan:
        if size == LOOK:
            yield
        elif left:
            log.write(left[:size])
            del left[:size]


@given(runs, st.lists(st.integers(0, 4), max_size=30), st.booleans())
@example(fold(Header("r"), ()), [LOOK], True)
def test_what_is_given_is_the_steps_of_the_sealed_tape_each_once(tape, plan, wholly):
    """A run may be sealed with records that were never in its log."""
    tape = evolve(tape, outcome=RETURNED)
    with TapeStore.open(":memory:") as store:
        log, left = store.begin(Header.of(tape)), list(list_records(tape))
        following = store.follow("r")
        given = [step for _ in written(log, left, plan) for step in following.steps()]
        if wholly and left:
            log.write(left)
            given += following.steps()
        log.seal(tape)
        given += told(following)

        assert sorted(given, key=key) == list(tape.steps)
        assert following.over
        assert following.steps() == []


@given(runs, st.lists(st.integers(0, 4), max_size=30))
def test_steps_are_given_in_the_order_in_which_they_ended_even_by_two_who_look_at_other_times(tape, plan):
    with TapeStore.open(":memory:") as store:
        log, left = store.begin(Header.of(tape)), list(list_records(tape))
        one, other, late = store.follow("r"), store.follow("r"), None
        given = []
        for n, _ in enumerate(written(log, left, plan)):
            given += one.steps()
            late = late or (store.follow("r") if n == 1 else None)
        if left:
            log.write(left)
        if tape.outcome.kind != "unfinished":
            given += one.steps()
            log.seal(tape)
        given += told(one)
        ends = [step.span.ended for step in given]

        assert ends == sorted(ends)
        assert told(other) == given
        assert late is None or told(late) == given
        assert told(store.follow("r")) == given
        assert one.began == min((step.timing.began for step in given), default=one.began)


@given(runs, st.lists(st.integers(0, 4), max_size=30))
def test_each_look_gives_what_had_ended_by_then(tape, plan):
    with TapeStore.open(":memory:") as store:
        log, left = store.begin(Header.of(tape)), list(list_records(tape))
        following, given = store.follow("r"), []
        for _ in written(log, left, plan):
            given += following.steps()

            assert sorted(given, key=key) == list(store.load("r").steps)


@given(runs, st.lists(st.integers(0, 4), max_size=20), st.integers(0, 20))
def test_a_run_that_is_deleted_gives_what_it_had_and_is_over(tape, plan, until):
    with TapeStore.open(":memory:") as store:
        log, left = store.begin(Header.of(tape)), list(list_records(tape))
        following = store.follow("r")
        given = [step for _ in written(log, left, plan[:until]) for step in following.steps()]
        known = store.load("r").steps
        store.delete("r")
        given += told(following)

        assert following.over
        assert {key(step) for step in given} <= {key(step) for step in known}
        assert len(given) == len({key(step) for step in given})


@given(runs, runs, st.integers(0, 6), st.booleans())
def test_another_run_that_takes_the_name_is_not_taken_for_it(tape, other, looks, sealed):
    other = evolve(other, created_at=2.5)
    with TapeStore.open(":memory:") as store:
        log = store.begin(Header.of(tape))
        following, given = store.follow("r"), []
        for record in list_records(tape)[:looks]:
            log.write([record])
            given += following.steps()
        store.delete("r")
        if sealed:
            store.save(other)
        else:
            again = store.begin(Header.of(other))
            for record in list_records(other):
                again.write([record])
        for _ in range(3):
            try:
                given += following.steps()
            except CorruptTape:
                break  # its next chunk is not the one that was to come

        assert [step for step in given if step not in tape.steps] == []


def chunked(tape, sizes):
    """The chunks of a run: its header, and its records by `sizes`."""
    backend = MemoryBackend()
    store = TapeStore(backend)
    log, left = store.begin(Header.of(tape)), list(list_records(tape))
    for size in sizes:
        if left:
            log.write(left[:size])
            del left[:size]
    if left:
        log.write(left)
    return list(backend.chunks("r"))


def ended_by(tape, sizes, count):
    """The steps that the first `count` chunks behind the header tell of, in the order of their ends."""
    known = [*list_records(tape)]
    shares, at = [], 0
    for size in [*sizes, len(known)]:
        if known[at:]:
            shares.append(known[at : at + size])
            at += size
    calls = [record.span.began for share in shares[:count] for record in share if isinstance(record, Ended)]
    return [next(step for step in tape.steps if key(step) == began) for began in calls]


@given(runs.filter(len), st.lists(st.integers(1, 4), max_size=12), st.data())
def test_what_came_before_damage_is_given_first_and_then_it_is_raised(tape, sizes, data):
    chunks = chunked(tape, sizes)
    hurt = data.draw(st.integers(1, len(chunks) - 1))
    bytes_ = bytearray(chunks[hurt])
    bytes_[data.draw(st.integers(0, len(bytes_) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    backend, given = MemoryBackend(), []
    for number, chunk in enumerate(chunks):
        backend.append("r", number, bytes(bytes_) if number == hurt else chunk)
    if hurt == len(chunks) - 1:
        backend.append("r", len(chunks), chunks[-1])  # so that it does not pass for one that is being written
    store = TapeStore(backend)
    following = store.follow("r")
    with pytest.raises(CorruptTape):
        for _ in range(3):
            given += following.steps()

    assert given == ended_by(tape, sizes, hurt - 1)
    with pytest.raises(CorruptTape):
        following.steps()
    store.delete("r")
    store.save(evolve(tape, outcome=RETURNED))
    given += told(following)
    assert sorted(given, key=key) == list(tape.steps)  # what was sealed in its place makes it good
    assert following.over


def test_an_end_that_is_still_being_written_is_waited_for():
    tape = story(3)
    chunks, backend = chunked(evolve(tape, run_id="r"), [2, 2, 2]), MemoryBackend()
    for number, chunk in enumerate(chunks[:-1]):
        backend.append("r", number, chunk)
    backend.append("r", len(chunks) - 1, chunks[-1][:-3])
    following = TapeStore(backend).follow("r")
    before = told(following)
    backend._logs["r"][-1] = chunks[-1]
    after = told(following)

    assert len(before) + len(after) == 3
    assert following.over


class Moving(MemoryBackend):
    """Raises Conflict in the middle of a reading, as SQLite does when a log is sealed there."""

    torn = False

    def chunks(self, name, start=0):
        for number, chunk in enumerate(super().chunks(name, start)):
            if self.torn and number == 1:
                self.torn = False
                raise Conflict("it was sealed or deleted while it was read; read it again")
            yield chunk


def test_a_log_that_is_sealed_while_it_is_read_is_read_again():
    backend, tape = Moving(), story(4)
    store = TapeStore(backend)
    grown = Growing(store, tape)
    following = store.follow("growing")
    grown.step(4)
    backend.torn = True
    given = following.steps()
    assert len(given) < 4
    grown.close()
    grown.seal()
    given += told(following)

    assert given == list(tape.steps)


def test_a_run_that_is_closed_and_cannot_be_sealed_is_over():
    with TapeStore.open(":memory:") as store:
        tape = story(3)
        grown = Growing(store, tape)
        following = store.follow("growing")
        grown.step(3)
        assert len(following.steps()) == 3
        assert not following.over
        grown.close()
        following.steps()

        assert following.over


def test_a_run_that_is_over_is_given_whole_by_the_first_look(where):
    tape = story(5)
    with TapeStore.open(where) as store:
        store.save(tape)
        following = store.follow("growing")

        assert following.steps() == list(tape.steps)
        assert following.over


def test_a_run_that_is_not_there_cannot_be_followed(where):
    with TapeStore.open(where) as store, pytest.raises(NotFound):
        store.follow("none")


def test_a_branch_that_refers_to_its_parent_is_followed(where):
    parent = story(6)
    branch = evolve(story(8), run_id="branch", parent=Branch("growing", 6), created_at=9.0)
    with TapeStore.open(where) as store:
        store.save(parent)
        grown = Growing(store, branch)
        following, given = store.follow("branch"), []
        for _ in range(8):
            grown.step()
            given += following.steps()
        grown.close()
        grown.seal()
        given += told(following)

    assert given == list(branch.steps)


@pytest.mark.parametrize("end", ["returned", "raised"])
def test_a_real_run_of_many_threads_is_given_as_it_was_recorded(where, end):
    from concurrent.futures import ThreadPoolExecutor

    world = World()
    with TapeStore.open(where) as store, TapeStore.open(where) as reader:
        with contextlib.suppress(ZeroDivisionError), tracefork.record(store, run_id="real") as run:
            following, given = reader.follow("real"), []
            with world.client(run) as client, ThreadPoolExecutor(8) as pool:
                asked = [pool.submit(say, client, f"{n}") for n in range(60)]
                while not all(one.done() for one in asked):
                    given += following.steps()
            run.call("count", len, "abc")
            run.uuid4()
            if end == "raised":
                1 / 0  # noqa: B018
        given += told(following)
        again = told(reader.follow("real"))

        assert sorted(given, key=key) == list(reader.load("real").steps)
        assert len(given) == 62
        assert given == again  # whoever comes later, to a sealed run, is told the same in the same order
        assert following.began == min(step.timing.began for step in given)


def test_two_connections_to_one_store_see_the_same(where):
    tape = story(40)
    with TapeStore.open(where) as store, TapeStore.open(where) as reader:
        grown = Growing(store, tape)
        following, given = reader.follow("growing"), []
        for number in range(40):
            grown.step()
            if number % 3 == 0:
                given += following.steps()
                assert len(given) == number + 1
        grown.close()
        grown.seal()
        given += told(following)

    assert given == list(tape.steps)
