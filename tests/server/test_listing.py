"""The list of runs: what it shows for each query, what it refuses, and that no look at it writes."""

from __future__ import annotations

import html
import json
import re
import threading
import time
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from attrs import evolve
from report import stories
from report.test_hostile import PAYLOADS
from server.asking import got
from server.conftest import filled
from server.growing import Growing, elsewhere, story
from server.test_api import NAMES
from storage.catalogue.runs import chat, files_of, many, of, put, run

from tracefork import Branch, TapeStore
from tracefork.core.values import UNFINISHED, Outcome
from tracefork.errors import StoreError
from tracefork.server import serving
from tracefork.server.urls import segment
from tracefork.storage.catalogue.facts import WORDS
from tracefork.storage.catalogue.filters import NAMES as FILTERS
from tracefork.storage.catalogue.filters import Filters
from tracefork.storage.info import PROBE

RUN = stories.release().run_id
FAILED = Outcome("raised", "KeyError", "'seats'")
QUICK = 0.3
"""Seconds in which a list of 10,000 runs is answered."""


def searched(door, **query):
    answer = got(door, f"/api/search?{urlencode(query, errors='surrogatepass')}")
    assert answer.status == 200, answer.body
    return answer.json


def titles(page):
    return re.findall(r'<a href="[^"]*/run/([^"]*)">', page)


def until(check, seconds=10):
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_page_has_for_each_run_what_is_known_of_it(door):
    page = html.unescape(got(door, "/").body.decode())
    row = page[page.index(f'data-key="{RUN}"') :].partition("</tr>")[0]

    for text in (
        stories.TASK,
        "payments-release",
        "claude-sonnet-4-5",
        ">finished<",
        ">10<",
        "4.8k + 137",
        "$0.0164",
    ):
        assert text in row
    assert "RuntimeError: it broke" in page
    assert "<dt>runs</dt><dd>6</dd>" in page


def test_the_query_is_the_state_of_the_page(door):
    page = got(
        door,
        "/?grep=contract&outcome=finished&agent=pay&model=sonnet&since=2020-01-01&cost_above=0.001&sort=-cost&limit=2&offset=1",
    )
    text = html.unescape(page.body.decode())

    assert page.status == 200
    assert len(titles(text)) == 2
    for kept in (
        'name="grep" value="contract"',
        'name="agent" value="pay"',
        'value="2020-01-01"',
        'value="0.001"',
        "<option selected>finished",
    ):
        assert kept in text
    assert 'rel="next" href="?grep=contract&outcome=finished' in text
    assert "offset=3" in text
    assert "2 to 3 of 5" in text


def test_the_form_alone_is_enough(door):
    """No script: a form that is sent as a query, links for sorting and paging, and boxes for a comparison."""
    text = got(door, "/").body.decode()

    assert '<form id="filters" method="get"' in text
    assert '<a href="?sort=cost">' in text
    assert '<form id="compare" method="get" action="/compare">' in text
    assert 'type="checkbox" name="run"' in text


@pytest.mark.parametrize(
    "query",
    [
        "since=x",
        "cost_above=x",
        "sort=x",
        "outcome=x",
        "limit=x",
        "limit=1001",
        "offset=-1",
        "failed=x",
        "grep=%3F",
        "limit=%F0%9F%98%80",
    ],
)
def test_a_query_that_is_wrong_is_a_400_that_says_what(door, query):
    name = query.partition("=")[0]
    for at in ("/api/search", "/api/runs"):
        if (at, query) == ("/api/runs", "limit=1001"):
            continue
        answer = got(door, f"{at}?{query}")
        assert answer.status == 400
        assert answer.json["error"].startswith(f"{name} cannot be ")
    page = got(door, f"/?{query}")
    assert page.status == 400
    assert f'role="alert">{name} cannot be' in page.body.decode()


def test_the_old_list_takes_the_same_filters_and_keeps_its_form(door):
    every = {one["run_id"]: one for one in got(door, "/api/runs").json}
    failed = got(door, "/api/runs?failed=1").json

    assert [one["run_id"] for one in failed] == ["every/kind"]
    assert failed[0] == every["every/kind"]
    assert got(door, "/api/runs?sort=cost&limit=1").json == [every[RUN]]
    assert got(door, "/api/runs?limit=100").json == list(every.values())


def test_what_programs_get_has_numbers_and_sums(door):
    said = searched(door, agent="payments", sort="cost", limit=2)

    assert [one["run_id"] for one in said["runs"]] == [RUN, "b-slow"]
    assert said["runs"][0]["input_tokens"] == 4790
    assert said["runs"][0]["cost"] == 0.016425
    assert said["total"]["runs"] == 5
    assert said["total"]["outcomes"] == {"finished": 5}


def test_a_run_that_goes_on_ticks_and_one_that_is_over_does_not():
    with TapeStore.open(":memory:") as store, serving(store) as server:
        grown = Growing(store, story(5))
        grown.step(2)
        until(lambda: searched(server.door)["runs"][0]["calls"] == 2)
        assert searched(server.door)["going_on"] == 1
        first = searched(server.door)["rows"][0]["duration"]
        grown.step()
        until(lambda: searched(server.door)["runs"][0]["calls"] == 3)
        assert searched(server.door)["rows"][0]["duration"] != first or first
        grown.step(2)
        grown.close()
        grown.seal()
        until(lambda: searched(server.door)["runs"][0]["outcome"] == "finished")

        assert searched(server.door)["going_on"] == 0


def test_a_run_that_nobody_records_says_so():
    with TapeStore.open(":memory:") as store, serving(store) as server:
        Growing(store, evolve(story(3), created_at=1.0)).step()
        store.save(run("cut", outcome=UNFINISHED))
        elsewhere(store, "growing")
        rows = {row["run"]: row for row in searched(server.door)["rows"]}
        assert (rows["growing"]["word"], rows["growing"]["note"]) == (
            "cut short",
            "nobody records it any more",
        )
        assert rows["cut"]["word"] == "cut short"


@pytest.mark.parametrize("process", ["0123456789abcdef 1 1", ""], ids=["another machine", "nobody known"])
@pytest.mark.parametrize(("ago", "word"), [(60, "going on"), (840, "going on"), (960, "cut short")])
def test_the_page_and_the_list_agree_on_whether_a_run_goes_on(where, process, ago, word):
    """One that this machine cannot ask about goes on for a quarter of an hour after its last step."""
    tape = story(3)
    late = time.time() - ago - tape.steps[-1].timing.began
    steps = [evolve(s, timing=evolve(s.timing, began=s.timing.began + late, ended=0.0)) for s in tape.steps]
    with TapeStore.open(where) as store, serving(store) as server:
        Growing(store, evolve(tape, steps=tuple(steps), created_at=1.0)).step(3)
        elsewhere(store, "growing", process)
        (one,) = searched(server.door)["rows"]
        page = got(server.door, "/run/growing").body.decode()

        assert one["word"] == word
        assert ("data-live" in page.partition("<script")[0]) == (word == "going on")


def test_a_run_that_is_deleted_is_not_listed_any_more(where):
    with filled(where) as store, serving(store) as server:
        assert len(searched(server.door, grep="contract")["runs"]) == 5
        with TapeStore.open(where) as other:
            other.delete("b-again")

        assert len(searched(server.door, grep="contract")["runs"]) == 4
        assert "b-again" not in got(server.door, "/").body.decode()


@pytest.mark.slow  # the times of files are believed once they are two seconds old
def test_a_look_writes_no_byte_of_the_store_nor_of_what_is_known_of_it(where):
    queries = [
        "/",
        "/?grep=contract",
        "/?sort=cost&limit=1&offset=3",
        "/?since=x",
        "/api/search",
        "/api/runs?failed=1",
        "/compare/b-held/b-slow",
    ]
    with filled(where) as store, serving(store) as server:
        until(lambda: searched(server.door)["unread"] == 0)
        until(
            lambda: (
                (before := files_of(store.catalogue)) != b""
                and (time.sleep(2.5), files_of(store.catalogue))[1] == before
            )
        )
        before = files_of(store.catalogue)
        for query in queries:
            assert got(server.door, query).status in (200, 400)

        assert files_of(store.catalogue) == before


def test_two_runs_are_compared(door):
    page = got(door, "/compare/b-held/every%2Fkind")

    assert page.status == 200
    assert b"every/kind" in page.body
    assert "script-src 'sha256-" in page.header("content-security-policy")[0]
    chosen = got(door, f"/compare?run={RUN}&run={quote('every%2Fkind', safe='')}")
    assert chosen.status == 303
    assert chosen.header("location") == [f"/compare/{RUN}/every%2Fkind#branch-0"]


def test_a_branch_and_its_parent_are_compared_in_one_way(door):
    page = got(door, f"/compare/{RUN}/b-slow")

    assert page.status == 200
    assert got(door, f"/compare/b-slow/{RUN}").body == page.body


@pytest.mark.parametrize("query", ["", "?run=a", "?run=a&run=a", "?run=a&run=b&run=c"])
def test_fewer_or_more_than_two_cannot_be_compared(door, query):
    answer = got(door, f"/compare{query}")

    assert answer.status == 400
    assert b"choose two runs" in answer.body


def test_a_comparison_with_what_is_not_there_or_with_itself_is_refused(door):
    assert got(door, f"/compare/{RUN}/none").status == 404
    assert got(door, f"/compare/{RUN}/{RUN}").status == 400


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_run_of_any_name_can_be_opened_and_chosen(name):
    with TapeStore.open(":memory:") as store, serving(store) as server:
        for one in (name, "other"):
            store.save(run(one))
        page = got(server.door, "/").body.decode()
        (at,) = [
            html.unescape(one) for one in re.findall(r'href="(/run/[^"]*)"', page) if one != "/run/other"
        ]
        key = next(k for k in re.findall(r'name="run" value="([^"]*)"', page) if k != "other")

        assert got(server.door, at).status == 200
        chosen = got(server.door, f"/compare?{urlencode([('run', html.unescape(key)), ('run', 'other')])}")
        assert chosen.header("location") == [f"/compare/{segment(name)}/other#branch-0"]
        assert got(server.door, chosen.header("location")[0].partition("#")[0]).status == 200


def test_hostile_texts_are_texts():
    every = " ".join(PAYLOADS)
    with TapeStore.open(":memory:") as store, serving(store) as server:
        store.save(run("r", every, agent_name=every, outcome=Outcome("raised", every, every)))
        page = got(
            server.door,
            f"/?{urlencode({'grep': 'a ' + every[:900], 'agent': every[:900]}, errors='replace')}",
        ).body.decode()
        body = page.partition("<body>")[2].partition("<script>")[0]

        assert "<script" not in body
        assert not re.search(r"<[^>]*\son\w+=", body)
        assert "<img" not in body
        json.loads(got(server.door, "/api/search").body)


def test_a_store_that_is_gone_is_told_so(where):
    with filled(where) as store, serving(store) as server:
        assert got(server.door, "/").status == 200
        where.rename(where.with_name("elsewhere" + where.suffix))
        time.sleep(0.1)

        until(lambda: got(server.door, "/").status == 500)


@pytest.mark.slow
def test_ten_thousand_runs_are_listed_filtered_searched_and_sorted_in_time(tmp_path):
    """Each answer as a client of the loopback server gets it, one connection each, while a run goes on."""
    put(tmp_path / "runs.db", many(10_000))
    with TapeStore.open(tmp_path / "runs.db") as store:
        store.search(limit=0)
        with serving(store) as server:
            got(server.door, "/")
            grown = Growing(store, evolve(story(200), created_at=time.time()))
            usual = {}
            for query in (
                "/",
                "/?failed=1&sort=cost",
                "/?grep=contract&offset=2000",
                "/api/search?grep=%22number+99%22",
                "/api/search?sort=branches&offset=9000",
                "/api/search?agent=agent-3&model=sonnet&cost_above=0.01&since=2026-09-22",
                "/api/runs?outcome=finished&limit=100",
            ):
                times = []
                for _ in range(10):
                    grown.step()
                    began = time.perf_counter()
                    assert got(server.door, query).status == 200
                    times.append(time.perf_counter() - began)
                usual[query] = sorted(times)[5]
            total = searched(server.door)["total"]["runs"]

    print(usual)
    assert total == 10_001
    assert max(usual.values()) <= QUICK, usual


# -- whatever goes wrong, the others are listed ---------------------------------------------


def test_an_answer_that_claims_more_than_a_table_holds_hides_no_other_run():
    with TapeStore.open(":memory:") as store, serving(store) as server:
        store.save(of("absurd", chat("gpt-4o", 10**12)))
        store.save(of("more", chat("nobodys-model", 6 * 10**18), chat("nobodys-model", 6 * 10**18, number=1)))
        until(lambda: len(searched(server.door)["runs"]) == 2)
        store.save(run("late"))
        until(lambda: searched(server.door)["total"]["runs"] == 3 and searched(server.door)["unread"] == 0)
        page = got(server.door, "/")

        assert page.status == 200
        assert sorted(titles(page.body.decode())) == ["absurd", "late", "more"]


@pytest.mark.parametrize("error", [ValueError, MemoryError, RuntimeError, StoreError])
def test_the_thread_outlives_any_failure_and_reads_what_comes_behind_it(error):
    with filled(":memory:") as store:
        read = store.catalogue.read

        def fail(job):
            if job.info.run_id == RUN:
                raise error("odd")
            read(job)

        store.catalogue.read = fail
        with serving(store) as server:
            until(lambda: searched(server.door)["unread"] == 1)
            store.save(run("late"))
            until(lambda: searched(server.door, agent="payments")["total"]["calls"] == 26)
            said = searched(server.door)
            assert (said["total"]["runs"], said["unread"]) == (7, 1)
            assert f"{RUN} could not be read: odd." in " ".join(said["notes"])
            store.catalogue.read = read
            until(lambda: searched(server.door)["unread"] == 0)

            assert searched(server.door, agent="payments-release")["total"]["calls"] == 36


def known(store):
    found = store.catalogue.peek(Filters())
    return found.sums.runs if found else 0


def test_what_is_known_is_made_anew_where_it_was_thrown_away():
    with filled(":memory:") as store, serving(store) as server:
        until(lambda: searched(server.door)["unread"] == 0)
        store.catalogue.clear()
        said = searched(server.door, grep="contract", limit=1)

        assert said["total"]["runs"] + said["unread"] >= 1
        until(lambda: searched(server.door, grep="contract")["total"]["runs"] == 5)


def test_the_store_is_read_before_anybody_asks():
    with filled(":memory:") as store, serving(store):
        until(lambda: known(store) == 6 and store.catalogue.peek(Filters()).sums.unread == 0)


def test_the_first_answer_has_what_came_while_the_server_looked_for_the_first_time():
    with TapeStore.open(":memory:") as store:
        look, looking, saved = store.catalogue.look, threading.Event(), threading.Event()

        def slowly():
            found = look()
            looking.set()
            saved.wait(10)
            return found

        store.catalogue.look = slowly
        with serving(store) as server:
            assert looking.wait(10)
            store.save(run("late"))
            store.catalogue.look = look
            threading.Timer(0.5, saved.set).start()

            assert titles(got(server.door, "/").body.decode()) == ["late"]


# -- what is asked stays asked --------------------------------------------------------------------


def links(page):
    """The addresses by which the list goes on: titles of columns, pages, and what its script asks for."""
    text = html.unescape(page)
    found = re.findall(r'<th scope="col"[^>]*><a href="\?([^"]*)"', text)
    found += re.findall(r'rel="(?:next|prev)" href="\?([^"]*)"', text)
    return [*found, *re.findall(r'data-from="[^"?]*\?([^"]*)"', text)]


def fields(page):
    """What the form sends, as it stands."""
    text = html.unescape(page.partition('id="filters"')[2].partition("</form>")[0])
    found = {}
    for tag in re.findall(r"<input[^>]*>", text):
        name, value = re.search(r'name="(\w+)"', tag), re.search(r'value="([^"]*)"', tag)
        found[name[1]] = value[1] if value else ""
    for name, options in re.findall(r'<select name="(\w+)">(.*?)</select>', text):
        chosen = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', options)
        found[name] = "" if chosen is None else chosen[2] if chosen[1] is None else chosen[1]
    return {name: value for name, value in found.items() if value}


ASKED = {
    "grep": "contract",
    "outcome": "finished",
    "failed": "1",
    "agent": "pay",
    "model": "sonnet",
    "since": "2020-01-01",
    "until": "2999-01-01",
    "cost_above": "0.001",
    "parent": RUN,
    "probes": "1",
    "sort": "-cost",
    "limit": "2",
}


@pytest.mark.parametrize("name", ASKED)
def test_each_filter_is_kept_by_every_link_and_by_the_form(name):
    assert {*ASKED, "offset"} == set(FILTERS)
    with filled(":memory:") as store, serving(store) as server:
        for number in range(3):
            store.save(run(f"bad{number}", "A contract.", outcome=FAILED))
            store.save(run(f"probe{number}", parent=Branch(RUN, 1), meta={PROBE: "3"}))
        query = {name: ASKED[name], "limit": "2"}
        page = got(server.door, f"/?{urlencode(query)}").body.decode()
        kept = {"outcome": "failed"} if name == "failed" else {name: ASKED[name]}
        expected = searched(server.door, **{name: ASKED[name]})["total"]["runs"]

        assert len(links(page)) >= 10
        for link in links(page):
            found = dict(parse_qsl(link))
            if name != "sort":
                assert kept.items() <= found.items(), link
            assert searched(server.door, **found)["total"]["runs"] == expected
        assert fields(page).items() >= kept.items()
        assert searched(server.door, **fields(page))["total"]["runs"] == expected


def test_amounts_that_nobody_pays_are_answered(door):
    assert searched(door, cost_above="10000000")["total"]["runs"] == 0
    assert got(door, "/?cost_above=10000000").status == 200
    assert got(door, "/?cost_above=1e10").status == 400


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("limit=0", "6 runs found, none of them on this page of the list."),
        ("offset=60", "6 runs found, none of them on this page of the list."),
        ("failed=1&limit=0", "1 run found, none of them on this page of the list."),
        ("agent=nobody", "No run fits what you ask for."),
    ],
)
def test_a_list_without_runs_says_why(door, query, says):
    page = got(door, f"/?{query}").body.decode()

    assert f'<p id="none">{says}</p>' in page
    assert got(door, f"/api/search?{query}").json["none"] == says
    assert 'rel="next"' not in page


def test_the_words_of_the_list_are_explained(door):
    page = got(door, "/").body.decode()
    terms = re.findall(r"<dt>([^<]*)</dt><dd>[^<]{10,}</dd>", page.partition('id="terms"')[2])

    assert {*WORDS, "calls", "escapes", "branches"} <= set(terms)
