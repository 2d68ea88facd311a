"""A project of a user's, its model behind a real socket, and pytest run on it."""

import importlib
import json
import sys
from contextlib import suppress
from importlib.util import find_spec

import pytest

import tracefork
import tracefork.testing.plugin.failures
import tracefork.testing.plugin.shared
import tracefork.testing.plugin.vcr
import tracefork.transports.httpx
from tracefork.testing import LoopbackServer, by_rule

OPTIONAL = [
    name
    for name in ("pytest_asyncio.plugin", "xdist.plugin")
    if find_spec(name.partition(".")[0]) is not None
]
for name in ("anyio.pytest_plugin", "anyio._backends._trio", "trio.testing", *OPTIONAL):
    with suppress(ImportError):
        importlib.import_module(name)  # pytester forgets what was imported in a run, and would do it in each

ASK = """
import os

import httpx
import pytest

URL = os.environ["MODEL"]
PROMPT = os.environ.get("PROMPT", "as ever")


def body(text):
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


def ask(text):
    with httpx.Client(verify=False) as client:  # which is made in no time
        return client.post(URL, json=body(text)).text


async def aask(text):
    async with httpx.AsyncClient(verify=False) as client:
        return (await client.post(URL, json=body(text))).text
"""


class Project:
    """A folder of tests; `run` runs pytest on it, and says what it `asked` for real."""

    def __init__(self, pytester, monkeypatch, server, heard):
        self.pytester, self._monkeypatch, self._heard = pytester, monkeypatch, heard
        monkeypatch.setenv("MODEL", f"{server.url.rstrip('/')}/v1/messages")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # others take a second, each time
        monkeypatch.setenv("CI", "1")  # summary lines are whole
        self.folder = pytester.path
        self.write("asking.py", ASK)
        pytester.makeini("[pytest]\npythonpath = .\nasyncio_default_fixture_loop_scope = session\n"
                         "asyncio_default_test_loop_scope = session\nfilterwarnings = default\n")  # fmt: skip

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        for module in list(sys.modules):  # of an earlier run in this process
            if module == "asking" or module.startswith("test_of_"):
                del sys.modules[module]
        return path

    def run(self, *words, prompt="as ever", apart=False):
        """The outcome of pytest, and how many questions left it."""
        self._monkeypatch.setenv("PROMPT", prompt)
        for module in list(sys.modules):
            if module == "asking" or module.startswith("test_of_"):
                del sys.modules[module]
        before = len(self._heard)
        go = self.pytester.runpytest_subprocess if apart else self.pytester.runpytest_inprocess
        plugins = ["anyio.pytest_plugin", "tracefork.testing.plugin", *OPTIONAL]
        result = go(*(f"-p{name}" for name in plugins), "-pno:cacheprovider", "-q", "-rA", *words)
        result.asked = len(self._heard) - before
        return result

    def tapes(self):
        """The tapes by their paths from the folder of the tests."""
        return {
            path.relative_to(self.folder).as_posix(): tracefork.load(path)
            for path in sorted(self.folder.rglob("*.tape"))
        }


@pytest.fixture(scope="session")
def model():
    """A model that says what it was told last, and what it heard."""
    heard = []

    def answer(request):
        heard.append(request)
        said = json.loads(request.body or b"{}").get("messages", [{"content": "nothing"}])[-1]["content"]
        return tracefork.Response(200, (("content-type", "text/plain"),), (f"heard {said}".encode(),))

    with LoopbackServer(by_rule(answer)) as server:
        yield server, heard


class Nothing:
    """Of a run in this process nothing is forgotten but its own tests: libraries would be two of each."""

    def restore(self):
        for module in list(sys.modules):
            if module in ("asking", "conftest") or module.startswith("test_of"):
                del sys.modules[module]


@pytest.fixture
def forgetting_nothing(monkeypatch):
    monkeypatch.setattr(pytest.Pytester, "_Pytester__take_sys_modules_snapshot", lambda self: Nothing())


@pytest.fixture
def pytester(forgetting_nothing, pytester):
    return pytester


@pytest.fixture
def project(pytester, monkeypatch, model):
    return Project(pytester, monkeypatch, *model)


@pytest.fixture
def one(project):
    """A project with one test that asks once."""
    project.write("test_of_one.py", """
import pytest
from asking import PROMPT, ask


@pytest.mark.tracefork
def test_asks():
    assert ask(PROMPT).startswith("heard")
""")  # fmt: skip
    return project
