"""Bodies that unfold to more than anybody wants: who looks at one takes no more memory than is allowed."""

import gzip
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import brotli
import pytest
import zstandard

from tracefork.core import content_encoding as content
from tracefork.core.content_encoding import decode_body

MB = 2**20
WORDS = json.dumps({"said": "Good day. " * 500}).encode()


def zstd(data, **options):
    return zstandard.ZstdCompressor(**options).compress(data)


def deflate(data):
    made = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return made.compress(data) + made.flush()


ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd,
    "br": brotli.compress,
}


def said(encoding):
    return (("content-encoding", encoding),)


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("size", [1, 7, 1_000, 10**6])
def test_what_was_encoded_comes_back_however_it_is_cut(encoding, size):
    data = ENCODERS[encoding](WORDS)
    chunks = tuple(data[at : at + size] for at in range(0, len(data), size))

    pieces = decode_body(said(encoding), chunks)

    assert len(pieces) == len(chunks)
    assert b"".join(pieces) == WORDS


@pytest.mark.parametrize("encoding", ENCODERS)
def test_what_is_as_large_as_is_allowed_comes_back_and_a_byte_more_does_not(encoding):
    chunks = (ENCODERS[encoding](WORDS),)

    assert b"".join(decode_body(said(encoding), chunks, len(WORDS))) == WORDS
    assert decode_body(said(encoding), chunks, len(WORDS) - 1) is None


def test_several_members_and_several_frames_are_one_body():
    halves = WORDS[:100], WORDS[100:]

    assert b"".join(decode_body(said("gzip"), (b"".join(map(gzip.compress, halves)),))) == WORDS
    assert b"".join(decode_body(said("gzip"), tuple(map(gzip.compress, halves)))) == WORDS
    assert b"".join(decode_body(said("gzip"), (gzip.compress(WORDS) + bytes(99),))) == WORDS
    assert b"".join(decode_body(said("zstd"), (b"".join(map(zstd, halves)),))) == WORDS
    assert b"".join(decode_body(said("deflate"), (deflate(WORDS),))) == WORDS


def test_encodings_one_within_the_other_are_undone_up_to_five():
    def wrapped(times):
        data = WORDS
        for _ in range(times):
            data = gzip.compress(data)
        return decode_body(said(", ".join(["gzip"] * times)), (data,))

    assert b"".join(wrapped(5)) == WORDS
    assert wrapped(6) is None
    assert b"".join(decode_body(said("gzip, br"), (brotli.compress(gzip.compress(WORDS)),))) == WORDS


def test_a_window_that_no_server_may_ask_for_is_refused():
    options = zstandard.ZstdCompressionParameters.from_level(1, window_log=27)
    stream = zstandard.ZstdCompressor(compression_params=options).compressobj()  # does not say its size

    assert decode_body(said("zstd"), (stream.compress(WORDS) + stream.flush(),)) is None


@pytest.mark.parametrize("process", [True, False])
def test_a_brotli_that_cannot_be_told_to_stop_is_given_little_at_once(monkeypatch, process):
    given = []

    class Older:
        def __init__(self):
            it = brotli.Decompressor()

            def feed(data):
                given.append(len(data))
                return it.process(data)

            setattr(self, "process" if process else "decompress", feed)

    monkeypatch.setattr(content, "import_module", lambda _: type("older", (), {"Decompressor": Older}))

    assert b"".join(decode_body(said("br"), (brotli.compress(WORDS),))) == WORDS
    assert decode_body(said("br"), (brotli.compress(bytes(9 * MB)),), MB) is None
    assert max(given) <= 8


# -- bombs ----------------------------------------------------------------------------------

LARGE = 1 << 30


def bombs():
    million = bytes(64 * MB)
    gz = zlib.compressobj(9, zlib.DEFLATED, 31)
    one = b"".join([*(gz.compress(million) for _ in range(LARGE // len(million))), gz.flush()])
    br = brotli.Compressor(quality=5)
    many = [*(br.process(million) for _ in range(LARGE // len(million))), br.finish()]
    frame = zstd(million, level=3)
    return {
        "gzip": ("gzip", one),
        "members": ("gzip", gzip.compress(million) * 16),
        "deflate": ("deflate", zlib.compress(million) + b""),
        "zstd": ("zstd", zstd(bytes(LARGE), level=3)),
        "frames": ("zstd", frame * 50),
        "brotli": ("br", b"".join(many)),
        "twice": ("gzip, zstd", zstd(one)),
        "thrice": ("gzip, gzip, br", brotli.compress(gzip.compress(one), quality=5)),
    }


LOOK = """
import resource, sys
from pathlib import Path
import tracefork
from tracefork import Exchange, Request, Response, Tape
from tracefork.core.content_encoding import decode_body
from tracefork.providers import anthropic, base, read
from tracefork.redact import redactor
from tracefork.report import text
import brotli, zstandard, tracefork.report.text.summary, tracefork.cli.app, tracefork.report.text.step_table
what, encoding, data = sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_bytes()
headers = (("content-encoding", encoding), ("content-type", "application/json"))
request = Request("POST", "https://api.anthropic.com/v1/messages", headers, data)
exchange = Exchange(request, Response(200, headers, (data,)))
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
room = int(sys.argv[4]) << 20
resource.setrlimit(resource.RLIMIT_AS, (now + room,) * 2)
match what:
    case "decoded": assert decode_body(headers, (data,), 16 << 20) is None
    case "read": assert read.completion(exchange) is None and read.prompt(request) is None
    case "edit":
        try: anthropic.with_text("x")(exchange)
        except ValueError: pass
    case "redact":
        made = redactor({"A_KEY": "sk-abcdefgh12345678"})
        made.question(request), made.answer(exchange.answer)
    case "report": assert text(Tape((exchange,)))
    case "diff":
        other = Exchange(request, Response(200, headers, (data, b"")))
        tracefork.diff(Tape((exchange,)), Tape((other,)))
print("held")
"""

ROOM = {"decoded": 80, "read": 250, "edit": 250, "redact": 900, "report": 900, "diff": 900}
"""Mebibytes that each may take: what it allows a body, twice, and a window."""


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bombs")
    made = bombs()
    for name, (_, data) in made.items():
        (folder / name).write_bytes(data)
    return {name: (encoding, str(folder / name)) for name, (encoding, _) in made.items()}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux bounds and says what is mapped")
@pytest.mark.parametrize("what", ROOM)
def test_nobody_who_looks_at_a_body_takes_more_than_is_allowed(packed, what):
    came = {}
    for name, (encoding, path) in packed.items():
        if what not in ("decoded", "read") and name not in ("zstd", "brotli", "members"):
            continue
        done = subprocess.run(
            [sys.executable, "-c", LOOK, what, encoding, path, str(ROOM[what])],
            check=False,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            timeout=100,
        )
        came[name] = done.stdout.strip() or done.stderr[-500:]

    assert came == dict.fromkeys(came, "held")
