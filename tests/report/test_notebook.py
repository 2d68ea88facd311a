"""Values show themselves in a notebook: a frame that runs nothing, or Markdown; never a raised error."""

from __future__ import annotations

import html
import re
import subprocess
import sys
import textwrap

import httpx
import pytest
from attrs import evolve
from report import failures, stories
from report.test_hostile import hostile

import tracefork
from tracefork import BlameReport, TapeStore
from tracefork.attribution.findings.findings import RankedDrop
from tracefork.attribution.search.conclusion import Conclusion
from tracefork.report import notebook

client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, json={"at": "last"})))


def agent():
    client.get("http://m/1")


def other_agent():
    client.get("http://m/2")


def inside(shown):
    """The page within a frame."""
    found = re.fullmatch(r'<iframe sandbox srcdoc="([^"]*)" width="100%" height="\d+" [^>]*></iframe>', shown)
    return html.unescape(found[1])


def values():
    with tracefork.record(agent_name="asker") as run:
        agent()
    right, wrong = tracefork.verify(run.tape, agent), tracefork.verify(run.tape, other_agent)
    with tracefork.record() as another:
        other_agent()
    drop = RankedDrop(step=0, value_drop=0.8, low=0.6, high=0.95, certified=True, before=0.9, after=0.1)
    report = BlameReport(Conclusion.STEP, (drop,))
    return {
        "tape": (run.tape, "asker"),
        "session": (run, "asker"),
        "right verdict": (right, "replays bit-exact"),
        "wrong verdict": (wrong, "NOT ok: 0 of 1 exchanges"),
        "blame": (report, "decided"),
        "parting": (tracefork.diff(run.tape, another.tape), "http://m/2"),
    }


NAMES = ["tape", "session", "right verdict", "wrong verdict", "blame", "parting"]


@pytest.mark.parametrize("name", NAMES)
def test_each_shows_itself_as_a_framed_page_and_as_markdown(name):
    value, word = values()[name]

    page = inside(value._repr_html_())
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert word in html.unescape(page)
    assert word.split("/")[-1] in value._repr_markdown_()


def test_a_run_in_progress_shows_what_has_happened_so_far():
    with tracefork.record(agent_name="asker") as run:
        agent()
        page = inside(run._repr_html_())

    assert 'id="step-0"' in page
    assert "cut short" in page


def test_a_long_run_is_shown_in_part():
    page = inside(stories.repeated(1_000)._repr_html_())

    assert page.count('<li id="step-') == notebook.STEPS
    assert "800 more steps follow." in page


def test_without_jinja_there_is_no_page_and_no_error():
    program = """
        import sys
        sys.modules["jinja2"] = None
        import tracefork
        with tracefork.record(agent_name="asker") as run:
            pass
        verdict = tracefork.verify(run.tape, lambda: None)
        assert (run.tape._repr_html_(), run._repr_html_(), verdict._repr_html_()) == (None, None, None)
        print(run.tape._repr_markdown_())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("### asker")


def test_what_is_no_run_is_refused():
    with pytest.raises(TypeError, match="no run, verdict"):
        notebook.draw_html(3)


@pytest.mark.slow
@pytest.mark.browser
def test_a_frame_shows_the_run_and_nothing_recorded_gets_out_of_it(browse):
    tape, *_ = hostile()
    shown = [evolve(tape, agent_name='"></iframe><script>window.__pwned = 1</script>')._repr_html_()]
    with TapeStore.open(":memory:") as store:
        store.save(failures.raises().tape, "x")
        shown.append(store.load("x")._repr_html_())
    page = browse(f"<!doctype html><title>n</title>{''.join(shown)}")
    framed = page.tab.frames[2]

    assert page.tab.evaluate("window.__pwned") is None
    assert page.tab.evaluate("document.querySelectorAll('iframe').length") == 2
    assert "JSONDecodeError" in framed.locator("#ending").inner_text()
    assert page.dialogs == []
