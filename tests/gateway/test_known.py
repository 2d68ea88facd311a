"""Programs that are known: by which name, what they draw for themselves, how they are told whom to ask."""

from __future__ import annotations

import json

import pytest

from tracefork import Request
from tracefork.core.matching import canonical
from tracefork.runs.known import PROGRAMS, add_arguments, find_known, name_program

DRAWN = [
    ("claude", "Today's date is 2026-11-30.", "Today's date is 2027-01-02."),
    ("claude", "The current month is November 2026 —", "The current month is May 2027 —"),
    ("claude", "\n - OS Version: Linux 6.18.44\n", "\n - OS Version: Linux 6.1.0-13\n"),
    (
        "claude",
        "a file-based memory at `/home/a/.claude/projects/-w/memory/`.",
        "a file-based memory at `/home/b/.claude/projects/-w/memory/`.",
    ),
    ("codex", "<current_date>2026-11-30</current_date>", "<current_date>2027-01-02</current_date>"),
    ("codex", "- `r0` = `/home/a/.codex/skills/.system`", "- `r0` = `/home/b/.codex/skills/.system`"),
    ("codex", "Wall time 0.2 seconds\nOutput:", "Wall time 12.0 seconds\nOutput:"),
    (
        "gemini",
        "Today's date is Monday, May 3, 2027 (formatted",
        "Today's date is Friday, July 2, 2027 (formatted",
    ),
    ("gemini", "temporary directory is: /home/a/tmp\n- W", "temporary directory is: /home/b/tmp\n- W"),
    (
        "gemini",
        "**Private Project Memory** (`/home/a/.gemini/tmp/work/memory/MEMORY.md`)",
        "**Private Project Memory** (`/home/b/.gemini/tmp/work/memory/MEMORY.md`)",
    ),
    ("gemini", "Process Group PGID: 2207\n</u", "Process Group PGID: 35\n</u"),
]
"""What each says of itself, as it said it, and as it says it on another day, in another home or process."""


def ask(text):
    body = json.dumps({"input": [{"text": f"before {text} after"}]})
    return Request("POST", "https://h.example/v1", (), body.encode())


@pytest.mark.parametrize(("program", "one", "other"), DRAWN, ids=str)
def test_what_a_program_draws_for_itself_makes_no_difference_and_the_rest_does(program, one, other):
    matcher = canonical(ignoring=find_known([program]).ignore)

    assert matcher(ask(one)) == matcher(ask(other))
    assert matcher(ask(one)) != matcher(ask(f"{one} but"))
    assert canonical()(ask(one)) != canonical()(ask(other))


def test_each_pattern_of_each_program_is_tried():
    patterns = [one for known in PROGRAMS.values() for one in known.ignore if one.startswith("/")]

    assert len({(program, one) for program, one, _ in DRAWN}) == len(patterns)


@pytest.mark.parametrize(
    "words",
    [["codex", "exec", "x"], ["npx", "-y", "@openai/codex@0.171", "exec", "x"], ["/a/b/codex", "exec", "x"]],
    ids=" ".join,
)
def test_a_known_program_is_known_however_it_is_run(words):
    place = words.index("exec")

    assert "$.prompt_cache_key" in find_known(words).ignore
    added = add_arguments(words, {"OPENAI_BASE_URL": "http://h/v1"})
    assert added == [*words[:place], "-c", 'openai_base_url="http://h/v1"', *words[place:]]
    assert find_known(["python", "codex.py"]).ignore == ()
    assert add_arguments(["ls", "codex"], {}) == ["ls", "codex"]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["node", "agents/trip.mjs", "Rome"], "trip"),
        (["npx", "-y", "@openai/codex@0.171", "exec"], "codex"),
        (["/usr/bin/claude", "-p", "x"], "claude"),
        (["node"], "node"),
    ],
    ids=str,
)
def test_a_command_is_called_by_the_program_and_not_by_what_runs_it(words, name):
    assert name_program(words) == name
