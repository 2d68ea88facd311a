"""The plugin beside everything else of pytest: what it loads, what it says, whom it bears."""

import re
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from attrs import evolve
from plugin_project import lines_of

import tracefork


@pytest.mark.slow
def test_nothing_of_tracefork_is_imported_until_a_mark_or_an_option_asks_for_it(tmp_path):
    (tmp_path / "conftest.py").write_text("""
import sys


def pytest_sessionfinish():
    loaded = sorted(name for name in sys.modules if name.partition(".")[0] == "tracefork")
    print("loaded", loaded, "httpx" in sys.modules)
""")
    (tmp_path / "test_one.py").write_text("def test_one():\n    pass\n")
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-s",
        "-p",
        "no:langsmith_plugin",
        "--rootdir",
        str(tmp_path),
    ]
    done = subprocess.run([*words, str(tmp_path)], capture_output=True, text=True, check=True, cwd=tmp_path)

    loaded = re.search(r"loaded \[(.*)\] False", done.stdout)
    assert loaded is not None, done.stdout
    names = {name.strip("' ") for name in loaded[1].split(",")}
    light = "__init__ options places reporter summary vcr_fixtures".split()
    testing, plugin = "tracefork.testing", "tracefork.testing.plugin"
    modes = {f"{testing}.on_tape", f"{testing}.on_tape.mode"}
    assert names <= {"tracefork", testing, *modes, plugin, *(f"{plugin}.{name}" for name in light)}
    assert plugin in names


def test_it_can_be_left_out(one):
    left_out = [sys.executable, "-m", "pytest", "-p", "no:tracefork", "-q"]
    done = subprocess.run(left_out, capture_output=True, text=True, check=True, cwd=one.folder)

    assert "Unknown pytest.mark.tracefork" in done.stdout and one.tapes() == {}


def test_all_tests_have_runs_where_the_ini_file_says_so(project):
    project.pytester.makeini(
        "[pytest]\npythonpath = .\nfilterwarnings = default\ntracefork = true\ntracefork_mode = once\n"
    )
    project.write("test_of_all.py", """
import unittest

import pytest
from asking import ask


def test_one():
    assert ask("one")


class TestOld(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        ask("class")

    def setUp(self):
        ask("up")

    def test_two(self):
        assert ask("two")


@pytest.mark.tracefork(enabled=False)
def test_asks_for_real():
    assert ask("three")
""")  # fmt: skip
    project.write("test_of_docs.txt", ">>> from asking import ask\n>>> ask('four')\n'heard four'\n")

    first, again = (project.run("--doctest-glob=*.txt") for _ in range(2))
    for result in (first, again):
        result.assert_outcomes(passed=4)
    assert (first.asked, again.asked) == (6, 1)
    assert list(project.tapes()) == [
        "tapes/test_of_all/TestOld.class.setUpClass.tape",
        "tapes/test_of_all/TestOld.test_two.tape",
        "tapes/test_of_all/test_one.tape",
        "tapes/test_of_docs/test_of_docs.txt.tape",
    ]


def test_threads_and_pools_that_are_older_than_the_test_are_its_own(project):
    project.write("test_of_pools.py", """
from concurrent.futures import ThreadPoolExecutor

import pytest
from asking import ask

pool = ThreadPoolExecutor(2)
pytestmark = pytest.mark.tracefork


@pytest.mark.parametrize("word", ["a", "b"])
def test_pool(word):
    assert len(list(pool.map(ask, [word, word * 2, word * 3]))) == 3
""")  # fmt: skip
    first, again = project.run("--tracefork-mode=once"), project.run()

    for result in (first, again):
        result.assert_outcomes(passed=2)
    assert (first.asked, again.asked) == (6, 0)


def test_marks_of_classes_and_modules_and_the_fixture_add_up_and_the_nearest_wins(project):
    project.write("test_of_marks.py", """
import pytest
from asking import PROMPT, ask

pytestmark = pytest.mark.tracefork(mode="none")


@pytest.fixture(scope="session")
def tracefork_config():
    return {"mode": "all", "ignore": ["$.messages[*].content"]}


@pytest.mark.tracefork(mode="once")
class TestClass:
    def test_once(self):
        ask(PROMPT)

    @pytest.mark.tracefork(tape="named/elsewhere.tape")
    def test_named(self):
        ask("named")


def test_none():
    ask("nothing")
""")  # fmt: skip
    project.run().assert_outcomes(passed=2, failed=1)
    again = project.run(prompt="ignored")

    again.assert_outcomes(passed=2, failed=1)
    assert again.asked == 0
    assert list(project.tapes()) == ["named/elsewhere.tape", "tapes/test_of_marks/TestClass.test_once.tape"]


def test_the_fixtures_give_the_run_and_the_tape(project):
    project.write("test_of_fixtures.py", """
import pytest
from asking import ask


@pytest.mark.tracefork
def test_one(tracefork_run, tape):
    drawn = tracefork_run.now()
    assert tracefork_run.call("add", lambda a: a + 1, 1) == 2
    ask("x")
    assert len(tracefork_run.tape) == 1
    assert len(tape) in (0, 1)


def test_other(tape):
    pass
""")  # fmt: skip
    project.run("--tracefork-mode=once").assert_outcomes(passed=1, errors=1)

    again = project.run()
    again.assert_outcomes(passed=1, errors=1)
    assert any("mark it with @pytest.mark.tracefork" in line for line in again.stdout.lines)


# -- modes ------------------------------------------------------------------------------------


def test_new_keeps_what_is_asked_as_before_and_says_what_nobody_asks_any_more(project):
    project.write("test_of_new.py", """
import pytest
from asking import PROMPT, ask


@pytest.mark.tracefork
def test_one():
    ask("first")
    ask(PROMPT)
    ask("last")
""")  # fmt: skip
    project.run("--tracefork-mode=once")
    [before] = project.tapes().values()

    renewed = project.run("--tracefork-mode=new", prompt="otherwise")
    renewed.assert_outcomes(passed=1)
    [after] = project.tapes().values()
    assert renewed.asked == 1
    assert [b.response == a.response for b, a in zip(before, after)] == [True, False, True]
    assert after.parent is None and all(step.origin is None for step in after.steps)
    printed, _ = lines_of(renewed)
    assert "tapes/test_of_new/test_one.tape: renewed, 2 answers kept, 1 asked anew, 1 dropped" in printed


def test_new_loses_nothing_where_the_test_fails(project):
    project.write("test_of_new.py", """
import pytest
from asking import PROMPT, ask


@pytest.mark.tracefork
def test_one():
    ask(PROMPT)
    assert PROMPT == "as ever"
    ask("last")
""")  # fmt: skip
    project.run("--tracefork-mode=once")
    kept = {name: tape.digest() for name, tape in project.tapes().items()}

    failed = project.run("--tracefork-mode=new", prompt="otherwise")
    failed.assert_outcomes(failed=1)
    assert {name: tape.digest() for name, tape in project.tapes().items()} == kept
    assert any(
        "not written, since test_of_new.py::test_one did not pass" in one for one in failed.stdout.lines
    )


@pytest.mark.parametrize(("mode", "is_replaced"), [("rewrite", False), ("all", True)])
def test_rewrite_replaces_a_tape_only_if_the_test_passes(project, mode, is_replaced):
    project.write("test_of_rewrite.py", """
import pytest
from asking import PROMPT, ask


@pytest.mark.tracefork
def test_one():
    ask(PROMPT)
    assert PROMPT == "as ever"
""")  # fmt: skip
    project.run("--tracefork-mode=once")
    [before] = project.tapes().values()

    project.run(f"--tracefork-mode={mode}", prompt="otherwise").assert_outcomes(failed=1)
    [after] = project.tapes().values()
    assert (before.digest() != after.digest()) is is_replaced


def test_rewrite_keeps_the_tape_of_a_unittest_that_fails(project):
    project.write("test_of_case.py", """
import unittest

import pytest
from asking import PROMPT, ask


@pytest.mark.tracefork
class TestCase(unittest.TestCase):
    def test_one(self):
        ask(PROMPT)
        self.assertEqual(PROMPT, "as ever")
""")  # fmt: skip
    project.run("--tracefork-mode=once").assert_outcomes(passed=1)
    [before] = project.tapes().values()

    project.run("--tracefork-mode=rewrite", prompt="otherwise").assert_outcomes(failed=1)
    [after] = project.tapes().values()
    assert before.digest() == after.digest()


@pytest.mark.slow
def test_an_interrupted_recording_leaves_the_tape_as_it_was(project):
    project.write("test_of_interrupt.py", """
import pytest
from asking import PROMPT, ask


@pytest.mark.tracefork
def test_one():
    ask(PROMPT)
    if PROMPT == "otherwise":
        raise KeyboardInterrupt
    ask("last")
""")  # fmt: skip
    project.run("--tracefork-mode=once").assert_outcomes(passed=1)
    kept = {name: tape.digest() for name, tape in project.tapes().items()}

    project.run("--tracefork-mode=all", prompt="otherwise", apart=True)
    assert {name: tape.digest() for name, tape in project.tapes().items()} == kept
    project.run().assert_outcomes(passed=1)


def test_secrets_are_on_no_tape(project, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-9aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcdef")
    project.write("test_of_secrets.py", """
import os

import httpx
import pytest
from asking import URL, body


@pytest.mark.tracefork
@pytest.mark.parametrize("_key", [1], ids=["sk-proj-9aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789abcdef"])
def test_one(_key):
    key = os.environ["OPENAI_API_KEY"]
    httpx.post(URL, json=body(f"my key is {key}"), headers={"authorization": f"Bearer {key}"})
""")  # fmt: skip
    project.run("--tracefork-mode=once").assert_outcomes(passed=1)

    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-anotherKeyOfSomebodyElse0123456789abcdefghi")
    project.run().assert_outcomes(passed=1)
    [tape] = project.tapes().values()
    assert b"9aBcDeF" not in tracefork.dumps(tape) and "9aBcDeF" not in str(tape[0].request.body)


# -- what is said ----------------------------------------------------------------------------


def test_unused_tapes_are_listed_and_fail_if_asked_to(one):
    one.run("--tracefork-mode=once")
    [tape] = one.tapes().values()
    for name in (
        "tapes/test_of_one/test_gone.tape",
        "tapes/test_of_gone/test_x.tape",
        "tapes/module.gone.tape",
    ):
        (one.folder / name).parent.mkdir(exist_ok=True)
        tracefork.save(tape, one.folder / name)

    listed, failed = one.run("--tracefork-unused"), one.run("--tracefork-fail-unused", "-k", "asks")
    printed, _ = lines_of(listed)
    assert "3 tapes that no test uses:" in printed
    assert "  tapes/test_of_one/test_gone.tape" in printed and "  tapes/test_of_gone/test_x.tape" in printed
    assert (listed.ret, failed.ret) == (0, 1)
    for name in (
        "tapes/test_of_one/test_gone.tape",
        "tapes/test_of_gone/test_x.tape",
        "tapes/module.gone.tape",
    ):
        (one.folder / name).unlink()
    assert one.run("--tracefork-fail-unused").ret == 0


def test_a_tape_of_another_folder_is_used_and_those_of_tests_without_marks_are_not(one):
    one.write("sub/test_of_sub.py", """
import pytest
from asking import ask


@pytest.mark.tracefork(tape="../tapes/shared.tape")
def test_shared():
    ask("a")
""")  # fmt: skip
    recorded = one.run("--tracefork-mode=once", "--tracefork-unused")
    assert "no tape is unused" in recorded.outlines and "  tapes/shared.tape" in recorded.outlines

    one.write("test_of_one.py", "def test_asks():\n    pass\n")
    assert "2 tapes that no test uses:" in one.run("test_of_one.py", "--tracefork-unused").outlines


@pytest.mark.slow
def test_old_tapes_are_warned_of(one):
    one.run("--tracefork-mode=once")
    [(name, tape)] = one.tapes().items()
    tracefork.save(evolve(tape, created_at=time.time() - 40 * 86_400), one.folder / name)

    warned = one.run("--tracefork-max-age=30d")
    warned.assert_outcomes(passed=1, warnings=1)
    assert any("was recorded 40 days ago" in line for line in warned.stdout.lines)
    one.run("--tracefork-max-age=8w").assert_outcomes(passed=1)
    one.run("--tracefork-max-age=30d", "-W", "error::tracefork.testing.OldTape").assert_outcomes(
        passed=1, errors=1
    )
    assert "a number of h, d or w" in str(one.run("--tracefork-max-age=soon", apart=True).stderr)


def test_the_page_of_a_failing_test_is_written_and_named_in_junits_file(one):
    one.run("--tracefork-mode=once")

    one.run("--tracefork-report=pages", "--junitxml=junit.xml", prompt="otherwise").assert_outcomes(failed=1)
    [page] = (one.folder / "pages").iterdir()
    [found] = ET.parse(one.folder / "junit.xml").iterfind(".//property[@name='tracefork_report']")
    assert Path(found.get("value")) == page
    assert "as ever" in page.read_text("utf-8")
    [failure] = ET.parse(one.folder / "junit.xml").iterfind(".//failure")
    assert failure.get("message").startswith("Divergence: step 0, $.messages[0].content")


def test_a_page_that_cannot_be_written_is_told_and_the_other_tests_run(one):
    (one.folder / "pages").write_text("a file, and no folder")
    one.write("test_of_two.py", "def test_two():\n    pass\n")

    failed = one.run("--tracefork-report=pages")
    failed.assert_outcomes(failed=1, passed=1)
    assert any("test_of_one.py::test_asks: no page: " in line for line in failed.stdout.lines)


def test_two_modes_that_differ_are_wrong_usage(one):
    result = one.run("--tracefork-mode=all", "--record-mode=none", apart=True)

    assert "differ: give one" in str(result.stderr)
    assert one.run("--record-mode=once").asked == 1


def test_a_policy_is_held(project):
    project.write("test_of_policy.py", """
import pytest
from asking import ask


class Few:
    def hold(self, run):
        assert len(run.tape) < 2, "too many"


@pytest.mark.tracefork(policy=Few())
@pytest.mark.parametrize("n", [1, 2])
def test_one(n):
    for _ in range(n):
        ask("x")
""")  # fmt: skip
    project.run("--tracefork-mode=once").assert_outcomes(passed=1, failed=1)


def test_a_test_that_is_tried_again_has_a_run_each_time(project):
    pytest.importorskip("pytest_rerunfailures")
    project.write("test_of_reruns.py", """
import itertools

import pytest
from asking import ask

tries = itertools.count()


@pytest.mark.tracefork
def test_one():
    ask("a")
    assert next(tries) % 2 == 1
    ask("b")
""")  # fmt: skip
    plugin = ("-p", "pytest_rerunfailures", "--reruns=1")
    first, again = project.run("--tracefork-mode=all", *plugin), project.run(*plugin)

    for result in (first, again):
        assert result.parseoutcomes()["passed"] == 1
    assert (first.asked, again.asked) == (3, 0)
    [tape] = project.tapes().values()
    assert len(tape) == 2


def test_the_tape_of_a_test_that_asks_nothing_any_more_is_taken_away(project):
    project.write("test_of_less.py", """
import pytest
from asking import PROMPT, ask


@pytest.mark.tracefork
def test_one():
    if PROMPT == "as ever":
        ask("a")
""")  # fmt: skip
    project.run("--tracefork-mode=once").assert_outcomes(passed=1)

    taken = project.run("--tracefork-mode=all", prompt="otherwise")
    assert any("taken away, since test_of_less.py::test_one asks nothing" in one for one in taken.outlines)
    assert project.tapes() == {}
    project.run(prompt="otherwise").assert_outcomes(passed=1)


def test_a_test_that_was_expected_to_fail_is_not_listed_as_one_that_did_not_pass(project):
    project.write("test_of_expected.py", """
import pytest
from asking import ask

pytestmark = pytest.mark.tracefork


@pytest.mark.xfail(strict=True, reason="meant")
def test_expected():
    ask("a")
    raise ValueError


def test_skipped():
    ask("b")
    pytest.skip("not today")


def test_fails():
    ask("c")
    raise ValueError
""")  # fmt: skip
    first = project.run("--tracefork-mode=once")
    first.assert_outcomes(xfailed=1, skipped=1, failed=1)

    start = first.outlines.index("of tests that did not pass; --tracefork-mode=all records them again:")
    assert first.outlines[start + 1].strip() == "test_of_expected.py::test_fails"
    assert not first.outlines[start + 2].startswith("  test_of")
