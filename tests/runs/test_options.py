"""What a run is told is said once, for Python, type checkers and the shell, and is kept with the run."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from importlib import import_module

import httpx
import pytest
from attrs import fields
from typer.main import get_group
from typer.testing import CliRunner

import tracefork
from tracefork.cli import app as cli
from tracefork.core import notes
from tracefork.errors import CorruptTape
from tracefork.runs.api import cut
from tracefork.runs.options import KEPT, Options, RecordOptions, ReplayOptions, RunOptions, TailOptions
from tracefork.session.passthrough import LOOKUPS, TELEMETRY, pattern

model = httpx.Client(transport=httpx.MockTransport(lambda r: httpx.Response(200, content=r.content)))
URL = "https://m.example/"


def hints(kind):
    return kind.__annotations__.keys()


def test_the_typed_dicts_hold_what_the_value_holds_and_nothing_else():
    known = {a.name for a in fields(Options)}
    assert hints(RecordOptions) | hints(TailOptions) == known
    assert hints(RunOptions) < hints(ReplayOptions) < hints(TailOptions)


@pytest.mark.parametrize(
    ("verb", "kind"),
    [
        (tracefork.record, RecordOptions),
        (tracefork.replay, ReplayOptions),
        (tracefork.verify, ReplayOptions),
        (tracefork.averify, ReplayOptions),
        (tracefork.resume, TailOptions),
        (tracefork.fork, TailOptions),
        (cut, TailOptions),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_help_lists_the_options_with_their_defaults(verb, kind):
    parameters = inspect.signature(verb).parameters
    defaults = {a.name: a.default for a in fields(Options)}

    assert hints(kind) <= parameters.keys()
    assert all(parameters[name].default == defaults[name] for name in hints(kind))
    assert not any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def test_each_option_is_described():
    text = inspect.getdoc(Options)
    assert all(f"{a.name}:" in text for a in fields(Options))


@pytest.mark.parametrize(
    "verb", [tracefork.replay, tracefork.resume, lambda t, **o: tracefork.fork(t, 0, **o)]
)
def test_an_option_that_there_is_not_is_refused(verb):
    with tracefork.record() as run:
        model.post(URL, content="a")
    with pytest.raises(TypeError, match="colour"):
        verb(run.tape, colour=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": "planet"},
        {"max_body": -1},
        {"max_body": "many"},
        {"virtualize": "dice"},
        {"processes": "later"},
        {"order": "none"},
        {"nested": "both"},
        {"durability": "eternal"},
        {"passthrough": ["  "]},
        {"passthrough": ["PO ST host/"]},
        {"ignore": ["user"]},
        {"ignore": ["$.a"], "matcher": len},
    ],
    ids=str,
)
def test_a_value_that_an_option_cannot_have_is_refused_at_once(wrong):
    with pytest.raises((ValueError, TypeError)):
        tracefork.record(**wrong)


def asks(body, headers=None):
    return lambda: model.post(URL, json=body, headers=headers)


def test_what_is_ignored_is_ignored_in_a_replay_that_is_not_told():
    with tracefork.record(ignore="$.user") as run:
        asks({"user": 1, "q": "x"})()

    verdict = tracefork.verify(run.tape, asks({"user": 2, "q": "x"}))
    assert verdict.ok and verdict.recorded == verdict.replayed
    assert not tracefork.verify(run.tape, asks({"user": 1, "q": "y"})).ok
    assert not tracefork.verify(run.tape, asks({"user": 2, "q": "x"}), ignore=()).ok


def test_a_divergence_names_no_place_that_is_ignored():
    with tracefork.record(ignore=["$.user", "$.items[*].id", "/[0-9]+ ms/"]) as run:
        asks({"user": 1, "items": [{"id": 1, "q": "took 5 ms"}, {"id": 2, "q": "x"}]})()

    other = {"user": 2, "items": [{"id": 3, "q": "took 70 ms"}, {"id": 4, "q": "y"}]}
    found = tracefork.verify(run.tape, asks(other)).divergence

    assert (found.path, found.difference.recorded, found.difference.asked) == ("$.items[1].q", "'x'", "'y'")


def test_a_pattern_is_left_out_of_every_text_and_of_nothing_else():
    with tracefork.record(ignore=["/Today is [0-9-]+/"]) as run:
        asks({"q": ["x", {"text": "Today is 2026-11-30. Write."}]})()

    assert tracefork.verify(run.tape, asks({"q": ["x", {"text": "Today is 2027-01-01. Write."}]})).ok
    assert not tracefork.verify(run.tape, asks({"q": ["x", {"text": "Today is 2027-01-01. Read."}]})).ok
    with pytest.raises(ValueError, match="no pattern"):
        tracefork.record(ignore="/(/")


def test_a_branch_keeps_the_options_of_its_parent(tmp_path):
    with tracefork.record(ignore="$.user", allow="h:1", max_body=9_000, processes="refuse") as run:
        asks({"user": 1, "q": "x"})()
    with tracefork.fork(run.tape, 0, store=tmp_path / "runs.db", run_id="b"):
        asks({"user": 2, "q": "x"})()
    with tracefork.TapeStore.open(tmp_path / "runs.db") as store:
        tape = store.load("b")

    kept = notes.read_options(tape.meta)
    assert kept == {"ignore": ["$.user"], "allow": ["h:1"], "max_body": 9_000, "processes": "refuse"}


def test_a_run_with_the_default_options_keeps_no_note_of_them():
    with tracefork.record() as run:
        pass
    assert notes.OPTIONS not in run.tape.meta


@pytest.mark.parametrize(
    "said", ['{"allow": 7}', '{"allow": [7]}', '{"max_body": "x"}', '{"processes": "x"}', '{"ignore": ["x"]}']
)
def test_options_of_a_tape_that_make_no_sense_are_damage(said):
    with pytest.raises(CorruptTape, match="options"):
        tracefork.replay(tracefork.Tape(meta={notes.OPTIONS: said}))


@pytest.mark.parametrize(
    ("note", "said"), [(notes.WRAPPED, '["x y"]'), (notes.WRAPPED, '["a.b"]'), (notes.VIRTUALIZED, "colour")]
)
def test_nor_do_other_notes_of_what_is_applied_again(note, said):
    for verb in (tracefork.replay, tracefork.resume):
        with pytest.raises(CorruptTape, match="options"):
            verb(tracefork.Tape(meta={note: said}))


@pytest.mark.parametrize("said", ["[]", "{", "7", '{"colour": 1}'])
def test_what_is_no_options_at_all_is_passed_over(said):
    with tracefork.replay(tracefork.Tape(meta={notes.OPTIONS: said})):
        pass


@pytest.mark.parametrize("most", [3, 10_000])
def test_a_replay_knows_how_much_of_a_body_was_kept(most):
    terse = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, text="ok")))
    with tracefork.record(max_body=most) as run:
        terse.post(URL, content="x" * 100)
    with tracefork.replay(run.tape) as again:
        terse.post(URL, content="x" * 100)

    assert again.tape[0].request == run.tape[0].request
    assert (run.tape[0].request.omitted is None) == (most > 100)


# -- what is part of a question ------------------------------------------------------------


@pytest.mark.parametrize("name", ["Range", "If-None-Match", "If-Modified-Since"])
def test_conditions_of_a_request_are_part_of_the_question(name):
    with tracefork.record() as run:
        asks({}, {name: "one"})()
    assert tracefork.verify(run.tape, asks({}, {name: "one"})).ok

    verdict = tracefork.verify(run.tape, asks({}, {name: "other"}))
    assert verdict.divergence.path == f"headers.{name.lower()}"


# -- what is none of the agent's ------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "url", "passes"),
    [
        ("POST", "https://eu.i.posthog.com/batch/", True),
        ("POST", "https://us.i.posthog.com/flags/?v=2", False),
        ("POST", "https://app.posthog.com/decide/?v=3", False),
        ("POST", "https://app.posthog.com/api/projects/1/query/", False),
        ("POST", "https://o1.ingest.us.sentry.io/api/7/envelope/", True),
        ("GET", "https://us.sentry.io/api/0/organizations/o/issues/", False),
        ("POST", "https://cloud.langfuse.com/api/public/ingestion", True),
        ("POST", "https://cloud.langfuse.com/api/public/otel/v1/traces", True),
        ("GET", "https://cloud.langfuse.com/api/public/v2/prompts/router", False),
        ("POST", "https://api.smith.langchain.com/runs/multipart", True),
        ("PATCH", "https://api.smith.langchain.com/runs/7", True),
        ("POST", "https://api.smith.langchain.com/runs/query", False),
        ("GET", "https://api.smith.langchain.com/commits/o/p/latest", False),
        ("POST", "https://http-intake.logs.datadoghq.com/api/v2/logs", True),
        ("POST", "https://api.datadoghq.com/api/v2/series", True),
        ("GET", "https://api.datadoghq.com/api/v1/query?query=avg:cpu", False),
        ("POST", "https://api.datadoghq.com/api/v2/logs/events/search", False),
        ("POST", "https://api.honeycomb.io/1/events/data", True),
        ("POST", "https://api.honeycomb.io/1/queries/data", False),
        ("POST", "https://api.segment.io/v1/track", True),
        ("POST", "https://telemetry.crewai.com:4319/v1/traces", True),
        ("POST", "https://api.openai.com/v1/traces/ingest", True),
        ("POST", "http://localhost:4318/v1/traces", True),
        ("POST", "http://otel-collector.svc:4318/v1/logs", True),
        ("PUT", "http://127.0.0.1:8126/v0.5/traces", True),
        ("GET", "http://localhost:4318/v1/traces", False),
        ("GET", "https://huggingface.co/api/agent-harnesses", True),
        ("GET", "https://huggingface.co/api/models", False),
        ("GET", "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken", True),
        ("POST", "https://shop.example/v1/logs", False),
        ("POST", "https://api.openai.com/v1/responses", False),
    ],
)
def test_of_a_telemetry_vendor_only_what_is_sent_there_to_report_is_passed_over(method, url, passes):
    with tracefork.record() as run:
        model.request(method, url)
    assert len(run.tape) == (not passes)


def test_each_default_pattern_is_of_a_method_and_a_path():
    for text in TELEMETRY:
        one = pattern(text)
        assert one.method in (("GET",) if text in LOOKUPS else ("POST", "PUT", "PATCH")) and one.path


def test_a_pattern_takes_what_it_says():
    assert pattern("m.example").takes("GET", "m.example", "/any/path")
    assert pattern("m.example/*").takes_all_of("m.example")
    assert not pattern("POST m.example").takes_all_of("m.example")
    assert pattern("post *.example/a*").takes("POST", "m.example", "/abc")
    assert not pattern("POST *.example/a*").takes("GET", "m.example", "/abc")


# -- in the shell ----------------------------------------------------------------------------

SCRIPT = """
import sys, httpx
client = httpx.Client(transport=httpx.MockTransport(lambda r: httpx.Response(200)))
client.post("https://m.example/", json={"user": len(sys.argv), "q": "x"})
try:
    client.post("https://other.example/beat", json={"n": len(sys.argv)})
except httpx.ConnectError:
    pass
"""


def shell(path, *words):
    command = [sys.executable, "-m", "tracefork", *words]
    wide = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        command, cwd=path, capture_output=True, text=True, check=False, timeout=60, env=wide
    )


@pytest.mark.slow
def test_options_are_given_to_run_and_kept_for_the_rest(tmp_path):
    (tmp_path / "agent.py").write_text(SCRIPT)
    ran = shell(tmp_path, "run", "--ignore", "$.user", "--passthrough", "POST other.example/beat", "agent.py")
    assert ran.returncode == 0, ran.stderr

    verified = shell(tmp_path, "verify", "last", "agent.py", "more")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "1 of 1" in verified.stdout

    told = shell(tmp_path, "verify", "--ignore", "$.q", "last", "agent.py", "more")
    assert told.returncode == 1


@pytest.mark.slow
def test_a_run_over_nothing_has_an_exit_code_of_its_own(tmp_path):
    (tmp_path / "agent.py").write_text("")
    shell(tmp_path, "run", "agent.py")
    verified = shell(tmp_path, "verify", "last")
    assert verified.returncode == 3 and "nothing to vouch for" in verified.stdout


def test_every_command_explains_itself():
    assert set(COMMANDS) == set(cli.COMMANDS)
    runner = CliRunner()
    for words in [[], *([command] for command in COMMANDS)]:
        told = runner.invoke(cli.app, [*words, "--help"])
        assert told.exit_code == 0 and "Usage" in told.output, words


def test_the_list_of_commands_tells_what_each_tells_of_itself():
    for name, (module, summary) in cli.COMMANDS.items():
        command = get_group(import_module(f"tracefork.cli.{module}").commands).commands[name]

        assert " ".join(command.help.partition("\n\n")[0].split()) == summary


def test_help_and_version_import_nothing_that_only_commands_need():
    code = (
        "import sys; sys.argv = ['tracefork', '--version']\n"
        "from tracefork.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*[name for name in sys.modules if name.startswith('tracefork.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not re.search(r"tracefork\.(session|store|report|attribution|codec|errors)\b", done.stdout)


COMMANDS = set(
    """
    demo run ls show verify fork rerun resume blame report serve validate check diff import export salvage gc
    delete group compare
    scrub calibrate gateway workspace textconv git pin policy
    """.split()
)


@pytest.mark.slow
def test_every_kept_option_can_be_given_in_the_shell(tmp_path):
    for command in ("run", "verify", "fork", "resume"):
        shown = shell(tmp_path, command, "--help").stdout
        for name in KEPT.keys() - ({"max_body"} if command != "run" else set()):
            assert f"--{name.replace('_', '-')}" in shown, (command, name)
    shown = shell(tmp_path, "calibrate", "--help").stdout
    for name in KEPT.keys() - {"ignore"}:  # which it finds
        assert f"--{name.replace('_', '-')}" in shown, name
