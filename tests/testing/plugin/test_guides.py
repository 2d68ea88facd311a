"""The guides to the plugin are executed: their files are written, their commands run, their lines printed."""

import re
import subprocess
import sys
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path

import pytest

from tracefork.providers import anthropic
from tracefork.testing import LoopbackServer, by_rule

yaml = pytest.importorskip("yaml")

GUIDES = Path(__file__).parents[3] / "docs/guides"
PART = re.compile(
    r"<!-- (file|edit): (.*?) -->\n|<!-- (fails) -->\n|^```(python|yaml|sh|text)\n(.*?)^```\n",
    re.DOTALL | re.MULTILINE,
)


@pytest.fixture(scope="module")
def model():
    def answer(request):
        return anthropic.text(
            "I found one, and it is booked." if b"Find" in request.body else "It is booked."
        )

    with LoopbackServer(by_rule(answer)) as server:
        yield f"{server.url.rstrip('/')}/v1/messages"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pytest", "coming-from-vcrpy"])
def test_a_guide(name, model, tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_URL", model)
    monkeypatch.setenv("CI", "1")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    done = play((GUIDES / f"{name}.md").read_text("utf-8"), tmp_path, model)

    assert done >= 4


def play(text, folder, model):
    """Write the files, and run the commands; the number of those."""
    file, fails, printed, commands = "", False, "", 0
    for found in PART.finditer(text):
        what, named, failing, kind, body = found.groups()
        if what == "file":
            file = named
        elif what == "edit":
            name, _, change = named.partition(": ")
            before, after = change.split(" -> ")
            written = (folder / name).read_text("utf-8")
            assert before in written
            (folder / name).write_text(written.replace(before, after), "utf-8")
        elif failing:
            fails = True
        elif kind in ("python", "yaml") and file:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(body.replace("uri: MODEL_URL", f"uri: {model}"), "utf-8")
            file = ""
        elif kind == "sh" and body.startswith("pytest"):
            words = [
                sys.executable,
                "-m",
                *body.split(),
                "-p",
                "tracefork.testing.plugin",
                "-p",
                "no:cacheprovider",
            ]
            done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder)
            assert (done.returncode != 0) is fails, done.stdout + done.stderr
            printed, fails, commands = done.stdout, False, commands + 1
        elif kind == "text":
            same = OutputChecker().check_output(
                f"...{body.strip()}...", printed, ELLIPSIS | NORMALIZE_WHITESPACE
            )
            assert same, printed
    return commands


# -- the habits -------------------------------------------------------------------------------

INTERACTION = {
    "request": {"body": None, "headers": {}, "method": "GET", "uri": "https://api.test/models?key=1"},
    "response": {"body": {"string": "first"}, "headers": {}, "status": {"code": 200, "message": "OK"}},
}
GET = """
import os

import httpx
import pytest


def get(path="models?key=1", **options):
    with httpx.Client(verify=False) as client:
        return client.get("https://api.test/" + path, **options).text


def post():
    with httpx.Client(verify=False) as client:
        return client.post(os.environ["MODEL_URL"], json={"said": "Find"}).text


"""
VCR = "@pytest.mark.vcr"
GETS = "    assert get() == 'first'\n"
PASSES, FAILS, ERRS = {"passed": 1}, {"failed": 1}, {"errors": 1}


def write_test(body, *marks, name="test_x", fixture=""):
    """The text of a test with `marks`, behind a fixture."""
    return "\n".join([*([f"{fixture}\n\n"] if fixture else []), *marks, f"def {name}():", body])


FOLDER = """@pytest.fixture
def vcr_cassette_dir(request):
    return str(request.path.parent / "cassettes/test_of")
"""
FILTERED = """@pytest.fixture
def vcr_config():
    return {"filter_query_parameters": ["key", "k2"]}
"""
LESS = """    post()
    if "LESS" not in os.environ:
        post()
"""
NAMED = "@pytest.mark.default_cassette('a.yaml')"
USED = "from tracefork.testing import use_cassette\n"
POSTS = write_test("    post()\n", VCR, name="test_y")
HABITS = {
    "@pytest.mark.vcr": (write_test(GETS, VCR), (), PASSES),
    '@pytest.mark.vcr("a.yaml", "b.yaml")': (
        write_test("    assert get() == get() == 'first'\n", f"{VCR}('a.yaml', 'b.yaml')", name="test_y"),
        (),
        PASSES,
    ),
    '@pytest.mark.default_cassette("a.yaml")': (write_test(GETS, VCR, NAMED, name="test_y"), (), PASSES),
    "--record-mode=none": (POSTS, ("--record-mode=once",), PASSES),
    "--block-network": (write_test("    post()\n"), ("--block-network",), FAILS),
    "--disable-recording": (POSTS, ("--disable-recording",), PASSES),
    "cassettes/<test>.yaml": (
        write_test(GETS.replace("()", "('models?flat=1')").replace("first", "flat"), VCR, name="test_flat"),
        (),
        PASSES,
    ),
    "vcr_config": (write_test(GETS, VCR, fixture=FOLDER), (), PASSES),
    "filter_headers": (
        write_test("    assert get('models?k2=3') == 'first'\n", VCR, fixture=FILTERED),
        (),
        PASSES,
    ),
    'match_on=["method", "uri", "body"]': (
        write_test("    assert get('models?other=1') == 'first'\n", f"{VCR}(match_on=['method', 'path'])"),
        (),
        PASSES,
    ),
    "allow_playback_repeats": (
        write_test("    assert get() == get() == get()\n", f"{VCR}(allow_playback_repeats=True)"),
        (),
        PASSES,
    ),
    "ignore_hosts": (
        write_test("    assert post()\n", f"{VCR}('a.yaml', ignore_hosts=['127.0.0.1'])", name="test_y"),
        (),
        PASSES,
    ),
    "before_record_request": (write_test("    get()\n", f"{VCR}(before_record_request=print)"), (), ERRS),
    "before_record_response": (
        write_test("    assert get() == 'first'\n", f"{VCR}(before_record_response=print)"),
        (),
        PASSES,
    ),
    'vcr.use_cassette("a.yaml")': (
        write_test(GETS, "@use_cassette('cassettes/test_of/a.yaml')", name="test_y", fixture=USED),
        (),
        PASSES,
    ),
    "assert vcr.play_count == 2": (write_test(f"{GETS}    get()\n", VCR), (), FAILS),
    "cassette.all_played": (write_test(LESS, "@pytest.mark.tracefork", name="test_y"), ("LESS",), FAILS),
}


def list_habits():
    text = (GUIDES / "coming-from-vcrpy.md").read_text("utf-8")
    rows = re.findall(r"^\| ((?:pytest-vcr: )?`.*?) \| .* \|$", text.partition("## Habits")[2], re.MULTILINE)
    return [re.search(r"`(.*?)`", row)[1] for row in rows]


def test_each_row_of_the_table_is_executed():
    assert [row.partition("=none")[0] for row in list_habits()] == [
        key.partition("=none")[0] for key in HABITS
    ]


@pytest.mark.parametrize("habit", HABITS)
def test_a_habit(habit, pytester, monkeypatch, model):
    test, words, outcome = HABITS[habit]
    monkeypatch.setenv("MODEL_URL", model)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    sys.modules.pop("test_of", None)
    pytester.makeini("[pytest]\nfilterwarnings = default\n")
    pytester.path.joinpath("test_of.py").write_text(GET + test)
    folder = pytester.path / "cassettes/test_of"
    folder.mkdir(parents=True)
    for name in ("test_x", "a", "b"):
        folder.joinpath(f"{name}.yaml").write_text(
            yaml.safe_dump({"interactions": [INTERACTION], "version": 1})
        )
    flat = {
        "request": INTERACTION["request"] | {"uri": "https://api.test/models?flat=1"},
        "response": INTERACTION["response"] | {"body": {"string": "flat"}},
    }
    (folder.parent / "test_flat.yaml").write_text(yaml.safe_dump({"interactions": [flat], "version": 1}))
    plugin = ("-p", "tracefork.testing.plugin", "-p", "no:cacheprovider", "-q")
    if words == ("LESS",):
        pytester.runpytest_inprocess(*plugin, "--tracefork-mode=once").assert_outcomes(passed=1)
        monkeypatch.setenv("LESS", "1")
        words = ()
        sys.modules.pop("test_of", None)

    pytester.runpytest_inprocess(*plugin, *words).assert_outcomes(**outcome)
