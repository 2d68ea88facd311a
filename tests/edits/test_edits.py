"""Edits as functions of a request: what they change, what they leave to the letter, and what they refuse."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import zlib

import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from tracefork import Request
from tracefork.core.values import Omitted
from tracefork.edits import Append, Delete, Edit, Model, Replace, Set, SystemPrompt, Where
from tracefork.edits.base import attempt
from tracefork.errors import EditRefused

JSON = ("Content-Type", "application/json")
URL = "https://api.world:8443/v1/messages"


def ask(body, *headers, url=URL):
    return Request("POST", url, (JSON, *headers), body if isinstance(body, bytes) else body.encode())


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
REQUESTS = st.builds(
    lambda tree, wide: ask(json.dumps(tree, separators=None if wide else (",", ":"))), TREES, st.booleans()
) | st.builds(ask, st.binary(max_size=9))
PATHS = st.sampled_from(["$.a", "$.b.c", "$.a[0]", "$.*", "$[*].a", "$.c[-1]", "$['a']['b']"])
STILL = (
    st.builds(Set, PATHS, TREES)
    | st.builds(Delete, st.sampled_from(["$.a", "$.b.c", "$.*", "$[*].a"]))
    | st.builds(Replace, st.sampled_from("abc"), st.sampled_from(["", "x", "é"]))
)
"""Edits after which the same edit has nothing left to do."""


@given(STILL, REQUESTS)
def test_an_edit_that_is_made_twice_is_made_once(edit, request_):
    edited = edit(request_)

    assert edit(edited) == edited


@given(STILL | st.builds(Append, PATHS, TREES), REQUESTS)
def test_an_edit_that_changes_nothing_gives_the_very_request(edit, request_):
    edited = edit(request_)

    assert (edited is request_) == (edited == request_)
    assert attempt(edit, request_).met or edited is request_


@given(TREES, st.integers(-3, 3))
def test_what_is_set_is_there_and_the_rest_as_it_was(value, number):
    before = {"n": number, "a": [1.5, {"x": "é"}], "z": None}

    edited = Set("$.a[-1].x", value)(ask(json.dumps(before)))

    assert json.loads(edited.body) == {"n": number, "a": [1.5, {"x": value}], "z": None}


@given(st.binary(max_size=40))
def test_whatever_a_body_is_it_is_edited_or_left_alone(body):
    for edit in (Set("$.a", 1), Replace("a", "b"), SystemPrompt("x")):
        edit(ask(body))
        edit(Request("POST", URL, (("content-type", "text/plain"),), body))
        edit(Request("POST", URL, (("content-type", "multipart/form-data; boundary=x"),), body))


# -- what each does ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "after"),
    [
        (Set("$.temperature", 0), '{"a": [1, {"b": "x"}], "c.d": 1.0, "temperature": 0}'),
        (Set("$.a[0]", "é"), '{"a": ["\\u00e9", {"b": "x"}], "c.d": 1.0}'),
        (Set("$['c.d']", None), '{"a": [1, {"b": "x"}], "c.d": null}'),
        (Set("$.a[1].new", {"k": []}), '{"a": [1, {"b": "x", "new": {"k": []}}], "c.d": 1.0}'),
        (Delete("$.a[*]"), '{"a": [], "c.d": 1.0}'),
        (Delete('$["c.d"]'), '{"a": [1, {"b": "x"}]}'),
        (Append("$.a", 2), '{"a": [1, {"b": "x"}, 2], "c.d": 1.0}'),
        (Append("$.a[1].b", " y"), '{"a": [1, {"b": "x y"}], "c.d": 1.0}'),
        (Replace("x", "z"), '{"a": [1, {"b": "z"}], "c.d": 1.0}'),
        (Set("$.c.d", 1), None),
        (Set("$.a[7]", 1), None),
        (Set("$['c.d'].x", 1), None),
        (Delete("$.b"), None),
        (Append("$['c.d']", 1), None),
        (Replace("c.d", "e"), None),
        (Set("$['c.d']", 1), None),
    ],
)
def test_what_each_makes_of_a_body(edit, after):
    request = ask('{"a": [1, {"b": "x"}], "c.d": 1.0}')

    edited = edit(request)

    assert edited.body.decode() == after if after else edited is request


@pytest.mark.parametrize(
    ("edit", "nearest"),
    [
        (Set("$.meta.user.id", 1), "$.meta"),
        (Delete("$.temprature"), "$.temperature"),
        (Append("$.messages[3].content", {}), "$.messages"),
        (Delete("$.messages[0].rol"), "$.messages[0].role"),
    ],
)
def test_where_a_path_leads_nowhere_the_nearest_place_is_said(edit, nearest):
    found = attempt(edit, ask('{"temperature": 1, "meta": {}, "messages": [{"role": "user"}]}'))

    assert (found.met, found.nearest) == (frozenset(), nearest)


def test_a_text_that_is_nowhere_is_not_met():
    request = ask('{"a": "x"}')

    assert attempt(Replace("y", "z"), request).met == frozenset()
    assert attempt(Replace("x", "x"), request).met == {""}
    assert attempt(Set("$.a", "x"), request).met == {""}


def test_what_nobody_edits_is_sent_to_the_letter():
    odd = b'{"n":1.0,"big":1e400,"k":1,"k":2,"s":"\\ud800\\/","raw":"\xff\xed\xa0\x80", "t" : [ ] }'

    assert Set("$.n", 2)(ask(odd)).body == odd.replace(b"1.0", b"2")
    assert Replace("/", "|")(ask(odd)).body == odd.replace(b"\\/", b"|")
    assert Append("$.t", 1)(ask(odd)).body == odd.replace(b"[ ]", b"[1 ]")


def test_what_would_be_damaged_is_refused():
    with pytest.raises(EditRefused, match=r"api.world.*\$\.k is 3.*stands twice"):
        Set("$.k", 3)(ask('{"k": 1, "k": 2}'))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-be", "utf-8-sig"])
def test_json_in_another_encoding_stays_in_that(encoding):
    edited = Set("$.a", "é")(ask('{"a": "ü"}'.encode(encoding)))

    assert json.loads(edited.body) == {"a": "é"}
    assert edited.body.decode(encoding) == '{"a": "é"}'


# -- texts that are no JSON, and forms ---------------------------------------------------


def test_a_plain_text_and_lines_of_json_are_replaced_in():
    plain = Request("POST", URL, (("content-type", "text/plain; charset=utf-8"),), "Zürich: Zug".encode())
    lines = Request("POST", URL, (("content-type", "application/x-ndjson"),), b'{"Zug": "Zug"}\nZug\n')
    binary = Request("POST", URL, (("content-type", "application/octet-stream"),), b"Zug")

    assert Replace("Zug", "Bus")(plain).body == "Zürich: Bus".encode()
    assert Replace("Zug", "Bus")(lines).body == b'{"Zug": "Bus"}\nZug\n'
    assert Replace("Zug", "Bus")(binary) is binary


PARTS = (
    b'name="Zug"\r\n\r\nEin Zug',
    b'name="f"; filename="Zug.bin"\r\nContent-Type: image/png\r\n\r\nZug',
    b'name="j"\r\nContent-Type: application/json\r\n\r\n{"Zug":"Zug"}',
)
FORM = (
    b"".join(b"--Zug\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in PARTS) + b"--Zug--\r\n"
)


def test_only_a_replacement_looks_into_a_form_and_only_into_its_texts():
    form = Request(
        "POST", URL, (("Content-Type", "multipart/form-data; boundary=Zug"), ("Content-Length", "9")), FORM
    )

    edited = Replace("Zug", "Bus")(form)

    assert edited.body == FORM.replace(b"Ein Zug", b"Ein Bus").replace(b':"Zug"', b':"Bus"')
    assert dict(edited.headers)["Content-Length"] == str(len(FORM))
    assert Set("$.a", 1)(form) is Model("x")(form) is form


# -- headers ---------------------------------------------------------------------------------


def test_headers_that_tell_of_the_body_are_made_anew():
    def pack(how, body):
        return base64.b64encode(hashlib.new(how, body).digest()).decode()

    request = ask(
        '{"a":1}',
        ("Content-Length", "7"),
        ("content-md5", "x"),
        ("Digest", "SHA-256=x, crc9=y"),
        ("Content-Digest", "sha-512=:x:, sha-256=:y:"),
        ("Repr-Digest", "unixsum=:x:"),
        ("x-amz-content-sha256", "0" * 64),
        ("x-amz-checksum-crc32", "x"),
        ("X-Other", "kept"),
    )

    edited = Set("$.a", 22)(request)

    body = b'{"a":22}'
    crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    assert edited.headers == (
        JSON,
        ("Content-Length", "8"),
        ("content-md5", pack("md5", body)),
        ("Digest", f"SHA-256={pack('sha256', body)}"),
        ("Content-Digest", f"sha-512=:{pack('sha512', body)}:, sha-256=:{pack('sha256', body)}:"),
        ("x-amz-content-sha256", hashlib.sha256(body).hexdigest()),
        ("x-amz-checksum-crc32", crc),
        ("X-Other", "kept"),
    )


def test_a_compressed_body_is_sent_plain_if_it_is_edited_and_as_it_was_if_not():
    packed = ask(gzip.compress(b'{"a": "x"}'), ("Content-Encoding", "gzip"), ("Content-Length", "30"))

    edited = Set("$.a", "y")(packed)

    assert edited.body == b'{"a": "y"}'
    assert edited.headers == (JSON, ("Content-Length", "10"))
    assert Set("$.a", "x")(packed) is packed
    assert Replace("x", "y")(packed) == edited


@pytest.mark.parametrize("edit", [Set("$.a", 1), Model("x"), Replace("a", "b")])
@pytest.mark.parametrize(
    "request_",
    [
        ask(b"no gzip", ("Content-Encoding", "gzip")),
        ask(b"{}", ("Content-Encoding", "rot13")),
        evolve(ask(b""), omitted=Omitted(99_000_000, "0" * 64)),
    ],
)
def test_json_that_cannot_be_read_is_refused_rather_than_sent_unedited(edit, request_):
    with pytest.raises(EditRefused, match=r"where="):
        edit(request_)


def test_what_is_too_long_to_be_kept_and_no_json_is_left_alone():
    upload = Request("PUT", URL, (("content-type", "video/mp4"),), b"", Omitted(99_000_000, "0" * 64))

    assert Set("$.a", 1)(upload) is Replace("a", "b")(upload) is upload


# -- where, and of one's own -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "fits"),
    [
        (Where(model="claude-*"), True),
        ({"model": "gpt-*"}, False),
        ({"host": "*.world"}, True),
        ({"host": "api.world:8443"}, True),
        ({"host": "world"}, False),
        ({"lane": "research*"}, True),
        ({"lane": ""}, False),
        ({"model": "claude-3", "host": "elsewhere"}, False),
        (None, True),
    ],
)
def test_an_edit_is_for_what_fits_its_where(where, fits):
    asked = ask('{"model": "claude-3"}')

    edited = Set("$.a", 1, where=where)(asked, "research.0")

    assert (edited is asked) is not fits


def test_a_model_that_the_url_names_and_one_in_a_compressed_body_are_found():
    there = ask("{}", url="https://world/model/claude-3/converse")
    packed = ask(gzip.compress(b'{"model": "claude-3"}'), ("Content-Encoding", "gzip"))

    assert Where(model="claude-?").takes(there)
    assert Where(model="claude-?").takes(packed)
    assert not Where(model="*x").takes(ask('{"model": 1, "model": "x"}'))
    assert not Where(host="*").takes(ask("{}", url="https://[bad"))


@frozen
class Shout(Edit):
    """An edit of one's own."""

    mark: str = "!"

    def change(self, request):
        return evolve(request, body=request.body.upper() + self.mark.encode())


def test_one_of_your_own_has_its_headers_made_anew_too():
    edited = Shout("?")(ask('"a"', ("Content-Length", "3")))

    assert (edited.body, dict(edited.headers)["Content-Length"]) == (b'"A"?', "4")
    assert Shout(where={"lane": "x"})(ask('"a"'), "y") == ask('"a"')


def test_one_of_your_own_that_fails_or_returns_no_request_is_refused():
    with pytest.raises(EditRefused, match="ZeroDivisionError") as caught:
        attempt(lambda _: 1 / 0, ask("{}"))
    with pytest.raises(EditRefused, match="no request"):
        attempt(lambda _: None, ask("{}"))
    with pytest.raises(EditRefused, match="NotImplementedError"):
        attempt(Edit(), ask("{}"))

    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Set("temperature", 0),
        lambda: Set("$", 0),
        lambda: Set("$.a", {1, 2}),
        lambda: Set("$.a", float("inf")),
        lambda: Replace("", "x"),
        lambda: Replace("x", None),
        lambda: Set("$.a", 1, first=-1),
        lambda: Set("$.a", 1, first="2"),
        lambda: Set("$.a", 1, where={"path": "x"}),
        lambda: Where(model=3),
        lambda: Delete(3),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(make):
    with pytest.raises((TypeError, ValueError)):
        make()


def test_a_value_is_nobody_elses():
    value = {"a": [1]}
    edit = Set("$.x", value)

    value["a"].append(2)

    assert edit == Set("$.x", {"a": [1]})
