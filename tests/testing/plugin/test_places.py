"""The files of tapes: names that every file system bears, and no two of them alike."""

from hypothesis import given
from hypothesis import strategies as st

from tracefork.testing.plugin.places import find_unused, make_name, make_plain, name_fixture

NAMES = st.text(min_size=1, max_size=200)
FORBIDDEN = set('<>:"/\\|?*')


@given(NAMES, st.none() | NAMES)
def test_a_name_is_plain(name, parameters):
    made = make_name(name, parameters)

    assert made.isascii() and made.isprintable() and not set(made) & FORBIDDEN
    assert len(made) <= 130 and made[0] not in ".-" and " " not in made
    assert made.partition(".")[0].lower() not in {"con", "nul", "aux", "prn", "com1", "lpt9"}


@given(st.tuples(st.just("test_x"), NAMES), st.tuples(st.just("test_x"), NAMES))
def test_other_parameters_have_another_name_whatever_their_case(one, other):
    assert (make_name(*one).lower() == make_name(*other).lower()) is (one == other)


def test_examples():
    assert make_name("test_x", None) == "test_x.tape"
    assert make_name("TestX.test_y", "1-rome") == "TestX.test_y[1-rome].tape"
    assert make_name("test_x", "a/b").startswith("test_x[a_b]-")
    assert make_plain("nul").startswith("_nul-")
    assert name_fixture("_unittest_setUpClass_fixture_TestOld") == "setUpClass"
    assert name_fixture("of_module") == "of_module"


def test_tapes_of_fixtures_are_used_if_a_test_has_the_fixture(tmp_path):
    folder = tmp_path / "tapes"
    for name in (
        "test_a/test_x.tape",
        "test_a/module.key.tape",
        "test_a/T.class.key[1].teardown.tape",
        "session.old.tape",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()

    unused = find_unused([str(folder / "test_a/test_x.tape")], {"key"}, [str(tmp_path)])
    assert unused == [folder / "session.old.tape"]
