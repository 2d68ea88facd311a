"""`tracefork pin` as a user has it: the test that it writes is run by a pytest of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from pinning import desk_at

import tracefork

ROME = 'lambda result: "Rome" in result'
TEST, TAPE = "tests/tapes/test_booking.py", "tests/tapes/booking.tape"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, command_line):
    """A desk at which the agent has booked a seat to Rome, and the model went home."""
    with desk_at(tmp_path_factory.mktemp("recorded"), command_line) as desk:
        desk.tracefork("run", "--run-id", "first", "agents/book.py", "Rome")
        assert desk.booked == ["Rome"]
        yield desk


@pytest.fixture
def desk(recorded, tmp_path, command_line):
    """A copy of it, of which the model answers still."""
    folder = tmp_path / "desk"
    shutil.copytree(recorded.folder, folder)
    copy = type(recorded)(folder, command_line, recorded.env["MODEL_URL"])
    copy.server = recorded.server
    return copy


def pin(desk, *words, code=0, **env):
    return desk.tracefork("pin", "first", TAPE, *words, code=code, **env)


def refuse(desk, *words, **env):
    """What is said of a pin that is refused, which writes nothing."""
    before = desk.files()
    said = pin(desk, *words, code=2, **env).stderr
    assert desk.files() == before and "Traceback" not in said
    return " ".join(said.split())


# -- what is written ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_pinned_run_passes_from_anywhere_and_moves_with_its_repository(desk, tmp_path):
    printed = pin(desk, "--check", ROME).stdout
    text = desk.read(TEST)

    assert "pytest tests/tapes/test_booking.py" in printed and "2 exchanges" in printed
    assert text.splitlines()[-5:] == [
        "",
        "def test_booking():",
        "    result = hold(TAPE, AGENT)",
        "",
        '    assert "Rome" in result',
    ]
    assert str(desk.folder) not in text and text.count("\n") < 18
    assert "1 passed" in desk.pytest(apart=True)
    moved = tmp_path / "elsewhere with blanks"
    desk.folder.rename(moved)
    elsewhere = tmp_path / "x"
    elsewhere.mkdir()
    desk.folder = moved
    assert "1 passed" in desk.pytest(moved / TEST, cwd=elsewhere, apart=True)
    assert "1 passed" in desk.pytest(TEST, "--import-mode=importlib")
    assert desk.booked == ["Rome"], "no replay books again"


@pytest.mark.slow
def test_it_asks_nobody_and_needs_nothing_but_pytest(desk):
    pin(desk, "--check", ROME)
    asked = len(desk.server.requests)
    missing = dict.fromkeys(["typer", "rich", "jinja2", "starlette", "uvicorn", "hypothesis", "httpx2"])
    desk.write("conftest.py", f"import sys\nsys.modules.update({missing})\n")

    assert "1 passed" in desk.pytest(apart=True)
    assert len(desk.server.requests) == asked


@pytest.mark.slow
def test_a_changed_prompt_fails_with_step_path_and_both_values(desk):
    pin(desk, "--check", ROME)
    desk.edit("agents/wording.py", "a seat", "two seats")
    said = desk.pytest(code=1)

    both = "the tape has 'Book a seat to Rome.', the agent 'Book two seats to Rome.'"
    assert "Divergence: step 0: the agent asked" in said and f"at $.messages[0].content {both}" in said
    assert f"held to {TAPE}. If the change is meant, pytest --tracefork-mode=new" in said
    assert "httpx" not in said and "During handling" not in said, "the client's own frames say nothing"


@pytest.mark.slow
def test_a_check_that_no_longer_holds_fails_with_both_values(desk):
    pin(desk, "--check", ROME)
    desk.edit(TEST, '"Rome" in result', '"Oslo" in result')

    assert "assert 'Oslo' in 'Done: a seat to Rome'" in desk.pytest(code=1)


@pytest.mark.slow
def test_an_agent_that_raises_fails_with_its_own_traceback(desk):
    pin(desk, "--check", ROME)
    desk.edit("agents/book.py", "# here more may follow", 'raise KeyError("seat")')
    said = desk.pytest(code=1)

    assert "KeyError: 'seat'" in said and "agents/book.py" in said


@pytest.mark.slow
def test_the_plugin_records_what_is_new_and_the_test_stays(desk):
    pin(desk)
    test, asked = (desk.folder / TEST).read_text(), len(desk.server.requests)
    desk.edit("agents/wording.py", "a seat", "two seats")

    assert "1 passed" in desk.pytest("--tracefork-mode=new", PYTEST_DISABLE_PLUGIN_AUTOLOAD="")
    assert len(desk.server.requests) > asked and (desk.folder / TEST).read_text() == test
    asked = len(desk.server.requests)
    assert "1 passed" in desk.pytest()
    assert len(desk.server.requests) == asked


@pytest.mark.slow
def test_an_agent_that_stops_early_or_asks_more_fails(desk):
    pin(desk)
    desk.edit(
        "agents/book.py", "    # here more", '        client.post("/v1/messages", json=asked)\n    # here'
    )
    assert "step 2" in desk.pytest(code=1)
    desk.edit("agents/book.py", "\nmain()", "\nprint(1)")
    assert "went on to ask" in desk.pytest(code=1)


@pytest.mark.slow
def test_after_a_change_that_is_meant_the_tape_is_recorded_anew_and_the_test_stays(desk):
    pin(desk, "--check", ROME)
    desk.edit("agents/wording.py", "a seat", "two seats")
    desk.pytest(code=1)
    text = desk.read(TEST)
    desk.tracefork("rerun", TAPE)
    desk.tracefork("export", "last", TAPE, "--force")

    assert "1 passed" in desk.pytest() and desk.read(TEST) == text


def run_ruff(desk, *words):
    said = subprocess.run(
        [sys.executable, "-m", "ruff", words[0], "--isolated", *words[1:], "tests"],
        cwd=desk.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.slow
def test_ruff_has_nothing_to_say(desk):
    rules = ["--never", "delete,pay", "--max-calls", "12", "--max-usd", "0.05", "--order", "book,search"]
    check = (
        """lambda result: "Rome" in result and re.search('se+at "?', result) and json.dumps(result) != 'x'"""
    )
    pin(desk, "--check", check, *rules)
    long = ["--never", ",".join(f"delete_everything_{n}" for n in range(9)), "--at-most", "book=1,pay=0"]
    words = ["agents/../agents/book.py", "Rome", *[f"word-{n}" for n in range(19)]]
    whole = " or ".join(f"len(result) == {n}" for n in range(4))
    pin(desk, "--check", f"lambda result: 'Rome' in result or {whole}", *long, "--test", "tests/test_long.py",
        "--force", "--", *words)  # fmt: skip
    run_ruff(desk, "format", "--diff")
    run_ruff(desk, "check", "--select", "ALL", "--ignore", "ANN,COM812,CPY,D,INP,S101,PLR2004")

    assert "2 passed" in desk.pytest()


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_check_of_which_no_test_can_be_made_is_refused_with_its_place(desk):
    assert "character 16 of the check" in refuse(desk, "--check", "lambda result: 'Rome in result")
    said = refuse(desk, "--check", "lambda result: 'Oslo' in result")
    assert "it does not hold of the result, which is 'Done: a seat to Rome'; failing=True (--failing)" in said
    assert "it raises TypeError" in refuse(desk, "--check", "lambda result: result['city']")
    assert "cannot be imported" in refuse(desk, "--check", "nowhere:check")


@pytest.mark.slow
def test_twice_is_refused_unless_it_is_forced(desk):
    pin(desk, "--check", ROME)
    text = desk.read(TEST)

    assert "booking.tape is there already" in refuse(desk, "--never", "x")
    (desk.folder / TAPE).unlink()
    assert "test_booking.py is there already" in refuse(desk, "--never", "x")
    assert desk.read(TEST) == text
    pin(desk, "--never", "x", "--force")
    assert desk.read(TEST) != text and "1 passed" in desk.pytest()


def test_a_name_that_is_no_good_is_refused(desk):
    said = desk.tracefork("pin", "first", "tapes/aux.tape", code=2).stderr
    assert "not every system allows" in said and desk.files() == ["booked.txt"]


@pytest.mark.slow
def test_the_projects_own_patterns_say_what_is_collected(desk):
    desk.write("pyproject.toml", "[tool.pytest.ini_options]\npython_files = ['check_*.py']\n")

    assert "pytest would not collect test_booking.py: give a test a name such as check_*.py" in refuse(desk)
    pin(desk, "--test", "tests/check_booking.py")
    assert "1 passed" in desk.pytest()


@pytest.mark.slow
def test_two_tests_of_one_name_would_be_taken_for_each_other(desk):
    desk.write("tests/old/test_booking.py", "def test(): pass\n")
    desk.write("pytest.ini", "[pytest]\n")

    assert "pytest would take test_booking.py for" in refuse(desk)
    desk.write("pytest.ini", "[pytest]\naddopts = --import-mode=importlib\n")
    pin(desk)
    assert "2 passed" in desk.pytest()


@pytest.mark.slow
def test_a_file_name_of_any_kind_gets_a_test_of_its_own(desk):
    for name in ("Book a seat — Rome!.tape", "test_once.tape", "2026.tape", "ü.tape"):
        desk.tracefork("pin", "first", f"tests/{name}")

    assert [f for f in desk.files() if f.endswith(".py")] == [
        "tests/test_2026.py",
        "tests/test_book_a_seat_rome.py",
        "tests/test_once.py",
        "tests/test_ü.py",
    ]
    assert "4 passed" in desk.pytest()


@pytest.mark.slow
def test_an_agent_that_does_not_do_it_again_is_refused(desk):
    desk.edit("agents/wording.py", "a seat", "two seats")

    said = refuse(desk, "--check", ROME)
    assert "the run does not happen again: step 0" in said and "two seats" in said
    desk.edit("agents/wording.py", "two seats", "a seat")
    desk.edit("agents/book.py", "# here more may follow", "raise KeyError(1)")
    assert "it raises KeyError" in refuse(desk)


@pytest.mark.slow
def test_a_script_that_is_gone_and_a_run_that_nobody_started_are_refused(desk):
    assert "no script 'nothing.py'" in refuse(desk, "--", "nothing.py")
    with tracefork.record(desk.folder / "runs.db", run_id="library") as run:
        run.call("pay", len, "abc")
    said = desk.tracefork("pin", "library", TAPE, code=2).stderr
    assert "--agent" in said


@pytest.mark.slow
def test_a_run_that_never_ended_is_refused(desk):
    desk.edit("agents/book.py", "# here more may follow", '__import__("os")._exit(9)')
    desk.tracefork("run", "--run-id", "dead", "agents/book.py", "Rome", code=9)

    assert "resume it first" in desk.tracefork("pin", "dead", TAPE, code=2).stderr


# -- failing runs ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_failed_run_is_a_test_that_fails_until_the_agent_is_mended(desk):
    check = 'lambda result: result.startswith("Booked")'
    assert "does not hold" in refuse(desk, "--check", check)
    printed = pin(desk, "--check", check, "--failing").stdout
    assert "fails until the agent is mended" in printed
    said = desk.pytest(code=1)
    assert "startswith" in said and "Done: a seat to Rome" in said

    desk.edit("agents/wording.py", "Book a seat", "Say that you have Booked, and book a seat")
    assert "$.messages[0].content" in desk.pytest(code=1), "the mended prompt is on no tape yet"
    desk.edit("agents/wording.py", "Say that you have Booked, and book a seat", "Booked? Book a train")
    desk.edit("agents/book.py", 'f"a seat to {city}"', '"x"')
    desk.tracefork("rerun", TAPE)
    desk.tracefork("export", "last", TAPE, "--force")
    desk.edit(TEST, '"Booked"', '"Done"')
    assert "1 passed" in desk.pytest()


@pytest.mark.slow
def test_a_run_that_raised_is_pinned_as_failing_and_passes_once_it_returns(desk):
    desk.edit("agents/book.py", "# here more may follow", 'raise KeyError("seat")')
    desk.tracefork("run", "--run-id", "raised", "agents/book.py", "Rome", code=1)
    said = desk.tracefork("pin", "raised", TAPE, code=2).stderr
    assert "it raised KeyError" in said and "--failing" in said

    desk.tracefork("pin", "raised", TAPE, "--failing", "--check", ROME)
    assert "KeyError: 'seat'" in desk.pytest(code=1)
    desk.edit("agents/book.py", 'raise KeyError("seat")', "")
    assert "1 passed" in desk.pytest(), "it asks what it asked, and returns now"


@pytest.mark.slow
def test_what_does_not_fail_is_not_pinned_as_failing(desk):
    assert "nothing fails" in refuse(desk, "--check", ROME, "--failing")
    assert "nothing fails" in refuse(desk, "--failing")


# -- policies -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_policy_is_held_beside_the_tape_and_alone(desk):
    assert "book never may be" in refuse(desk, "--never", "book").replace("\n", " ")
    pin(desk, "--never", "delete", "--max-calls", "2", "--max-usd", "0.01")
    assert 'POLICY = policy(never=["delete"], max_calls=2, max_usd=0.01)' in desk.read(TEST)
    assert "1 passed" in desk.pytest()
    desk.edit(TEST, '"delete"', '"book"')
    assert "PolicyBroken: step 0: book(city=" in desk.pytest(code=1)

    pin(desk, "--only-policy", "--never", "delete", "--force")
    desk.edit("agents/wording.py", "a seat", "two seats")
    assert "hold(load(TAPE))" in desk.read(TEST) and "1 passed" in desk.pytest()
    assert "needs a policy" in refuse(desk, "--only-policy", "--test", "tests/test_x.py", "--force")


@pytest.mark.slow
def test_a_failing_policy_is_pinned_as_failing(desk):
    pin(desk, "--never", "book", "--failing")
    assert "PolicyBroken" in desk.pytest(code=1)


@pytest.mark.slow
def test_rules_and_prices_come_from_files(desk):
    desk.write("rules.toml", 'must = ["book"]\n[arguments.book]\ncity = "Rome"\n')
    table = {"as_of": "2026-11-30", "models": {"claude-sonnet-4-5": {"input": 1, "output": 1}}}
    desk.write("tests/prices.json", json.dumps(table))
    pin(desk, "--rules", "rules.toml", "--prices", "tests/prices.json", "--max-usd", "0.5")

    text = desk.read(TEST)
    assert (
        'arguments={"book": {"city": "Rome"}}' in text
        and 'prices.load(Path(__file__).parents[1] / "prices.json")' in text
    )
    assert "1 passed" in desk.pytest()


# -- functions, streams, forks, secrets -----------------------------------------------------------


@pytest.fixture
def library(desk):
    """Runs of functions, in a project whose tests find its modules."""
    code = "import sys; sys.path.insert(0, '.'); import asyncio, travel, tracefork\n" + "\n".join(
        f"with tracefork.record('runs.db', run_id={name!r}): {call}"
        for name, call in (("travel", "travel.travel()"), ("fly", "asyncio.run(travel.fly())"))
    )
    code += "\ntry:\n    with tracefork.record('runs.db', run_id='fail'): travel.fail()\n"
    code += "except ValueError: pass\n"
    subprocess.run([sys.executable, "-c", code], cwd=desk.folder, env=desk.env, check=True)
    desk.write("pytest.ini", "[pytest]\npythonpath = .\n")
    return desk


@pytest.mark.slow
def test_a_function_is_imported_and_its_result_is_what_it_returned(library):
    library.tracefork(
        "pin", "travel", "tests/t.tape", "--agent", "travel:travel", "--check", "lambda r: r['said']"
    )
    text = library.read("tests/test_t.py")

    assert (
        "from travel import travel" in text
        and "r = hold(TAPE, travel)" in text
        and 'assert r["said"]' in text
    )
    assert "1 passed" in library.pytest()
    library.edit("travel.py", "Say something", "Say nothing")
    assert "'Say something.', the agent 'Say nothing.'" in library.pytest(code=1)


@pytest.mark.slow
def test_an_asynchronous_agent_that_streams_and_a_check_by_its_path(library):
    library.tracefork(
        "pin", "fly", "tests/f.tape", "--agent", "travel:fly", "--check", "lambda lines: len(lines) > 3"
    )
    library.tracefork(
        "pin", "travel", "tests/t.tape", "--agent", "travel:travel", "--check", "travel:is_long"
    )

    assert "assert is_long(result, tape)" in library.read("tests/test_t.py")
    assert "2 passed" in library.pytest()


@pytest.mark.slow
def test_names_that_a_test_needs_itself_are_given_way(library):
    library.tracefork(
        "pin", "travel", "tests/t.tape", "--agent", "travel:travel", "--check", "lambda travel: travel"
    )

    text = library.read("tests/test_t.py")
    assert "from travel import travel as agent" in text and "travel = hold(TAPE, agent)" in text
    assert "1 passed" in library.pytest()


@pytest.mark.slow
def test_a_function_that_raised_is_pinned_as_failing(library):
    library.tracefork("pin", "fail", "tests/f.tape", "--agent", "travel:fail", "--failing")
    assert "ValueError: no seat: Done: Fail." in library.pytest(code=1)
    library.edit("travel.py", "raise ValueError(", "return (")
    assert "1 passed" in library.pytest()


@pytest.mark.slow
def test_a_module_that_pytest_does_not_find_is_refused(library):
    words = ("pin", "travel", "tests/t.tape", "--agent", "travel:travel")
    library.write("pytest.ini", "[pytest]\n")
    said = " ".join(library.tracefork(*words, code=2).stderr.split())
    assert "travel is found in" in said and 'pythonpath = ["."]' in said
    library.write("tests/conftest.py", "")
    library.tracefork(*words, code=2)

    library.write("conftest.py", "")
    library.tracefork(*words)
    assert "1 passed" in library.pytest()
    library.write("pytest.ini", "[pytest]\naddopts = --import-mode=importlib\n")
    library.tracefork(*words, "--force", code=2)


@pytest.mark.slow
def test_a_fork_and_a_rerun_are_pinned_as_they_went(desk):
    desk.tracefork("fork", "first", "--at", "1", "--text", "Rome it is.")
    desk.tracefork("pin", "last", TAPE, "--check", 'lambda result: result == "Rome it is."')

    assert "1 passed" in desk.pytest()
    assert desk.booked == ["Rome"]


@pytest.mark.slow
def test_no_secret_is_written(desk):
    key = "kx-8f3b2a91c7d64e05a1"
    env = {"BOOKING_API_KEY": key}
    desk.edit("agents/book.py", "wish(sys.argv[1])", "wish(sys.argv[1]) + str(len(sys.argv[2]))")
    desk.tracefork("run", "--run-id", "keyed", "agents/book.py", "Rome", key, **env)
    desk.tracefork("pin", "keyed", TAPE, **env)
    text = desk.read(TEST)

    assert "[secret:BOOKING_API_KEY]" in text and key not in text
    assert key.encode() not in (desk.folder / TAPE).read_bytes()
    assert "1 passed" in desk.pytest(**env)
    again = ("pin", "keyed", "tests/other.tape", "--", "agents/book.py", "Rome", key)
    desk.tracefork(*again, **env)
    assert key not in desk.read("tests/test_other.py")
    wrong = ("pin", "keyed", "tests/x.tape", "--check", f"lambda r: {key!r} not in r")
    said = desk.tracefork(*wrong, code=2, **env).stderr
    assert "a secret stands in what the test would say" in " ".join(said.split()) and key not in said


@pytest.mark.slow
def test_two_scripts_with_modules_of_one_name_do_not_meet(desk):
    desk.write(
        "other/wording.py", 'import os\nos.environ["LEFT"] = "1"\ndef wish(city): return f"Book {city}"\n'
    )
    desk.write("other/book.py", desk.read("agents/book.py"))
    desk.tracefork("run", "--run-id", "other", "other/book.py", "Oslo")
    pin(desk, "--check", ROME)
    desk.tracefork("pin", "other", "tests/tapes/other.tape", "--check", 'lambda result: "Oslo" in result')
    desk.write("tests/tapes/test_between.py", "import os\ndef test(): assert 'LEFT' not in os.environ\n")
    desk.write("tests/tapes/wording.py", "wish = None\n")
    desk.write("tests/tapes/test_a.py", "import wording\n\ndef test(): assert wording.wish is None\n")
    desk.write("tests/tapes/test_z.py", "import wording\n\ndef test(): assert wording.wish is None\n")

    assert "5 passed" in desk.pytest()


@pytest.mark.slow
def test_a_module_is_pinned_too(desk):
    shutil.copy(desk.folder / "agents/wording.py", desk.folder / "wording.py")
    desk.write("shop/__init__.py", "")
    desk.write("shop/__main__.py", desk.read("agents/book.py"))
    desk.tracefork("run", "--run-id", "module", "-m", "shop", "Rome")
    desk.tracefork("pin", "module", TAPE, "--check", ROME)

    assert 'script("-m", "shop", "Rome", cwd=' in desk.read(TEST)
    assert "1 passed" in desk.pytest()


ASK = """
import json, os
from urllib.request import Request, urlopen

body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi."}]}).encode()
url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
answer = urlopen(Request(url, body, {"content-type": "application/json"}))
print(json.loads(answer.read())["content"][0]["text"])
"""


@pytest.mark.slow
def test_a_command_behind_the_gateway_is_pinned(desk):
    desk.write("ask.py", ASK)
    env = {"ANTHROPIC_BASE_URL": desk.env["MODEL_URL"]}
    desk.tracefork("run", "--run-id", "cmd", "--gateway", "--", sys.executable, "ask.py", **env)
    desk.tracefork("pin", "cmd", TAPE, "--check", 'lambda result: "Hi" in result', **env)

    assert "AGENT = command(" in desk.read(TEST)
    assert "1 passed" in desk.pytest(apart=True)
    desk.edit("ask.py", "Hi.", "Bye.")
    assert "'Hi.', the agent 'Bye.'" in desk.pytest(code=1, apart=True)
