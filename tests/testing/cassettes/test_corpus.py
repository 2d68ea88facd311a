"""Each of 1,839 real exchanges, written by vcrpy: what we read is what vcrpy serves of it."""

from __future__ import annotations

import base64
import gzip
import time
from collections import Counter

import httpx
import pytest
from peers import cassettes as corpus
from peers.cassettes import COUNTS, written

from tracefork.testing import cassettes

GZIP = b"\x1f\x8b"


@pytest.fixture(scope="module")
def vcr():
    return pytest.importorskip("vcr")


@pytest.fixture(scope="module")
def runs():
    """The rows of each run, in their order."""
    found = corpus.runs()
    if found is None:
        pytest.skip("there is no corpus: point TRACEFORK_CORPUS at its folder")
    return found


def decoded(response):
    """What a client makes of our response."""
    made = httpx.Response(response.status, headers=response.headers, stream=httpx.ByteStream(response.body))
    return made.read()


def served(rows, file, text, vcr, client):
    """What vcrpy serves of this cassette through httpx, as status, headers and body."""
    file.write_bytes(text)
    options = {"record_mode": "none", "match_on": ["any case", "scheme", "host", "port", "path", "query"]}
    recorder = vcr.VCR()
    recorder.register_matcher("any case", lambda a, b: a.method.upper() == b.method.upper())
    with recorder.use_cassette(str(file), **options):
        for row in rows:
            got = client.request(row["method"], row["url"])
            yield got.status_code, Counter(got.headers.multi_items()), got.content


def lowered(headers):
    return Counter((name.lower(), value) for name, value in headers)


@pytest.mark.slow
def test_what_is_read_is_what_vcrpy_serves(runs, vcr, tmp_path):
    seen = 0
    with httpx.Client(verify=False) as client:
        for rows in runs:
            text = written(vcr, rows)
            tape = cassettes.reads(text, "one.yaml")
            theirs = served(rows, tmp_path / "one.yaml", text, vcr, client)
            for exchange, row, (status, headers, body) in zip(tape, rows, theirs, strict=True):
                request, response = exchange.request, exchange.response
                assert (request.method, request.url) == (row["method"].upper(), row["url"])
                assert dict(request.headers) == dict(row["req_headers"])
                assert request.body == base64.b64decode(row["req_body_b64"])
                assert response.body == base64.b64decode(row["resp_body_b64"])
                assert response.status == status
                assert decoded(response) == body
                ours = lowered(response.headers)
                assert {name for name, _ in (ours - headers) + (headers - ours)} <= {"content-length"}
                assert all(int(v) == len(response.body) for n, v in ours if n == "content-length" and body)
                seen += 1

    assert seen == sum(COUNTS.values())
    assert len(runs) > 1000


@pytest.mark.slow
def test_what_was_kept_decoded_is_read_as_vcrpy_would_have_decoded_it(runs, vcr):
    from vcr.filters import decode_response
    from vcr.serialize import deserialize
    from vcr.serializers import yamlserializer

    undone = 0
    for rows in runs:
        text = written(vcr, rows, keep=lambda body: gzip.decompress(body) if body[:2] == GZIP else body)
        tape = cassettes.reads(text, "one.yaml")
        _, theirs = deserialize(text.decode(), yamlserializer)
        for exchange, row, kept in zip(tape, rows, map(decode_response, theirs), strict=True):
            response = exchange.response
            assert decoded(response) == response.body == kept["body"]["string"]
            headers, ours = lowered(row["resp_headers"]), lowered(response.headers)
            differing = {name for name, _ in (ours - headers) + (headers - ours)}
            assert differing <= {"content-length", "content-encoding"}
            assert all(name != "content-encoding" for name, _ in ours)
        undone += sum(any(n.lower() == "content-encoding" for n, _ in row["resp_headers"]) for row in rows)

    assert undone == 900


@pytest.mark.slow
def test_what_vcrpy_writes_as_json_is_read_alike(runs, vcr):
    alike = 0
    for rows in runs:
        try:
            text = written(vcr, rows, "json")
        except (TypeError, UnicodeDecodeError):  # it keeps no bytes in JSON
            continue
        assert cassettes.reads(text, "x.json").steps == cassettes.reads(written(vcr, rows), "x.yaml").steps
        alike += 1

    assert alike > 500


@pytest.mark.slow
def test_reading_is_not_slower_than_vcrpy_loading(runs, vcr):
    from vcr.serialize import deserialize
    from vcr.serializers import yamlserializer

    texts = [written(vcr, rows) for rows in runs]
    size = sum(map(len, texts)) / 1e6

    def timed(read):
        began = time.perf_counter()
        for text in texts:
            read(text)
        return time.perf_counter() - began

    rounds = [
        (
            timed(lambda text: deserialize(text.decode(), yamlserializer)),
            timed(lambda text: cassettes.reads(text, "x")),
        )
        for _ in range(4)
    ]
    theirs, ours = map(min, zip(*rounds, strict=True))

    print(f"{len(texts)} cassettes, {size:.1f} MB: {ours / size:.4f} s/MB, vcrpy {theirs / size:.4f} s/MB")
    assert ours < 1.5 * theirs
