"""Encoders share nothing: many threads make what one would."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from conversations import grown
from logs import chunks_of

from tracefork.codec import journal, pack

TAPES = [grown(12, seed, f"run {seed}") for seed in range(8)]


def at_once(work):
    """What `work` makes of each tape, all threads beginning together."""
    start = Barrier(len(TAPES))

    def begun(tape):
        start.wait()
        return work(tape)

    with ThreadPoolExecutor(len(TAPES)) as threads:
        return list(threads.map(begun, TAPES))


def test_eight_threads_seal_what_each_would_alone():
    alone = [pack.pack(tape) for tape in TAPES]

    for _ in range(5):
        assert at_once(pack.pack) == alone


def test_eight_threads_write_the_journals_that_each_would_alone():
    alone = [chunks_of(tape) for tape in TAPES]

    for _ in range(5):
        assert at_once(chunks_of) == alone


def test_eight_threads_read_one_tape_at_once():
    packed, chunks = pack.pack(TAPES[0]), chunks_of(TAPES[0])
    shared = pack.unpack(packed)

    def read(_):
        return pack.unpack(packed) == journal.unroll(chunks, "run 0") == shared, shared.digest()

    assert at_once(read) == [(True, TAPES[0].digest())] * 8
    assert all(
        at_once(lambda _: [step.request.body for step in shared] == [s.request.body for s in TAPES[0]])
    )
