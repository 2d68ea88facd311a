"""Branches in a store refer to their parents, and outlive them on request."""

import copy
import pickle

import httpx
import pytest
from attrs import evolve

import tracefork
from tracefork import TapeStore
from tracefork.backends.memory import MemoryBackend
from tracefork.codec.records import Header, list_records
from tracefork.core.tape import Tape
from tracefork.core.values import RETURNED, Branch, Exchange, Request, Response, Span, Timing
from tracefork.errors import CorruptTape, NotFound, StoreError
from tracefork.providers import anthropic
from tracefork.storage.lineage import MOVED, moving_name
from tracefork.storage.tape_file import dumps, loads
from tracefork.testing import scripted

WORDS = [f"{n}: " + " ".join(f"word{n * k % 7919}" for k in range(300)) for n in range(40)]


def exchange(n, said, answer):
    asked = b'{"messages":[%s],"model":"m"}' % b",".join(b'"%s"' % w.encode() for w in said)
    heard = Response(200, (("x", str(n)),), (answer.encode(),))
    asked_ = Request("POST", "http://m/", (("a", "b"),), asked)
    return Exchange(asked_, heard, "", Span(3 * n, 3 * n + 1, 3 * n + 2), Timing(n * 1.5, 0.1, 0.2))


def conversation(run_id, words, parent=None):
    steps = [exchange(n, words[: n + 1], f"answer to {word}") for n, word in enumerate(words)]
    return Tape(tuple(steps), run_id=run_id, parent=parent, outcome=RETURNED)


PARENT = conversation("parent", WORDS[:20])


def branch(at, run_id="branch", of="parent", base=WORDS[:20], tail=WORDS[30:33]):
    return conversation(run_id, [*base[:at], *tail], Branch(of, at))


def size(store, run_id):
    return sum(map(len, store.backend.chunks(run_id)))


@pytest.fixture
def store():
    with TapeStore(MemoryBackend()) as opened:
        opened.save(PARENT)
        yield opened


def test_a_branch_costs_what_is_new_in_it(store):
    alone = len(dumps(branch(18)))
    store.save(branch(18))

    assert store.load("branch") == branch(18)
    assert [s.timing for s in store.load("branch").steps] == [s.timing for s in branch(18).steps]
    assert size(store, "branch") < alone / 2


def test_forks_of_forks_refer_to_each_other(store):
    words, name = WORDS[:20], "parent"
    for n in range(40):
        words = [*words[:15], WORDS[20 + n % 20], *words[16:18]]
        tape = conversation(f"fork{n}", words, Branch(name, 15))
        name = store.save(tape)

        assert store.load(name) == tape

    fresh = TapeStore(store.backend)
    assert fresh.load(name) == tape


def test_a_branch_that_is_exported_stands_by_itself(store):
    store.save(branch(10))

    assert loads(dumps(store.load("branch"))) == branch(10)


def test_a_branch_whose_parent_is_not_there_says_so(store):
    store.save(branch(10))
    store.backend.delete("parent")

    for reader in (store, TapeStore(store.backend)):
        if reader is not store:  # the first still knows the parent
            with pytest.raises(NotFound, match="parent"):
                reader.load("branch")
            (finding,) = reader.check()
            assert not finding.certain
            assert "its parent 'parent' is not in this store" in finding.problem


def test_a_parent_that_was_recorded_anew_is_another(store):
    store.save(branch(10))
    store.backend.delete("parent")
    store.save(conversation("parent", WORDS[5:20]))

    with pytest.raises(CorruptTape, match="'parent' is another recording"):
        TapeStore(store.backend).load("branch")


def test_a_parent_with_branches_is_deleted_only_if_they_are_rebased(store):
    store.save(branch(10))
    store.save(branch(5, "grandchild", "branch", WORDS[:10]))

    with pytest.raises(StoreError, match="branch"):
        store.delete("parent")
    store.delete("parent", rebase=True)

    fresh = TapeStore(store.backend)
    assert sorted(info.run_id for info in fresh.runs()) == ["branch", "grandchild"]
    assert fresh.load("branch") == branch(10)
    assert fresh.load("grandchild") == branch(5, "grandchild", "branch", WORDS[:10])
    assert list(fresh.check()) == []


class Dying(MemoryBackend):
    """Dies before its n-th change."""

    left = 10**9

    def _step(self):
        if self.left == 0:
            raise StoreError("power")
        self.left -= 1

    def seal(self, name, packed):
        self._step()
        super().seal(name, packed)

    def delete(self, name):
        self._step()
        super().delete(name)


@pytest.mark.parametrize("steps", range(7))
def test_a_rebase_that_is_interrupted_loses_nothing_and_can_be_finished(steps):
    backend = Dying()
    store = TapeStore(backend)
    store.save(PARENT)
    store.save(branch(10))

    backend.left = steps
    try:
        store.delete("parent", rebase=True)
    except StoreError:
        pass
    backend.left = 10**9
    fresh = TapeStore(backend)
    between = sorted(info.run_id for info in fresh.runs())
    seen = fresh.load("branch")
    list(fresh.gc())

    assert between in (["branch", "parent"], ["branch"])
    assert seen == fresh.load("branch") == branch(10)
    assert not [name for name, _ in backend.heads() if name.startswith(MOVED)]
    assert fresh.load("branch") == branch(10)


def test_a_run_on_its_way_to_its_name_takes_the_name(store):
    packed = dumps(branch(3))
    store.backend.seal(moving_name("branch"), packed)

    assert "branch" in store
    with pytest.raises(tracefork.errors.RunExists):
        store.save(branch(4))


def test_no_run_takes_a_reserved_name(store):
    with pytest.raises(ValueError, match="tracefork:moved"):
        store.save(evolve(PARENT, run_id=MOVED + "x"))


def test_a_parent_that_is_not_over_is_not_referred_to(store):
    store.save(evolve(PARENT, run_id="open", outcome=tracefork.core.values.UNFINISHED))
    store.save(branch(10, of="open"))
    store.backend.delete("open")

    assert TapeStore(store.backend).load("branch").parent == Branch("open", 10)


def test_a_branch_recorded_by_a_fork_refers_to_its_parent(tmp_path):
    def agent():
        with httpx.Client(transport=scripted.transport(model, httpx)) as client:
            said = []
            for word in WORDS[:8]:
                said.append({"role": "user", "content": word})
                asked = {"model": "a", "max_tokens": 9, "messages": said}
                answer = client.post("https://api.anthropic.com/v1/messages", json=asked).json()
                said.append({"role": "assistant", "content": answer["content"][0]["text"]})

    model = scripted.Script(*map(anthropic.text, WORDS[20:28]))
    with TapeStore.open(tmp_path / "runs.db") as store:
        with tracefork.record(store) as run:
            agent()
        model = scripted.Script(*map(anthropic.text, WORDS[30:]))
        with tracefork.fork(run.tape, at=6, answer=anthropic.text("No."), store=store) as forked:
            agent()

        assert store.load(forked.run_id) == forked.tape
        assert forked.tape.steps[:6] == run.tape.steps[:6]
        assert size(store, forked.run_id) < len(dumps(forked.tape)) / 3


def test_a_run_that_died_is_sealed_by_gc_once_it_is_idle(store):
    log = store.begin(tracefork.codec.records.Header("dead", created_at=1000.0))
    log.write(tracefork.codec.records.list_records(evolve(PARENT, run_id="dead"))[:9])
    before = store.load("dead")

    assert [done.run_id for done in store.gc(now=1010.0)] == []
    assert [done.run_id for done in store.gc(now=1e6)] == ["dead"]
    assert store.load("dead") == before
    assert {info.run_id: info.sealed for info in store.runs()}["dead"]


def test_a_branch_that_is_being_recorded_is_not_rebased(store):
    head = tracefork.codec.records.Header("young", parent=Branch("parent", 3))
    log = store.begin(head)
    log.write(tracefork.codec.records.list_records(evolve(branch(3), run_id="young"))[:6])

    with pytest.raises(StoreError, match="still being recorded"):
        store.delete("parent", rebase=True)
    log.write(tracefork.codec.records.list_records(evolve(branch(3), run_id="young"))[6:9])

    assert "parent" in store
    assert len(store.load("young")) == 3


def test_a_fork_whose_parent_goes_while_it_is_recorded_stands_by_itself_once_it_is_sealed(store):
    tape = evolve(branch(10), run_id="young")
    log = store.begin(Header.of(tape))
    log.write(list_records(tape))
    store.backend.delete("parent")  # by one who had listed the branches before
    log.seal(tape)

    assert TapeStore(store.backend).load("young") == tape


class Deleting(MemoryBackend):
    """Somebody deletes the parent at the moment in which a branch begins."""

    def append(self, name, seq, chunk):
        super().append(name, seq, chunk)
        if name == "branch" and "parent" in dict(self.heads()):
            self.delete("parent")


def test_a_branch_whose_parent_goes_while_it_begins_stands_by_itself():
    store = TapeStore(Deleting())
    store.save(PARENT)
    store.save(branch(10))

    assert TapeStore(store.backend).load("branch") == branch(10)


# -- what a review found ---------------------------------------------------------------


def hurt(store, run_id, at, form="sealed"):
    """The same store, with one bit of chunk 0 of the run turned."""
    backend = MemoryBackend()
    for name, _ in store.backend.heads():
        for number, chunk in enumerate(store.backend.chunks(name)):
            turned = chunk[:at] + bytes([chunk[at] ^ 4]) + chunk[at + 1 :]
            backend.append(name, number, turned if (name, number) == (run_id, 0) else chunk)
    return TapeStore(backend)


@pytest.mark.parametrize("at", [3, 60, 200, 700])
def test_a_flipped_bit_in_a_sealed_branch_costs_nothing(store, at):
    store.save(branch(10))

    damaged = hurt(store, "branch", at)
    with pytest.raises(CorruptTape):
        damaged.load("branch")
    assert damaged.salvage("branch") == branch(10)


def test_a_flipped_bit_in_the_header_of_a_branchs_log_costs_nothing(store):
    log = store.begin(tracefork.codec.records.Header("branch", parent=Branch("parent", 10)))
    log.write(tracefork.codec.records.list_records(branch(10)))

    assert hurt(store, "branch", 80).salvage("branch").steps == branch(10).steps


def test_no_parent_is_deleted_while_a_run_is_damaged_that_may_be_its_branch(store):
    store.save(branch(10))
    damaged = hurt(store, "branch", 60)

    with pytest.raises(StoreError, match="may be a branch"):
        damaged.delete("parent", rebase=True)
    assert damaged.salvage("branch") == branch(10)


def test_a_run_that_was_deleted_stays_deleted(store):
    store.save(branch(10))
    store.backend.seal(moving_name("branch"), dumps(branch(10)))  # a rebase died here

    store.delete("branch")
    list(store.gc())
    assert "branch" not in store
    with pytest.raises(NotFound):
        store.delete("branch")


def test_gc_leaves_a_run_alone_whose_question_is_young(store):
    told = tracefork.codec.records.list_records(evolve(PARENT, run_id="old"))
    log = store.begin(tracefork.codec.records.Header("old", created_at=0.0))
    log.write([*told[:3], evolve(told[3], at=90_000.0)])

    assert [done.run_id for done in store.gc(now=100_000.0, idle=50_000)] == []
    assert [done.run_id for done in store.gc(now=200_000.0, idle=50_000)] == ["old"]
    with pytest.raises(ValueError, match="idle"):
        list(store.gc(idle=0))


def test_a_loaded_tape_can_be_copied_and_sent_to_another_process(store):
    tape = store.load("parent")
    tape.digest()

    assert pickle.loads(pickle.dumps(tape)) == copy.deepcopy(tape) == PARENT


def test_a_parent_of_the_same_digest_and_other_headers_is_another(store):
    store.save(branch(10))
    first, *rest = PARENT.steps
    asked = evolve(first.request, headers=(("a", "changed"),))
    other = evolve(PARENT, steps=(evolve(first, request=asked), *rest))
    store.backend.delete("parent")
    store.save(other)

    assert other.digest() == PARENT.digest()
    with pytest.raises(CorruptTape, match="another recording"):
        TapeStore(store.backend).load("branch")
