"""Each run of the corpus, a vcrpy cassette now, asked again by SDKs: the plugin serves what vcrpy does."""

from __future__ import annotations

import ast
import base64
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from peers import cassettes
from vendor_sdks import changes

pytestmark = [pytest.mark.sdk, pytest.mark.slow, pytest.mark.timeout(600)]

TESTS = Path(__file__).parents[2]
BY = {
    "openai": 1358,
    "anthropic": 163,
    "boto3": 104,
    "google": 61,
    "cohere": 43,
    "mistral": 18,
    "groq": 13,
    "ollama": 12,
    "httpx": 25,
    "urllib3": 16,
    "aiohttp": 14,
    "requests": 12,
}
"""By what the requests are sent: the SDK of their vendor, or a client of HTTP where none sends them now."""

OURS, THEIRS = "tracefork.testing.plugin", "vendor_sdks.by_vcrpy"
STALE = re.compile(
    r"test_run\[(.*?)\] is answered by .*?, step (\d+), (\S+): the cassette has (.*), the test asks (.*)"
)
TEST = """
import json, os, time
from pathlib import Path

import attrs
import pytest
from vendor_sdks.rows import Row
from vendor_sdks.sending import send

ROWS = {}
for line in Path(os.environ["ROWS"]).read_text("utf-8").splitlines():
    kept = json.loads(line)
    ROWS.setdefault(kept["name"], []).append(Row.of(kept))


@pytest.fixture(scope="module")
def vcr_config():
    return {"filter_headers": ["authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"]}


@pytest.fixture(scope="session")
def heard():
    with Path(os.environ["HEARD"]).open("w") as file:
        yield file


@pytest.mark.vcr
@pytest.mark.parametrize("name", ROWS)
def test_run(name, heard):
    began = time.perf_counter()
    said = [attrs.asdict(send(row)) for row in ROWS[name]]
    print(json.dumps([name, time.perf_counter() - began, said]), file=heard)
"""
CONFTEST = """
import json, os
from pathlib import Path


def pytest_warning_recorded(warning_message, nodeid):
    if warning_message.category.__name__ == "StaleCassette":
        with Path(os.environ["WARNED"]).open("a") as file:
            print(json.dumps(str(warning_message.message)), file=file)
"""
INI = """
[pytest]
addopts = -p no:cacheprovider -q
filterwarnings = ignore
"""


@pytest.fixture(scope="module")
def rows():
    """All rows, each with its number and the name of its test."""
    pytest.importorskip("vcr")
    found = cassettes.runs()
    if found is None:
        pytest.skip("there is no corpus: point TRACEFORK_CORPUS at its folder")
    named = [(f"{run[0]['provider']}-{n}", run) for n, run in enumerate(found)]
    flat = [(name, at, row) for name, run in named for at, row in enumerate(run)]
    return [{**row, "name": name, "at": at, "number": n} for n, (name, at, row) in enumerate(flat)]


def write_project(folder, kept, asked):
    """A project with a cassette of `kept` for each run, whose tests ask `asked`."""
    import vcr

    (folder / "cassettes/test_of_corpus").mkdir(parents=True)
    for name, run in by_name(kept).items():
        place = folder / f"cassettes/test_of_corpus/test_run[{name}].yaml"
        place.write_bytes(cassettes.written(vcr, run))
    (folder / "test_of_corpus.py").write_text(TEST)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text(INI)
    (folder / "rows").write_text("\n".join(map(json.dumps, asked)))


def by_name(rows):
    found = defaultdict(list)
    for row in rows:
        found[row["name"]].append(row)
    return found


def run(folder, by, *words):
    """What the tests of `folder` wrote down, the seconds that they took, and what was printed."""
    out = folder / by.rpartition(".")[2]
    out.mkdir()
    places = {name: out / name for name in ("HEARD", "ASKED", "WARNED")}
    env = {
        **{k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")},
        **{name: str(place) for name, place in places.items()},
        "ROWS": str(folder / "rows"),
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", by, *words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - began
    lines = {
        name: [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []
        for name, place in places.items()
    }
    return lines, took, done.stdout + done.stderr


def read_heard(lines):
    return {name: said for name, _, said in lines["HEARD"]}


def list_asked(lines):
    """By vcrpy's account: the name of a run, the number of its answer, and what was asked for that."""
    return {
        (stem.removeprefix("test_run[")[:-1], number): base64.b64decode(body)
        for stem, number, body in lines["ASKED"]
    }


def list_stale(kept, asked):
    """Where what was asked differs from what was kept, as JSON: what is there to be named."""
    for (name, number), body in asked.items():
        recorded = base64.b64decode(kept[name][number]["req_body_b64"])
        found = list(changes.find_differences(parse(recorded), parse(body)))
        if found:
            yield (name, number), found


def list_named(lines):
    found = [STALE.search(line).groups() for line in lines["WARNED"]]
    return {(name, int(number)): (path, kept, asked) for name, number, path, kept, asked in found}


def parse(body):
    try:
        return json.loads(body)
    except ValueError:
        return body


@pytest.fixture(scope="module")
def unchanged(rows, tmp_path_factory):
    """What became of all runs as they were recorded: by our plugin, and by vcrpy."""
    folder = tmp_path_factory.mktemp("unchanged")
    write_project(folder, rows, rows)
    return run(folder, OURS, "-W", "always::tracefork.testing.StaleCassette"), run(folder, THEIRS)


def test_what_sdks_make_of_each_answer_is_what_they_make_of_vcrpys(rows, unchanged):
    (ours, took, printed), (theirs, they_took, _) = unchanged
    served, expected = read_heard(ours), read_heard(theirs)
    by = Counter(heard["by"] for run in served.values() for heard in run)
    seconds = [sum(took for _, took, _ in lines["HEARD"]) for lines in (ours, theirs)]
    print(f"{len(served)} runs, {by.total()} requests: {took:.1f} s, vcrpy {they_took:.1f} s")
    print(f"in the tests {seconds[0]:.1f} s, vcrpy {seconds[1]:.1f} s; {dict(by)}")

    assert served.keys() == by_name(rows).keys(), printed[-3000:]
    assert {name for name, said in served.items() if said != expected[name]} == set()
    assert len(theirs["ASKED"]) == len(rows) == 1839
    assert by == BY


def test_what_newer_sdks_ask_otherwise_is_named_and_nothing_else(rows, unchanged):
    (ours, _, _), (theirs, _, _) = unchanged
    differing = dict(list_stale(by_name(rows), list_asked(theirs)))
    named = list_named(ours)

    assert named.keys() == differing.keys()
    assert all(path in [place for place, *_ in differing[which]] for which, (path, *_) in named.items())


def changed(rows):
    """What is kept of the rows, what is asked now, and the kind of each change by name and number."""
    kept, asked, kinds = [], [], {}
    for row in rows:
        kind = [*changes.ASKED, *changes.WRITTEN, ""][row["number"] % 6]
        body = parse(base64.b64decode(row["req_body_b64"]))
        made = before = row
        if isinstance(body, dict) and body:
            if kind in changes.WRITTEN:
                before = with_body(row, changes.WRITTEN[kind](body))
                kinds[row["name"], row["at"]] = kind
            elif kind in changes.ASKED and (new := changes.ASKED[kind](body)) is not None:
                made = with_body(row, json.dumps(new))
                kinds[row["name"], row["at"]] = kind
        kept.append(before)
        asked.append(made)
    return kept, asked, kinds


def with_body(row, text):
    headers = [[name, value] for name, value in row["req_headers"] if name.lower() != "content-length"]
    return {**row, "req_body_b64": base64.b64encode(text.encode()).decode(), "req_headers": headers}


@pytest.fixture(scope="module")
def stale(rows, tmp_path_factory):
    """What became of all runs when some of what they ask was changed; what was kept; and what was changed."""
    folder = tmp_path_factory.mktemp("stale")
    kept, asked, kinds = changed(rows)
    write_project(folder, kept, asked)
    ours, theirs = run(folder, OURS, "-W", "always::tracefork.testing.StaleCassette"), run(folder, THEIRS)
    return ours, theirs, by_name(kept), kinds


def test_what_was_changed_is_answered_as_by_vcrpy_and_named_with_path_and_both_values(stale):
    (ours, _, printed), (theirs, _, _), kept, kinds = stale
    served, expected = read_heard(ours), read_heard(theirs)
    asked, named = list_asked(theirs), list_named(ours)
    differing = dict(list_stale(kept, asked))
    counts = Counter((kind, which in named) for which, kind in kinds.items())
    print(f"{len(kinds)} changed, {len(differing)} differ, {len(named)} named: {dict(counts)}")

    assert served == expected and len(served) == len(kept), printed[-3000:]
    assert named.keys() == differing.keys()
    for which, (path, recorded, told) in named.items():
        places = {place: values for place, *values in differing[which]}
        assert path in places
        for value, text in zip(places[path], (recorded, told), strict=True):
            assert is_shown(value, text)
    for which, kind in kinds.items():
        if kind in changes.ASKED and len(differing[which]) == 1:
            assert (changes.WORD if kind != "parameter" else str(changes.NUMBER)) in named[which][2]


def is_shown(value, text):
    """Whether `text` shows this value, or a part of it; secrets are left out of it."""
    text = text.partition("[secre")[0]
    if value is ...:
        return text == "nothing"
    if not isinstance(value, str):
        return text.removesuffix("...") in json.dumps(value, ensure_ascii=False)
    try:
        inside = ast.literal_eval(text)
    except SyntaxError:  # it is cut off
        inside = text[1:]
    return inside.strip(".") in value
