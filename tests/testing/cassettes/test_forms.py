"""Each way in which a recorder writes a message, with the exact bytes that it stands for."""

from __future__ import annotations

import base64
import gzip
import json
import zlib

import pytest

from tracefork.core.values import Fault
from tracefork.errors import BadCassette
from tracefork.testing import cassettes

RAW = bytes(range(256))
PACKED = gzip.compress(b"plain", mtime=0)


def b64(data):
    return base64.b64encode(data).decode()


def one(request="", response="", headers="{}", told="{}"):
    """A cassette of vcrpy's with one interaction, whose bodies are these lines of YAML."""
    lines = (
        "interactions:",
        "- request:",
        "    method: POST",
        "    uri: http://127.0.0.1/ask",
        f"    headers: {headers}",
        *(f"    {line}" for line in request.splitlines()),
        "  response:",
        "    status: {code: 200, message: OK}",
        f"    headers: {told}",
        *(f"    {line}" for line in response.splitlines()),
        "version: 1",
    )
    return read("\n".join(lines), "one.yaml")


def read(text, name):
    """The only exchange of this cassette."""
    [exchange] = cassettes.reads(text if isinstance(text, bytes) else text.encode(), name)
    return exchange


# -- bodies of questions -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "body"),
    [
        ("body: null", b""),
        ("body:", b""),
        ("", b""),
        ("body: ''", b""),
        ("body: plain text", b"plain text"),
        ("body: 'null'", b"null"),
        ('body: "caf\\xE9 \\U0001F686"', "café 🚆".encode()),
        (f"body: !!binary |\n  {b64(RAW)}", RAW),
        (f"body: !binary {b64(RAW)}", RAW),
        ("body: !!python/unicode 'x=5'", b"x=5"),
        ("body: !!python/str 'x=5'", b"x=5"),
        (
            f"body: !!python/object/new:_io.BytesIO\n  state: !!python/tuple [!!binary {b64(RAW)}, 0, null]",
            RAW,
        ),
        ("body: !!python/object/apply:builtins.iter\n  args: [[a, !!binary Yg==]]\n  state: 0", b"ab"),
        ("body: {string: text, encoding: utf-8}", b"text"),
        ('body: {string: "caf\\xE9", encoding: latin-1}', b"caf\xe9"),
        ('body: {string: "caf\\xE9", encoding: no-such}', "café".encode()),
        ('body: {string: "caf\\xE9", encoding: ASCII-8BIT}', "café".encode()),
        ('body: {string: "caf\\xE9", encoding: punycode}', "café".encode()),
        (f"body: {{base64_string: {b64(RAW)}, encoding: utf-8}}", RAW),
        (f"body: {{encoding: null, base64_string: {b64(RAW)}, string: ''}}", RAW),
        ("body: {encoding: utf-8}", b""),
        ("body: {}", b""),
        ("parsed_body: {a: [1, 2.5, null, true], b: é}", b'{"a": [1, 2.5, null, true], "b": "\\u00e9"}'),
        ("body: {q: yes, n: [1]}", b'{"q": "yes", "n": [1]}'),
        ("body: [1, 2]", b"[1, 2]"),
        ("body: |\n  two\n  lines", b"two\nlines\n"),
    ],
)
def test_a_question_has_the_bytes_that_its_recorder_had(written, body):
    assert one(written).request.body == body


@pytest.mark.parametrize(
    ("length", "body"),
    [
        (25, b'{"q": "\\u00e9", "n": [1]}'),
        (18, '{"q":"é","n":[1]}'.encode()),
        (22, b'{"q":"\\u00e9","n":[1]}'),
        (21, '{"q": "é", "n": [1]}'.encode()),
        (35, '{\n  "q": "é",\n  "n": [\n    1\n  ]\n}'.encode()),
        (36, '{\n  "q": "é",\n  "n": [\n    1\n  ]\n}\n'.encode()),
        (999, b'{"q": "\\u00e9", "n": [1]}'),
    ],
)
def test_json_that_was_kept_parsed_is_as_long_as_its_header_says(length, body):
    assert length in (len(body), 999)
    exchange = one(f"headers: {{content-length: ['{length}']}}\nparsed_body: {{q: é, n: [1]}}")

    assert exchange.request.body == body


def test_a_form_that_was_kept_parsed_is_a_form():
    headers = "{Content-Type: [application/x-www-form-urlencoded]}"

    assert one("body: {k: v w, l: [a, b]}", headers=headers).request.body == b"k=v+w&l=a&l=b"


# -- bodies of answers ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "body"),
    [
        ("body: {string: text}", b"text"),
        ("body: {string: ''}", b""),
        ("body: {string: null}", b""),
        ("body: {}", b""),
        ("body: null", b""),
        ("body: text", b"text"),
        (f"body: {{string: !!binary {b64(RAW)}}}", RAW),
        (f"body: {{base64_string: {b64(RAW)}}}", RAW),
        (f"body: {{encoding: ASCII-8BIT, base64_string: {b64(RAW)}}}", RAW),
        ("body: {string: !!python/unicode 'text'}", b"text"),
        ("parsed_body: [1, x]", b'[1, "x"]'),
        ("content: text", b"text"),
        (f"content: !!binary {b64(RAW)}", RAW),
    ],
)
def test_an_answer_has_the_bytes_that_its_recorder_had(written, body):
    response = one(response=written).response

    assert response.body == body
    assert response.chunks == ((body,) if body else ())


@pytest.mark.parametrize(
    ("encoding", "body", "kept"),
    [
        ("gzip", PACKED, True),
        ("GZIP", PACKED, True),
        ("gzip", b"plain", False),
        ("gzip", RAW, False),
        ("gzip", PACKED[:12], True),
        ("x-gzip", PACKED, True),
        ("deflate", zlib.compress(b"plain"), True),
        ("deflate", zlib.compress(RAW)[:40], True),
        ("deflate", zlib.compressobj(wbits=-15).compress(b"plain") + b"K*\xc8I\xcc\xcc\x03\x00", True),
        ("deflate", b"plain", False),
        ("deflate", b"x^ is no header", False),
        ("br", b"plain", False),
        ("br", b"\x0b\x02\x80plain\x03", True),
        ("zstd", b"plain", False),
        ("zstd", bytes.fromhex("28b52ffd0405290000706c61696e"), True),
        ("gzip, br", b"plain", False),
        ("identity", b"plain", True),
        ("", b"plain", True),
        ("odd", b"plain", False),
        ("odd", RAW, True),
        ("gzip", b"", True),
    ],
)
def test_an_encoding_that_the_recorder_had_undone_is_in_no_header(encoding, body, kept):
    told = f"{{content-encoding: ['{encoding}'], content-length: ['7'], x: [y]}}"
    response = one(response=f"body: {{string: !!binary '{b64(body)}'}}", told=told).response

    assert response.body == body
    wanted = [("content-encoding", encoding)] * kept + [("content-length", str(len(body))), ("x", "y")]
    assert list(response.headers) == wanted


def test_a_length_that_the_recorder_added_beside_chunks_is_in_no_header():
    told = "{transfer-encoding: [chunked], content-length: ['4'], x: [y]}"
    response = one(response="body: {string: text}", told=told).response

    assert list(response.headers) == [("transfer-encoding", "chunked"), ("x", "y")]


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304), ("GET", 204)])
def test_the_length_of_a_body_that_is_never_sent_stays(method, status):
    kept = {
        "request": {"method": method, "uri": "http://127.0.0.1/", "body": None, "headers": {}},
        "response": {
            "status": {"code": status},
            "headers": {"Content-Length": ["99"]},
            "body": {"string": ""},
        },
    }
    exchange = read(json.dumps({"interactions": [kept], "version": 1}), "x.json")

    assert exchange.response.headers == (("Content-Length", "99"),)


# -- headers and heads ---------------------------------------------------------------------


def test_headers_that_come_twice_come_twice_and_in_order():
    told = "{b: ['1'], Set-Cookie: [a=1, b=2], a: '3', set-cookie: c=3}"

    assert one(told=told).response.headers == (
        ("b", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("a", "3"), ("set-cookie", "c=3"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("told", "headers"),
    [
        ("{a: text}", (("a", "text"),)),
        ("{a: [1, 2]}", (("a", "1"), ("a", "2"))),
        ("{a: 7}", (("a", "7"),)),
        ("{a: true}", (("a", "true"),)),
        ("{a: null}", ()),
        ("{a: []}", ()),
        ("{a: [null]}", (("a", ""),)),
        ("{a: !!binary /w==}", (("a", "\xff"),)),
        ('{a: "caf\\xE9"}', (("a", "café"),)),
        ("{a: 🚆}", (("a", "🚆".encode().decode("latin-1")),)),
        ('["a: b\\r\\n", "c:d"]', (("a", "b"), ("c", "d"))),
        ("[[a, b], [a, c]]", (("a", "b"), ("a", "c"))),
        ("[{name: a, value: b}]", (("a", "b"),)),
        ('{a: "b\\r\\n c"}', (("a", "b c"),)),
        ("null", ()),
    ],
)
def test_headers_are_read_from_each_form(told, headers):
    assert one(told=told).response.headers == headers


@pytest.mark.parametrize(
    ("written", "status", "reason", "version"),
    [
        ({"status": {"code": 404, "message": "Not Found"}}, 404, "Not Found", "HTTP/1.1"),
        ({"status": {"code": "404", "message": None}}, 404, "", "HTTP/1.1"),
        ({"status": 404}, 404, "", "HTTP/1.1"),
        ({"status": "404 Not Found"}, 404, "Not Found", "HTTP/1.1"),
        ({"status_code": 404, "http_version": "HTTP/2", "content": ""}, 404, "", "HTTP/2"),
        ({"status_code": 404, "http_version": "HTTP/1.0"}, 404, "", "HTTP/1.0"),
        ({"status": {"code": 404}, "http_version": None}, 404, "", "HTTP/1.1"),
        ({"status": {"code": 404}, "http_version": "1.1"}, 404, "", "HTTP/1.1"),
    ],
)
def test_the_head_of_an_answer_is_read_from_each_form(written, status, reason, version):
    asked = {"method": "get", "url": "http://127.0.0.1/"}
    kept = {"interactions": [{"request": asked, "response": written}]}
    exchange = read(json.dumps(kept), "x.json")

    assert exchange.request.method == "GET"
    response = exchange.response
    assert (response.status, response.reason, response.http_version) == (status, reason, version)


# -- whole cassettes -----------------------------------------------------------------------

OLD_YAML = b"""
- request: !!python/object:vcr.request.Request
    body: null
    headers: !!python/object/apply:__builtin__.frozenset
    - - !!python/tuple [accept-encoding, 'gzip, deflate']
      - !!python/tuple [accept, '*/*']
    host: 127.0.0.1
    method: GET
    path: /ip?a=b
    port: 8080
    protocol: http
  response:
    body: {string: !!python/unicode "{\\n  \\"origin\\": 1\\n}"}
    headers: [!!python/unicode "set-cookie: a\\r\\n", !!python/unicode "content-type:
        text/plain\\r\\n", "set-cookie: b\\r\\n"]
    status: {code: 200, message: OK}
"""


def test_the_lists_of_vcrpy_before_1_0_are_read():
    exchange = read(OLD_YAML, "old.yaml")

    assert exchange.request.url == "http://127.0.0.1:8080/ip?a=b"
    assert exchange.request.headers == (("accept-encoding", "gzip, deflate"), ("accept", "*/*"))
    assert exchange.response.body == b'{\n  "origin": 1\n}'
    assert exchange.response.headers == (
        ("set-cookie", "a"),
        ("content-type", "text/plain"),
        ("set-cookie", "b"),
    )
    assert cassettes.reads(OLD_YAML, "old.yaml").cassette.version == "before 1.0"


def test_the_lists_of_vcrpy_before_1_0_are_read_as_json():
    asked = {
        "protocol": "https",
        "host": "h",
        "path": "/",
        "port": 443,
        "method": "GET",
        "headers": {"a": "b"},
    }
    answered = {"status": {"code": 200, "message": "OK"}, "headers": ["c: d\r\n"], "body": {"string": "x"}}
    exchange = read(json.dumps([{"request": {**asked, "body": None}, "response": answered}]), "old.json")

    assert exchange.request.url == "https://h/"
    assert exchange.request.headers == (("a", "b"),)
    assert exchange.response.headers == (("c", "d"),)


ISTR = b"""
interactions:
- request:
    body: null
    headers:
      ? !!python/object/apply:multidict._multidict.istr
      - Accept
      : [json]
    method: GET
    uri: http://127.0.0.1/
  response: {body: {string: x}, headers: {}, status: {code: 200, message: OK}}
version: 1
"""


def test_names_of_headers_that_aiohttp_had_made_objects_are_names():
    assert read(ISTR, "x.yaml").request.headers == (("Accept", "json"),)


RUBY = b"""---
http_interactions:
- request:
    method: get
    uri: http://127.0.0.1/a
    body:
      encoding: US-ASCII
      string: ''
    headers:
      Accept:
      - "*/*"
  response:
    status:
      code: 200
      message: OK
    headers:
      Content-Encoding:
      - gzip
    body:
      encoding: ASCII-8BIT
      string: !binary |-
        %s
    http_version: null
  recorded_at: Tue, 01 Nov 2011 04:58:44 GMT
recorded_with: VCR 6.1.0
"""


def test_cassettes_of_ruby_are_read():
    tape = cassettes.reads(RUBY % b64(PACKED).encode(), "ruby.yml")

    assert tape[0].request.method == "GET"
    assert tape[0].response.body == PACKED
    assert tape[0].response.headers == (("Content-Encoding", "gzip"),)
    assert tape.created_at == 1320123524
    assert (tape.cassette.format, tape.cassette.version) == ("Ruby VCR", "6.1.0")


TYPED = """
version: 1
interactions:
- request:
    {method: POST, uri: "http://127.0.0.1/b", body: {type: json, content: {n: 010, "y": [no, ~, 2.0]}}}
  response: {status: 200, headers: {}, body: {type: binary, content: "00ff"}}
  recorded_at: 2026-01-01T00:00:02+00:00
- request: {method: POST, uri: "http://127.0.0.1/a", headers: {}, body: {type: text, content: "12"}}
  response: {status: 429, headers: {}, body: {type: none}}
  recorded_at: 2026-01-01T00:00:01Z
ws_interactions: [{}, {}]
"""


def test_typed_bodies_of_cassetter_are_read_in_the_order_in_which_they_were_recorded():
    tape = cassettes.reads(TYPED.encode(), "typed.yaml")

    assert [x.request.url[-1] for x in tape] == ["a", "b"]
    assert tape[0].request.body == b"12"
    assert tape[0].response.body == b""
    assert tape[1].request.body == b'{"n": "010", "y": ["no", null, 2.0]}'
    assert tape[1].response.body == b"\x00\xff"
    assert "web sockets (2)" in tape.cassette.lost
    assert tape.created_at == 1767225601


def test_a_body_of_vcrpy_may_look_like_one_of_cassetter():
    """What aiohttp was given to send as JSON is a table of any kind."""
    assert one("body: {type: text, content: x}").request.body == b'{"type": "text", "content": "x"}'


def har(*entries):
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "x"}, "entries": entries}})


def entry(request=None, response=None, **more):
    asked = {"method": "POST", "url": "http://127.0.0.1/", "headers": [], "bodySize": 0}
    answered = {"status": 200, "statusText": "OK", "httpVersion": "h2", "headers": [], "content": {"size": 0}}
    return {"request": {**asked, **(request or {})}, "response": {**answered, **(response or {})}, **more}


@pytest.mark.parametrize(
    ("posted", "body"),
    [
        (None, b""),
        ({}, b""),
        ({"mimeType": "text/plain", "text": "é"}, "é".encode()),
        ({"mimeType": "x", "text": b64(RAW), "encoding": "base64"}, RAW),
        ({"mimeType": "x", "text": "a=b", "params": [{"name": "a", "value": "b"}]}, b"a=b"),
        (
            {"mimeType": "x", "text": "", "params": [{"name": "a", "value": "b c"}, {"name": "d"}]},
            b"a=b+c&d=",
        ),
        ({"mimeType": "x", "params": [{"name": "a", "value": "b"}]}, b"a=b"),
    ],
)
def test_what_a_har_says_was_posted_is_read(posted, body):
    assert read(har(entry({"postData": posted})), "x.har").request.body == body


@pytest.mark.parametrize(
    ("content", "headers", "body"),
    [
        ({"text": "é", "mimeType": "text/plain"}, [], "é".encode()),
        ({"text": "é", "mimeType": "text/plain; charset=iso-8859-1"}, [], b"\xe9"),
        ({"text": b64(RAW), "encoding": "base64"}, [], RAW),
        ({"text": "plain"}, [{"name": "Content-Encoding", "value": "br"}], b"plain"),
        ({"text": "ðŸš†", "mimeType": "text/event-stream"}, [], "🚆".encode()),
        ({"text": "café", "mimeType": "text/plain"}, [], "café".encode()),
        ({"text": "café"}, [{"name": "content-length", "value": "4"}], b"caf\xe9"),
        ({"text": "ðŸš†"}, [{"name": "content-length", "value": "9"}], "ðŸš†".encode()),
        ({"size": 7}, [], b""),
    ],
)
def test_what_a_har_says_was_answered_is_read(content, headers, body):
    exchange = read(har(entry(response={"content": content, "headers": headers})), "x.har")

    assert exchange.response.body == body
    assert exchange.response.http_version == "HTTP/2"
    assert all(name.lower() != "content-encoding" for name, _ in exchange.response.headers)


def test_a_har_says_when_and_how_long():
    when = {"startedDateTime": "2026-01-01T00:00:00.500Z", "time": 1500, "timings": {"receive": 500}}
    tape = cassettes.reads(har(entry(response={"content": {"text": "x"}}, **when)).encode(), "x.har")

    timing = tape[0].timing
    assert (timing.began, timing.headed, timing.ended, timing.chunks) == (1767225600.5, 1.0, 1.5, (1.5,))


def test_a_request_of_a_har_that_failed_is_a_fault():
    exchange = read(har(entry(response={"status": 0, "_error": "net::ERR_FAILED"})), "x.har")

    assert exchange.answer == Fault("ConnectError", "net::ERR_FAILED")
    assert exchange.span.headed == exchange.span.ended


def test_what_http_2_writes_before_the_headers_is_no_header():
    headers = [{"name": ":method", "value": "POST"}, {"name": "a", "value": "b"}]

    assert read(har(entry({"headers": headers})), "x.har").request.headers == (("a", "b"),)


def test_a_har_without_bodies_says_so():
    tape = cassettes.reads(har(entry(response={"content": {"size": 7}}), entry()).encode(), "x.har")

    assert "bodies (1)" in tape.cassette.lost


def test_documents_of_one_file_follow_one_another():
    first = "interactions: [{request: {method: GET, uri: 'http://h/1'}, response: {status: {code: 200}}}]"
    text = f"---\n{first}\n---\n---\n{first.replace('h/1', 'h/2')}\n...\n"
    tape = cassettes.reads(text.encode(), "x.yaml")

    assert [x.request.url for x in tape] == ["http://h/1", "http://h/2"]


def test_anchors_stand_for_what_they_name():
    text = """
    headers: &h {a: ['1']}
    interactions:
    - &i
      request: {method: GET, uri: http://h/, headers: *h}
      response: {status: {code: 200}, headers: *h}
    - *i
    - {<<: *i, response: {status: {code: 404}}}
    """
    tape = cassettes.reads(text.encode(), "x.yaml")

    assert [x.response.status for x in tape] == [200, 200, 404]
    assert [x.request.headers for x in tape] == [(("a", "1"),)] * 3


@pytest.mark.parametrize("text", ["interactions: []", '{"interactions": [], "version": 1}', "[]", har()])
def test_a_cassette_of_nothing_is_a_tape_of_nothing(text):
    assert len(cassettes.reads(text.encode(), "x")) == 0


# -- what is said --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("", "", "it is empty"),
        ("a: b", "", "it has no interactions"),
        ("interactions: {}", "", "interactions is a table, and should be a list"),
        ("interactions:\n- 7", "interaction 0", "an interaction is a number"),
        ("interactions:\n- request: {}\n  response: {}", "interaction 0, line 2", "has no URL"),
        ("a: [", "line 2", "it is no YAML"),
        (
            "interactions: []\n---\ninteractions:\n- x: y",
            "document 1, interaction 0, line 4",
            "its request is nothing",
        ),
        ("- 1", "", "it is a list, and not of interactions"),
        ("interactions:\n- a: !!python/name:os.system ''", "line 2", "asks for an object"),
        ("interactions: !odd []", "line 1", "a tag that is not of plain data"),
    ],
)
def test_what_cannot_be_read_is_named(text, where, problem):
    with pytest.raises(BadCassette) as caught:
        cassettes.reads(text.encode(), "folder/one.yaml")

    error = caught.value
    assert (error.file, error.where) == ("folder/one.yaml", where)
    assert problem in error.problem
    assert str(error).startswith(f"folder/one.yaml{', ' * bool(where)}{where}: ")
    assert "record it again" in str(error)
    assert isinstance(error, ValueError)


@pytest.mark.parametrize("text", ['{"interactions": [', '{"a": 1} x', '{"a": 1' + "1" * 5000 + "}"])
def test_json_that_is_damaged_is_named(text):
    with pytest.raises(BadCassette, match="it is no JSON"):
        cassettes.reads(text.encode(), "one.json")


@pytest.mark.parametrize(
    ("head", "is_one"),
    [
        (b"interactions:\n- request:", True),
        (b"\xef\xbb\xbfversion: 1\ninteractions:\n", True),
        (b"---\nhttp_interactions:\n", True),
        (b"- request: !!python/object:vcr.request.Request\n", True),
        (b'{"version": 1, "interactions": [', True),
        (b'{\n "http_interactions": [', True),
        (b' {"log": {"version": "1.2"', True),
        (b'[{"request": {', True),
        (b"version = 1\n\n[[interactions]]\n", True),
        (b"name: CI\non: push\n", False),
        (b'{"a": 1}', False),
        (b"\x89TFK", False),
        (b"<!doctype html>", False),
        (b"", False),
    ],
)
def test_a_cassette_is_told_by_its_head(head, is_one, tmp_path):
    assert cassettes.is_cassette(head) is is_one
    (tmp_path / "x").write_bytes(head)
    assert cassettes.is_cassette(tmp_path / "x") is is_one


def test_what_is_no_file_is_no_cassette(tmp_path):
    assert not cassettes.is_cassette(tmp_path)
    assert not cassettes.is_cassette(tmp_path / "none")
    assert not cassettes.is_cassette("nul\0")


def test_what_was_lost_is_no_note_of_a_run_that_follows():
    from tracefork.core.notes import inherit

    tape = cassettes.reads(b"interactions: []", "x.yaml")

    assert tape.cassette is not None
    assert inherit(tape.meta) == {}
