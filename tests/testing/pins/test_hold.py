"""`hold` and `pin` in a program of their own: what fails, how, and what is left of a pin that failed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from conducts import MESSAGES

import tracefork
from tracefork.errors import Divergence, NotHeld, PinRefused, PolicyBroken, StoreError
from tracefork.providers import anthropic
from tracefork.testing import hold, pin, policy, script
from tracefork.testing.pins import writing
from tracefork.testing.scripted import by_rule, transport

MODEL = by_rule(anthropic.text("Rome it is."))


class Agent:
    """Asks twice, and does at the end what it is told."""

    def __init__(self, words="Hi.", end=None, times=2):
        self.words, self.end, self.times = words, end, times

    def __call__(self):
        asked = {"model": "m", "messages": [{"role": "user", "content": self.words}]}
        with httpx.Client(transport=transport(MODEL, httpx)) as client:
            said = [client.post(MESSAGES, json=asked).json() for _ in range(self.times)]
        return self.end() if self.end else said[-1]["content"][0]["text"]


def fail():
    raise KeyError("seat")


def recorded(agent):
    with tracefork.record() as run:
        agent()
    return run.tape


def record_raising(agent):
    try:
        with tracefork.record() as run:
            agent()
    except KeyError:
        pass
    return run.tape


def travel():
    """An agent that a test can import."""
    return Agent()()


def test_the_result_is_what_the_agent_returned_or_else_the_last_text(tmp_path):
    tape = recorded(Agent())
    tracefork.save(tape, tmp_path / "x.tape")

    assert hold(tape, Agent()) == "Rome it is."
    assert hold(tape, Agent(end=lambda: {"a": 1})) == {"a": 1}
    assert hold(tmp_path / "x.tape", Agent(end=lambda: None)) == "Rome it is."
    assert hold(tape, Agent(end=lambda: 0)) == 0


def test_an_agent_that_asks_something_else_leaves_one_divergence_with_the_cure(tmp_path):
    tape = recorded(Agent())
    tracefork.save(tape, tmp_path / "x y.tape")
    with pytest.raises(Divergence) as caught:
        hold(tmp_path / "x y.tape", Agent("Bye."))

    assert (caught.value.step, caught.value.path) == (0, "$.messages[0].content")
    assert "'Hi.', the agent 'Bye.'" in str(caught.value)
    assert caught.value.__suppress_context__ and f"held to '{tmp_path}/x y.tape'" in caught.value.__notes__[0]


@pytest.mark.parametrize("times", [1, 3])
def test_one_that_asks_less_or_more_has_diverged(times):
    with pytest.raises(Divergence):
        hold(recorded(Agent()), Agent(times=times))


def test_one_that_hides_a_divergence_has_diverged():
    def hides():
        try:
            return Agent("Bye.")()
        except Exception:
            return "Rome it is."

    with pytest.raises(Divergence):
        hold(recorded(Agent()), hides)


def test_what_the_agent_raises_is_raised_as_it_is():
    tape, raised = recorded(Agent()), record_raising(Agent(end=fail))
    for one in (tape, raised):
        with pytest.raises(KeyError, match="seat") as caught:
            hold(one, Agent(end=fail))
        assert any(frame.name == "fail" for frame in caught.traceback)
    with pytest.raises(SystemExit):
        hold(tape, Agent(end=lambda: sys.exit(3)))


def test_one_that_had_raised_may_return_and_may_not_ask_otherwise():
    raised = record_raising(Agent(end=fail))

    assert hold(raised, Agent()) == "Rome it is."
    with pytest.raises(Divergence):
        hold(raised, Agent(times=3))
    with pytest.raises(Divergence):
        hold(raised, Agent("Bye."))


def test_an_empty_tape_and_an_event_loop_are_told():
    with tracefork.record() as run:
        pass
    with pytest.raises(NotHeld, match="nothing to vouch for"):
        hold(run.tape, lambda: 1)

    async def agent():
        return 1

    async def test():
        hold(recorded(Agent()), agent)

    with pytest.raises(RuntimeError, match="a test that is not async"):
        asyncio.run(test())


def test_it_stands_in_other_runs_and_leaves_them_alone():
    tape = recorded(Agent())
    with tracefork.record() as outer:
        assert hold(tape, Agent()) == "Rome it is."
    with tracefork.replay(tape):
        assert hold(tape, Agent()) == "Rome it is."
        Agent()()

    assert len(outer.tape.steps) == 0 and outer.tape.escaped == ()


def test_a_policy_is_held_too():
    tape = recorded(Agent())

    assert hold(tape, Agent(), policy=policy(max_calls=2))
    with pytest.raises(PolicyBroken, match="step 1"):
        hold(tape, Agent(), policy=policy(max_calls=1))


# -- pin --------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\npythonpath = {Path(__file__).parent} {Path(__file__).parents[2]}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "test_hold", sys.modules[__name__])
    return tmp_path


@pytest.mark.slow
def test_a_run_of_a_function_is_pinned_in_python(here):
    pinned = pin(recorded(travel), "tests/t.tape", agent="test_hold:travel", check="lambda r: 'Rome' in r")

    assert (pinned.tape, pinned.test) == (here / "tests/t.tape", here / "tests/test_t.py")
    assert "from test_hold import travel\n" in pinned.test.read_text()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore"],
        cwd=here, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(Path(tracefork.__file__).parents[1]), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    assert "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("agent", [lambda: 1, Agent(), Agent("x").__call__, "no path", "test_hold:nothing"])
def test_an_agent_that_a_test_cannot_import_is_refused(here, agent):
    with pytest.raises((PinRefused, ValueError)):
        pin(recorded(travel), "tests/t.tape", agent=agent)
    assert not (here / "tests").exists()


@pytest.mark.parametrize("words", ["7", "{", "[1]", "[]", '"a"', "[" * 5000])
def test_a_tape_that_names_no_script_is_refused(here, words):
    tape = tracefork.Tape(outcome=recorded(travel).outcome, meta={"command": words})
    with pytest.raises(PinRefused, match="say what its agent is"):
        pin(tape, "tests/t.tape")


def test_a_function_is_named_by_its_path(here, monkeypatch):
    monkeypatch.setattr(travel, "__module__", "test_hold")
    pin(recorded(travel), "tests/t.tape", agent=travel)

    assert "hold(TAPE, travel)" in (here / "tests/test_t.py").read_text()


def test_a_rule_that_is_a_function_and_a_table_without_a_file_are_refused(here):
    tape = recorded(travel)
    for rules in (
        {"arguments": {"x": bool}},
        {"max_calls": 3, "prices": tracefork.providers.prices.listed()},
    ):
        with pytest.raises(PinRefused):
            pin(tape, "tests/t.tape", agent="test_hold:travel", policy=policy(**rules))
    assert not (here / "tests").exists()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "no space left"), StoreError("full")])
@pytest.mark.parametrize("at", [1, 2])
def test_a_pin_that_is_interrupted_half_way_leaves_nothing(here, monkeypatch, stop, at):
    written, true = [], writing.write

    def write(data, path):
        written.append(path)
        if len(written) == at:
            raise stop
        true(data, path)

    monkeypatch.setattr(writing, "write", write)
    with pytest.raises((KeyboardInterrupt, StoreError)):
        pin(recorded(travel), "tests/deep/t.tape", agent="test_hold:travel")

    assert len(written) == at and [path.name for path in here.iterdir()] == ["pytest.ini"]


def test_what_was_there_is_there_again_if_it_cannot_be_replaced(here, monkeypatch):
    pin(recorded(travel), "t.tape", agent="test_hold:travel")
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    true = writing.write

    def write(data, path):
        if path.suffix == ".py" and b"Rome" in data:
            raise StoreError("full")
        true(data, path)

    monkeypatch.setattr(writing, "write", write)
    with pytest.raises(StoreError):
        pin(recorded(Agent()), "t.tape", agent="test_hold:travel", check="lambda r: 'Rome' in r", force=True)
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


# -- scripts ------------------------------------------------------------------------------------


def test_a_script_has_the_modules_beside_it_and_nobody_else_does(tmp_path):
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "beside.py").write_text(f"NAME = {name!r}\n")
        (folder / "go.py").write_text(
            "import beside\nfrom pathlib import Path\nPath('said').write_text(beside.NAME)\n"
        )
    theirs = type(sys)("beside")
    theirs.__file__ = str(tmp_path / "beside.py")
    sys.modules["beside"] = theirs
    try:
        for name in ("one", "two", "one"):
            script("go.py", cwd=tmp_path / name)(None)
            assert sys.modules["beside"] is theirs
            assert (tmp_path / name / "said").read_text() == name
    finally:
        del sys.modules["beside"]


def test_a_script_is_put_back_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "beside.py").write_text("import os\nos.environ['LEFT'] = '1'\nFOUND = 1\n")
    (tmp_path / "go.py").write_text(
        "import os, sys, beside\nos.chdir('/')\nsys.path.append('x')\nsys.exit(beside.FOUND - 1)\n"
    )
    monkeypatch.setitem(sys.modules, "beside", None)
    before = Path.cwd(), list(sys.path), list(sys.argv), dict(os.environ)
    del sys.modules["beside"]
    agent = script("go.py", cwd=tmp_path)
    agent(None)
    agent(None)

    assert (Path.cwd(), list(sys.path), list(sys.argv), dict(os.environ)) == before
    assert "beside" not in sys.modules
    with pytest.raises(FileNotFoundError):
        script("gone.py", cwd=tmp_path)(None)
    assert Path.cwd() == before[0]
    with pytest.raises(ValueError, match="say which script"):
        script()
