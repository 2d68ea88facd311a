"""Whatever bytes a decoder is given, it raises nothing but our own errors, and soon."""

import json
import random
from itertools import accumulate, pairwise
from time import thread_time

import bombs
import pytest
from attrs import evolve
from conversations import grown
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import chunks_of, forged, forged_chunk
from tapes import SMALL

from tracefork.codec import columns, journal, mending, pack, strict_json
from tracefork.codec.frames import frame
from tracefork.codec.limits import DEFAULT
from tracefork.codec.records import ALONE, Header, Parent, Shares, list_records
from tracefork.codec.rows.rows import RowWriter
from tracefork.core.tape import Tape
from tracefork.core.values import Response
from tracefork.errors import TraceforkError
from tracefork.session.tools import python_values
from tracefork.storage.parent_hash import identity
from tracefork.storage.tape_file import loads

pytestmark = pytest.mark.slow
EXAMPLES = max(10_000, settings().max_examples)  # an entry point
SECONDS = 2.0
BRANCH = evolve(SMALL, run_id="branch")
GROWN = grown(3, low=100, high=300)
PARENT = Parent(pack.unpack(pack.pack(SMALL)).steps, Shares(identity(SMALL.steps)))
TAPES = [pack.pack(SMALL), pack.pack(GROWN), pack.pack(BRANCH, PARENT), pack.pack(Tape())]
LOGS = [chunks_of(SMALL, 2), chunks_of(GROWN), chunks_of(BRANCH, 3, PARENT)]
BITS = [
    b"",
    b"\x89TFK\x02",
    b"\x89TFK\x02S",
    b"\x28\xb5\x2f\xfd",
    b"R\x00\x00\x00\x01",
    b"\x00" * 34,
    b"[[[",
    b"\xff" * 8,
]


def many(test, share=1):
    """Give the test that many sources of chance, ten for each example of hypothesis, which are dear."""

    def ten(seed):
        for n in range(10):
            test(random.Random(seed + n))

    ten.__name__ = test.__name__
    examples = EXAMPLES // share // 10
    return settings(max_examples=examples)(given(st.integers(0, 2**64).map(lambda n: 10 * n))(ten))


def half(test):
    """`many` for one of two tests that go through the same entry point."""
    return many(test, share=2)


def tried(*reads):
    """Call each; nothing but our own errors may come, nor may it take long."""
    for read in reads:
        began = thread_time()
        try:
            read()
        except TraceforkError:
            pass
        assert thread_time() - began < SECONDS


def mutated(chance, data):
    """`data` with some of its bytes changed, cut out, repeated, or moved."""
    data = bytearray(data)
    for _ in range(chance.randrange(1, 4)):
        low = chance.randrange(len(data) + 1)
        high = min(len(data), low + int(chance.expovariate(0.05)))
        match chance.randrange(5):
            case 0:
                data[low:high] = chance.randbytes(high - low)
            case 1:
                del data[low:high]
            case 2:
                data[low:low] = data[low:high]
            case 3:
                data[low:low] = chance.choice(BITS)
            case 4 if low < len(data):
                data[low] ^= 1 << chance.randrange(8)
    return bytes(data)


@many
def test_random_bytes(chance):
    data = chance.choice(BITS) + chance.randbytes(chance.randrange(200))

    tried(
        lambda: loads(data),
        lambda: pack.read_summary(data),
        lambda: pack.salvage(data, "r"),
        lambda: journal.decode_header(data),
        lambda: journal.unroll([LOGS[0][0], data], "small"),
        lambda: python_values.decode(data.decode("latin-1")),
    )


@half
def test_sealed_tapes_that_were_changed(chance):
    number = chance.randrange(len(TAPES))
    data, parent = mutated(chance, TAPES[number]), PARENT if number == 2 else ALONE

    tried(
        lambda: pack.unpack(data, parent),
        lambda: pack.salvage(data, "small", parent),
        lambda: pack.read_summary(data),
    )


@half
def test_logs_that_were_changed(chance):
    number = chance.randrange(len(LOGS))
    chunks, run_id = list(LOGS[number]), ["small", "grown", "branch"][number]
    at = chance.randrange(len(chunks))
    chunks[at] = mutated(chance, chunks[at])
    parent = PARENT if number == 2 else ALONE

    tried(lambda: journal.unroll(chunks, run_id, parent))
    if chance.random() < 0.02:  # each bit of a chunk is tried
        tried(lambda: mending.salvage(chunks, run_id, parent))


# -- under good checksums ------------------------------------------------------------


def rows_of(tape, parent=ALONE):
    """The rows of a tape, and the bytes beside each."""
    writer, out = RowWriter(parent.steps), []
    for record in list_records(tape):
        sink = journal._Written()
        out.append((json.loads(strict_json.encode(writer.write(record, sink)[0])), bytes(sink)))
    return out


ROWS = [rows_of(SMALL), rows_of(GROWN), rows_of(BRANCH, PARENT)]
SCALARS = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    7,
    255,
    1 << 31,
    1 << 63,
    10**30,
    0.5,
    1e300,
    "",
    "a",
    "eof",
    "\ud800",
    [],
    {},
    [[]],
]


def another(chance, value):
    """`value` with some thing in it replaced, left out, or repeated."""
    if isinstance(value, list) and value and chance.random() < 0.85:
        at = chance.randrange(len(value))
        match chance.randrange(6):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return value[:at] + value[at : at + 1] * chance.randrange(2, 5) + value[at:]
            case _:
                return [*value[:at], another(chance, value[at]), *value[at + 1 :]]
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(sorted(value))
        return {**value, key: another(chance, value[key])}
    if isinstance(value, int) and chance.random() < 0.5:
        return value + chance.choice([-1, 1, 2, 100, -100])
    return chance.choice(SCALARS)


def forged_rows(chance):
    """Rows of which some are changed, swapped or repeated, with the bytes of bodies, or nearly."""
    number = chance.randrange(len(ROWS))
    told = list(ROWS[number])
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(told))
        match chance.randrange(8):
            case 0:
                told[at] = told[chance.randrange(len(told))]
            case 1:
                told.insert(at, told[chance.randrange(len(told))])
            case 2:
                told[at] = told[at][0], told[at][1][:-1]
            case _:
                told[at] = another(chance, told[at][0]), told[at][1]
    return told, PARENT if number == 2 else ALONE


def json_of(row):
    return json.dumps(row).encode()


@half
def test_logs_of_forged_rows(chance):
    told, parent = forged_rows(chance)
    raw = b"".join(bombs.chunk([json_of(row)], beside) for row, beside in told)
    chunks = [LOGS[0][0], forged_chunk(raw, "small")]

    tried(lambda: looked_at(journal.unroll(chunks, "small", parent)))
    if chance.random() < 0.25:
        tried(lambda: looked_at(mending.salvage(chunks, "small", parent).tape))


@half
def test_sealed_tapes_of_forged_columns(chance):
    tape = (SMALL, GROWN)[chance.randrange(2)]
    parts = [bytearray(part) for part in COLUMNS[tape.run_id]]
    lines = [
        another(chance, row) if chance.random() < 0.1 else row
        for row in map(json.loads, parts[0].split(b"\n"))
    ]
    parts[0] = b"\n".join(map(json_of, lines))
    if chance.random() < 0.4:
        parts[1] = json_of(another(chance, json.loads(parts[1])))
    if chance.random() < 0.5:
        at = chance.randrange(2, len(parts))
        parts[at] = mutated(chance, parts[at])
    body = bombs.lengths(map(len, parts)) + bombs.squeeze(b"".join(parts))
    data = forged(body, tape)

    tried(lambda: looked_at(pack.unpack(data)))
    if chance.random() < 0.25:
        tried(lambda: looked_at(pack.salvage(data, tape.run_id).tape))


def looked_at(tape):
    """Make every body; what cannot be made should have been refused."""
    for step in tape:
        assert len(step.request.body) == len(step.request.kept)
        if isinstance(step.answer, Response):
            assert sum(map(len, step.answer.chunks)) == len(step.answer.body) == step.answer.size
    return tape.digest()


def columns_of(tape):
    body = columns.write(tape, ALONE)
    sizes = [int.from_bytes(body[at : at + 8], "big") for at in range(0, 64, 8)]
    raw = columns.decompress(body[64:], sum(sizes), 1 << 30, DEFAULT)
    return [raw[low:high] for low, high in pairwise(accumulate(sizes, initial=0))]


COLUMNS = {tape.run_id: columns_of(tape) for tape in (SMALL, GROWN)}


@many
def test_headers_that_were_forged(chance):
    known = json.loads(strict_json.dump(Header.of(SMALL)))
    said = json.loads(strict_json.dump(pack.read_summary(TAPES[0])))
    head, brief = json_of(another(chance, known)), json_of(another(chance, said))
    rest = TAPES[0][frame.read(TAPES[0]).end :]

    tried(
        lambda: journal.unroll([frame.frame(b"H", head)], "small"),
        lambda: pack.read_summary(frame.frame(b"S", brief)),
        lambda: pack.unpack(frame.frame(b"S", brief) + rest),
        lambda: pack.salvage(frame.frame(b"S", brief) + rest, "small"),
    )
