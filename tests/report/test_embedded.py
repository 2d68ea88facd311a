"""A page that a stranger made is not believed: what is wrong with it is a typed error, in little room."""

from __future__ import annotations

import base64
import json
import re
import resource
import zlib

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report import stories

from tracefork import Draw, Fault, report
from tracefork.codec.limits import Limits
from tracefork.core.values import Reading, Source, Span
from tracefork.errors import CorruptTape, TooLarge, TraceforkError
from tracefork.report.model import cutting

BLOCK = re.compile(r'(<script type="application/gzip;base64" id="([a-z0-9]+)">)([^<]*)')


@pytest.fixture(scope="module")
def page():
    return report.html(stories.of_every_kind())


def packed(value):
    made = zlib.compressobj(6, zlib.DEFLATED, 31)
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.b64encode(made.compress(text) + made.flush()).decode()


def opened(page, name):
    held = next(found[3] for found in BLOCK.finditer(page) if found[2] == name)
    return json.loads(zlib.decompress(base64.b64decode(held), 31))


def changed(page, name, change):
    value = opened(page, name)
    made = change(value)
    return BLOCK.sub(lambda f: f[1] + packed(value if made is None else made) if f[2] == name else f[0], page)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("index", lambda index: index.update(own=10**9)),
        ("index", lambda index: index.update(own=-1)),
        ("index", lambda index: index.update(chunks=[])),
        ("index", lambda index: index.update(chunks=[5, 1])),
        ("index", lambda index: index["steps"][1].update(q=[0, [0, 10**9], [0, 10**9]])),
        ("index", lambda index: index["steps"][0].update(q=[-1, 10**9])),
        ("index", lambda index: index["steps"][0].update(r=10**9)),
        ("index", lambda index: index["steps"][0].pop("q")),
        ("index", lambda index: index.update(facts=0)),
        ("index", lambda _: []),
        ("c0", lambda chunk: chunk[0].__setitem__(0, "other")),
        ("c0", lambda chunk: chunk[0].__setitem__(0, 5)),
        ("c0", lambda chunk: chunk.clear()),
        ("f0", lambda facts: facts[0].update(lane=5)),
        ("f0", lambda facts: facts[0]["answered"].update(cuts=[1])),
        ("f0", lambda facts: facts[0]["answered"].update(status="200")),
        ("f0", lambda facts: facts[0]["asked"].update(url="http://other/")),
        ("f0", lambda facts: facts[0].update(span=[0, 1])),
        ("tape", lambda tape: tape.update(digest="0" * 64)),
        ("tape", lambda tape: tape.pop("outcome")),
        ("tape", lambda tape: tape.update(others=[[0, {}]])),
        ("tape", lambda tape: tape.update(pending=[["x"]])),
        ("tape", lambda tape: tape["others"].pop()),
    ],
)
def test_a_page_that_was_changed_is_refused(page, name, change):
    with pytest.raises(CorruptTape):
        report.tape_in(changed(page, name, change))


@pytest.mark.slow
def test_a_body_of_more_pieces_than_are_cut_comes_back():
    asked = stories.question([])
    many = b"[" + b"0," * (cutting.MOST + 9) + b"0]"
    asked = evolve(asked, body=asked.body.replace(b'"messages": []', b'"messages": ' + many))
    tape = evolve(stories.release(), steps=(stories.exchange(asked, stories.release()[0].answer, 0),))

    assert report.tape_in(report.html(tape)) == tape


HALVES = st.text(st.sampled_from('\ud83d\ude00\U0001f600a"\\'), max_size=6)


@given(st.lists(HALVES, min_size=9, max_size=9))
def test_halves_of_characters_come_back_as_the_two_that_they_were(said):
    first = stories.release()[0]
    asked = evolve(first.request, method=said[0], headers=((said[1], said[2]),))
    fault = evolve(first, request=asked, answer=Fault(said[3], said[4]), lane=said[5])
    drew = Draw(Source("env", said[6]), Reading(said[7]), "", Span(9, 9, 9))
    tape = evolve(stories.release(), steps=(fault, drew), agent_name=said[8], meta={said[0]: said[1]})
    back = report.tape_in(report.html(tape))

    assert back == tape
    assert back.meta == tape.meta


@pytest.mark.parametrize("name", ["index", "c0", "f0", "tape"])
def test_a_page_without_a_block_is_refused(page, name):
    with pytest.raises(CorruptTape, match=name):
        report.tape_in(BLOCK.sub(lambda f: "" if f[2] == name else f[0], page))


def test_what_is_no_page_and_a_page_without_a_tape_are_refused():
    static = report.html(stories.release(), mode="static")
    for text in ("", "hello", "<!doctype html>", static):
        with pytest.raises(CorruptTape, match="no block 'index'"):
            report.tape_in(text)


@pytest.mark.slow
def test_a_bomb_is_refused_before_it_is_unpacked(page):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bomb = BLOCK.sub(lambda f: f[1] + packed(b" " * (1 << 28)) if f[2] == "c0" else f[0], page)
    at = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TooLarge):
        report.tape_in(bomb, limits=Limits(total=1 << 24))

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - max(before, at) < 64 * 1024


def test_runs_that_double_are_refused_in_little_room(page):
    def double(index):
        row = index["steps"][0]
        row["q"] = [-1, *([0] * 64)]
        index["steps"] = [row, *({**row, "q": [n, [0, 1 << 30], [0, 1 << 30]]} for n in range(60))]
        index["own"] = 60

    with pytest.raises(CorruptTape):
        report.tape_in(changed(page, "index", double))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_raises_anything_but_ours(page, data):
    at = data.draw(st.integers(0, len(page) - 1))
    damaged = page[:at] + data.draw(st.characters()) + page[at + data.draw(st.integers(0, 3)) :]
    try:
        back = report.tape_in(damaged)
    except TraceforkError:
        return

    assert back.digest() == stories.of_every_kind().digest()
