"""Cassettes from anywhere: a tape or an error of ours, soon, in little room, and nothing is ever run."""

from __future__ import annotations

import base64
import gzip
import json
import os
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from testing.cassettes.recording import FILES

import tracefork
from tracefork.codec.limits import Limits
from tracefork.errors import BadCassette, MissingPart, StoreError, TooLarge, TraceforkError
from tracefork.report.text import step_table
from tracefork.testing import cassettes

NAMES = ["x.yaml", "x.json", "x.har", "x.toml", "x"]
KEPT = [file.read_bytes() for file in sorted(FILES.iterdir()) if file.suffix != ".md"]
PARSERS = ["CSafeLoader", "SafeLoader"]


@pytest.fixture(params=PARSERS)
def parser(request, monkeypatch):
    if request.param == "SafeLoader":  # as where PyYAML was built without libyaml
        monkeypatch.delattr(yaml, "CSafeLoader")
    return request.param


def survives(data, name):
    """A tape that can be kept and shown, or an error that says something."""
    try:
        tape = cassettes.reads(data, name)
    except TraceforkError as error:
        assert str(error)
        return None
    assert tracefork.loads(tracefork.dumps(tape)) == tape
    for line in (step_table.heading(tape), *step_table.notes(tape), *step_table.lines(tape)):
        line.encode()
    for n in range(len(tape)):
        step_table.step_in_full(tape, n).encode()
    return tape


@given(data=st.binary(max_size=200), name=st.sampled_from(NAMES))
@example(data=b'"\\U7FFFFFFF"', name="x.yaml")
@example(data=b'"\\ud800"', name="x.yaml")
@example(data=b"\xff\xfea\x00", name="x.yaml")
@example(data=b"&a [*a]", name="x.yaml")
@example(data=b"? {a: b}\n: c", name="x.yaml")
@example(data=b"!!binary '?'", name="x.yaml")
@example(data=b"%TAG ! tag:x,2000:\n---\n!a b", name="x.yaml")
@example(data=b"1e999999", name="x.json")
def test_any_bytes_are_a_tape_or_an_error_of_ours(data, name):
    survives(data, name)


@given(data=st.data())
def test_a_cassette_that_was_damaged_anywhere_is_a_tape_or_an_error_of_ours(data):
    kept = data.draw(st.sampled_from(KEPT))
    at = data.draw(st.integers(0, len(kept)))
    end = data.draw(st.integers(at, min(len(kept), at + 40)))
    put = data.draw(
        st.binary(max_size=8) | st.sampled_from([b"!!python/name:os ", b"&a ", b"*a", b"{", b"\t", b"- "])
    )
    survives(kept[:at] + put + kept[end:], data.draw(st.sampled_from(NAMES)))


WORDS = """
request response method uri url headers body string base64_string encoding type content status code message
status_code http_version recorded_at parsed_body body_type body_content name value log entries postData text
params version interactions http_interactions content-encoding content-length gzip none json text binary size
time timings startedDateTime receive bodySize 200 0 host path protocol port
""".split()


def tables(inner):
    return st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | tables(inner), max_leaves=8)
URLS = ["http://h/", "http://[", "", "a b", "//", "http://h:99999/", "\ud800", "http://h/\n", "javascript:x"]
ASKED = {"method": "POST", "uri": "http://h/", "url": "http://h/", "headers": {"a": ["b"]}}
ANSWERED = {
    "status": 200,
    "headers": {"content-encoding": "gzip", "content-length": "3"},
    "content": {"text": "x"},
}


def messages_like(base):
    """Messages that are well-formed but for what chance puts in place of some of it."""
    changed = st.builds(lambda more: {**base, **more}, tables(values))
    return changed | st.builds(lambda url: {**base, "uri": url, "url": url}, st.sampled_from(URLS)) | values


interactions = (
    st.builds(
        lambda asked, answered, more: {"request": asked, "response": answered, **more},
        messages_like(ASKED),
        messages_like(ANSWERED),
        tables(values),
    )
    | values
)


@given(
    items=st.lists(interactions, max_size=2),
    key=st.sampled_from(["interactions", "http_interactions", "log", ""]),
    name=st.sampled_from(NAMES),
)
def test_any_json_in_the_place_of_anything_is_a_tape_or_an_error_of_ours(items, key, name):
    document = {"log": {"log": {"entries": items}}, "": items}.get(key, {key: items})
    survives(json.dumps(document).encode(), name)


@given(items=st.lists(interactions, max_size=2))
def test_any_yaml_in_the_place_of_anything_is_a_tape_or_an_error_of_ours(items):
    survives(yaml.safe_dump({"interactions": items}, allow_unicode=True).encode("utf-8", "replace"), "x.yaml")


@given(
    text=st.text(max_size=40),
    raw=st.binary(max_size=40),
    value=st.text(st.characters(codec="latin-1"), max_size=9),
)
def test_whatever_a_body_is_vcrpys_way_of_writing_it_is_read_back(text, raw, value):
    kept = {
        "interactions": [
            {
                "request": {"method": "POST", "uri": "http://h/", "body": raw, "headers": {}},
                "response": {
                    "status": {"code": 200, "message": ""},
                    "headers": {"a": [value]},
                    "body": {"string": text},
                },
            }
        ]
    }
    exchange = cassettes.reads(yaml.safe_dump(kept).encode(), "x.yaml")[0]

    assert exchange.request.body == raw
    assert exchange.response.body == text.encode()
    assert exchange.response.headers[0][0] == "a"
    if not set(value) & set("\r\n"):
        assert exchange.response.headers == (("a", value),)


SOMETHING = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6)


@given(value=st.recursive(SOMETHING, lambda inner: st.lists(inner), max_leaves=6))
def test_json_that_was_kept_parsed_is_read_back(value):
    """Numbers that look as text do, and texts that look as numbers do."""
    asked = {"method": "POST", "uri": "http://h/", "parsed_body": value}
    kept = {"interactions": [{"request": asked, "response": {"status": {"code": 200}}}]}
    exchange = cassettes.reads(yaml.safe_dump(kept).encode(), "x.yaml")[0]

    assert json.loads(exchange.request.body) == value


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system",
        "!!python/object/new:os.system",
        "!!python/object:os.system",
        "!!python/name:os.system",
        "!!python/module:os",
        "!!python/object/apply:subprocess.Popen",
        "!!python/object/apply:builtins.eval",
        "!<tag:yaml.org,2002:python/object/apply:os.system>",
        "!ruby/object:Gem::Installer",
    ],
)
def test_no_object_is_made_and_nothing_is_run(tag, tmp_path, parser):
    mark = tmp_path / "ran"
    asked = f"{{method: GET, uri: http://h/, body: {tag} ['touch {mark}']}}"
    text = f"interactions:\n- request: {asked}\n  response: {{}}"

    with pytest.raises(BadCassette, match=r"line 2: it asks for an object") as caught:
        cassettes.reads(text.encode(), "x.yaml")
    assert not mark.exists()
    assert caught.value.where == "line 2"


def test_the_tags_of_files_and_iterators_run_nothing(tmp_path, parser):
    """These two are read as plain data, whatever is in them."""
    mark = tmp_path / "ran"
    evil = f"!!python/object/apply:os.system ['touch {mark}']"
    for tag, within in (("new:_io.BytesIO", "state"), ("apply:builtins.iter", "args")):
        text = f"interactions: [{{request: {{body: !!python/object/{tag} {{{within}: [{evil}]}}}}}}]"
        with pytest.raises(BadCassette):
            cassettes.reads(text.encode(), "x.yaml")
    assert not mark.exists()


def test_no_constructor_of_pyyaml_is_called():
    """Its parser alone: whoever adds a call of its loaders has this to answer."""
    import ast

    from tracefork.testing.cassettes import yaml_text

    tree = ast.parse(Path(yaml_text.__file__).read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not {
        name for name in names if name.startswith(("load", "construct", "compose", "get_data", "get_single"))
    }


def laughs(levels=9, each=9):
    lines = ["a0: &a0 lol"]
    lines += [f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * each)}]" for n in range(levels)]
    return "\n".join([*lines, "interactions: *a1"]).encode()


def deep(levels):
    return b"interactions: " + b"[" * levels + b"]" * levels


BOMBS = {
    "a billion laughs": laughs(),
    "a long text, often": b"a: &a '" + b"x" * 2**20 + b"'\nb: [" + b"*a, " * 1000 + b"]",
    "merges of merges": b"\n".join(
        [b"a0: &a0 {x: y, z: w}"]
        + [b"a%d: &a%d {<<: [%s]}" % (n + 1, n + 1, b", ".join([b"*a%d" % n] * 99)) for n in range(5)]
    ),
    "levels": deep(50_000),
    "levels by anchors": b"\n".join(
        [b"a0: &a0 x"] + [b"a%d: &a%d %s*a%d%s" % (n + 1, n + 1, b"[" * 60, n, b"]" * 60) for n in range(9)]
    ),
    "blocks in blocks": b"- " * 50_000,
    "many items": b"interactions: [" + b"1," * 3_000_000 + b"]",
    "many headers": b"interactions: [{request: {method: GET, uri: h}, response: {status: 200, headers: {a: ["
    + b"b," * 20_000
    + b"]}}}]",
}


FOR_LIBYAML = {"levels"}
"""What the parser in C refuses before it says anything of it."""
SMALL = [name for name in BOMBS if name not in ("many items", "a long text, often")]


def refused(data):
    with pytest.raises((TooLarge, BadCassette)) as caught:
        cassettes.reads(data, "bomb.yaml")
    assert str(caught.value).startswith("bomb.yaml")
    return type(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_soon(name):
    began = time.perf_counter()
    kind = refused(BOMBS[name])

    assert time.perf_counter() - began < 10
    assert kind is (BadCassette if name in FOR_LIBYAML else TooLarge)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_bomb_is_refused_in_little_room(name, parser):
    tracemalloc.start()
    try:
        refused(BOMBS[name])
        room = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert room < 50 * 2**20


def test_a_bomb_of_json_is_refused():
    for data in (deep(50_000)[14:], b"[" + b"1," * 3_000_000 + b"1]"):
        with pytest.raises(TooLarge):
            cassettes.reads(data, "x.json")


def test_a_body_that_unfolds_to_a_lot_is_kept_as_it_is():
    bomb = gzip.compress(bytes(1 << 28))
    text = json.dumps(
        {
            "http_interactions": [
                {
                    "request": {"method": "GET", "uri": "http://h/"},
                    "response": {
                        "status": {"code": 200},
                        "headers": {"content-encoding": ["gzip"]},
                        "body": {"base64_string": base64.b64encode(bomb).decode()},
                    },
                }
            ]
        }
    ).encode()
    tracemalloc.start()
    try:
        tape = cassettes.reads(text, "x.json")
        room = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert tape[0].response.body == bomb
    assert tape[0].response.headers[0] == ("content-encoding", "gzip")
    assert room < 10 * len(text)


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        (Limits(total=100), "bytes"),
        (Limits(blob=10), "bytes in a body"),
        (Limits(steps=1), "interactions"),
        (Limits(headers=3), "headers"),
        (Limits(json_items=50), "items"),
        (Limits(json_depth=3), "levels"),
    ],
)
def test_each_limit_holds(limits, what, tmp_path):
    kept = FILES / "vcrpy-2.1.1-requests.yaml"
    for read in (
        cassettes.read,
        lambda path, limits: cassettes.reads(path.read_bytes(), str(path), limits=limits),
    ):
        with pytest.raises(TooLarge, match=what) as caught:
            read(kept, limits=limits)
        assert kept.name in str(caught.value)


def test_what_is_no_file_is_said(tmp_path):
    for name in (tmp_path, tmp_path / "none", "nul\0"):
        with pytest.raises(StoreError, match="cannot read"):
            cassettes.read(name)
    if os.name == "posix":
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(StoreError, match="no regular file"):
            cassettes.read(tmp_path / "pipe")


def test_without_pyyaml_an_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)

    with pytest.raises(
        MissingPart, match=r"a YAML cassette needs PyYAML: pip install 'tracefork\[cassettes\]'"
    ):
        cassettes.reads(b"interactions: []", "x.yaml")
    assert len(cassettes.reads(b'{"interactions": []}', "x.json")) == 0


@pytest.mark.parametrize(
    "data", [b"\xe2", b"a: \xe2", b"a: '\x07'", b'"\\U7FFFFFFF"', b'"\\ud800"', b"\xff\xfea\x00"]
)
def test_what_is_no_text_is_said_by_both_parsers(data, parser):
    with pytest.raises(BadCassette):
        cassettes.reads(data, "x.yaml")


def test_both_parsers_read_the_same(monkeypatch):
    fast = [cassettes.read(file) for file in sorted(FILES.glob("*.yaml"))]
    monkeypatch.delattr(yaml, "CSafeLoader")
    slow = [cassettes.read(file) for file in sorted(FILES.glob("*.yaml"))]

    assert fast == slow
    assert len(fast) > 5


TAB = b"""
interactions:
- request:
    method: GET
    uri: http://h/
    body: |
      \tx
  response: {status: 200}
"""


def test_a_text_that_begins_with_a_tab_is_read_though_libyaml_cannot():
    assert cassettes.reads(TAB, "x.yaml")[0].request.body == b"\tx\n"
