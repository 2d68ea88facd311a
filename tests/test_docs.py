"""The documentation's examples run, and print what they are said to print.

A block of Python that begins with `# runs` is executed, in a directory of its own,
after those before it on its page. A block of text that follows is what it prints;
`...` stands for anything.
"""

import contextlib
import io
import os
import re
import sys
import types
import urllib.request
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from functools import partial
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tracefork.testing import BackendTests, TransportTests

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(# runs\n.*?)^```\n(?:\s*^```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)


def blocks(page):
    text = page.read_text()
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start(1))
        yield "\n" * line + found[1], found[2]


def executed(page):
    """What a page defines, once its blocks have printed what they promised."""
    module = types.ModuleType("example")
    module.__file__ = str(page)
    sys.modules["example"] = module  # so that its dates are drawn as those of a module are
    names = vars(module)
    for code, promised in blocks(page):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, str(page), "exec"), names)
        if promised is not None:
            same = OutputChecker().check_output(promised, printed.getvalue(), ELLIPSIS | NORMALIZE_WHITESPACE)
            assert same, printed.getvalue()
    return names


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, id=str(p.relative_to(ROOT))) for p in PAGES if "```python\n# runs" in p.read_text()],
)
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_TOKEN", "_SECRET"))]:
        monkeypatch.delenv(name)
    executed(page)


def test_the_readme_has_examples_that_run():
    assert list(blocks(ROOT / "README.md"))


class TestTheSampleTransport(TransportTests):
    abilities = frozenset({"sync", "streams", "faults", "secrets"})

    @pytest.fixture(autouse=True)
    def _adapter(self):
        self.recorded = executed(ROOT / "docs/guides/own-transport.md")["Recorded"]

    @contextlib.contextmanager
    def opened(self, run, url, body):
        opener = urllib.request.build_opener(*[self.recorded(run)] if run else [])
        try:
            response = opener.open(url, body)
        except HTTPError as error:
            response = error
        with response:
            yield response.status, iter(partial(response.read1, 2**16), b"")


class TestTheSampleBackend(BackendTests):
    persistent = False

    def new(self, tmp_path):
        page = executed(ROOT / "docs/guides/own-backend.md")
        return page["BucketBackend"](page["Bucket"]())
