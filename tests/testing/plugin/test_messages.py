"""A test whose run fails is one failure, and its line in the summary is the sentence of what happened."""

import re

import pytest
from plugin_project import lines_of

CHANGED = (
    "Divergence: step 0, $.messages[0].content: the tape has 'as ever', the test asks 'otherwise'; "
    "if that is meant, record what is new, and keep the rest: pytest --tracefork-mode=new"
)
CASES = {
    "a changed prompt": (
        "ask(PROMPT)",
        f"{CHANGED} test_of_one.py::test_one",
    ),
    "one that is swallowed": (
        """try:
        ask(PROMPT)
    except Exception:
        pass""",
        CHANGED,
    ),
    "one that is swallowed, and the test's own assertion fails of it": (
        """try:
        said = ask(PROMPT)
    except Exception:
        said = None
    assert said is not None""",
        CHANGED,
    ),
    "one that an SDK wraps": (
        """try:
        ask(PROMPT)
    except Exception as exc:
        raise RuntimeError("Connection error.") from exc""",
        CHANGED,
    ),
    "another address": (
        "httpx.get(URL + PROMPT.replace(' ', ''))",
        "Divergence: step 0, url: the tape has '",
    ),
    "more than was recorded": (
        """ask("a")
    if PROMPT == "otherwise":
        ask("b")""",
        "Divergence: step 1: the tape ends, and the test asks POST http://127.0.0.1:",
    ),
    "less than was recorded": (
        """ask("a")
    if PROMPT == "as ever":
        ask("b")
        ask("c")""",
        "Unfinished: step 1: 2 recorded questions were not asked, first POST http://127.0.0.1:",
    ),
    "a client that no run records": (
        """import socket
    if PROMPT == "as ever":
        ask("a")
    else:
        socket.create_connection(("127.0.0.1", 9))""",
        "Refused: refused to connect to 127.0.0.1:9 during replay, from /",
    ),
    "a question that never comes": (
        """import threading
    first = threading.Event()

    def other():
        if PROMPT == "as ever":
            ask("of the thread")
        first.set()

    thread = threading.Thread(target=other, name="other")
    thread.start()
    thread.join()
    ask("of the test")""",
        "Stalled: step 0: waited 0.3 s for POST http://127.0.0.1:",
    ),
}  # fmt: skip
TEST = """
import threading

import httpx
import pytest
from asking import PROMPT, URL, ask


@pytest.mark.tracefork(patience=0.3)
def test_one():
    {}
"""


@pytest.mark.parametrize("case", CASES)
def test_a_replay_that_fails_is_one_failure_with_its_sentence(project, case):
    body, sentence = CASES[case]
    project.write("test_of_one.py", TEST.format(body))
    project.run("--tracefork-mode=all").assert_outcomes(passed=1)

    failed = project.run(prompt="otherwise")
    failed.assert_outcomes(failed=1)
    _, summary = lines_of(failed)
    assert len(summary) == 1 and summary[0].startswith(f"FAILED test_of_one.py::test_one - {sentence}")
    assert failed.asked == 0


@pytest.mark.parametrize("workers", [(), pytest.param(("-n1",), marks=pytest.mark.slow)])
def test_what_is_printed_has_the_lines_of_the_test_and_none_of_a_librarys(project, workers):
    project.write("test_of_one.py", TEST.format("ask(PROMPT)"))
    project.run("--tracefork-mode=once")

    printed, summary = lines_of(project.run(*workers, prompt="otherwise", apart=bool(workers)))
    assert len(summary) == 1 and "Divergence: step 0" in summary[0]
    assert any(line.startswith(">") and "ask(PROMPT)" in line for line in printed)
    assert any(line.startswith(">") and "client.post(URL" in line for line in printed)
    assert not any("site-packages" in line or "handle_request" in line for line in printed)


def test_a_fixture_that_asks_otherwise_is_one_error(project):
    project.write("test_of_one.py", """
import pytest
from asking import PROMPT, ask


@pytest.fixture
def opened():
    yield ask(PROMPT)
    ask("close")


@pytest.mark.tracefork
def test_one(opened):
    ask("the test")
""")  # fmt: skip
    project.run("--tracefork-mode=once").assert_outcomes(passed=1)

    failed = project.run(prompt="otherwise")
    failed.assert_outcomes(errors=1)
    _, summary = lines_of(failed)
    assert len(summary) == 1 and "Divergence: step 0, $.messages[0].content" in summary[0]


def test_what_a_fixture_leaves_unasked_at_its_end_is_an_error_there(project):
    project.write("test_of_one.py", """
import pytest
from asking import PROMPT, ask


@pytest.fixture
def opened():
    yield ask("open")
    if PROMPT == "as ever":
        ask("close")


@pytest.mark.tracefork
def test_one(opened):
    ask("the test")
""")  # fmt: skip
    project.run("--tracefork-mode=once").assert_outcomes(passed=1)

    failed = project.run(prompt="otherwise")
    failed.assert_outcomes(passed=1, errors=1)
    _, summary = lines_of(failed)
    assert len(summary) == 1 and "Unfinished: step 2: a recorded question" in summary[0]


def test_a_test_that_fails_by_itself_does_so_once(project):
    project.write("test_of_one.py", TEST.format('ask("a")\n    assert PROMPT == "as ever"\n    ask("b")'))
    project.run("--tracefork-mode=once").assert_outcomes(passed=1)

    failed = project.run(prompt="otherwise")
    failed.assert_outcomes(failed=1)
    _, summary = lines_of(failed)
    assert len(summary) == 1 and "assert 'otherwise' == 'as ever'" in summary[0]


def test_what_is_skipped_or_expected_to_fail_stays_so(project):
    project.write("test_of_one.py", """
import pytest
import tracefork
from asking import PROMPT, ask

pytestmark = pytest.mark.tracefork


def test_skipped():
    ask("a")
    if PROMPT == "otherwise":
        pytest.skip("not today")
    ask("b")


@pytest.mark.xfail(raises=tracefork.Divergence, condition=PROMPT == "otherwise", reason="meant")
def test_expected():
    ask(PROMPT)


def test_divergences_of_its_own():
    with tracefork.record() as run:
        pass
    with pytest.raises(tracefork.errors.Unfinished):
        raise tracefork.errors.Unfinished(("q",), 0)
    assert ask("c")
""")  # fmt: skip
    project.run("--tracefork-mode=once").assert_outcomes(passed=3)

    project.run(prompt="otherwise").assert_outcomes(passed=1, skipped=1, xfailed=1)


def test_a_missing_tape_is_an_error_when_the_test_asks_and_says_how_to_record_it(one):
    one.write(
        "test_of_two.py", "import pytest\n\n\n@pytest.mark.tracefork\ndef test_asks_nothing():\n    pass\n"
    )

    failed = one.run()
    failed.assert_outcomes(failed=1, passed=1)
    _, [line] = lines_of(failed)
    missing = "MissingTape: there is no tape tapes/test_of_one/test_asks.tape"
    assert f"{missing}, and the test asks POST http://" in line
    assert line.endswith("to record it: pytest --tracefork-mode=once test_of_one.py::test_asks")
    assert failed.asked == 0 and one.tapes() == {}
    one.run("--tracefork-mode=once").assert_outcomes(passed=2)
    assert list(one.tapes()) == ["tapes/test_of_one/test_asks.tape"]


def test_what_is_asked_without_a_tape_is_named_without_its_secrets(project, monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", "sk-topsecret-000111222333444")
    project.write("test_of_secrets.py", """
import os

import httpx
import pytest
from asking import URL


@pytest.mark.tracefork
def test_one():
    httpx.get(f"{URL}?word={os.environ['SHOP_API_KEY']}&api_key=abcdef0123456789")


@pytest.mark.block_network
def test_two():
    httpx.get(f"{URL}?word={os.environ['SHOP_API_KEY']}&api_key=abcdef0123456789")
""")  # fmt: skip

    failed = project.run("--tb=no")  # the lines of the test have one of them
    failed.assert_outcomes(failed=2)
    printed = failed.stdout.str()
    assert printed.count("?word=[secret:SHOP_API_KEY]&api_key=[secret:api_key]") >= 2
    assert not re.search("topsecret|abcdef0123", printed)


def test_a_damaged_tape_is_an_error_that_names_the_file(one):
    one.run("--tracefork-mode=once")
    place = one.folder / "tapes/test_of_one/test_asks.tape"
    data = place.read_bytes()
    place.write_bytes(data[:-20] + bytes(20))

    failed = one.run()
    failed.assert_outcomes(errors=1)
    _, [line] = lines_of(failed)
    assert "test_asks.tape" in line
    assert place.read_bytes() == data[:-20] + bytes(20)


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("tracefork(moed='once')", "there is no option moed"),
        ("tracefork(mode='sometimes')", "a mode is one of none, once, new, all, rewrite, not 'sometimes'"),
        ("tracefork('a.tape')", "takes keywords"),
    ],
)
def test_a_mark_that_says_what_nobody_knows_is_an_error_that_names_the_test(project, mark, words):
    project.write("test_of_one.py", f"import pytest\n\n\n@pytest.mark.{mark}\ndef test_one():\n    pass\n")

    failed = project.run()
    failed.assert_outcomes(errors=1)
    assert any(words in line and "test_of_one.py::test_one" in line for line in failed.stdout.lines)


def test_a_verdict_explains_itself(project):
    project.write("test_of_one.py", """
import tracefork
from asking import PROMPT, ask


def test_verdict():
    with tracefork.record() as run:
        ask("as ever")
    assert tracefork.verify(run.tape, lambda: ask("otherwise"))


def test_compared():
    with tracefork.record() as run:
        ask("as ever")
    assert tracefork.verify(run.tape, lambda: ask("otherwise")) == True


def test_tapes():
    with tracefork.record() as one:
        ask("as ever")
    with tracefork.record() as other:
        ask("otherwise")
    assert one.tape == other.tape
""")  # fmt: skip
    failed = project.run()
    failed.assert_outcomes(failed=3)
    text = "\n".join(failed.stdout.lines)
    assert text.count("the tape has 'as ever', the agent 'otherwise'") >= 2
    assert "step 0, $.messages[0].content: 'as ever' | 'otherwise'" in text


def test_subtests_of_a_run_that_failed_are_no_further_failure(project):
    pytest.importorskip("_pytest.subtests")
    project.write("test_of_one.py", """
import pytest
from asking import PROMPT, ask


@pytest.mark.tracefork
def test_one(subtests):
    with subtests.test("asks"):
        ask(PROMPT)
    with subtests.test("does not"):
        pass
""")  # fmt: skip
    project.run("--tracefork-mode=once")

    _, summary = lines_of(project.run(prompt="otherwise"))
    assert [line.partition(" ")[0] for line in summary] == ["SUBFAILED[asks]", "FAILED"]
    assert "Divergence: step 0" in summary[0] and "contains 1 failed subtest" in summary[1]


def test_a_test_with_braces_in_its_name_is_told_how_it_is_recorded_as_any_other(project):
    project.write("test_of_braces.py", """
import pytest
from asking import ask


@pytest.mark.tracefork
@pytest.mark.parametrize("city", ['{"to": 1}', "{}", "{0}"])
def test_one(city):
    ask(city)
""")  # fmt: skip

    failed = project.run()
    failed.assert_outcomes(failed=3)
    command = "pytest --tracefork-mode=once 'test_of_braces.py::test_one[{}]'"
    assert any(line.startswith("FAILED") and line.endswith(command) for line in failed.outlines)


def test_the_command_that_is_named_can_be_typed_where_pytest_was_started(project, monkeypatch):
    project.write("sub/test_of_braces.py", """
import pytest
from asking import ask


@pytest.mark.tracefork
@pytest.mark.parametrize("text", ['{"a": 1}'])
def test_one(text):
    ask(text)
""")  # fmt: skip
    monkeypatch.chdir(project.folder / "sub")
    printed = project.run("--rootdir", str(project.folder), "-c", "../tox.ini").stdout.str()

    assert """pytest --tracefork-mode=once 'test_of_braces.py::test_one[{"a": 1}]'""" in printed


@pytest.mark.parametrize("words", ["tape=3", "policy='max_calls'"])
def test_a_mark_that_says_something_of_the_wrong_kind_is_an_error_of_that_test(project, words):
    test = "def test_one():\n    pass\n"
    project.write("test_of_one.py", f"import pytest\n\n\n@pytest.mark.tracefork({words})\n{test}")
    result = project.run()

    result.assert_outcomes(errors=1)
    assert f"{words.partition('=')[0]}= is " in result.stdout.str()


def test_what_cannot_be_written_is_told_in_a_line(one):
    (one.folder / "tapes").write_text("no folder")
    result = one.run("--tracefork-mode=once", "--tracefork-report=tapes/pages")

    result.assert_outcomes(passed=1, errors=1)
    assert "StoreError: cannot write" in result.stdout.str()
    assert "no page: " in result.stdout.str()


def test_what_ends_the_teardown_of_a_test_ends_its_run(project):
    project.write("test_of_end.py", """
import pytest
from asking import ask


@pytest.fixture
def ends():
    yield
    raise SystemExit(3)


@pytest.mark.tracefork
def test_one(ends):
    ask("one")


def test_asks_for_real():
    assert ask("two") == "heard two"


@pytest.mark.tracefork
def test_three():
    ask("three")
""")  # fmt: skip
    first, again = project.run("--tracefork-mode=once"), project.run()

    first.assert_outcomes(passed=3, errors=1)
    assert list(project.tapes()) == ["tapes/test_of_end/test_three.tape"]
    assert "test_one.tape: not written" in first.stdout.str()
    assert "ERROR test_of_end.py::test_one - SystemExit: 3" in again.stdout.str()
    again.assert_outcomes(passed=2, failed=1, errors=1)
    assert again.asked == 1


def test_files_are_named_from_where_pytest_was_started_wherever_the_test_goes(project):
    project.write("test_of_folders.py", """
import pytest
from asking import ask


@pytest.mark.tracefork
def test_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ask("a")
""")  # fmt: skip
    _, [line] = lines_of(project.run())

    assert "there is no tape tapes/test_of_folders/test_one.tape" in line
