"""A run as a comment on a pull request: what a reviewer looks for first, and no more than GitHub takes."""

import re

import httpx
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from report import stories

import tracefork
from tracefork import Branch, Draw, Effect
from tracefork.core.values import Call, Outcome, Reading, Reply, Source
from tracefork.providers import anthropic
from tracefork.report import markdown
from tracefork.report.text.markdown import MOST
from tracefork.testing import scripted
from tracefork.testing.strategies import tapes

RELEASE = stories.release()


def head(tape, **told):
    return [
        line[2:] for line in markdown(tape, **told).partition("<details>")[0].splitlines() if line[:2] == "- "
    ]


def units(text):
    return len(text.encode("utf-16-le")) // 2


def long_story(steps, text):
    story = [(f"{n} {text}", ("run_tests", {"suite": text}), text) for n in range(steps - 1)]
    return stories.release([*story, ("Done.", None, None)])


def test_it_begins_with_what_was_asked_and_what_came_out():
    assert head(RELEASE) == [
        "**asked** Ship PAY-4127 if it is safe. Post the result to #&#8203;payments-release.",
        f"**final answer** {stories.STORY[-1][0]}",
        (
            "**called** 3 \N{MULTIPLICATION SIGN} deploy, 2 \N{MULTIPLICATION SIGN} run\\_tests,"
            " 2 \N{MULTIPLICATION SIGN} query\\_metrics, get\\_ticket"
        ),
        "**failed** step 4: HTTP 529 Overloaded",
    ]


def test_a_run_that_failed_says_how_in_full():
    why = "Error code: 529 - overloaded, and so it has been for a while: try again when it is night."
    tape = evolve(
        RELEASE, steps=RELEASE.steps[:5], outcome=Outcome("raised", "anthropic.OverloadedError", why)
    )

    assert f"**raised** anthropic.OverloadedError: {why}" in head(tape)
    assert "**last words** A cent is surely a stale fixture. I go on." in head(tape)


def test_many_failures_are_counted():
    busy = RELEASE.steps[4]
    tape = evolve(RELEASE, steps=(busy,) * 7)

    assert [line for line in head(tape) if line.startswith("**failed")][2:] == [
        "**failed** step 2: HTTP 529 Overloaded",
        "**failed** 4 steps more",
    ]


def test_a_replay_that_diverged_says_where():
    script = scripted.Script(*map(anthropic.text, ["Rain.", "Sun."]))
    client = httpx.Client(transport=scripted.transport(script, httpx))

    def poet(wish="a title"):
        for _ in range(2):
            asked = {"model": "m", "messages": [{"role": "user", "content": f"Write {wish}."}]}
            client.post("https://api.anthropic.com/v1/messages", json=asked)

    with tracefork.record() as run:
        poet()
    verdict = tracefork.verify(run.tape, lambda: poet("a poem"))
    with pytest.raises(tracefork.Divergence), tracefork.replay(run.tape) as again:
        poet("a poem")

    said = next(line for line in head(run.tape, verified=verdict) if line.startswith("**replay**"))
    assert "0 of 2 exchanges happened again" in said
    assert "Write a title." in said
    assert "Write a poem." in said
    assert any(line.startswith("**raised** tracefork") and "a poem" in line for line in head(again.tape))


def test_a_run_of_tools_alone_names_them():
    tape = tracefork.Tape((Effect(Call("book"), Reply("returned", "1")), Draw(Source("uuid"), Reading("x"))))

    assert head(tape) == ["**called** book"]


def test_sixty_steps_are_all_listed():
    text = markdown(long_story(60, "words and words " * 40))

    assert "| … |" not in text
    assert [int(n) for n in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)] == list(range(60))


WIDE = [
    "@" * 600,
    "\N{GRINNING FACE}" * 600,
    "<&*_`[](){}|~$" * 50,
    "https://x.example/#1 @all " * 40,
    "a" * 600,
]


@pytest.mark.slow
@pytest.mark.parametrize("text", WIDE)
def test_a_comment_is_never_too_long_and_says_what_is_left_out(text):
    tape = long_story(190, text[:120])
    branches = [
        evolve(
            RELEASE,
            run_id=f"{n}",
            parent=Branch(tape.run_id, 1, text, text),
            outcome=Outcome("raised", text, text),
        )
        for n in range(300)
    ]
    alone, beside = markdown(tape), markdown(evolve(tape, agent_name=text), branches=branches)

    assert max(units(alone), units(beside)) <= MOST
    for said in (alone, beside):
        listed = [int(n) for n in re.findall(r"^\| (\d+) \|", said, re.MULTILINE)]
        left = re.search(r"^\| … \| (\d+) more", said, re.MULTILINE)

        assert len(listed) + (int(left[1]) if left else 0) == 190
        assert {0, 189} <= set(listed)
        assert said.endswith("\n</details>\n")
    assert re.search(r"^- … \d+ more$", beside, re.MULTILINE)


def test_a_long_blame_is_no_more_than_a_part_of_it():
    marks = tuple(evolve(stories.BLAME.ranking[0], step=n) for n in range(3_000))
    blame = evolve(stories.BLAME, ranking=marks)

    assert units(markdown(RELEASE, blame=blame)) <= MOST


@given(tapes(), st.text())
def test_every_run_has_a_comment(tape, name):
    said = markdown(evolve(tape, agent_name=name))

    assert said.encode()
    assert units(said) <= MOST
