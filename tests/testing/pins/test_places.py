"""Names of files that pytest collects, that every system allows, and that are free."""

from __future__ import annotations

import pytest

from tracefork.errors import PinRefused
from tracefork.testing.pins.places import check_imports, choose_places
from tracefork.testing.pins.settings import read_settings


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A project, in whose folder we stand."""
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("tape", "test", "said"),
    [
        ("tapes/aux.tape", None, "not every system allows"),
        ("tapes/COM1", None, "not every system allows"),
        ("tapes/a:b.tape", None, "not every system allows"),
        ("tapes/a?.tape", None, "not every system allows"),
        ("tapes/a\n.tape", None, "not every system allows"),
        ("tapes/booking.", None, "not every system allows"),
        ("tapes/booking ", None, "not every system allows"),
        (f"tapes/{'x' * 150}.tape", None, "not every system allows"),
        ("tapes/booking.py", None, "name of a program"),
        ("build/booking.tape", None, "passes over the folder build"),
        ("a/node_modules/b/booking.tape", None, "passes over the folder node_modules"),
        (".hidden/booking.tape", None, "passes over the folder .hidden"),
        ("tapes/booking.tape", "tapes/booking.py", "pytest would not collect booking.py"),
        ("tapes/booking.tape", "tapes/test_booking.txt", "would not collect"),
        ("tapes/booking.tape", "tests", "would not collect tests"),
    ],
)
def test_a_name_that_is_no_good_is_refused(tape, test, said, project):
    with pytest.raises(PinRefused, match=said):
        choose_places(tape, test)
    assert [path.name for path in project.iterdir()] == ["pyproject.toml"]


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("booking", "test_booking"),
        ("test_booking", "test_booking"),
        ("Book a seat — Rome!", "test_book_a_seat_rome"),
        ("2026-11-30", "test_2026_11_30"),
        ("ü", "test_ü"),
        ("!!!", "test_run"),
        ("class", "test_class"),
    ],
)
def test_the_test_is_called_as_the_tape_is(stem, name, project):
    places = choose_places(f"tests/{stem}.tape")

    assert (places.name, places.test) == (name, project / "tests" / f"{name}.py")
    assert name.isidentifier()


def test_a_tape_may_lie_where_pytest_does_not_look_if_the_test_does_not(project):
    places = choose_places("build/booking.tape", "tests/booking_test.py")

    assert places.test == project / "tests/booking_test.py"


def test_a_virtual_environment_is_passed_over(project):
    (project / "env").mkdir()
    (project / "env/pyvenv.cfg").touch()
    with pytest.raises(PinRefused, match="passes over the folder env"):
        choose_places("env/tests/booking.tape")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "pyproject.toml",
            "[tool.pytest.ini_options]\npython_files = ['check_*.py']\npythonpath = ['src']\n",
        ),
        ("pyproject.toml", "[tool.pytest.ini_options]\npython_files = 'check_*.py'\npythonpath = 'src'\n"),
        ("pyproject.toml", "[tool.pytest]\npython_files = ['check_*.py']\npythonpath = ['src']\n"),
        ("pytest.toml", "[pytest]\npython_files = ['check_*.py']\npythonpath = ['src']\n"),
        ("pytest.ini", "[pytest]\npython_files = check_*.py\npythonpath = src\n"),
        ("tox.ini", "[pytest]\npython_files = check_*.py\npythonpath = src\n"),
        ("setup.cfg", "[tool:pytest]\npython_files =\n    check_*.py\npythonpath =\n    src\n"),
    ],
)
def test_settings_are_found_wherever_pytest_finds_them(file, text, project):
    (project / file).write_text(text)
    (project / "src").mkdir()
    (project / "src/my_agents.py").touch()
    found = read_settings(project / "tests/deep")

    assert (found.root, found.python_files, found.pythonpath) == (
        project,
        ("check_*.py",),
        (project / "src",),
    )
    with pytest.raises(PinRefused, match=r"would not collect test_x.py: .* such as check_\*.py"):
        choose_places("tests/x.tape")
    check_imports("my_agents", project / "tests/check_x.py", project)


@pytest.mark.parametrize("text", ["[tool", "[pytest\n", "\xff\xfe"])
def test_settings_that_nobody_can_read_are_passed_over(text, project):
    for file in ("pyproject.toml", "pytest.ini", "setup.cfg"):
        (project / file).write_bytes(text.encode("latin-1"))
    choose_places("tests/x.tape")


def test_two_tests_of_one_name_meet_unless_they_are_packages_or_imported_by_path(project):
    (project / "tests/old").mkdir(parents=True)
    (project / "tests/old/test_x.py").touch()
    with pytest.raises(PinRefused, match=r"pytest would take test_x\.py for"):
        choose_places("tests/x.tape")
    (project / "tests/old/__init__.py").touch()
    choose_places("tests/x.tape")
    (project / "tests/old/__init__.py").unlink()
    (project / "tests/__init__.py").touch()
    choose_places("tests/x.tape")
    (project / "tests/__init__.py").unlink()
    (project / "pytest.ini").write_text("[pytest]\naddopts = -q --import-mode importlib\n")
    choose_places("tests/x.tape")


def test_what_is_there_is_replaced_by_force_alone(project):
    (project / "x.tape").touch()
    with pytest.raises(PinRefused, match=r"x\.tape is there already"):
        choose_places("x.tape")
    choose_places("x.tape", force=True)
    (project / "y.tape").symlink_to(project / "nowhere")
    with pytest.raises(PinRefused, match=r"y\.tape is there already"):
        choose_places("y.tape")
    (project / "z.tape").mkdir()
    with pytest.raises(PinRefused, match="is a folder"):
        choose_places("z.tape", force=True)


def test_what_is_installed_is_found_and_what_lies_here_is_not(project):
    (project / "mine.py").touch()
    check_imports("json", project / "test_x.py", project)
    check_imports("attrs", project / "tests/test_x.py", project)
    check_imports("mine", project / "test_x.py", project)
    with pytest.raises(PinRefused, match=r"mine is found in .* alone"):
        check_imports("mine", project / "tests/test_x.py", project)
    (project / "tests").mkdir()
    (project / "tests/__init__.py").touch()
    check_imports("mine", project / "tests/test_x.py", project)
