"""What is made to cost its reader dearly is refused soon, before memory is spent on it."""

import subprocess
import sys
from pathlib import Path

import bombs
import pytest
from logs import forged, forged_chunk
from tapes import SMALL

from tracefork.codec import journal, pack
from tracefork.codec.records import Header
from tracefork.errors import CorruptTape

HEADER = journal.encode_header(Header.of(SMALL))
SECONDS = 0.2
HALF = ["a frame cut short", "no frame"]
"""Of a stream more may come: for a journal nothing is wrong with them."""


def logged(chunk):
    return len(HEADER).to_bytes(4, "big") + HEADER + chunk


def made():
    """Every bomb in every form, by name."""
    out = {}
    for name, frame in bombs.frames().items():
        claims = bombs.lengths([1_000_000, *[0] * 7])
        for form in ("sealed", "file"):
            out[name, form] = forged(claims + frame, SMALL)
        if name not in HALF:
            out[name, "journal"] = logged(forged_chunk(b"", "small", squeezed=frame))
    for name, (rows, beside) in bombs.rows().items():
        for form in ("sealed", "file"):
            out[name, form] = forged(bombs.sealed(rows, beside), SMALL)
        out[name, "journal"] = logged(forged_chunk(bombs.chunk(rows, beside), "small"))
    more = {
        "lengths of exabytes": forged(bombs.lengths([1 << 63] * 8) + bombs.squeeze(b"[]"), SMALL),
        "a million marks": pack.pack(SMALL)[:600] + b"\x89TFK\x02C" * 300_000,
        "a million whole heads": pack.pack(SMALL)[:600] + heads() * 60_000,
        "events of a megabyte": forged(events(), SMALL),
    }
    return out | {(name, form): data for name, data in more.items() for form in ("sealed", "file")}


def heads():
    """The head of a frame that has a payload of a megabyte, and a good checksum of its own."""
    return pack.frame.frame(b"C", bytes(1_000_000))[:18]


def events():
    """An answer of 100,000 events that say a megabyte each."""
    asked = b'["a",0,"",0,0,["GET","u",[],[0]]]'
    ended = b'["e",0,[0,1,1],[200,[],"eof","","",null,[1,100000,[],[0]]],[null,0,0,[],null,null]]'
    parts = [
        asked + b"\n" + ended,
        b'[["%s",""]]' % (b"x" * 1_000_000),
        b"\x01" * 100_000,
        bytes(100_000),
        b"",
        b"",
        b"",
        b"",
    ]
    return bombs.lengths(map(len, parts)) + bombs.squeeze(b"".join(parts))


BOMBS = made()


@pytest.fixture(scope="module")
def came(tmp_path_factory):
    """(what came of it, CPU seconds) of each bomb, read in processes that may not grow.

    What took too long is tried again, five times at most: others use the processor's caches too.
    """
    folder, paths = tmp_path_factory.mktemp("bombs"), {}
    for n, ((name, form), data) in enumerate(BOMBS.items()):
        paths[str(folder / f"{n}.{form}")] = name, form
        (folder / f"{n}.{form}").write_bytes(data)
    found = read(paths)
    for _ in range(5):
        slow = [path for path, (_, seconds) in found.items() if seconds >= SECONDS]
        found |= read(slow) if slow else {}
    return {paths[path]: came for path, came in found.items()}


def read(paths):
    """(what came of it, CPU seconds) of each file."""
    child = subprocess.run(
        [sys.executable, bombs.__file__, *paths],
        capture_output=True,
        text=True,
        timeout=150,
        check=True,
        env={"PYTHONPATH": str(Path(journal.__file__).parents[2])},
    )
    assert child.stderr == ""
    lines = (line.split("\t") for line in child.stdout.splitlines())
    return {path: (what, float(seconds)) for path, what, seconds in lines}


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory there is")
@pytest.mark.parametrize(("name", "form"), BOMBS)
def test_what_is_hostile_is_refused_soon_and_without_memory(came, name, form):
    what, seconds = came[name, form]

    assert what == "CorruptTape"
    assert seconds < SECONDS


def test_a_bomb_is_small():
    assert len(bombs.frames()["a gigabyte in 33 kB"]) < 40_000


def test_a_summary_of_brackets_is_refused():
    for text in (b"[" * 60_000, b"9" * 60_000, b'{"header":' * 5_000):
        frame = pack.frame.frame(b"S", text)
        for read in (pack.read_summary, journal.decode_header, pack.unpack):
            with pytest.raises(CorruptTape):
                read(frame)
