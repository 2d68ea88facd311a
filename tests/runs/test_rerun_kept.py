"""What is kept of a rerun, and how its edits are; and that it can be followed itself."""

from __future__ import annotations

import json

import httpx
import pytest
from attrs import evolve
from chats import URL, chat, recorded

import tracefork
from tracefork.core.values import Fault, Request, Response
from tracefork.edits import Model, Set
from tracefork.errors import EditUnused

# -- what is kept -----------------------------------------------------------------------


@pytest.mark.parametrize("form", ["store.db", "folder"])
def test_the_parting_is_in_the_journal_and_in_the_sealed_head(tmp_path, model, ask, form):
    place = tmp_path / form
    if form == "folder":
        place.mkdir()
    with tracefork.record(str(place), run_id="first"):
        chat(ask, "a", "b", "c")
    with tracefork.TapeStore.open(str(place)) as store:
        with tracefork.rerun(store.load("first"), store, run_id="second") as run:
            chat(ask, "a")
            [before] = store.branches("first")
            chat_on = ask("a", "so a", "B")
            run.flush()
            early = store.load("second")
        sealed = store.load("second")
        [info] = store.branches("first")

    assert chat_on == "so B"
    assert (before.step, info.step) == (None, 1)
    assert early.parent == sealed.parent == info.info.parent == run.tape.parent
    assert sealed.parent.step == 1
    assert [step.origin for step in sealed] == [0, None]
    assert sealed.parent.departure.asked == "'B'"


def test_a_branch_verifies_resumes_and_is_rerun_itself(model, ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c"))
    with tracefork.rerun(tape) as run:
        chat(ask, "a", "B", "c")
    model.asked.clear()

    verdict = tracefork.verify(run.tape, lambda: chat(ask, "a", "B", "c"))
    with tracefork.rerun(run.tape) as again:
        chat(ask, "a", "B", "C")

    assert verdict.ok
    assert len(model.asked) == 1
    assert again.parted.step == 2


def test_a_fault_of_a_served_step_is_a_fault_again():
    def fail(request):
        raise httpx.ConnectError("nobody there")

    client = httpx.Client(transport=httpx.MockTransport(fail))

    def agent():
        with pytest.raises(httpx.ConnectError):
            client.post(URL, json={})

    tape = recorded(agent)

    with tracefork.rerun(tape) as run:
        agent()

    assert isinstance(tape[0].answer, Fault)
    assert (run.forwarded, run.tape[0].origin) == (0, 0)


def test_a_recorded_body_that_was_cut_is_asked_live_after_the_parting(ask):
    tape = recorded(lambda: [ask("a"), ask("b")])
    half = evolve(tape[1], answer=evolve(tape[1].response, end="closed", chunks=(b"{",)))
    cut = evolve(tape, steps=(tape[0], half))

    with tracefork.rerun(cut) as run:
        assert [ask("A"), ask("b")] == ["so A", "so b"]

    assert [step.origin for step in run.tape] == [None, None]
    assert isinstance(run.tape[1].request, Request)
    assert isinstance(run.tape[1].answer, Response)


# -- edits ------------------------------------------------------------------------------


def test_edited_requests_are_asked_and_the_branch_keeps_its_edits(model, ask):
    def agent():
        return chat(ask, "a", "b")

    tape = recorded(agent)
    model.asked.clear()

    with tracefork.rerun(tape, edits=[Model("large"), Set("$.temperature", 0)]) as run:
        agent()
    asked = [json.loads(body) for body in model.asked]
    model.asked.clear()
    with tracefork.rerun(run.tape) as again:
        agent()

    assert [(body["model"], body["temperature"]) for body in asked] == [("large", 0)] * 2
    assert (run.parted.step, run.parted.path) == (0, "$.model")
    assert (model.asked, again.parted) == ([], None)
    assert tracefork.verify(run.tape, agent)


def test_edits_from_a_step_on(model, ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c"))
    model.asked.clear()

    with tracefork.rerun(tape, edits=[Model("large", first=1)]) as run:
        chat(ask, "a", "b", "c")

    assert [json.loads(body)["model"] for body in model.asked] == ["large", "large"]
    assert run.parted.step == 1


@pytest.mark.parametrize("side_by_side", [False, True])
def test_an_answer_to_the_unedited_question_is_none_to_the_edited_one(model, ask, side_by_side):
    def agent():
        return [ask("a"), ask("b"), ask("c")] if side_by_side else chat(ask, "a", "b")

    tape = recorded(agent, ignore="$.model")
    model.asked.clear()

    with tracefork.rerun(tape, edits=[Model("large")]) as run:
        agent()

    assert len(model.asked) == len(tape)
    assert all(step.origin is None for step in run.tape)


def test_an_edit_that_meets_nothing_is_said(ask):
    tape = recorded(lambda: ask("a"))

    with pytest.raises(EditUnused), tracefork.rerun(tape, edits=[Set("$.gone.there", 1)]):
        ask("a")


def test_a_long_run_in_memory_is_kept_whole_when_it_parts_late(model, ask):
    def agent(last):
        return [ask(f"{n}") for n in range(60)] + [ask(last)]

    tape = recorded(lambda: agent("end"))
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        agent("another end")
        early = len(run.tape)

    assert (len(model.asked), early, len(run.tape)) == (1, 61, 61)
    assert run.tape.steps[:60] == tape.steps[:60]
