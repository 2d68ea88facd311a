"""A rerun in reports: where it left its tape, what was changed, what that saved, and what came from where."""

from __future__ import annotations

import pytest
import reruns
from attrs import evolve
from report import stories
from report.test_page import at

import tracefork
from tracefork import Branch, Exchange, TapeStore, report
from tracefork.core.values import UNFINISHED, Departure
from tracefork.report.model.course import course_of, tell
from tracefork.report.page import sidebar
from tracefork.report.page.payload import blocks, index

NAMES = ("edited", "cheaper", "same", "forked", "resumed")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The runs of `reruns`, by name, from a store of theirs."""
    with TapeStore.open(tmp_path_factory.mktemp("store") / "runs.db") as store:
        reruns.fill(store)
        return {name: store.load(name) for name in ("first", *NAMES)}


def facts(tape, parent=None):
    course = course_of(tape, parent)
    return {fact.name: fact.text for fact in tell(course)} if course else None


# -- what there is to say -------------------------------------------------------------------


def test_a_rerun_says_where_it_left_what_was_changed_and_what_it_saved(runs):
    first, edited = runs["first"], runs["edited"]
    (left, *_) = tell(course_of(edited, first))

    assert (left.before, left.after) == ("'Plan a trip.'", "'Plan a trip to Rome.'")
    assert facts(edited, first) == {
        "left the tape": "at step 1 in $.messages[0].content",
        "changed": "the task in other words",
        "answers": "3 from the tape, 2 asked anew",
        "saved": "$0.0060: 3 calls of models, 3.6k tokens",
        "spent": "$0.0040: 2 calls of models, 2.4k tokens",
        "tool calls": "1 from the tape, 0 run",
        "no longer asked": "2 steps of the tape",
    }


def test_without_the_parent_it_says_what_the_tape_alone_tells(runs):
    assert facts(runs["edited"]) == {
        "left the tape": "at step 1 in $.messages[0].content",
        "changed": "the task in other words",
        "answers": "3 from the tape, 2 asked anew",
    }
    assert facts(runs["edited"], stories.release()) == facts(runs["edited"])


def test_edits_are_said_a_line_each(runs):
    assert facts(runs["cheaper"])["edited"] == "the model is claude-sonnet-4-5"
    assert facts(runs["cheaper"], runs["first"])["saved"] == "nothing"


def test_a_rerun_that_never_left_says_so_and_one_that_goes_on_that_it_has_not_yet(runs):
    assert facts(runs["same"])["left the tape"] == "nowhere: all that was asked has its answer on the tape"
    assert facts(evolve(runs["same"], outcome=UNFINISHED))["left the tape"] == "not so far"


def test_a_fork_says_what_it_was_served_and_not_what_it_spent(runs):
    """Its first new answer may have been given."""
    assert facts(runs["forked"], runs["first"]) == {
        "answers": "4 from the tape, 1 new",
        "saved": "$0.0080: 4 calls of models, 4.8k tokens",
        "tool calls": "1 from the tape, 0 run",
    }
    assert facts(runs["resumed"], runs["first"])["answers"] == "5 from the tape, 1 asked anew"


def test_runs_that_follow_none_or_do_not_tell_say_nothing(runs):
    assert facts(runs["first"]) is None
    assert [facts(tape, stories.release()) for tape in stories.branches()] == [None] * 4


@pytest.mark.parametrize("reason", ["over", "stalled", "code", "fresh", "fault", "unfinished", "unanswered"])
def test_every_reason_is_a_sentence(runs, reason):
    texts = {"recorded": "a"} if reason == "stalled" else {"asked": "b"}
    departure = Departure(3, reason, **texts)
    tape = evolve(runs["edited"], parent=Branch("first", 3, "rerun", departure=departure))

    assert facts(tape)["left the tape"] == f"at {departure}"


def test_an_answer_without_a_known_price_is_said(runs):
    def rename(step):
        if not isinstance(step, Exchange):
            return step
        bodies = (bytes(one.body).replace(b"claude-haiku-4-5", b"new") for one in (step.request, step.answer))
        asked, said = bodies
        return evolve(
            step, request=evolve(step.request, body=asked), answer=evolve(step.answer, chunks=(said,))
        )

    def unpriced(tape):
        return evolve(tape, steps=tuple(map(rename, tape.steps)))

    found = facts(unpriced(runs["edited"]), unpriced(runs["first"]))

    assert found["saved"] == "3 calls of models, 3.6k tokens; no price is known"


# -- the view -------------------------------------------------------------------------------


def test_steps_of_a_view_know_where_they_came_from(runs):
    alone, beside = report.view(runs["edited"]), report.view(runs["edited"], parent=runs["first"])

    assert [step.mark for step in alone.steps] == ["served", "live", "served", "served", "live"]
    assert [step.source for step in alone.steps] == [None] * 5
    assert [step.source for step in beside.steps] == [0, None, 2, 3, None]
    assert alone.course.savings is None
    assert beside.course.title == "Rerun of first"
    assert [aside.mark for aside in beside.asides] == ["", "served"]


def test_a_branch_stands_beside_its_parent_step_by_step(runs):
    view = report.view(runs["first"], branches=[runs[name] for name in NAMES])
    edited, cheaper, same, forked, resumed = view.branches

    assert [step.mark for step in edited.steps] == ["live", "served", "served", "live"]
    assert edited.beside == ((1, 5), (2, 6), (3, 7), (4, 8))
    assert [branch.place for branch in view.branches] == ["at 1", "at 0", "nowhere", "at 4", "at 5"]
    assert (same.steps, same.beside) == ((), ())
    assert forked.beside == ((4, forked.first),)
    assert resumed.beside == ((-1, resumed.first),)
    assert len(cheaper.beside) == 5


def test_a_branch_of_a_branch_is_served_from_that(runs):
    with tracefork.rerun(runs["edited"], run_id="again") as again:
        reruns.agent("Plan a trip to Rome.", topic="trains")
    view = report.view(runs["first"], branches=[runs["edited"], again.tape])
    edited, below = view.branches

    assert below.above == 0
    assert below.place == "at 2"
    assert [step.mark for step in below.steps] == ["live", "live", "served"]
    assert below.beside == tuple((edited.first + 1 + n, below.first + n) for n in range(3))


def test_a_page_gives_the_origins_back(runs):
    for name in NAMES:
        again = report.tape_in(report.html(runs[name]))

        assert again == runs[name]
        assert again.parent.departure == runs[name].parent.departure
        assert [step.origin for step in again.steps] == [step.origin for step in runs[name].steps]


def test_old_tapes_have_the_page_that_they_had(runs):
    tape, branches = stories.release(), stories.branches()
    rows = index(report.view(tape, branches=branches), [0], 0)
    page = report.html(tape, branches=branches)

    assert not any({"o", "e"} & set(row) for row in rows["steps"])
    assert not any({"told", "beside"} & set(branch) for branch in rows["branches"])
    assert 'class="told"' not in page
    assert 'class="came' not in page
    assert '"origin"' not in "".join(block.text for block in blocks(report.view(tape), tape, 0))


# -- in words -------------------------------------------------------------------------------


def test_text_and_markdown_say_it_too(runs):
    told = {"parent": runs["first"]}
    text, markdown = report.text(runs["edited"], **told), report.markdown(runs["edited"], **told)

    assert "Rerun of first:\n  left the tape: at step 1 in $.messages[0].content, where the tape has" in text
    assert "  saved: $0.0060: 3 calls of models, 3.6k tokens" in text
    assert "from the tape, step 2" in text
    assert text.count("asked anew") == 3
    assert "rerun of first at 1" in text
    assert "**Rerun of first**\n\n- **left the tape** at step 1" in markdown
    assert markdown.count("(from the tape)".replace("(", r"\(").replace(")", r"\)")) == 3


def test_branches_say_it_in_words_and_in_a_static_page(runs):
    branches = [runs[name] for name in NAMES]
    text = report.text(runs["first"], branches=branches)
    static = report.html(runs["first"], branches=branches, mode="static")
    view = report.view(runs["first"], branches=branches)
    twigs = {twig.place: twig.summary for twig in sidebar.branches(view)}

    assert "edited: the model is claude-sonnet-4-5" in text
    assert twigs["at 1"] == "2 new steps, 2 from the tape, finished"
    assert twigs["at 0"] == "5 new steps, finished"
    assert static.count('<dl class="told">') == 5
    assert "<dt>no longer asked</dt><dd>2 steps of the tape</dd>" in static
    assert static.count("<dl") == static.count("</dl>")
    assert "None" not in text


def test_what_was_recorded_is_text_in_it(runs):
    hostile = "</dd><script>alert(1)</script>\x1b[2J\ud800"
    departure = Departure(1, "differs", hostile, hostile, hostile)
    tape = evolve(runs["edited"], parent=Branch(hostile, 1, hostile, hostile, departure=departure))
    first = evolve(runs["first"], run_id=hostile)
    pages = [
        report.html(tape, parent=first),
        report.html(first, branches=[tape]),
        report.html(first, branches=[tape], mode="static"),
    ]

    for page in pages:
        assert page.encode()
        assert "<script>alert" not in page
        assert "\x1b" not in page
    assert "\x1b" not in report.text(tape, parent=first)
    assert "<script>" not in report.markdown(first, branches=[tape])


# -- the page -------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_page_of_a_rerun_has_a_badge_for_each_step_and_its_head(browse, runs):
    page = browse(report.html(runs["edited"], parent=runs["first"]), at(2))
    badges = page.tab.evaluate("[...document.querySelectorAll('#steps .came')].map((e) => e.textContent)")

    assert badges == ["from the tape", "asked anew", "from the tape", "from the tape", "asked anew"]
    assert "from the tape: the answer of step 2 of its parent" in page.text("#detail")
    assert page.text("#course-title") == "Rerun of first"
    assert page.text("#side .told del") == "'Plan a trip.'"
    assert page.text("#side .told ins") == "'Plan a trip to Rome.'"
    assert page.is_quiet()


def test_a_branch_in_the_page_has_its_head_its_badges_and_links_to_where_answers_came_from(browse, runs):
    page = browse(report.html(runs["first"], branches=[runs[name] for name in NAMES]), "#branch-0")
    page._wait("#branch-0")
    shown = page.text("#detail")
    badges = page.tab.evaluate("[...document.querySelectorAll('.beside .came')].map((e) => e.textContent)")
    page.go("#b0-step-3")
    link = page.tab.evaluate("document.querySelector('.sub .came + a').getAttribute('href')")

    assert "It left the recorded run at step 1, has 2 steps of its own" in shown
    assert "no longer asked2 steps of the tape" in shown
    assert badges == ["asked anew", "from the tape", "from the tape", "asked anew"]
    assert link == "#step-3"
    assert page.is_quiet()


def test_a_rerun_that_was_asked_more_and_less_shows_what_stands_alone(browse):
    with tracefork.record(run_id="first") as run:
        [reruns.ask(prompt) for prompt in "abcd"]
    with tracefork.rerun(run.tape, run_id="again") as again:
        [reruns.ask(prompt) for prompt in "bcXd"]
    page = browse(report.html(run.tape, branches=[again.tape]), "#branch-0")
    page._wait("#branch-0")
    shown = page.text("#detail")

    assert shown.count("not asked before") == 1
    assert shown.count("not asked any more") == 1
    assert shown.count("the same answer") == 3


def test_a_branch_that_never_left_says_so(browse, runs):
    page = browse(report.html(runs["first"], branches=[runs["same"]]), "#branch-0")
    page._wait("#branch-0")

    assert "nowhere: all that was asked has its answer on the tape" in page.text("#detail")
    assert "Nothing differs" in page.text("#detail")
    assert page.is_quiet()


@pytest.mark.parametrize("size", [(1440, 900), (360, 700)])
def test_it_fits_wide_and_narrow_and_can_be_read_in_both_lights(browse, runs, size):
    html = report.html(runs["first"], branches=[runs[name] for name in NAMES])
    page = browse(html, "#branch-0", viewport={"width": size[0], "height": size[1]})
    page._wait("#branch-0")
    colors = []
    for scheme in ("light", "dark"):
        page.tab.emulate_media(color_scheme=scheme)
        colors += page.tab.evaluate(CONTRASTS)

    assert page.tab.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert len(colors) >= 12
    assert [found for found in colors if found[1] < 4.5] == []


CONTRASTS = """[...document.querySelectorAll('#detail .told *, #detail .came')].map((node) => {
    const channels = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = (rgb) => { const [r, g, b] = rgb.slice(0, 3).map((c) => { c /= 255; return c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
    let behind = node;
    while (behind && (channels(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement;
    const pair = [light(channels(getComputedStyle(node).color)), light(channels(getComputedStyle(behind).backgroundColor))].sort((a, b) => b - a);
    return [node.textContent, (pair[0] + .05) / (pair[1] + .05)];
})"""  # noqa: E501
"""For each text how well it can be told from what is behind it, as WCAG counts that."""
