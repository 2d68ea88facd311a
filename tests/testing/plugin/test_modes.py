"""Every mode, for every way in which tests run, with fixtures of every scope that ask."""

import pytest
from plugin_project import lines_of

SYNC = """
from asking import PROMPT, ask


@pytest.fixture(scope="session")
def of_session():
    yield ask("session")
    ask("session over")


@pytest.fixture(scope="module")
def of_module():
    yield ask("module")
    ask("module over")


@pytest.fixture(scope="class")
def of_class():
    yield ask("class")
    ask("class over")


@pytest.fixture
def of_function():
    yield ask("function")
    ask("function over")


@pytest.mark.tracefork
class TestCities:
    @pytest.mark.parametrize("city", ["Rome", "rome", "a/b: c"])
    def test_city(self, city, of_session, of_module, of_class, of_function):
        assert ask(f"{city}, {PROMPT}") == f"heard {city}, {PROMPT}"
        assert (of_session, of_class) == ("heard session", "heard class")


@pytest.mark.tracefork
def test_plain(of_session, of_module, of_function):
    assert ask(PROMPT) == f"heard {PROMPT}"
    assert (of_module, of_function) == ("heard module", "heard function")
"""


def make_async(text, fixture, mark):
    """The same tests as coroutines."""
    lines = []
    for line in text.splitlines():
        lines += [mark] if line.startswith("@pytest.mark.tracefork") else []
        lines.append(
            line.replace("@pytest.fixture", fixture).replace(
                "import PROMPT, ask", "import PROMPT, aask as ask"
            )
        )
    return (
        "\n".join(lines).replace("def ", "async def ").replace("yield ask(", "yield await ask(")
        .replace("    ask(", "    await ask(").replace("assert ask(", "assert await ask(")
    )  # fmt: skip


BACKEND = """
@pytest.fixture(scope="session")
def anyio_backend():
    return "{}"
"""
ANYIO = make_async(SYNC, "@pytest.fixture", "@pytest.mark.anyio")
ASYNCIO = make_async(SYNC, "@pytest_asyncio.fixture", "@pytest.mark.asyncio")
KINDS = {
    "sync": f"import pytest\n{SYNC}",
    "asyncio": f"import pytest\nimport pytest_asyncio\n{ASYNCIO}",
    "anyio": f"import pytest\n{BACKEND.format('asyncio')}{ANYIO}",
    "trio": f"import pytest\n{BACKEND.format('trio')}{ANYIO}",
}
TESTS, OF_FIXTURES = 4, 14
ASKED = TESTS + OF_FIXTURES
AGAIN = {"none": 0, "once": 0, "new": 0, "all": ASKED, "rewrite": ASKED}
CHANGED = {"new": TESTS, "all": ASKED, "rewrite": ASKED}


@pytest.fixture(
    params=["sync", *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS if kind != "sync")]
)
def kind(request):
    if request.param == "asyncio":
        pytest.importorskip("pytest_asyncio")
    return request.param


@pytest.mark.slow
@pytest.mark.parametrize("mode", AGAIN)
def test_a_mode(project, kind, mode):
    project.write("test_of_kind.py", KINDS[kind])

    first = project.run("--tracefork-mode=once")
    first.assert_outcomes(passed=TESTS)
    assert first.asked == ASKED
    kept = {name: tape.digest() for name, tape in project.tapes().items()}
    assert sum(len(tape) for tape in project.tapes().values()) == ASKED

    again = project.run(f"--tracefork-mode={mode}")
    again.assert_outcomes(passed=TESTS)
    assert again.asked == AGAIN[mode]
    assert {name: tape.digest() for name, tape in project.tapes().items()} == kept

    changed = project.run(f"--tracefork-mode={mode}", prompt="otherwise")
    assert changed.asked == CHANGED.get(mode, 0)
    changed.assert_outcomes(**({"passed": TESTS} if mode in CHANGED else {"failed": TESTS}))
    if mode in CHANGED:
        last = project.run(prompt="otherwise")
        last.assert_outcomes(passed=TESTS)
        assert last.asked == 0
    else:
        _, summary = lines_of(changed)
        assert len(summary) == TESTS and all("otherwise" in line and "as ever" in line for line in summary)


def test_the_tapes_lie_beside_the_tests_and_have_names_that_every_file_system_bears(project):
    project.write("sub/test_of_kind.py", KINDS["sync"])
    project.run("--tracefork-mode=once").assert_outcomes(passed=TESTS)

    names = list(project.tapes())
    assert "sub/tapes/test_of_kind/test_plain.tape" in names
    assert "sub/tapes/test_of_kind/TestCities.test_city[rome].tape" in names
    assert "sub/tapes/test_of_kind/TestCities.class.of_class.tape" in names
    assert "sub/tapes/test_of_kind/module.of_module.teardown.tape" in names
    assert len({name.lower() for name in names}) == len(names) == 10
    assert not any(set('<>:"\\|?* ') & set(name) for name in names)


@pytest.mark.parametrize(
    "mode",
    ["new", *(pytest.param(mode, marks=pytest.mark.slow) for mode in ("none", "once", "all", "rewrite"))],
)
def test_workers_share_what_fixtures_of_theirs_recorded(project, mode):
    pytest.importorskip("xdist")
    for kind in ("sync", "trio"):
        project.write(f"test_of_{kind}.py", KINDS[kind])
    project.run("--tracefork-mode=once").assert_outcomes(passed=2 * TESTS)
    kept = {name: tape.digest() for name, tape in project.tapes().items()}

    again = project.run(f"--tracefork-mode={mode}", "-n2", apart=True)
    again.assert_outcomes(passed=2 * TESTS)
    assert (again.asked == 0) is (mode not in ("all", "rewrite"))
    assert {name: tape.digest() for name, tape in project.tapes().items()} == kept


@pytest.mark.slow
def test_two_workers_that_record_otherwise_are_both_named(project):
    pytest.importorskip("xdist")
    project.write("test_of_workers.py", """
import os

import pytest
from asking import ask


@pytest.fixture(scope="session")
def shared():
    return ask(os.environ["PYTEST_XDIST_WORKER"])


@pytest.mark.tracefork
@pytest.mark.parametrize("n", range(6))
def test_uses(shared, n):
    assert shared
""")  # fmt: skip
    result = project.run("--tracefork-mode=all", "-n2", "--dist=each", apart=True)

    _, summary = lines_of(result)
    assert any("gw0" in line and "gw1" in line and "Conflict" in line for line in summary)
    assert list(project.tapes()) == ["tapes/test_of_workers/session.shared.tape"]
