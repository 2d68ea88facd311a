"""A run as text for line diffs: what stands in it, what does not, and when it is the same."""

import asyncio
import base64
import json
import random
from difflib import unified_diff

import httpx
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from providers import payloads
from report import stories

import tracefork
from tracefork import Draw, Effect, Exchange, Fault, Request, Response, Tape
from tracefork.core.values import (
    CANCELLED,
    RETURNED,
    Call,
    Outcome,
    Pending,
    Reading,
    Reply,
    Source,
    Span,
    Timing,
)
from tracefork.providers import anthropic, openai
from tracefork.report import conversation, html, tape_in
from tracefork.testing import scripted
from tracefork.testing.strategies import tapes

ANTHROPIC = "https://api.anthropic.com/v1/messages"
CHAT = "https://api.openai.com/v1/chat/completions"
RESPONSES = "https://api.openai.com/v1/responses"
JSON = (("content-type", "application/json"),)
SYSTEM = "You book flights.\nBe brief."
TOOLS = [{"name": "search", "description": "Finds flights.", "input_schema": {"type": "object"}}]


def request(url=ANTHROPIC, **body):
    return Request("POST", url, JSON, json.dumps(body).encode())


def answer(value, status=200):
    return Response(status, JSON, (json.dumps(value).encode(),))


def message(*content, number=0, stop="end_turn"):
    blocks = [{"type": "text", "text": one} if isinstance(one, str) else one for one in content]
    return answer(
        {
            "id": f"msg_{number:024x}",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": blocks,
            "stop_reason": stop,
            "usage": {"input_tokens": 12, "output_tokens": 5},
        }
    )


def use(call_id, **arguments):
    return {"type": "tool_use", "id": call_id, "name": "search", "input": arguments}


def result(call_id, text):
    return {"type": "tool_result", "tool_use_id": call_id, "content": text}


def tape(*steps, **facts):
    """The steps one after the other; each an exchange as a pair of question and answer, or a step."""
    made = [one if not isinstance(one, tuple) else Exchange(one[0], one[1]) for one in steps]
    at = [Span(3 * n, 3 * n + 1, 3 * n + 2) for n in range(len(made))]
    spans = [Span(s.began, s.began, s.began) if isinstance(one, Draw) else s for one, s in zip(made, at)]
    facts = {"outcome": RETURNED, "agent_name": "booking"} | facts
    return Tape(tuple(evolve(one, span=span) for one, span in zip(made, spans)), **facts)


def lines(*steps, **facts):
    return conversation(tape(*steps, **facts)).splitlines()


def booking(system=SYSTEM, number=0, lane="", city="Rome"):
    """A question, a call, its result, and an answer."""
    call = f"toolu_{number:016x}"
    user = {"role": "user", "content": f"Book a flight to {city}."}
    called = {"role": "assistant", "content": [{"type": "text", "text": "I look."}, use(call, to=city)]}
    asked = {"model": "m", "max_tokens": 9, "system": system, "tools": TOOLS}
    back = {"role": "user", "content": [result(call, '{"price": 90}')]}
    return [
        Exchange(
            request(**asked, messages=[user]), message("I look.", use(call, to=city), number=number), lane
        ),
        Exchange(
            request(**asked, messages=[user, called, back]), message("Booked.", number=number + 1), lane
        ),
    ]


def test_it_has_what_was_asked_and_answered_and_each_prompt_once():
    assert (
        conversation(tape(*booking()))
        == """\
agent: booking
ended: returned
exchanges: 2

== m
  POST https://api.anthropic.com/v1/messages
  max_tokens: 9
tool search:
  {
    "description": "Finds flights."
    "input_schema": {
      "type": "object"
    }
    "name": "search"
  }
system:
  You book flights.
  Be brief.
user:
  Book a flight to Rome.
answer:
  I look.
calls search:
  {
    "to": "Rome"
  }
stopped: end_turn
tokens: 12 in, 5 out

== m
search returned:
  {
    "price": 90
  }
answer:
  Booked.
stopped: end_turn
tokens: 12 in, 5 out
"""
    )


def test_a_word_of_a_prompt_is_a_line():
    one, other = (
        conversation(tape(*booking(system=text))) for text in (SYSTEM, SYSTEM.replace("brief", "kind"))
    )
    changed = list(unified_diff(one.splitlines(), other.splitlines(), n=0, lineterm=""))[2:]

    assert changed == ["@@ -18 +18 @@", "-  Be brief.", "+  Be kind."]


# -- what is no part of it ---------------------------------------------------------------


def test_names_times_and_ids_are_no_part_of_it():
    one = tape(*booking(), run_id="a", created_at=1.0, meta={"why": "x"})
    slow = [evolve(step, timing=Timing(9.0, 1.0, 2.0)) for step in booking(number=70)]

    assert conversation(one) == conversation(tape(*slow, run_id="b", created_at=2.0))


def _without_tokens(run):
    return [line for line in conversation(run).splitlines() if not line.startswith("tokens")]


def test_a_stream_reads_as_one_whole_answer():
    questions = [request(model="m", messages=[], system="Hm?", **more) for more in ({}, {"stream": True})]
    whole, stream = (tape((one, anthropic.text("Good day,\nall.")(one))) for one in questions)

    assert len(stream[0].response.chunks) > 1
    assert _without_tokens(whole) == _without_tokens(stream)


def test_keys_in_another_order_are_no_difference():
    def turned(value):
        match value:
            case dict():
                return {key: turned(value[key]) for key in reversed(value)}
            case list():
                return [turned(one) for one in value]
        return value

    def rewritten(step):
        body = json.dumps(turned(json.loads(step.request.body)), indent=1).encode()
        return evolve(step, request=evolve(step.request, body=body))

    assert conversation(tape(*booking())) == conversation(tape(*map(rewritten, booking())))


def test_a_port_of_this_machine_is_no_part_of_it():
    one, other = (
        lines((request(f"http://127.0.0.1:{port}/v1/things", a=1), answer({}))) for port in (40001, 40002)
    )

    assert one == other
    assert "== POST http://127.0.0.1/v1/things" in one


def test_ids_that_chance_or_a_vendor_gave_are_numbered_where_they_return():
    def run(drawn, number):
        return tape(
            Draw(Source("uuid"), Reading(drawn)),
            (request(RESPONSES, model="m", input=f"My key is {drawn}."), answer(response("Yes.", number))),
            (
                request(RESPONSES, model="m", input="Go on.", previous_response_id=f"resp_{number:08}"),
                answer(response("No.", 9)),
            ),
        )

    def response(text, number):
        content = [{"type": "output_text", "text": text}]
        return {
            "id": f"resp_{number:08}",
            "model": "m",
            "output": [{"type": "message", "role": "assistant", "content": content}],
        }

    text = conversation(run("0d9f2c9e-3b1c-4b5e-9e5c-111111111111", 1))

    assert text == conversation(run("1d9f2c9e-3b1c-4b5e-9e5c-222222222222", 2))
    assert "  My key is <id 1>." in text
    assert '  previous_response_id: "<id 2>"' in text


def test_numbers_that_a_prompt_has_by_itself_stay():
    assert "  Ship PAY-4127 to 2026-11-24." in lines(
        (
            request(model="m", messages=[{"role": "user", "content": "Ship PAY-4127 to 2026-11-24."}]),
            message("Ok."),
        )
    )


# -- what is new in a question -----------------------------------------------------------


def asks(*texts, **more):
    roles = ("user", "assistant")
    turns = [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]
    return request(model="m", messages=turns, **more)


def test_a_repeated_question_is_said_to_be_one():
    assert "  the same question again" in lines(
        (
            asks("Hi."),
            answer({"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}, 529),
        ),
        (asks("Hi."), message("Hello.")),
    )


def test_a_message_that_is_said_twice_is_there_twice():
    found = lines((asks("Go on."), message("One.")), (asks("Go on.", "One.", "Go on."), message("Two.")))

    assert found.count("  Go on.") == 2
    assert found.count("  One.") == 1


def test_an_answer_that_is_sent_back_otherwise_is_shown():
    found = lines((asks("Hi."), message("One.")), (asks("Hi.", "Two.", "Go on."), message("So.")))

    assert found[found.index("assistant:") + 1] == "  Two."


def test_a_history_that_lost_messages_says_so():
    found = lines(
        (asks("Hi.", "Yes?", "What?"), message("That.")),
        (asks("What?", system="Be brief."), message("So.")),
    )

    assert "  no longer sent: 2 messages" in found


def test_settings_are_told_where_they_change():
    found = lines(
        (asks("Hi.", temperature=0.5, max_tokens=9), message("One.")),
        (asks("Hi.", "One.", "So?", max_tokens=10), message("Two.")),
        (asks("Hi.", "One.", "So?", "Two.", "Ok.", max_tokens=10), message("Three.")),
    )

    assert [line for line in found if line.startswith("  max_tokens")] == [
        "  max_tokens: 9",
        "  max_tokens: 10",
    ]
    assert "  temperature: no longer set" in found


def test_the_vendors_marks_in_a_history_make_no_message_new():
    """A mark of what to cache moves from message to message."""
    marked = [{"type": "text", "text": "Hi.", "cache_control": {"type": "ephemeral"}}]
    first = request(model="m", messages=[{"role": "user", "content": marked}])
    found = lines((first, message("One.")), (asks("Hi.", "One.", "So?"), message("Two.")))

    assert found.count("  Hi.") == 1


def test_agents_that_take_turns_in_one_strand_are_told_apart():
    def turn(who, *texts):
        return asks(*texts, system=f"You are {who}.")

    found = lines(
        (turn("A", "a1"), message("1")),
        (turn("B", "b1"), message("2")),
        (turn("A", "a1", "1", "a2"), message("3")),
        (turn("B", "b1", "2", "b2"), message("4")),
    )

    assert [found.count(f"  {text}") for text in ("You are A.", "You are B.", "a1", "b1", "a2", "b2")] == [
        1
    ] * 6


def test_a_result_names_its_call_and_an_equal_name_gets_a_number():
    calls = [use("a-1", to="Rome"), use("b-2", to="Oslo")]
    history = {"role": "assistant", "content": calls}
    results = {"role": "user", "content": [result("b-2", "30"), result("a-1", "20"), result("x", "?")]}
    user = {"role": "user", "content": "Hi."}
    found = lines(
        (request(model="m", messages=[user]), message(*calls)),
        (request(model="m", messages=[user, history, results]), message("So.")),
    )

    assert [line for line in found if line.startswith(("calls", "search", "an unknown"))] == [
        "calls search 1:",
        "calls search 2:",
        "search 2 returned:",
        "search 1 returned:",
        "an unknown call returned:",
    ]


# -- what else a run has -------------------------------------------------------------------


def test_tools_chance_and_what_was_in_flight():
    run = tape(
        Draw(Source("clock"), Reading("1.5")),
        Draw(Source("env", "HOME"), Reading("=/home/x")),
        Draw(Source("env", "DEBUG"), Reading("")),
        Effect(Call("book", '{"args":[],"kwargs":{"text":"a\\nb","n":1}}'), Reply("returned", '"one\\ntwo"')),
        Effect(Call("pay", '{"args":[1],"kwargs":{}}'), Reply("raised", '["no"]', "shop.Refused")),
        Effect(
            Call("look", '{"args":[],"kwargs":{}}'), Reply("opaque", '"<socket at 0x7f12345678>"', "socket")
        ),
        Effect(Call("wait", "{}"), CANCELLED),
    )
    run = evolve(run, pending=(Pending(Call("ship", '{"args":[],"kwargs":{}}'), "", 99),))

    assert (
        conversation(run).split("\n", 4)[4]
        == """\
env HOME: "/home/x"

env DEBUG: null

== tool book
  {
    "n": 1
    "text": |
      a
      b
  }
returned:
  one
  two

== tool pay
  [1]
raised shop.Refused:
  [
    "no"
  ]

== tool look
opaque socket:
  "<socket at 0x...>"

== tool wait
  {}
given up

== tool ship
in flight when the recording ended
"""
    )


def test_servers_that_are_no_models():
    things = "https://x.example/things"
    form = Request("POST", things, (("content-type", "text/plain"),), b"one\r\ntwo")
    found = lines(
        (request(things, b=[1, 2], a={"x": "y"}), answer({"ok": True}, 201)),
        (form, Response(200, (("content-type", "image/png"),), (b"\x89PNG\0",))),
        (form, Fault("ConnectError", "refused")),
        (form, Response(200, (), (b"half",), Fault("ReadError", "cut"))),
    )

    assert found[4:] == [
        "== POST https://x.example/things", "sends:", "  {",
        '    "a": {', '      "x": "y"', "    }", '    "b": [1, 2]', "  }",
        "status: 201", "answer:", "  {", '    "ok": true', "  }", "",
        "== POST https://x.example/things", "sends:", "  one", "  two",
        "status: 200", "answer:", "  <image/png, 5 B, sha256 ad91235e8822>", "",
        "== POST https://x.example/things", "sends:", "  one", "  two",
        "no answer, ConnectError:", "  refused", "",
        "== POST https://x.example/things", "sends:", "  one", "  two",
        "status: 200", "answer:", "  half", "broken off, ReadError:", "  cut",
    ]  # fmt: skip


def test_an_image_is_told_by_its_hash_wherever_it_stands():
    data = base64.b64encode(bytes(range(250))).decode()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    shown = "<image/png, 250 B, sha256 "
    found = lines(
        (request(model="m", messages=[{"role": "user", "content": [image]}]), message("A cat.")),
        (request("https://x.example/up", file=data, link=f"data:image/png;base64,{data}"), answer({})),
    )
    digest = next(line for line in found if shown in line).strip()[len(shown) : -1]

    assert f'    "file": <base64, 250 B, sha256 {digest}>' in found
    assert f'    "link": <image/png, 250 B, sha256 {digest}>' in found


def test_failures_of_a_run_and_of_a_vendor():
    busy = answer({"type": "error", "error": {"type": "overloaded_error", "message": "Busy\nnow"}}, 529)
    found = lines(
        (asks("Hi."), busy),
        (asks("Hi."), Fault("ReadTimeout", "")),
        (asks("Hi."), CANCELLED),
        outcome=Outcome("raised", "ValueError", "no <x at 0x7f0011223344>\nat all"),
    )

    assert found[1] == "ended: raised ValueError: no <x at 0x...>\\nat all"
    assert found[8:] == [
        "status: 529", "failed, overloaded_error:", "  Busy", "  now", "",
        "== m", "  the same question again", "no answer, ReadTimeout", "",
        "== m", "  the same question again", "no answer, the agent gave up",
    ]  # fmt: skip


@pytest.mark.parametrize("url", payloads.ANSWERS)
def test_every_api_is_read(url):
    question = Request("POST", url, JSON, json.dumps(payloads.QUESTIONS[url]).encode())
    text = conversation(tape((question, answer(payloads.ANSWERS[url]))))

    assert "\nsends:" not in text
    assert "\nstopped: " in text
    assert payloads.PNG not in text


# -- strands ---------------------------------------------------------------------------------


def interleave(seed, *strands):
    """One recording of strands that run side by side, each in its order."""
    chance, left, steps = random.Random(seed), [list(one) for one in strands], []
    while any(left):
        steps.append(chance.choice([one for one in left if one]).pop(0))
    return tape(*steps)


@pytest.mark.parametrize("seed", range(8))
def test_strands_side_by_side_stand_in_an_order_of_their_own(seed):
    strands = [
        [Exchange(asks("Plan."), message("Two flights."))],
        booking(lane="crew.2", number=10),
        booking(lane="crew.10", number=20, city="Oslo"),
    ]
    text = conversation(interleave(seed, *strands))

    assert text == conversation(interleave(99, *strands))
    assert [line for line in text.splitlines() if line.startswith("----")] == [
        "---- main lane",
        "---- lane crew.2",
        "---- lane crew.10",
    ]
    assert text.count("You book flights.") == 1
    assert "system: as before" in text


def test_a_conversation_that_goes_on_in_another_strand_is_one():
    """Frameworks give each call a task of its own."""
    found = lines(
        Exchange(asks("a"), message("1"), "node.9"),
        Exchange(asks("a", "1", "b"), message("2"), "node.10"),
        Exchange(asks("a", "1", "b", "2", "c"), message("3"), "agent.0"),
    )

    assert not [line for line in found if line.startswith("----")]
    assert [line.strip() for line in found if line.startswith("  ") and len(line) == 3] == list("a1b2c3")


@pytest.mark.parametrize("seed", range(8))
def test_strands_that_go_on_from_one_question_stand_behind_it(seed):
    first = [Exchange(asks("a"), message("1"))]
    fan = [[Exchange(asks("a", "1", f"b{n}"), message(f"c{n}"), f"job.{n}")] for n in range(3)]
    recorded = interleave(seed, *fan)
    whole = tape(*first, *recorded.steps)
    text = conversation(whole)

    assert text == conversation(tape(*first, *interleave(99, *fan).steps))
    assert text.count("\n  a\n") == 1
    assert [n for n in text.split() if n.startswith("c") and len(n) == 2] == ["c0", "c1", "c2"]


async def research(client, topic):
    turns = [{"role": "user", "content": f"About {topic}?"}]
    for _ in range(2):
        await asyncio.sleep(random.random() / 50)
        asked = {"model": "m", "system": "You research.", "messages": turns}
        answer = (await client.post(ANTHROPIC, json=asked)).json()
        turns += [{"role": "assistant", "content": answer["content"]}, {"role": "user", "content": "More."}]


@tracefork.tool
async def look(topic):
    await asyncio.sleep(random.random() / 50)
    return {"seen": topic}


async def crew(run):
    script = scripted.by_rule(anthropic.text("It hums."))
    client = httpx.AsyncClient(transport=scripted.async_transport(script, httpx))
    await client.post(ANTHROPIC, json=json.loads(asks(f"Plan {run.uuid4()}.").body))
    await asyncio.gather(*(one(client, n) for n in ("bees", "ants") for one in (research, _look)))


async def _look(_, topic):
    return await look(topic)


def test_two_recordings_of_a_crew_read_alike():
    """Real tasks that are quicker or slower each time, with ids that are others each time."""
    runs = []
    for _ in range(3):
        with tracefork.record(agent_name="crew") as run:
            asyncio.run(crew(run))
        runs.append(run.tape)

    assert len({conversation(one) for one in runs}) == 1
    assert "Plan <id 1>." in conversation(runs[0])
    assert all(tracefork.diff(runs[0], one) is None for one in runs)


# -- laws --------------------------------------------------------------------------------------


@given(tapes(), st.text(), st.floats(0, 1e9))
def test_every_tape_has_a_text_that_its_names_and_its_file_do_not_change(run, name, when):
    text = conversation(run)
    other = evolve(run, run_id=name, created_at=when)

    assert text.encode()
    assert conversation(other) == text
    assert conversation(tracefork.loads(tracefork.dumps(run))) == text


TEXTS = st.text(max_size=12) | st.sampled_from(
    ["a\r\nb", "\x1b[31m", "a\u202eb", "a\n== m\nanswer:", "x" * 300]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(list(payloads.ANSWERS)), st.dictionaries(TEXTS, VALUES), VALUES, st.data())
def test_whatever_stands_in_json_is_shown_and_forges_no_line(url, settings, content, data):
    question = {**payloads.QUESTIONS[url], **settings}
    said = json.loads(json.dumps(payloads.ANSWERS[url]))
    for body in (question, said):
        key = data.draw(st.sampled_from(sorted(body)))
        body[key] = content
    text = conversation(tape((request(url, **question), answer(said))))

    assert text == conversation(tape((request(url, **question), answer(said))))
    assert not [c for c in text if c in "\x1b\u202e\r\x00"]
    assert text.count("\n== ") == 1


def test_json_that_is_nested_without_end_is_shown():
    deep = "[" * 900 + "]" * 900
    assert lines((Request("POST", "https://x.example/", JSON, deep.encode()), answer({})))


def test_the_page_of_a_run_has_its_conversation():
    run = stories.release()

    assert conversation(tape_in(html(run))) == conversation(run)


def test_openai_sends_its_own_answers_back_and_they_are_no_news():
    user = {"role": "user", "content": "Hi."}
    first = request(RESPONSES, model="m", input=[user])
    said = openai.tool_call("book", {"to": "Rome"}, text="I look.")(first)
    items = json.loads(said.body)["output"]
    call = next(item for item in items if item["type"] == "function_call")
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "done"}
    second = request(RESPONSES, model="m", input=[user, *items, output])
    found = lines((first, said), (second, openai.text("So.")(second)))

    assert found.count("  I look.") == 1
    assert [line for line in found if line.startswith(("calls", "assistant", "book"))] == [
        "calls book:",
        "book returned:",
    ]
