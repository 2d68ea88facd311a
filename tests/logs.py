"""Tapes as the chunks of a journal and as one sealed blob, whole, hurt and forged."""

from functools import cache
from zlib import crc32

from tracefork.codec import journal, pack, strict_json
from tracefork.codec.frames import frame, parity
from tracefork.codec.frames.zstd import Compressor
from tracefork.codec.records import ALONE, Header, list_records


def chunks_of(tape, size=1, parent=ALONE):
    """The journal of a tape, `size` records a chunk."""
    told, encoder = list_records(tape), journal.Encoder(tape.run_id, parent)
    batches = [told[at : at + size] for at in range(0, len(told), size)]
    return [
        journal.encode_header(Header.of(tape, parent.shares)),
        *(encoder.chunk(batch)[0] for batch in batches),
    ]


def flips(data, places=None):
    """`data` with one bit turned, each in turn or those at `places`."""
    for place in range(len(data) * 8) if places is None else places:
        yield data[: place // 8] + bytes([data[place // 8] ^ 1 << place % 8]) + data[place // 8 + 1 :]


def bounds(packed):
    """Where the five frames of a sealed tape begin, and where the last one ends."""
    out = [0]
    while out[-1] < len(packed):
        head = packed[out[-1] :][: frame.OVERHEAD]
        out.append(out[-1] + frame.OVERHEAD + int.from_bytes(head[6:14], "big"))
    return out


def of_version(version, data):
    """`data`, whose first frame says that it is of another version, its head's check included."""
    fields = data[:4] + bytes([version]) + data[5:14]
    return fields + crc32(fields).to_bytes(4, "big") + data[18:]


@cache
def _head_of(tape):
    packed = pack.pack(tape)
    return packed[: frame.read(packed).end]


def forged(body, tape):
    """A sealed tape of which all checks hold, with `body` as its body: what an attacker would make."""
    head = _head_of(tape)
    inner = frame.frame(b"B", body, tape.run_id)
    known = parity.make_checks(head + inner)
    beside = frame.frame(b"C", known, "beside")
    mending = frame.frame(b"P", parity.make_parity(head + inner), f"beside\n{crc32(known):08x}")
    return b"".join([head, beside, inner, beside, mending])


def forged_chunk(raw, run_id, number=1, squeezed=None):
    """A chunk of records of which all checks hold, whatever `raw` says, or that no zstd of ours made."""
    payload = Compressor().piece(raw) if squeezed is None else squeezed
    return frame.light_frame(payload, journal.name_place(run_id, number))


def row_bytes(*rows, beside=b""):
    """Rows as a journal has them, with the bytes of bodies behind the last."""
    texts = [row if isinstance(row, bytes) else strict_json.encode(row) for row in rows]
    return b"".join(len(text).to_bytes(4, "big") + text for text in texts) + beside
