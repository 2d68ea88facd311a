"""Fixtures that tests share, however a test comes by them: each has the tape that is its own."""


def test_a_shared_fixture_that_is_asked_for_by_name_has_a_tape_of_its_own(project):
    project.write("test_of_names.py", """
import pytest
from asking import ask

pytestmark = pytest.mark.tracefork


@pytest.fixture(scope="module")
def opened():
    return ask("open")


@pytest.mark.parametrize("word", ["one", "two"])
def test_uses(request, word):
    assert request.getfixturevalue("opened") == "heard open"
    ask(word)
""")  # fmt: skip
    project.run("--tracefork-mode=once").assert_outcomes(passed=2)
    assert list(project.tapes()) == [
        "tapes/test_of_names/module.opened.tape",
        "tapes/test_of_names/test_uses[one].tape",
        "tapes/test_of_names/test_uses[two].tape",
    ]

    alone = project.run("test_of_names.py::test_uses[two]")
    alone.assert_outcomes(passed=1)
    assert alone.asked == 0
    assert "no tape is unused" in project.run("--tracefork-unused").stdout.str()


def test_a_fixture_that_needs_one_with_parameters_has_a_tape_for_each(project):
    project.write("test_of_needs.py", """
import pytest
from asking import ask

pytestmark = pytest.mark.tracefork


@pytest.fixture(scope="session", params=["x", "y"])
def vendor(request):
    return request.param


@pytest.fixture(scope="session")
def client(vendor):
    return vendor


@pytest.fixture(scope="session", params=[1, "1", True, "True"])
def opened(request, client):
    return ask(f"{client} {request.param!r}")


def test_uses(opened):
    assert opened.startswith("heard")
""")  # fmt: skip
    project.run("--tracefork-mode=once").assert_outcomes(passed=8)
    assert len(project.tapes()) == 8
    again = project.run("--tracefork-unused")
    again.assert_outcomes(passed=8)
    assert again.asked == 0 and "no tape is unused" in again.stdout.str()


def test_fixtures_of_classes_are_told_apart(project):
    project.write("test_of_classes.py", """
import pytest
from asking import ask

pytestmark = [pytest.mark.tracefork, pytest.mark.filterwarnings("ignore:.*scoped fixtures defined as")]


class TestA:
    @pytest.fixture(scope="session")
    def wide(self):
        return ask("wide a")

    @pytest.fixture(scope="module")
    def opened(self):
        return ask("open a")

    def test_a(self, wide, opened):
        assert opened == "heard open a"


class TestB:
    @pytest.fixture(scope="module")
    def opened(self):
        return ask("open b")

    def test_b(self, opened):
        assert opened == "heard open b"
""")  # fmt: skip
    for mode, asked in [("once", 3), ("none", 0)]:
        result = project.run(f"--tracefork-mode={mode}", "--tracefork-unused")
        result.assert_outcomes(passed=2)
        assert result.asked == asked and "no tape is unused" in result.stdout.str()
    assert list(project.tapes()) == [
        "tapes/test_of_classes/TestA.module.opened.tape",
        "tapes/test_of_classes/TestA.session.wide.tape",
        "tapes/test_of_classes/TestB.module.opened.tape",
    ]
