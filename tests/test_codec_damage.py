"""Whatever is wrong with bytes is found, as a CorruptTape, before memory is spent on it."""

import subprocess
import sys
from contextlib import suppress
from hashlib import sha256
from time import thread_time

import pytest
import zstandard
from attrs import evolve
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tapes import SMALL, tapes

from tracefork.codec import frames, journal, objects, pack, plain
from tracefork.codec.limits import DEFAULT
from tracefork.codec.records import Header, records
from tracefork.core.tape import Tape
from tracefork.core.values import UNFINISHED, Exchange, Request, Response, Span
from tracefork.errors import CorruptTape, TooLarge, TraceforkError, Truncated, UnknownVersion
from tracefork.files import dumps, loads

SEALED = pack.pack(SMALL)
CHUNKS = [
    journal.header(Header.of(SMALL)),
    journal.encode(records(SMALL)[:3], "small", 1),
    journal.encode(records(SMALL)[3:], "small", 2),
]


def flips(data):
    """`data` with each of its bits turned in turn."""
    for at, byte in enumerate(data):
        for bit in range(8):
            yield data[:at] + bytes([byte ^ 1 << bit]) + data[at + 1 :]


def sealed_by_hand(*lines, summary=None, run_id="small"):
    """A sealed blob whose checksums all hold, whatever it says: what an attacker would make."""
    head = frames.frame(frames.SUMMARY, summary or plain.dump(pack.summary(SEALED)))
    whole = head + frames.frame(b"B", frames.squeeze(b"\n".join(lines)), run_id)
    return whole + frames.frame(b"E", sha256(whole).digest(), run_id)


def log_by_hand(payload):
    return [CHUNKS[0], frames.frame(frames.RECORDS, payload, journal.place("small", 1))]


LINES = [plain.dump(v, plain.LINE) for v in (*SMALL.steps, *SMALL.pending, SMALL.outcome)]


# -- accidents ---------------------------------------------------------------------


def test_the_forger_of_these_tests_can_make_a_whole_tape():
    assert pack.unpack(sealed_by_hand(*LINES)) == SMALL


def test_every_flipped_bit_of_a_sealed_tape_is_found():
    for flipped in flips(SEALED):
        with pytest.raises(CorruptTape):
            pack.unpack(flipped)


def test_every_flipped_bit_of_a_summary_is_found_by_who_reads_it_alone():
    end = frames.read(SEALED).end

    for flipped in flips(SEALED[:end]):
        with pytest.raises(CorruptTape):
            pack.summary(flipped + SEALED[end:])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_flipped_bit_of_a_chunk_is_found_and_the_chunk_named(number):
    for flipped in flips(CHUNKS[number]):
        with pytest.raises(CorruptTape, match=f"chunk {number}") as caught:
            journal.unroll([*CHUNKS[:number], flipped, *CHUNKS[number + 1 :]], "small")

        assert not isinstance(caught.value, Truncated)  # or it would pass for a torn end


def test_every_truncation_of_a_sealed_tape_is_truncated():
    for length in range(len(SEALED)):
        with pytest.raises(Truncated):
            pack.unpack(SEALED[:length])


def test_every_truncation_of_the_last_chunk_is_the_end_of_the_log():
    whole = journal.unroll(CHUNKS[:2], "small")

    for length in range(len(CHUNKS[2])):
        assert journal.unroll([*CHUNKS[:2], CHUNKS[2][:length]], "small") == whole


@pytest.mark.parametrize("more", [b"\x00", b"x" * 1000, SEALED])
def test_what_follows_a_sealed_tape_is_refused(more):
    with pytest.raises(CorruptTape, match="follow its end"):
        pack.unpack(SEALED + more)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_what_follows_a_chunk_is_refused(number):
    longer = [*CHUNKS[:number], CHUNKS[number] + b"\x00", *CHUNKS[number + 1 :]]

    with pytest.raises(CorruptTape, match=rf"chunk {number}.*follow"):
        journal.unroll(longer, "small")


@pytest.mark.parametrize("order", [(0, 2, 1), (0, 1, 1), (0, 2), (1, 2), (0, 0, 1), (1, 0, 2)])
def test_chunks_that_are_swapped_repeated_or_missing_are_refused(order):
    with pytest.raises(CorruptTape):
        journal.unroll([CHUNKS[i] for i in order], "small")


def test_a_chunk_of_another_run_is_refused():
    other = journal.encode(records(SMALL)[3:], "other", 2)

    with pytest.raises(CorruptTape, match=r"chunk 2.*out of its place"):
        journal.unroll([*CHUNKS[:2], other], "small")


def test_a_block_of_another_run_is_refused():
    other = pack.pack(evolve(SMALL, run_id="other"))
    theirs, ours = frames.read(other).end, frames.read(SEALED).end

    with pytest.raises(CorruptTape):
        pack.unpack(SEALED[:ours] + other[theirs:])


@pytest.mark.parametrize("read", [pack.unpack, pack.summary, journal.decode_header])
def test_a_newer_version_is_named_as_such(read):
    newer = SEALED[:4] + b"\x02" + SEALED[5:]

    with pytest.raises(UnknownVersion, match="update tracefork"):
        read(newer)


@pytest.mark.parametrize("data", [b"{}", b"PK\x03\x04" + b"\x00" * 100, b"\x28\xb5\x2f\xfd" * 20])
def test_another_kind_of_file_is_said_to_be_no_tape(data):
    with pytest.raises(CorruptTape, match="not a tracefork tape"):
        loads(data)


# -- hostility ---------------------------------------------------------------------


@example(SEALED[:50])
@given(st.binary(max_size=200) | st.binary(max_size=60).map(SEALED.__add__))
def test_random_bytes_raise_nothing_but_our_own_errors(data):
    for read in (loads, pack.summary, journal.decode_header, lambda d: journal.unroll([d], "small")):
        with suppress(TraceforkError):
            read(data)


@given(st.binary(max_size=60), st.booleans())
def test_random_lines_under_good_checksums_raise_nothing_but_our_own_errors(line, framed):
    payload = frames.squeeze(line) if framed else line

    for read in (
        lambda: pack.unpack(sealed_by_hand(line)),
        lambda: pack.unpack(sealed_by_hand(*LINES, summary=line)),
        lambda: journal.unroll(log_by_hand(payload), "small"),
        lambda: objects.decode(line.decode("latin-1")),
    ):
        with suppress(TraceforkError):
            read()


@pytest.mark.parametrize(
    "lines",
    [
        LINES[:-1],
        [*LINES, LINES[-1]],
        LINES[1:],
        [LINES[-1], *LINES[:-1]],
        [*LINES[1:2], LINES[0], *LINES[2:]],
    ],
)
def test_steps_that_the_summary_does_not_tell_of_are_refused(lines):
    with pytest.raises(CorruptTape):
        pack.unpack(sealed_by_hand(*lines))


def test_a_header_text_that_no_wire_carries_is_corrupt():
    odd = (("content-type", "multipart/form-data; boundary=\u0416"),)
    line = plain.dump(Exchange(Request("GET", "u", odd), Response(200)), plain.LINE)

    with pytest.raises(CorruptTape, match="UnicodeEncodeError"):
        pack.unpack(sealed_by_hand(line, LINES[-1]))


def bombs():
    gigabyte = zstandard.ZstdCompressor(level=3).compress(bytes(1 << 30))
    stream = zstandard.ZstdCompressor(level=3).compressobj()  # does not say its size
    unsaid = stream.compress(bytes(1 << 28)) + stream.flush()
    honest = zstandard.ZstdCompressor().compress(b"[1]" * 5)
    # magic, descriptor of a single segment with an 8-byte size, that size, and then nothing true
    lying = honest[:4] + b"\xe0" + (1 << 60).to_bytes(8, "little") + honest[6:]
    modest = honest[:4] + b"\xe0" + (1 << 20).to_bytes(8, "little") + honest[6:]
    window = honest[:4] + b"\x00\xf8" + honest[6:]
    return {
        "a gigabyte in 33 kB": gigabyte,
        "a bomb of unsaid size": unsaid,
        "a lie of an exabyte": lying,
        "a lie of a megabyte": modest,
        "a window of 2 TiB": window,
        "a frame cut short": honest[:-3],
        "no frame": b"",
    }


BOUNDED = """
import resource, sys
from pathlib import Path
from time import thread_time
from tracefork.codec import journal
from tracefork.errors import CorruptTape
chunks = [Path(name).read_bytes() for name in sys.argv[1:]]
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + (80 << 20),) * 2)
began = thread_time()
try:
    journal.unroll(chunks, "small")
except CorruptTape:
    print(thread_time() - began)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory there is")
@pytest.mark.parametrize("name", bombs())
def test_a_hostile_size_is_refused_fast_and_without_allocating(name, tmp_path):
    bomb = bombs()[name]
    files = [tmp_path / "0", tmp_path / "1"]
    for file, chunk in zip(files, log_by_hand(bomb), strict=True):
        file.write_bytes(chunk)

    child = subprocess.run(
        [sys.executable, "-c", BOUNDED, *files], capture_output=True, text=True, timeout=30, check=False
    )

    assert len(bomb) < 40_000
    assert child.stderr == ""
    assert float(child.stdout) < 0.5


def test_nested_brackets_are_refused_before_the_parser_sees_them():
    with pytest.raises(TooLarge, match="nested"):
        plain.load_record(b"[" * 100_000, DEFAULT)
    with pytest.raises(TooLarge, match="nested"):
        objects.decode("[" * 100_000)


@pytest.mark.parametrize(
    "line",
    [
        b'{"is":"Closed","outcome":' + b"9" * 10_000 + b"}",
        b"[" + b"0," * 3_000_000 + b"0]",
        b'"' * 9_000_000,
        b'"' + b'\\"' * 4_000_000,
        b"{" + b",".join(b'"%d":0' % n for n in range(1_000_000)) + b"}",
    ],
)
def test_a_hostile_json_text_is_refused_soon(line):
    began = thread_time()  # other programs run on this machine too

    with pytest.raises(CorruptTape):
        plain.load_record(line, DEFAULT)

    assert thread_time() - began < 2


# -- what is left ------------------------------------------------------------------


def big(steps=8):
    exchanges = [
        Exchange(
            Request("POST", "u", body=b"%d" % n * 600_000),
            Response(200),
            span=Span(3 * n, 3 * n + 1, 3 * n + 2),
        )
        for n in range(steps)
    ]
    return Tape(tuple(exchanges), run_id="big", agent_name="a")


def test_damage_to_a_sealed_tape_costs_the_steps_of_one_block():
    tape = big()
    packed = pack.pack(tape)
    second = frames.find(packed, b"B", frames.find(packed, b"B") + 1)
    hurt = packed[: second + 40] + b"\xff" + packed[second + 41 :]

    left = pack.salvage(hurt, "big")

    assert 0 < len(left) < len(tape)
    assert set(left.exchanges) < set(tape.exchanges)
    assert (left.agent_name, left.outcome) == ("a", tape.outcome)


def test_a_sealed_tape_without_its_head_keeps_its_steps():
    hurt = b"\x00" * 60 + SEALED[60:]

    left = pack.salvage(hurt, "small")

    assert (left.steps, left.pending, left.outcome) == (SMALL.steps, SMALL.pending, SMALL.outcome)


def test_a_sealed_tape_that_stops_early_keeps_its_whole_blocks():
    packed = pack.pack(big())

    left = pack.salvage(packed[: len(packed) - 100], "big")

    assert 0 < len(left) < 8
    assert left.outcome == UNFINISHED


def test_a_tape_inside_a_tape_is_not_salvaged_in_its_stead():
    inner = pack.pack(evolve(SMALL, run_id="inner"))
    outer = Tape((Exchange(Request("PUT", "u", body=inner), Response(200)),), run_id="outer")
    at = frames.find(pack.pack(outer), b"B")
    hurt = pack.pack(outer)[: at + 4] + b"\x00" + pack.pack(outer)[at + 5 :] + inner

    assert pack.salvage(hurt, "outer").steps == ()


@given(tapes(), st.integers(0, 30))
def test_a_log_without_one_chunk_keeps_what_agrees(tape, lost):
    told = records(tape)
    chunks = [journal.header(Header.of(tape))]
    chunks += [journal.encode([record], tape.run_id, n) for n, record in enumerate(told, 1)]
    assume(told)
    chunks[lost % len(chunks)] = b""

    left = journal.salvage([*chunks, b"a torn end"], tape.run_id)

    assert set(left.steps) <= set(tape.steps)
    assert len(left.steps) >= len(tape.steps) - 1


def test_nothing_to_salvage_is_said():
    with pytest.raises(CorruptTape, match="nothing"):
        journal.salvage([b"", b"x"], "gone")
    with pytest.raises(CorruptTape):
        pack.salvage(b"\x00" * 100, "gone")


def test_flips_in_a_large_tape_are_found_wherever_they_fall():
    data = dumps(big(3))

    for at in range(0, len(data), 97):
        with pytest.raises(CorruptTape):
            loads(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
