"""`tracefork show` prints the conversation: what each step added, what came, which tools ran, and the end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import reruns
from attrs import evolve
from report import failures, stories

from tracefork import Tape, TapeStore
from tracefork.core.values import Outcome
from tracefork.report.text import transcript as module
from tracefork.report.text.transcript import transcript


def lines(tape, **options):
    return list(transcript(tape, **options))


def test_a_step_is_a_paragraph_with_its_news_and_its_answer():
    told = lines(stories.release())
    second = told[told.index("", 1) + 1 :][:5]

    assert told[1:4] == [
        "step 0 · claude-sonnet-4-5 · 1.7 s · 214 → 11 tokens · $0.00081",
        "  4 tools declared: get_ticket, run_tests, query_metrics, deploy",
        f"  system: {stories.SYSTEM}",
    ]
    assert second == [
        "step 1 · claude-sonnet-4-5 · 1.7 s · 298 → 10 tokens · $0.0010",
        "  (1 earlier message unchanged since step 0 (855 B hidden))",
        "  assistant: the answer of step 0, sent back unchanged",
        "  user: ← tool result: Round half-even in invoice totals. Needs green suites.",
        "  assistant (tool_use): The unit suite, then.",
    ]
    assert told[-2:] == ["finished", "10 steps · 19.7 s · 4,790 tokens in, 137 out · $0.0164"]


def test_a_failure_ends_with_what_went_wrong_and_where():
    told = lines(failures.has_a_tool_that_raises().tape)
    end = told[told.index("failed: report.failures.Refused: the card was declined for 89") :]

    assert "called pay(89)" in "\n".join(told)
    assert end[1].startswith("  step 1: tool error: pay raised report.failures.Refused")
    assert end[-2] == "  report.failures.Refused: the card was declined for 89"
    assert 'raise Refused(f"the card was declined for {amount}")' in end[-3]
    assert "tracefork/session" not in "\n".join(end)


def test_sub_agents_say_their_strand_and_what_they_came_to():
    with ThreadPoolExecutor() as pool:
        told = lines(pool.submit(failures.has_a_failing_sub_agent).result().tape)
    at = next(n for n, line in enumerate(told) if line.startswith("ran search(buses, [False, True, False])"))

    assert told[at + 1] == '  came to: "buses"'
    assert any("· search.1/search.0 ·" in line for line in told)
    assert "  user: ✕ tool error: timetable lost" in told


def test_a_long_text_is_cut_and_whole_when_asked_for():
    long = "\n".join(f"line {n}" for n in range(500))
    asked = stories.question([{"role": "user", "content": long}], stream=False)
    tape = Tape((stories.exchange(asked, stories.anthropic.text("Ok.")(asked), 0),))

    assert "    line 11" in lines(tape)
    assert "    line 12" not in lines(tape)
    assert (
        f"    … {len(long) - len(long[: long.index('line 12')]):,} more characters: --full prints them"
        in lines(tape)
    )
    assert "    line 499" in lines(tape, whole=True)


@pytest.mark.parametrize("text", ["\x1b" * 1_201, "a\r\nb\r\n" * 600, "\n" * 3_000 + "a", "\u2028" * 1_500])
def test_what_is_left_is_never_less_than_nothing(text):
    asked = stories.question([{"role": "user", "content": text}], stream=False)
    shown = lines(Tape((stories.exchange(asked, stories.anthropic.text("Ok.")(asked), 0),)))

    left = [one.partition(" more characters")[0] for one in shown if "more characters" in one]
    assert len(left) == 1
    assert "-" not in left[0]


def test_a_rerun_says_where_each_answer_came_from():
    with TapeStore.open(":memory:") as store:
        reruns.fill(store)
        told = lines(store.load("edited"), parent=store.load("first"))

    assert any(line.startswith("step 0") and "from the tape, step 0" in line for line in told)
    assert any(line.startswith("step 1") and "asked anew" in line for line in told)


def test_nothing_that_was_recorded_steers_the_terminal_or_forges_a_line():
    evil = "\x1b[2J\u202e\nstep 9 · forged\x07"
    asked = stories.question([{"role": "user", "content": evil}], stream=False)
    tape = Tape(
        (stories.exchange(asked, stories.anthropic.text(evil)(asked), 0, lane=evil),),
        outcome=Outcome("raised", evil, evil, evil),
    )
    told = lines(tape, whole=True)

    assert not any(line.startswith("step 9") for line in told)
    assert not any(c in line for line in told for c in "\x1b\x07\u202e\n")


def test_clocks_are_not_told_and_what_was_in_flight_is():
    told = "\n".join(lines(stories.of_every_kind()))

    assert "clock" not in told
    assert module.MOST_LINES < 50
    assert "no exchange" not in "\n".join(lines(evolve(stories.release(), steps=())))
