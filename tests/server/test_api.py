"""Runs as JSON: every field, every refusal, every name; and nothing is written by a look."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import sqlite3
import tracemalloc
from contextlib import contextmanager
from urllib.parse import quote, urljoin

import anyio
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from report import stories
from server.asking import asked, got
from server.conftest import filled
from server.growing import Growing, story

from tracefork import Branch, TapeStore
from tracefork.core.tape import Tape
from tracefork.core.values import RETURNED, Request
from tracefork.providers import prices
from tracefork.server import Door, app, serving
from tracefork.server.urls import segment, segments

RUN = stories.release().run_id
TOKEN = "t" * 32


@contextmanager
def served(store):
    with serving(store) as server:
        yield server.door


def one(run_id="one", **more):
    tape = stories.release(stories.STORY[:1], run_id=run_id)
    return evolve(tape, **more)


# -- fields ------------------------------------------------------------------------------


def test_the_list_says_of_each_run_what_is_known_without_reading_it(door):
    runs = got(door, "/api/runs").json
    by_id = {run["run_id"]: run for run in runs}
    tape = stories.release()

    assert by_id[RUN] == {
        "run_id": RUN,
        "agent_name": "payments-release",
        "created_at": stories.BEGAN,
        "fingerprint": tape.digest()[:16],
        "exchanges": 10,
        "outcome": "returned",
        "parent_run_id": None,
        "over": True,
        "damage": "",
    }
    assert by_id["b-again"]["parent_run_id"] == "b-passed"
    assert by_id["every/kind"]["outcome"] == "raised RuntimeError: it broke"
    assert len(runs) == 6


def test_a_run_has_all_that_the_first_release_gave_and_the_bytes_that_were_sent(door):
    run = got(door, f"/api/run/{RUN}").json
    tape = stories.release()

    assert {key: run[key] for key in ("run_id", "agent_name", "created_at", "fingerprint", "blame")} == {
        "run_id": RUN,
        "agent_name": "payments-release",
        "created_at": stories.BEGAN,
        "fingerprint": tape.digest()[:16],
        "blame": None,
    }
    assert (run["digest"], run["outcome"], run["parent_run_id"]) == (tape.digest(), "returned", None)
    assert sorted(run["branches"]) == ["b-held", "b-passed", "b-slow"]
    assert [e["request"].encode() for e in run["exchanges"]] == [e.request.body for e in tape]
    assert [e["role"] for e in run["exchanges"]] == ["user"] * 10
    assert run["exchanges"][0]["preview"] == stories.TASK
    assert run["exchanges"][2]["preview"] == "1842 passed, 3 skipped in 41.20s"
    assert run["exchanges"][0]["response_preview"] == "I'll read the ticket first."
    assert run["exchanges"][0] | {"request": "", "preview": ""} == {
        "step": 0,
        "role": "user",
        "preview": "",
        "request": "",
        "response_preview": "I'll read the ticket first.",
        "title": "get_ticket",
        "status": 200,
        "model": "claude-sonnet-4-5",
        "method": "POST",
        "url": stories.URL,
        "served": None,
    }
    assert run["exchanges"][4]["status"] == 529


def test_exchanges_of_every_kind_have_every_field(door):
    run = got(door, "/api/run/every%2Fkind").json
    tape = stories.of_every_kind()
    fields = {"role", "preview", "request", "response_preview"}

    assert len(run["exchanges"]) == len(tape)
    assert all(fields <= set(exchange) for exchange in run["exchanges"])
    for said, exchange in zip(run["exchanges"], sorted(tape, key=lambda e: e.span.began), strict=True):
        sent_ = said["request"]
        body = sent_.encode() if isinstance(sent_, str) else base64.b64decode(sent_["base64"])
        assert body == exchange.request.body
    assert [e["status"] for e in run["exchanges"]].count("ReadTimeout") == 1


def test_a_branch_says_where_it_left_which_run(door):
    assert got(door, "/api/branch/b-passed").json == {
        "branch_id": "b-passed",
        "parent_run_id": RUN,
        "divergence_step": 2,
        "parted": None,
        "mutation_desc": "tool result replaced",
        "name": "the test passes",
        "outcome": "returned",
        "exchanges": 7,
        "fingerprint": stories.branches()[1].digest()[:16],
    }
    assert got(door, "/api/branch/b-slow").json["mutation_desc"] == "stays at 5%"


def test_a_store_without_runs_has_none():
    with TapeStore.open(":memory:") as store, served(store) as door:
        assert got(door, "/api/runs").json == []
        assert b"There are no runs yet" in got(door, "/").body
        assert got(door, "/api/run/x").status == 404


def test_a_run_without_steps_is_a_run():
    with TapeStore.open(":memory:") as store, served(store) as door:
        store.save(Tape(run_id="empty", outcome=RETURNED))

        assert got(door, "/api/run/empty").json["exchanges"] == []
        assert got(door, "/run/empty").status == 200
        assert got(door, "/api/run/empty/live").body == b"event: over\ndata: \n\n"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("/api/run/none", "there is no run 'none'"),
        ("/api/branch/none", "there is no run 'none'"),
        ("/api/run/none/live", "there is no run 'none'"),
        (f"/api/branch/{RUN}", f"run '{RUN}' is no branch"),
        ("/api/run/", "there is nothing at /api/run/"),
        ("/api/branch/", "there is nothing at /api/branch/"),
        ("/api/run//live", "there is nothing at /api/run//live"),
        ("/api/run", "there is nothing at /api/run"),
        ("/api/", "there is nothing at /api/"),
        ("/api/runs/", "there is nothing at /api/runs/"),
        ("/api/run/a/b", "there is nothing at /api/run/a/b"),
        ("/api/run/a/live/", "there is nothing at /api/run/a/live/"),
        ("/api/run/" + 513 * "a", "there is nothing at /api/run/" + 513 * "a"),
        ("/api/run/%FF", None),
        ("/api/run/%ED%A0%80", "there is no run '\\ud800'"),
        ("/api/run/%00", "there is no run '\\x00'"),
    ],
)
def test_what_is_not_there_is_said_so_with_a_reason(where, address, reason):
    with filled(where) as store, served(store) as door:
        answer = got(door, address)

        assert answer.status == 404
        assert answer.header("content-type") == ["application/json"] or address == "/api/run/%FF"
        assert reason is None or answer.json == {"error": reason}


@pytest.mark.parametrize(
    "address", ["/run/none", "/run/", "/run", "/nothing", "//", "/index.html", "/favicon.ico", "/run/a/b"]
)
def test_a_page_that_is_not_there_says_so_in_words(door, address):
    answer = got(door, address)

    assert answer.status == 404
    assert answer.header("content-type") == ["text/plain; charset=utf-8"]
    assert answer.body.startswith(b"there is no")


def test_every_answer_bears_the_headers_that_keep_it_where_it_is(door):
    for address in (
        "/",
        "/api/runs",
        f"/api/run/{RUN}",
        f"/run/{RUN}",
        "/none",
        "/api/run/none",
        f"/api/run/{RUN}/live",
    ):
        for answer in (
            got(door, address),
            got(door, address, method="HEAD"),
            got(door, address, method="PUT"),
        ):
            said = dict(answer.headers)
            assert said["x-content-type-options"] == "nosniff"
            assert said["cache-control"] == "no-store"
            assert said["cross-origin-resource-policy"] == "same-origin"
            assert said["x-frame-options"] == "DENY"
            assert said["referrer-policy"] == "no-referrer"
            assert "server" not in said
    for address in ("/", f"/run/{RUN}"):
        (rules,) = got(door, address).header("content-security-policy")
        assert "default-src 'none'" in rules
        assert "frame-ancestors 'none'" in rules
        assert "unsafe" not in rules


# -- names -------------------------------------------------------------------------------

NAMES = [
    "plain", "a/live", "a", "live", "live/live", "a/live/live", "/", "//", "/a", "a/", "a//b", ".",
    "..", "...", "../a", "a/..", "../../etc/passwd", "a/../b", "%2F", "a%2Flive", "%", "%%", "%2e%2e",
    "%00", "a b", "a+b", "a?b=c", "a#b", "a;b", ".,", "..,", ";", ",", "&", "=", "'", '"', "<script>",
    "\\", "a\\b", "ünïcode", "名前", "\U0001f600", "\u202eabc", "\ufeff", "\ud800", "a\udfffb", "\x00",
    "\n", "\r\nx: y", "\t", " ", "a" * 512, "名" * 512, "\U0001f600" * 512, "api/run/a",
    "http://evil.example/", "//evil.example", "C:\\x", "~", "-", "_", "None", "last", "token",
    "?token=x",
]  # fmt: skip


@pytest.fixture(scope="module")
def named():
    """A server over a store that has a run of each name, which bears it."""
    with TapeStore.open(":memory:") as store:
        for name in NAMES:
            store.save(one(name, agent_name=f"agent of {name}"))
        with serving(store) as server:
            yield server.door


def test_no_two_names_have_one_address():
    assert len({segment(name) for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_run_of_any_name_is_found_under_it_and_under_no_other(named, name):
    at = segment(name)
    run = got(named, f"/api/run/{at}").json
    page = got(named, f"/run/{at}")
    live = got(named, f"/api/run/{at}/live")

    assert run["run_id"] == name
    assert page.status == 200
    assert live.status == 200
    assert live.body.startswith(b"id: 1\nevent: step")
    assert b"event: over" in live.body
    assert got(named, f"/api/branch/{at}").json == {"error": f"run {name!r} is no branch"}


def test_the_list_names_them_all_and_its_links_lead_to_them(named):
    runs = got(named, "/api/runs").json
    links = re.findall(r'<a href="(/run/[^"]*)"', got(named, "/").body.decode())

    assert sorted(run["run_id"] for run in runs) == sorted(NAMES)
    assert sorted(links) == sorted(f"/run/{segment(name)}" for name in NAMES)
    for link in links:
        whole = urljoin(f"http://127.0.0.1:{named.port}/", link)
        assert whole == f"http://127.0.0.1:{named.port}{link}"
        assert got(named, link).status == 200


def test_a_run_named_live_is_not_the_live_steps_of_another():
    with TapeStore.open(":memory:") as store, served(store) as door:
        store.save(one("a"))

        assert got(door, "/api/run/a%2Flive").json == {"error": "there is no run 'a/live'; there are 'a'"}
        assert got(door, "/api/run/a/live").status == 200
        store.save(one("a/live"))
        assert got(door, "/api/run/a%2Flive").json["run_id"] == "a/live"
        assert got(door, "/api/run/a%2flive/live").header("content-type")[0].startswith("text/event-stream")


names = st.text(st.characters(), min_size=1, max_size=20) | st.sampled_from(NAMES)


@given(names, st.sampled_from(["", "/below", "/two/below"]))
def test_a_segment_is_read_back_as_the_name_and_survives_a_browser(name, root):
    at = f"{root}/api/run/{segment(name)}/live"
    scope = {"root_path": root, "path": at, "raw_path": at.encode("ascii")}

    assert segments(scope) == ["api", "run", name, "live"]
    assert urljoin("http://h/x/", at) == f"http://h{at}"  # what a browser does to dots


# -- below a path, and in other servers ----------------------------------------------------------


async def asking(application, path, headers=(), **scope):
    """What an application says to a GET, without a server between."""
    came = []
    said = [(b"host", b"localhost:8000"), (b"authorization", f"Bearer {TOKEN}".encode()), *headers]
    root, query = scope.pop("root_path", ""), scope.pop("query", b"")
    told = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": quote(path).encode(),
        "query_string": query,
    }

    async def receive():
        await anyio.sleep(60)

    async def send(message):
        came.append(message)

    await application(
        {**told, "root_path": root, "headers": said, "http_version": "1.1", "scheme": "http", **scope},
        receive,
        send,
    )
    return came[0]["status"], dict(came[0]["headers"]), b"".join(m.get("body", b"") for m in came[1:])


def test_it_can_be_mounted_below_a_path_of_another_application():
    from starlette.applications import Starlette
    from starlette.routing import Mount

    with TapeStore.open(":memory:") as store:
        store.save(one("a/b"))
        whole = Starlette(routes=[Mount("/traces", app(store, Door(8000, TOKEN)))])

        async def main():
            status, _, html = await asking(whole, "/traces/")
            assert (status, re.findall(rb'href="(/[^"]*)"', html)) == (200, [b"/traces/run/a%2Fb"])
            raw = b"/traces/run/a%2Fb"
            assert (await asking(whole, "/traces/run/a/b", raw_path=raw))[0] == 200
            Growing(store, story(3))
            live = (await asking(whole, "/traces/run/growing"))[2]
            assert b'data-live="/traces/api/run/growing"' in live
            status, headers, _ = await asking(whole, "/traces/", query=f"token={TOKEN}".encode())
            assert (status, headers[b"location"]) == (303, b"/traces/")
            assert b"Path=/traces/;" in headers[b"set-cookie"]
            assert (await asking(whole, "/traces/", [(b"origin", b"http://evil.example")]))[0] == 403

        anyio.run(main)


def test_a_server_that_does_not_say_how_the_path_was_sent_will_do():
    with TapeStore.open(":memory:") as store:
        store.save(one("näme"))

        async def main():
            status, _, body = await asking(app(store, Door(8000, TOKEN)), "/api/run/näme", raw_path=None)
            assert (status, json.loads(body)["run_id"]) == (200, "näme")

        anyio.run(main)


# -- damage ------------------------------------------------------------------------------


def test_a_run_that_is_damaged_says_what_is_wrong_and_the_others_are_read(tmp_path):
    path = tmp_path / "runs.db"
    with TapeStore.open(path) as store:
        for name in ("hurt", "whole"):
            store.save(one(name))
        store.save(one("child", parent=Branch("whole", 0, "c", "d")))
    for run_id in ("hurt", "child"):
        with sqlite3.connect(path) as db:
            rowid, rest = db.execute(
                "SELECT c.rowid, head FROM chunks c JOIN logs l ON l.id = log WHERE name = ?",
                (run_id.encode(),),
            ).fetchone()
            db.execute(
                "UPDATE chunks SET head = ? WHERE rowid = ?", (rest[:-9] + b"\x00\x01\x02" + rest[-6:], rowid)
            )
        db.close()
    with TapeStore.open(path) as store, served(store) as door:
        runs = {run["run_id"]: run for run in got(door, "/api/runs").json}
        assert {name: bool(run["damage"]) for name, run in runs.items()} == {
            "hurt": True,
            "child": True,
            "whole": False,
        }
        for address in ("/api/run/hurt", "/api/branch/hurt", "/api/run/hurt/live"):
            answer = got(door, address)
            assert answer.status == 500
            assert "the chunk is damaged" in answer.json["error"]
        assert b"the chunk is damaged" in got(door, "/run/hurt").body
        assert got(door, "/run/whole").status == 200
        assert b"the chunk is damaged" in got(door, "/").body


# -- a run that is being recorded ----------------------------------------------------------


def test_a_run_that_is_being_recorded_has_what_it_had_so_far(where):
    with TapeStore.open(where) as store, served(store) as door:
        tape = story(5)
        grown = Growing(store, tape)
        for count in range(4):
            run = got(door, "/api/run/growing").json
            assert (len(run["exchanges"]), run["outcome"]) == (count, "unfinished")
            (info,) = got(door, "/api/runs").json
            assert (info["over"], info["exchanges"], info["fingerprint"]) == (False, None, "")
            assert b"data-live=" in got(door, "/run/growing").body
            grown.step()
        grown.close()
        closed = got(door, "/run/growing").body
        assert b"data-live=" not in closed  # closed, if not sealed: nothing more will come
        grown.seal()

        assert got(door, "/api/run/growing").json["digest"] == tape.digest()
        assert got(door, "/run/growing").body == closed


# -- much ----------------------------------------------------------------------------------


def test_a_large_run_is_sent_as_it_is_made(where):
    """84 MB of JSON, of which never more than a few megabytes are there at once."""
    tape = evolve(stories.repeated(84), run_id="large")
    big = Request("POST", "https://example.com/", (), b"x" * 1_000_000)
    steps = tuple(
        evolve(step, request=evolve(big, url=f"https://example.com/{n}")) for n, step in enumerate(tape.steps)
    )
    with TapeStore.open(where) as store:
        store.save(evolve(tape, steps=steps))

    async def main():
        with TapeStore.open(where) as store:
            count, most = 0, 0

            async def send(message):
                nonlocal count, most
                count += len(message.get("body", b""))
                most = max(most, len(message.get("body", b"")))

            async def receive():
                await anyio.sleep(600)

            said = [(b"host", b"localhost:8000"), (b"authorization", f"Bearer {TOKEN}".encode())]
            scope = {
                "type": "http",
                "method": "GET",
                "path": "/api/run/large",
                "headers": said,
                "query_string": b"",
            }
            tracemalloc.start()
            await app(store, Door(8000, TOKEN))(scope, receive, send)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return count, most, peak

    count, most, peak = anyio.run(main)

    assert count > 84_000_000
    assert most < 1_100_000
    assert peak < 20_000_000


# -- nothing is written ----------------------------------------------------------------------


def bytes_of(where):
    """Every file that holds something of the store, its bytes and when it was last written.

    SQLite's `-shm` holds nothing: it is the memory that its readers and writers share.
    """
    files = [*where.parent.glob("*")] if where.suffix else [*where.rglob("*")]
    held = [file for file in files if file.is_file() and not file.name.endswith("-shm")]
    return {
        file.name: (file.stat().st_mtime_ns, hashlib.sha256(file.read_bytes()).hexdigest()) for file in held
    }


def crawled(door):
    """Ask for all that the pages and lists lead to; how many addresses that was."""
    todo, seen = ["/", "/api/runs", "/none", "/api/run/none", "/api/branch/none", "/favicon.ico"], set()
    while todo:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        method = "HEAD" if at.endswith("growing/live") else "GET"  # that one goes on
        answer = got(door, at, method=method)
        assert answer.status in (200, 404)
        text = answer.body.decode()
        todo += re.findall(r'(?:href|src|data-live)="(/[^"]*)"', text)
        if at == "/api/runs":
            for run in answer.json:
                name = segment(run["run_id"])
                todo += [f"/run/{name}", f"/api/run/{name}", f"/api/branch/{name}", f"/api/run/{name}/live"]
                todo += (
                    [f"/run/{name}?token={door.token}", f"/run/{name}?x=y"]
                    if not seen.add(f"/run/{name}?token={door.token}")
                    else []
                )
    return len(seen)


@pytest.mark.slow
def test_a_crawl_of_every_address_leaves_every_byte_and_time_as_they_were(where):
    with filled(where) as store:
        grown = Growing(store, story(6))
        grown.step(3)
        with TapeStore.open(where) as read, served(read) as door:
            before = bytes_of(where)
            count = crawled(door)
            after = bytes_of(where)
            assert crawled(door) == count

    assert count >= 40
    assert before == after
    assert len(before) >= 1


@pytest.mark.slow
def test_a_server_that_comes_and_goes_leaves_every_byte_and_time_as_they_were(where):
    with filled(where):
        pass
    before = bytes_of(where)
    with TapeStore.open(where) as store, served(store) as door:
        crawled(door)
    after = bytes_of(where)

    assert before == after
    assert not [name for name in after if name.endswith(("-wal", "-journal"))]


class Sealed:
    """A backend that only reads."""

    def __init__(self, backend):
        self._backend = backend

    def chunks(self, name, start=0):
        return self._backend.chunks(name, start)

    def heads(self):
        return self._backend.heads()

    def append(self, *_):
        raise AssertionError("written")

    seal = delete = reclaim = append

    def close(self):
        pass


def test_nothing_that_is_asked_for_makes_the_store_write():
    with filled(":memory:") as store:
        Growing(store, story(6)).step(3)
        with TapeStore(Sealed(store.backend)) as read, served(read) as door:
            assert crawled(door) >= 40


# -- tags ------------------------------------------------------------------------------------


def test_a_page_that_is_known_is_not_sent_again_and_one_that_changed_is():
    with TapeStore.open(":memory:") as store, served(store) as door:
        store.save(one("one"))
        page = got(door, "/run/one")
        (tag,) = page.header("etag")

        for known in (tag, f"W/{tag}", f'"other", {tag}'):
            again = got(door, "/run/one", f"If-None-Match: {known}")
            assert (again.status, again.body, again.header("etag")) == (304, b"", [tag])
        assert got(door, "/run/one", 'If-None-Match: "other"').status == 200
        store.save(one("child", parent=Branch("one", 0, "c", "d")))
        changed = got(door, "/run/one", f"If-None-Match: {tag}")
        assert changed.status == 200
        assert changed.header("etag") != [tag]
        store.delete("child")
        assert got(door, "/run/one", f"If-None-Match: {tag}").status == 304
        store.delete("one")
        assert got(door, "/run/one", f"If-None-Match: {tag}").status == 404
        store.save(one("one", created_at=1_800_000_000.0))  # the same steps, at another time
        assert got(door, "/run/one", f"If-None-Match: {tag}").status == 200


def test_the_prices_that_are_given_are_those_of_the_pages_and_of_what_is_live():
    dear = prices.loads(
        '{"as_of": "2026-11-25", "models": {"claude-sonnet-4-5": {"input": 1e9, "output": 0}}}'
    )
    with TapeStore.open(":memory:") as store:
        store.save(stories.release())
        with serving(store) as usual, serving(store, prices=dear) as other:
            pages = [got(server.door, f"/run/{RUN}") for server in (usual, other)]
            live = [got(server.door, f"/api/run/{RUN}/live").body for server in (usual, other)]

    costs = [re.search(rb"<dt>cost</dt><dd>\$([\d,.]+)", page.body)[1].decode() for page in pages]
    assert float(costs[1].replace(",", "")) > 1_000 > float(costs[0])
    assert [len(re.findall(rb'"c":"\$[\d,]{5,}\.', body)) for body in live] == [0, 9]
    assert pages[0].header("etag") != pages[1].header("etag")


def test_a_run_that_is_not_over_has_no_tag():
    with TapeStore.open(":memory:") as store, served(store) as door:
        Growing(store, story(3)).step()

        assert got(door, "/run/growing").header("etag") == []


def test_a_known_tag_is_worth_nothing_without_the_token(door):
    (tag,) = got(door, f"/run/{RUN}").header("etag")

    assert asked(door, f"/run/{RUN}", f"If-None-Match: {tag}").status == 403


def logs_of(path):
    """Every log of a store, chunk by chunk."""
    with TapeStore.open(path) as store:
        return {name: list(store.backend.chunks(name)) for name, _ in store.backend.heads()}


def test_of_a_writer_that_was_killed_every_log_stays_as_it_was(tmp_path):
    """SQLite moves what is in its `-wal` into its file when the last who has it open closes it; no more."""
    from server.test_live import recording

    path, copy = tmp_path / "runs.db", tmp_path / "copy"
    copy.mkdir()
    with recording(path, 100, 0.0) as process:
        for _ in range(20):
            process.stdout.readline()
    assert (tmp_path / "runs.db-wal").stat().st_size > 0
    for file in tmp_path.glob("runs.db*"):
        shutil.copy(file, copy)
    with TapeStore.open(path) as store, served(store) as door:
        before = bytes_of(path)
        assert crawled(door) > 5
        assert bytes_of(path) == before

    assert logs_of(path) == logs_of(copy / "runs.db")
