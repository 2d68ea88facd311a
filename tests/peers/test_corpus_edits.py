"""Edits of each of the corpus's real questions: what is changed is read back, the rest is as it was sent."""

from __future__ import annotations

import json

import pytest

from tracefork import Request
from tracefork.core.json_paths import EVERY
from tracefork.core.json_text import read_document
from tracefork.edits import Model, Replace, Set, SystemPrompt, Temperature, Tools
from tracefork.edits.base import attempt
from tracefork.providers import paths, read

pytestmark = pytest.mark.peers

NEW = 'Never book without asking: 日本語, "quoted" and 🚆.'
SYSTEM = ("system", "developer")


@pytest.fixture(scope="module")
def questions(rows):
    """The questions to models, as they were asked."""
    made = [Request(row.method, row.url, row.headers, row.body) for row in rows]
    found = [
        one for one in made if paths.find_form(one.url) and read_document(one.body.decode("utf-8", "replace"))
    ]
    assert len(found) > 500
    return found


def prompt(request):
    """What a reader of ours finds, or the JSON where the API has none."""
    return read.prompt(request) or json.loads(request.body)


def test_of_every_question_the_model_is_another_one(questions):
    for request in questions:
        edited = Model("other-model")(request)
        there = json.loads(edited.body)

        assert "other-model" in (there.get("model"), paths.find_model(edited.url))
        assert {**there, "model": 0} == {**json.loads(request.body), "model": 0} or "model" not in there
        assert Model("other-model")(edited) is edited


def test_of_every_question_the_system_prompt_is_another_one_and_no_other_message(questions):
    met = 0
    for request in questions:
        found = attempt(SystemPrompt(NEW), request)
        if not found.met:
            assert paths.find_form(request.url) in (paths.COMPLETIONS, paths.INVOKE)
            continue
        before, after = read.prompt(request), read.prompt(found.request)
        met += 1
        assert SystemPrompt(NEW)(found.request) is found.request
        if before is None:  # an API that is not read
            assert NEW in str(json.loads(found.request.body)["system"])
            continue
        texts = [
            part.text for m in after.messages if m.role in SYSTEM for part in m.parts if hasattr(part, "text")
        ]
        later = [m for m in after.messages if m.role not in SYSTEM]
        assert NEW in texts
        assert later == [m for m in before.messages if m.role not in SYSTEM]
        assert (after.tools, after.model, after.stream) == (before.tools, before.model, before.stream)

    assert met > 500


def test_the_temperature_and_every_tool_are_changed_and_nothing_else(questions):
    tools = 0
    for request in questions:
        cool = Temperature(0.25)(request)
        assert "0.25" in str(json.loads(cool.body))
        before = read.prompt(request)
        names = {tool.name for tool in before.tools if tool.name} if before else set()
        edit = Tools(dict.fromkeys(names, "Described anew."))
        found = attempt(edit, cool)
        named = (
            {tool.name for tool in read.prompt(found.request).tools if tool.description == "Described anew."}
            if before
            else set()
        )
        assert found.met == named
        tools += len(named)

    assert tools > 100


def test_what_is_not_edited_stays_to_the_letter(rows):
    for row in rows:
        request = Request(row.method, row.url, row.headers, row.body)
        assert Replace("no such text anywhere", "x")(request) is request
        edited = Set("$.our_own_key", 1)(request)
        if edited is request:
            continue
        text = edited.body.decode("utf-8", "surrogateescape")
        assert read_document(text).drop(("our_own_key",)).text.encode("utf-8", "surrogateescape") == row.body


def test_of_every_message_a_text_is_replaced(questions):
    for request in questions[::7]:
        document = read_document(request.body.decode("utf-8", "surrogateescape"))
        edited = Replace("e", "é|")(request)
        keys = [node.place for node in document.find((EVERY,))]
        assert [node.place for node in read_document(edited.body.decode()).find((EVERY,))] == keys
        assert json.loads(edited.body) == _replaced(json.loads(request.body))


def _replaced(tree):
    match tree:
        case str():
            return tree.replace("e", "é|")
        case list():
            return [_replaced(item) for item in tree]
        case dict():
            return {key: _replaced(value) for key, value in tree.items()}
    return tree
