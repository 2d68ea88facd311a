"""The view of a run holds every byte of it, and says each thing once."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from report import stories

from tracefork import Branch, Request, report
from tracefork.core.values import Omitted, Pending
from tracefork.providers import read
from tracefork.providers.messages import Message
from tracefork.report.model.cutting import Cutter
from tracefork.report.model.pool import Pool
from tracefork.report.model.repeats import Asked, Lineages, woven
from tracefork.report.page import payload, sidebar
from tracefork.report.page.payload import index
from tracefork.testing.strategies import tapes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(["messages", "system", "tools", "model", "stream", "input", "x"])
BODIES = st.dictionaries(KEYS, JSON | st.lists(JSON, max_size=5), max_size=6).map(json.dumps)


def joined(pool, numbers):
    return b"".join(bytes(pool.pieces[number]) for number in numbers)


# -- laws ------------------------------------------------------------------------------


@given(st.lists(BODIES | BODIES.map(lambda text: text[: len(text) // 2]) | st.text(max_size=40), max_size=6))
def test_the_pieces_of_a_body_are_the_body(bodies):
    pool, api = Pool(), read.api(Request("POST", stories.URL))
    cutter = Cutter(pool)
    for body in [*bodies, *bodies]:
        data = body.encode("utf-8", "replace")
        assert joined(pool, cutter.cut(data, api)) == data


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_bytes_that_are_no_text_are_kept_as_they_are(bodies):
    pool, api = Pool(), read.api(Request("POST", stories.URL))
    for body in bodies:
        assert joined(pool, Cutter(pool).cut(body, api)) == body


@given(BODIES, st.integers(1, 6))
def test_a_body_is_cut_into_no_more_pieces_than_may_be(body, most):
    pool, api = Pool(), read.api(Request("POST", stories.URL))
    numbers = Cutter(pool, most).cut(body.encode(), api)

    assert len(numbers) <= most
    assert joined(pool, numbers) == body.encode()


@given(st.lists(st.integers(0, 6), max_size=12), st.lists(st.integers(0, 6), max_size=12))
def test_what_is_woven_with_a_base_comes_back_from_it(pieces, base):
    lineages = Lineages()
    lineages.follow(Asked(0, tuple(base), frozenset(base)), "")
    found = lineages.follow(Asked(1, tuple(pieces), frozenset(pieces)), "")

    assert found.pieces(base if found.base == 0 else ()) == tuple(pieces)
    assert set(found.fresh) == set(pieces) - (set(base) if found.base == 0 else set())
    assert all(part not in base for part in woven(pieces, base) if isinstance(part, int))


@given(tapes())
def test_a_view_has_every_byte_of_the_tape(tape):
    view = report.view(tape)

    assert [view.request_body(n) for n in range(len(tape))] == [x.request.body for x in tape]
    assert [view.response_body(n) for n in range(len(tape))] == [getattr(x.answer, "body", b"") for x in tape]


@given(tapes())
def test_a_page_gives_the_tape_back_exactly(tape):
    back = report.tape_in(report.html(tape))

    assert back == tape
    assert [step.timing for step in back.steps] == [step.timing for step in tape.steps]
    assert back.digest() == tape.digest()


@given(tapes())
def test_every_form_of_a_report_can_be_made_of_any_tape(tape):
    assert report.html(tape, mode="static").startswith("<!doctype html>")
    assert report.markdown(tape)
    assert report.text(tape)


# -- what is new -----------------------------------------------------------------------


def test_a_growing_conversation_is_kept_once():
    view = report.view(stories.repeated(28))
    texts = [piece.text for piece in view.pieces]

    assert len(set(texts)) == len(texts)
    for step in view.steps[1:]:
        assert step.lineage.base == step.index - 1
        new = [view.pieces[n].reading for n in step.lineage.fresh]
        assert [message.role for message in new if isinstance(message, Message)] == ["assistant", "user"]


def test_each_of_several_agents_goes_on_from_its_own_last_question():
    agents, steps = {name: [] for name in "abc"}, []
    for number in range(12):
        name = "abc"[number % 3]
        agents[name] = [*agents[name], {"role": "user", "content": f"{name} asks {number}"}]
        asked = stories.question(agents[name])
        steps.append(
            stories.exchange(asked, stories.anthropic.text(f"{name} {number}")(asked), number, lane=name)
        )
    view = report.view(evolve(stories.release(), steps=tuple(steps)))

    assert [step.lineage.base for step in view.steps[3:]] == list(range(9))
    assert view.lanes == ("a", "b", "c")


def test_a_history_that_begins_anew_is_seen_to():
    view = report.view(stories.repeated(29))

    assert [step.index for step in view.steps if step.restarts] == [28]
    assert view.steps[28].repeated == 0  # the system's own stays, and is no part of a history
    assert view.steps[27].repeated == 53


def test_more_strands_than_are_looked_back_at_go_on_from_their_own_last_questions():
    count, agents, steps = 20, {}, []
    for number in range(3 * count):
        name = f"agent {number % count}"
        agents[name] = [*agents.get(name, ()), {"role": "user", "content": f"{name} asks {number}"}]
        asked = stories.question(agents[name])
        steps.append(stories.exchange(asked, stories.anthropic.text("Yes.")(asked), number, lane=name))
    view = report.view(evolve(stories.release(), steps=tuple(steps)))

    assert [step.lineage.base for step in view.steps[count:]] == list(range(2 * count))
    assert not any(step.restarts for step in view.steps)


def test_a_branch_goes_on_from_where_it_left_and_not_from_the_end_of_the_run():
    tape = stories.repeated(60)
    asked = stories.question(
        [*json.loads(tape[4].request.body)["messages"], {"role": "user", "content": "Stop."}]
    )
    other = stories.exchange(asked, stories.anthropic.text("I stop.")(asked), 4)
    fork = evolve(tape, steps=(*tape.steps[:4], other), run_id="fork", parent=Branch(tape.run_id, 4))
    view = report.view(tape, branches=[fork])
    step = view.every_step[60]

    assert step.lineage.base == 3
    assert not step.restarts
    assert view.request_body(60) == asked.body


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(1, 9))
def test_branches_have_every_byte_wherever_they_left(places, length):
    tape = evolve(stories.release(), steps=stories.release().steps[:length])
    forks, parent = [], tape
    for number, wanted in enumerate(places):
        place = min(wanted, len(parent) - 1)
        asked = stories.question([{"role": "user", "content": f"{number} at {place}"}])
        left = stories.exchange(asked, parent[place].answer, place)
        lineage = Branch(parent.run_id, place)
        forks.append(evolve(parent, steps=(*parent.steps[:place], left), run_id=f"{number}", parent=lineage))
        parent = forks[-1] if number % 2 else tape
    view = report.view(tape, branches=reversed(forks))

    for branch, shown in zip(reversed(forks), view.branches, strict=True):
        told = [view.request_body(shown.first + n) for n in range(len(shown.steps))]
        assert told == [step.request.body for step in branch.exchanges[shown.parts_at :]]


def test_a_time_at_the_top_of_each_question_hides_nothing_of_what_is_shared():
    steps = []
    messages = [{"role": "user", "content": f"Message {n} of this run."} for n in range(8)]
    for number in range(4):
        asked = stories.question(messages[: 2 * number + 1], metadata={"at": f"09:4{number}"})
        body = json.loads(asked.body)
        stamped = json.dumps({"metadata": body.pop("metadata"), **body}).encode()
        asked = evolve(asked, body=stamped)
        steps.append(stories.exchange(asked, stories.anthropic.text("Yes.")(asked), number))
    view = report.view(evolve(stories.release(), steps=tuple(steps)))

    for step in view.steps[1:]:
        fresh = [view.pieces[n].reading for n in step.lineage.fresh]
        assert sum(isinstance(said, Message) for said in fresh) == 2


# -- branches, sums, what is asked for ----------------------------------------------------


def test_a_branch_has_the_steps_that_are_its_own():
    view = report.view(stories.release(), branches=stories.branches())

    assert [(b.name, b.parts_at, len(b.steps)) for b in view.branches] == [
        ("stops on the failed test", 3, 1),
        ("the test passes", 2, 5),
        ("stays at 5%", 6, 2),
        ("waits an hour", 5, 1),
    ]
    assert [view.every_step[b.first] for b in view.branches] == [b.steps[0] for b in view.branches]


def test_whatever_has_a_tape_is_a_branch():
    class Session:
        tape = stories.branches()[0]

    assert report.html(stories.release(), branches=[Session()]) == report.html(
        stories.release(), branches=[Session.tape]
    )
    with pytest.raises(TypeError, match="a branch is a Tape"):
        report.html(stories.release(), branches=["b-held"])


def test_branches_that_name_each_other_do_not_go_round_for_ever():
    one, other = stories.branches()[:2]
    pair = [
        evolve(one, parent=Branch(other.run_id, 1)),
        evolve(other, parent=Branch(one.run_id, 1)),
        evolve(one, run_id="x", parent=Branch("x", 0)),
    ]

    for mode in ("app", "static"):
        assert report.html(stories.release(), branches=pair, mode=mode)


def test_a_mode_that_is_none_is_refused():
    with pytest.raises(ValueError, match="app, static"):
        report.html(stories.release(), mode="pdf")


def test_what_a_run_cost_is_said_only_where_it_is_known():
    known = report.view(stories.release())
    unknown = report.view(
        evolve(stories.release(), steps=tuple(_of_model(x, "my-own-model") for x in stories.release()))
    )

    assert known.totals.priced == known.totals.counted == 9
    assert known.totals.cost > 0
    assert unknown.totals.priced == 0
    assert "cost" not in report.text(evolve(stories.release(), steps=()))


def test_a_cost_from_which_calls_are_missing_says_so():
    tape = stories.release()
    unlisted = evolve(tape, steps=(*tape.steps[:7], *(_of_model(x, "my-own-model") for x in tape.steps[7:])))
    unknown = evolve(tape, steps=tuple(_of_model(x, "my-own-model") for x in tape))
    broken = evolve(tape, steps=(_without_usage(tape[0]), *tape.steps[1:]))

    assert re.search(r"cost \$[\d.]+, recorded", report.text(tape))
    assert re.search(r"cost \$[\d.]+ for 6 of 9 model calls, ", report.text(unlisted))
    assert re.search(r"cost \$[\d.]+ for 8 of 9 model calls, ", report.text(broken))
    assert "cost not known, " in report.text(unknown)
    assert "<dd>not known</dd>" in report.html(unknown)


def _without_usage(exchange):
    """Its answer broke off before it said how many tokens it took."""
    return evolve(
        exchange, answer=evolve(exchange.response, chunks=exchange.response.chunks[:3], end="closed")
    )


@pytest.mark.parametrize(
    ("run_id", "argument"),
    [
        ("20261124-094100", "20261124-094100"),
        ("a b; rm -rf ~", "'a b; rm -rf ~'"),
        ("it's $(x)", "'it'\"'\"'s $(x)'"),
        ("-o", "-- -o"),
        ("n" * 300, "n" * 300),
        ("", "RUN"),
        ("a\nrm -rf ~\n", "RUN"),
        ("\u202egpj.exe", "RUN"),
    ],
    ids=ascii,
)
def test_a_command_names_the_whole_run_and_nothing_else(run_id, argument):
    page = unescape(report.html(stories.release(run_id=run_id)))

    assert f"<code>tracefork show --step N {argument}</code>" in page
    assert f"<code>tracefork fork --at N {argument}</code>" in page
    assert argument == "RUN" or shlex.split(argument)[-1] == run_id


def test_sizes_are_bytes():
    text = "Größe: 名前 🙂" * 10
    first = [{"role": "user", "content": text}]
    asked = [stories.question(first), stories.question([*first, {"role": "user", "content": "And?"}])]
    asked = [evolve(q, body=json.dumps(json.loads(q.body), ensure_ascii=False).encode()) for q in asked]
    steps = [stories.exchange(q, stories.anthropic.text("Yes.")(q), n) for n, q in enumerate(asked)]
    view = report.view(evolve(stories.release(), steps=tuple(steps)))
    fresh = sum(len(bytes(view.pieces[n])) for n in view.steps[1].lineage.fresh)

    assert view.steps[1].hidden == len(asked[1].body) - fresh
    assert all(piece.size == len(bytes(piece)) for piece in view.pieces)


def test_the_page_is_told_what_is_hidden_where_no_message_is_repeated():
    asked = [stories.question([{"role": "user", "content": f"Question {n}"}], system="") for n in range(2)]
    asked = [evolve(q, body=q.body.replace(b'"system": "", ', b"")) for q in asked]
    steps = [stories.exchange(q, stories.anthropic.text("Yes.")(q), n) for n, q in enumerate(asked)]
    view = report.view(evolve(stories.release(), steps=tuple(steps)))
    last = view.steps[1]

    assert (last.lineage.base, last.repeated) == (0, 0)
    assert payload.row(last, {"": 0})["h"] == [0, last.hidden]
    assert last.hidden > 500
    assert "h" not in payload.row(view.steps[0], {"": 0})


@pytest.mark.parametrize(
    ("alpha", "said"), [(0.05, "95% interval"), (0.001, "99.9% interval"), (None, "interval")]
)
def test_an_interval_is_called_what_its_report_says(alpha, said):
    blame = evolve(stories.BLAME, alpha=alpha)

    assert f"| {said} |" in report.markdown(stories.release(), blame=blame)
    assert f", {said} 80% to 97%, decided" in report.html(stories.release(), blame=blame)


def _of_model(exchange, model):
    swap = (b"claude-sonnet-4-5", model.encode())
    answer = exchange.response
    return evolve(
        exchange,
        request=evolve(exchange.request, body=exchange.request.body.replace(*swap)),
        answer=evolve(answer, chunks=tuple(chunk.replace(*swap) for chunk in answer.chunks)),
    )


def test_a_blame_of_steps_that_the_run_has_not_leads_nowhere():
    blame = stories.Report(tuple(stories.Blamed(step, 0.9, 0.8, 1.0, 9, 10) for step in (3, 10, -1)))
    view = report.view(stories.release(), blame=blame, branches=stories.branches())
    page = report.html(stories.release(), blame=blame, mode="static")

    assert [mark[0] for mark in index(view, [0], 0)["blame"]] == [3]
    assert [row.listed for row in sidebar.blame(view).marks] == [True, False, False]
    assert {int(found) for found in re.findall(r'href="#step-(-?\d+)', page)} == set(range(10))
    assert "10, which the run has not" in page


def test_the_steps_of_a_view_are_put_together_once():
    view = report.view(stories.release(), branches=stories.branches())

    assert view.every_step is view.every_step
    assert len(view.every_step) == 10 + sum(len(branch.steps) for branch in view.branches)


def test_bodies_that_were_left_out_and_questions_in_flight_survive_a_page():
    tape = stories.release()
    first = evolve(tape[0], request=evolve(tape[0].request, body=b"", omitted=Omitted(10**9, "0" * 64)))
    pending = (Pending(tape[1].request, "main.0", 100, None),)
    tape = evolve(tape, steps=(first, *tape.steps[2:]), pending=pending)

    assert report.tape_in(report.html(tape)) == tape


# -- the same for the same ------------------------------------------------------------------

PRINT = """
import sys, hashlib
sys.path[:0] = sys.argv[1:]
from report import stories
from tracefork import report
for mode in ("app", "static"):
    html = report.html(stories.release(), blame=stories.BLAME, branches=stories.branches(), mode=mode)
    print(hashlib.sha256(html.encode()).hexdigest())
print(hashlib.sha256(report.html(stories.of_every_kind()).encode()).hexdigest())
print(hashlib.sha256(report.markdown(stories.release()).encode()).hexdigest())
"""
ROOT = Path(__file__).parents[2]


def printed(seed, python=sys.executable):
    command = [python, "-c", PRINT, str(ROOT / "tests")]
    env = {**os.environ, "PYTHONHASHSEED": str(seed)}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env, cwd=ROOT).stdout


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes_whatever_the_hash_seed():
    assert len({printed(seed) for seed in range(10)}) == 1


def test_a_model_is_read_without_trust():
    body = b'{"model": "a\nb", "messages": "not closed'
    asked = Request("POST", stories.URL, (), body)
    view = report.view(
        evolve(stories.release(), steps=(stories.exchange(asked, stories.release()[0].answer, 0),))
    )

    assert view.request_body(0) == body
