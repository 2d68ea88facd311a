"""Bytes that are made to cost their reader dearly, as bodies of sealed tapes and as chunks of journals.

Run as a script, it reads files under a bound on memory and prints what each came to.
"""

import os
import struct
import sys
import time
from pathlib import Path

import zstandard

ASKED = b'["a",%d,"",%d,0,["GET","u",[],%s]]'
ROOM = 64 << 20
"""Bytes that a reader may take besides what the limits allow."""


def frames():
    """zstd frames that expand to too much, or say so."""
    bomb = zstandard.ZstdCompressor(level=3).compress(bytes(1 << 30))
    stream = zstandard.ZstdCompressor(level=3).compressobj()  # does not say its size
    unsaid = stream.compress(bytes(1 << 28)) + stream.flush()
    honest = zstandard.ZstdCompressor().compress(b"[1]" * 5)
    # magic, descriptor of a single segment with an 8-byte size, that size, and then nothing true
    exabyte = honest[:4] + b"\xe0" + (1 << 60).to_bytes(8, "little") + honest[6:]
    megabyte = honest[:4] + b"\xe0" + (1 << 20).to_bytes(8, "little") + honest[6:]
    return {
        "a gigabyte in 33 kB": bomb,
        "a bomb of unsaid size": unsaid,
        "a lie of an exabyte": exabyte,
        "a lie of a megabyte": megabyte,
        "a window of 2 TiB": honest[:4] + b"\x00\xf8" + honest[6:],
        "a frame cut short": honest[:-3],
        "no frame": b"",
    }


def rows():
    """(rows, bytes beside them) that are too much for whoever believes them."""
    doubled = [
        ASKED % (0, 0, b"[0,-1,1000000]"),
        *(ASKED % (n, n, b"[1,0,%d,0,%d]" % (size, size)) for n, size in sizes()),
    ]
    torn = b"[1," + b",".join(b"%d,1,-1,1" % n for n in range(500)) + b"]"
    pieces = [ASKED % (0, 0, b"[0,-1,1000]"), *(ASKED % (n, n, torn) for n in range(1, 200))]
    pairs = b'["a",0,"",0,0,["GET","u",[%s],[0]]]' % b",".join(b'["%d",""]' % n for n in range(1_000_000))
    same = b'["a",0,"",0,0,["GET","u",[["a","b"]%s],[0]]]' % (b",0" * 1_000_000)
    return {
        "a million brackets": ([b"[" * 1_000_000], b""),
        "a number of ten million digits": ([b"9" * 10_000_000], b""),
        "a float of a million digits": ([b'["h",0,1.' + b"9" * 1_000_000 + b"]"], b""),
        "bodies of bodies": (doubled, bytes(1_000_000)),
        "a body of too many pieces": (pieces, bytes(1_000 + 500 * 200)),
        "a million pairs of headers": ([pairs], b""),
        "one pair of headers a million times": ([same], b""),
        "a body that is not there": ([ASKED % (0, 0, b"[0,-1,%d]" % (1 << 62))], b""),
        "a body longer than any": ([ASKED % (0, 0, b"[0" + b",-1,1" * 400_000 + b"]")], bytes(9)),
        "three million items": ([b"[" + b"0," * 3_000_000 + b"0]"], b""),
        "nine million strings": ([b'"' * 9_000_000], b""),
        "eight million backslashes": ([b'"' + b'\\"' * 4_000_000], b""),
    }


def sizes():
    return ((n, 1_000_000 << (n - 1)) for n in range(1, 40))


def sealed(read, data):
    """Columns of a body by hand: their lengths, and all in one zstd frame."""
    lines, text = read, data
    parts = [b"\n".join(lines), b"[]", b"", b"", b"", b"", b"", text]
    return lengths(map(len, parts)) + squeeze(b"".join(parts))


def lengths(sizes):
    return b"".join(size.to_bytes(8, "big") for size in sizes)


def squeeze(raw):
    """One zstd frame, padded as far as readers want it to be."""
    packed = zstandard.ZstdCompressor(level=3).compress(raw)
    missing = max(0, len(raw) // 1000 - len(packed))
    return packed + struct.pack("<II", 0x184D2A50, missing) + bytes(missing)


def chunk(lines, data):
    """What a chunk of a journal holds, before it is compressed."""
    return b"".join(len(line).to_bytes(4, "big") + line for line in lines) + data


def main():
    """Read each file that is named, in a child of its own that may not grow by more than it should."""
    import resource

    from tracefork.codec import journal, pack
    from tracefork.codec.limits import DEFAULT
    from tracefork.errors import CorruptTape
    from tracefork.storage import tape_file

    def unrolled(data):
        first = int.from_bytes(data[:4], "big") + 4
        journal.unroll([data[4:first], data[first:]], "small")

    for name in sys.argv[1:]:
        path = Path(name)
        if os.fork():
            os.wait()
            continue
        data, now = (
            path.read_bytes(),
            int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize(),
        )
        room = ROOM + DEFAULT.allowed(len(data))
        resource.setrlimit(resource.RLIMIT_AS, (now + room,) * 2)
        read = {".journal": unrolled, ".sealed": pack.unpack, ".file": lambda _: tape_file.load(path)}[
            path.suffix
        ]
        began = time.thread_time()
        try:
            read(data)
            came = "nothing was wrong"
        except CorruptTape:
            came = "CorruptTape"
        except BaseException as error:
            came = repr(error)
        print(name, came, time.thread_time() - began, sep="\t", flush=True)
        os._exit(0)


if __name__ == "__main__":
    main()
