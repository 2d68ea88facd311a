"""Tests that are marked as vcrpy's run unchanged, and what their cassettes do not notice is said."""

import subprocess
import sys

import pytest
from plugin_project import lines_of

yaml = pytest.importorskip("yaml")

TEST = """
import os

import httpx
import pytest

PROMPT = os.environ.get("PROMPT", "as ever")


@pytest.fixture(scope="module")
def vcr_config():
    return {"filter_headers": ["authorization", ("x-key", "GONE")], "filter_query_parameters": ["key"]}


@pytest.mark.vcr
def test_answered():
    asked = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
    with httpx.Client(verify=False) as client:
        headers = {"authorization": "Bearer x"}
        answer = client.post("https://api.test/v1/chat?key=abc", json=asked, headers=headers)
        assert answer.json() == {"ok": 1} and answer.headers["set-cookie"] == "a=1, b=2"
        assert [client.get("https://api.test/models").text for _ in "ab"] == ["first", "second"]
"""


def interaction(body, answer, method="POST", uri="https://api.test/v1/chat", headers=None):
    sent = {"accept": ["*/*"], **({"content-type": ["application/json"]} if body else {})}
    return {
        "request": {"body": body, "headers": sent, "method": method, "uri": uri},
        "response": {
            "body": {"string": answer},
            "headers": headers or {"content-type": ["text/plain"]},
            "status": {"code": 200, "message": "OK"},
        },
    }


def models(answer):
    return interaction(None, answer, "GET", "https://api.test/models")


CHAT = interaction(
    '{"model": "m", "messages": [{"role": "user", "content": "as ever"}]}',
    '{"ok": 1}',
    headers={
        "content-encoding": ["gzip"],
        "content-type": ["application/json"],
        "set-cookie": ["a=1", "b=2"],
    },
)


@pytest.fixture
def team(project):
    """A project as pytest-recording left it."""
    project.write("test_of_vcr.py", TEST)
    write(project, "test_answered", [CHAT, models("first"), models("second")])
    return project


def write(project, name, interactions):
    text = yaml.safe_dump({"interactions": interactions, "version": 1})
    return project.write(f"cassettes/test_of_vcr/{name}.yaml", text)


def test_a_marked_test_is_answered_from_its_cassette(team):
    passed = team.run()

    passed.assert_outcomes(passed=1)
    assert passed.asked == 0 and team.tapes() == {}


def test_a_stale_cassette_passes_as_it_did_and_is_named_with_path_and_both_values(team):
    warned = team.run(prompt="otherwise")

    warned.assert_outcomes(passed=1, warnings=1)
    printed, _ = lines_of(warned)
    sentence = "step 0, $.messages[0].content: the cassette has 'as ever', the test asks 'otherwise'"
    assert f"  test_of_vcr.py::test_answered, {sentence}" in printed
    assert any("StaleCassette" in line and sentence in line for line in printed)
    team.run("-W", "error::tracefork.testing.StaleCassette", prompt="otherwise").assert_outcomes(failed=1)


def test_bodies_count_where_match_on_says_so(team):
    config = '"filter_query_parameters": ["key"], "match_on": ["method", "uri", "body"]'
    team.write("test_of_vcr.py", TEST.replace('"filter_query_parameters": ["key"]', config))

    team.run().assert_outcomes(passed=1)
    failed = team.run(prompt="otherwise")
    failed.assert_outcomes(failed=1)
    _, [line] = lines_of(failed)
    assert (
        "Divergence: step 0, $.messages[0].content: the tape has 'as ever', the test asks 'otherwise'" in line
    )


def test_answers_come_in_any_order_and_each_once_unless_they_may_be_repeated(team):
    reordered = TEST.replace(
        '["first", "second"]',
        '["first", "second"]\n        assert client.get("https://api.test/z").text == "z"',
    )
    team.write("test_of_vcr.py", reordered)
    write(
        team,
        "test_answered",
        [interaction(None, "z", "GET", "https://api.test/z"), models("first"), CHAT, models("second")],
    )
    team.run().assert_outcomes(passed=1)

    write(team, "test_answered", [interaction(None, "z", "GET", "https://api.test/z"), models("first"), CHAT])
    team.run().assert_outcomes(failed=1)
    repeated = reordered.replace('["first", "second"]', '["first", "first"]')
    team.write(
        "test_of_vcr.py", repeated.replace('"filter_query', '"allow_playback_repeats": True, "filter_query')
    )
    team.run().assert_outcomes(passed=1)


def test_recording_makes_a_tape_that_answers_from_then_on(project):
    project.write("test_of_vcr.py", """
import pytest
from asking import PROMPT, ask


@pytest.mark.vcr
def test_new():
    ask(PROMPT)
""")  # fmt: skip
    missing = project.run()
    missing.assert_outcomes(failed=1)
    assert any(
        "there is no cassette cassettes/test_of_vcr/test_new.yaml" in line for line in missing.stdout.lines
    )

    project.run("--record-mode=once").assert_outcomes(passed=1)
    again, changed = project.run(), project.run(prompt="otherwise")
    again.assert_outcomes(passed=1)
    changed.assert_outcomes(failed=1)
    assert list(project.tapes()) == ["tapes/test_of_vcr/test_new.tape"]


def test_new_episodes_keep_what_the_cassette_has_and_lose_nothing_of_it(project, model):
    server, _ = model
    project.write("test_of_vcr.py", """
import httpx
import pytest
from asking import URL, body


@pytest.mark.vcr
def test_new():
    with httpx.Client(verify=False) as client:
        assert client.get("https://api.test/models").text == "first"
        assert client.post(URL, json=body("more")).text == "heard more"
""")  # fmt: skip
    cassette = write(project, "test_new", [models("first")])
    kept = cassette.read_bytes()

    renewed = project.run("--record-mode=new_episodes")
    renewed.assert_outcomes(passed=1)
    assert renewed.asked == 1 and cassette.read_bytes() == kept
    project.run().assert_outcomes(passed=1)


def test_names_marks_and_folders_are_pytest_recordings(project):
    project.write("test_of_vcr.py", """
import httpx
import pytest


def get(path):
    with httpx.Client(verify=False) as client:
        return client.get(f"https://api.test/{path}").text


class TestClass:
    @pytest.mark.vcr
    @pytest.mark.parametrize("name", ["a/b", "c"])
    def test_method(self, name):
        assert get("models") == name


@pytest.mark.vcr("more.yaml")
def test_more():
    assert (get("models"), get("z")) == ("own", "more")


@pytest.mark.vcr
@pytest.mark.default_cassette("named.yaml")
def test_named(vcr):
    assert get("models") == "named" and vcr is not None
""")  # fmt: skip
    write(project, "TestClass.test_method[a-b]", [models("a/b")])
    write(project, "TestClass.test_method[c]", [models("c")])
    write(project, "test_more", [models("own")])
    write(project, "more", [interaction(None, "more", "GET", "https://api.test/z")])
    write(project, "named", [models("named")])

    project.run().assert_outcomes(passed=4)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ('{"match_on": ["mine"]}', "matchers that are code"),
        ('{"before_record_request": lambda request: None}', "before_record_request= is not known here"),
        ('{"filter_headers": [("a", lambda *_: "b")]}', "which is not known here: give a text"),
        ('{"record_mode": "sometimes"}', "a mode is one of"),
    ],
)
def test_what_is_code_is_named_and_not_passed_over(team, config, words):
    team.write(
        "test_of_vcr.py",
        TEST.replace(
            '{"filter_headers": ["authorization", ("x-key", "GONE")], "filter_query_parameters": ["key"]}',
            config,
        ),
    )

    failed = team.run()
    failed.assert_outcomes(errors=1)
    assert any(words in line and "test_of_vcr.py::test_answered" in line for line in failed.stdout.lines)


def test_what_has_no_say_in_answers_is_passed_over(team):
    config = (
        '{"decode_compressed_response": True, "record_mode": "none", "serializer": "yaml", '
        '"filter_query_parameters": ["key"]}'
    )
    team.write(
        "test_of_vcr.py",
        TEST.replace(
            '{"filter_headers": ["authorization", ("x-key", "GONE")], "filter_query_parameters": ["key"]}',
            config,
        ),
    )

    team.run().assert_outcomes(passed=1)


def test_a_blocked_test_may_connect_nowhere_but_to_hosts_that_are_allowed(project):
    project.write("test_of_vcr.py", """
import os
import socket
from urllib.parse import urlsplit

import pytest
from asking import ask

HERE = urlsplit(os.environ["MODEL"])


@pytest.mark.block_network
def test_asks():
    ask("anything")


@pytest.mark.block_network
def test_connects():
    socket.create_connection((HERE.hostname, HERE.port), 5)


@pytest.mark.block_network(allowed_hosts=["127.0.0.1"])
def test_may():
    socket.create_connection((HERE.hostname, HERE.port), 5).close()


def test_plain():
    assert ask("plain")
""")  # fmt: skip
    result = project.run()
    result.assert_outcomes(failed=2, passed=2)
    assert any("NetworkBlocked: the network is blocked for this test" in line for line in result.stdout.lines)
    assert result.asked == 1
    project.run("--block-network").assert_outcomes(failed=3, passed=1)


def test_bad_cassettes_are_errors_that_name_the_file(team):
    team.write(
        "cassettes/test_of_vcr/test_answered.yaml",
        "interactions: !!python/object/apply:os.getcwd []\nversion: 1\n",
    )

    failed = team.run()
    failed.assert_outcomes(errors=1)
    assert any("test_answered.yaml" in line for line in lines_of(failed)[1])


@pytest.mark.slow
def test_where_pytest_recording_is_installed_the_marks_are_its_own(tmp_path):
    code = """
from types import SimpleNamespace
import importlib.util
import tracefork.testing.plugin.options as options
found = options.find_spec
options.find_spec = lambda name: object() if name == "pytest_recording" else None
print(options.find_other(SimpleNamespace(is_blocked=lambda name: False)))
print(options.find_other(SimpleNamespace(is_blocked=lambda name: True)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    assert done.stdout.split("\n")[:2] == ["recording", ""]


def test_hosts_that_are_ignored_are_asked_for_real_and_are_on_no_tape(project):
    project.write("test_of_ignored.py", """
import pytest
from asking import ask


@pytest.mark.vcr(ignore_localhost=True)
def test_localhost():
    assert ask("a") == "heard a"


@pytest.mark.vcr(ignore_hosts=["127.0.0.1"])
def test_host():
    assert ask("a") == "heard a"
""")  # fmt: skip
    for name in ("test_localhost", "test_host"):
        project.write(f"cassettes/test_of_ignored/{name}.yaml", "interactions: []\nversion: 1\n")

    answered = project.run()
    answered.assert_outcomes(passed=2)
    assert answered.asked == 2


def test_cassettes_of_pytest_vcr_in_one_folder_for_all_modules_are_found(team):
    [cassette] = (team.folder / "cassettes").rglob("*.yaml")
    cassette.rename(team.folder / "cassettes" / cassette.name)

    team.run().assert_outcomes(passed=1)


def test_new_episodes_make_no_tape_of_fixtures_that_ask_nothing(team):
    team.write("conftest.py", """
import pytest


@pytest.fixture(scope="session", autouse=True)
def shared():
    yield
""")  # fmt: skip
    result = team.run("--record-mode=new_episodes")

    result.assert_outcomes(passed=1)
    assert result.asked == 0 and list(team.tapes()) == ["tapes/test_of_vcr/test_answered.tape"]
    assert "nobody asks any more" not in result.stdout.str()


def test_what_is_filtered_since_a_cassette_was_recorded_is_not_stale(team):
    team.write(
        "test_of_vcr.py",
        TEST.replace('"filter_query', '"filter_post_data_parameters": ["model"], "filter_query'),
    )
    result = team.run()

    result.assert_outcomes(passed=1)
    assert "StaleCassette" not in result.stdout.str()


def test_telemetry_that_a_cassette_has_is_answered_from_there_and_other_fails_quietly(project):
    project.write("test_of_telemetry.py", """
import httpx
import pytest


@pytest.mark.vcr
def test_one():
    with httpx.Client(verify=False) as client:
        assert client.post("https://api.openai.com/v1/traces/ingest").text == "kept"
        with pytest.raises(httpx.ConnectError):
            client.post("https://eu.posthog.com/batch/")
""")  # fmt: skip
    kept = [interaction(None, "kept", "POST", "https://api.openai.com/v1/traces/ingest")]
    text = yaml.safe_dump({"interactions": kept, "version": 1})
    project.write("cassettes/test_of_telemetry/test_one.yaml", text)

    project.run().assert_outcomes(passed=1)
