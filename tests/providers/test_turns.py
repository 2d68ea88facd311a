"""What an answer says and calls, changed in the vendor's own form; whatever else it holds stays."""

import json

import anthropic as anthropic_sdk
import httpx2
import openai as openai_sdk
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import tracefork
from tracefork import Exchange, Fault, Request, Response
from tracefork.core.values import Call, Effect, Reply
from tracefork.errors import UnfitAnswer
from tracefork.providers import anthropic, gemini, openai, paths, read, streams
from tracefork.providers.messages import ToolCall
from tracefork.providers.route import ToolCall as CallInstead
from tracefork.providers.turn_texts import read_turn_text, write_turn
from tracefork.providers.turns import Turn, call_instead, read_turn, replace_turn
from tracefork.testing import scripted

pytestmark = pytest.mark.filterwarnings("ignore:not recorded")  # a tool that is called and is none

MESSAGES = "https://api.anthropic.com/v1/messages"
CHAT = "https://api.openai.com/v1/chat/completions"
RESPONSES = "https://api.openai.com/v1/responses"
GEMINI = "https://g.example/v1beta/models/m:generateContent"
STREAM = "https://g.example/v1beta/models/m:streamGenerateContent?alt=sse"
ARRAY = STREAM.removesuffix("?alt=sse")

PLANE = {"by": "plane"}
BUILT = {
    MESSAGES: anthropic.tool_use("book", PLANE, text="I shall book it."),
    CHAT: openai.tool_call("book", PLANE, text="I shall book it."),
    RESPONSES: openai.tool_call("book", PLANE, text="I shall book it."),
    GEMINI: gemini.tool_use("book", PLANE, text="I shall book it."),
    STREAM: gemini.tool_use("book", PLANE, text="I shall book it."),
    ARRAY: gemini.tool_use("book", PLANE, text="I shall book it."),
}
FORMS = [
    pytest.param(url, stream, id=f"{'stream' if stream else 'whole'} {url}")
    for url in BUILT
    for stream in ((True, False) if url in (MESSAGES, CHAT, RESPONSES) else (False,))
]


def exchange(url, stream=False, built=None):
    asked = {"model": "m", "stream": stream, "messages": [], "input": "", "contents": []}
    request = Request("POST", url, (), json.dumps(asked).encode())
    return Exchange(request, (built or BUILT[url])(request))


def completion(asked, answer):
    return read.completion(evolve(asked, answer=answer))


def calls(asked, answer):
    return [(call.name, json.loads(call.arguments)) for call in completion(asked, answer).calls]


# -- another call ------------------------------------------------------------------------


@pytest.mark.parametrize(("url", "stream"), FORMS)
@pytest.mark.parametrize("end", ["eof", "closed"])
def test_the_recorded_answer_makes_another_call_and_is_else_as_it_was(url, stream, end):
    asked = exchange(url, stream)
    asked = evolve(asked, answer=evolve(asked.answer, end=end))
    old = read.completion(asked)

    answer = CallInstead("reserve", {"by": "train", "seats": [1, 2]})(asked)

    new = completion(asked, answer)
    assert calls(asked, answer) == [("reserve", {"by": "train", "seats": [1, 2]})]
    assert (new.id, new.model, new.text, new.usage) == (old.id, old.model, old.text, old.usage)
    assert (new.stop_reason, new.calls[0].id) == (old.stop_reason, old.calls[0].id)
    assert new.complete
    assert answer.end == "eof"
    assert streams.fit(asked, answer) == answer, "whoever forks with it serves it as it is"


@pytest.mark.parametrize(("url", "stream"), FORMS)
def test_an_answer_without_a_call_gets_a_new_one_that_calls(url, stream):
    plain = gemini.text("No.") if paths.place(url).api == paths.GEMINI else None
    asked = exchange(url, stream, plain or (anthropic if url == MESSAGES else openai).text("No."))

    for question in (asked, asked.request, evolve(asked, answer=Fault("ConnectError"))):
        answer = CallInstead("book", PLANE)(question)
        assert calls(asked, answer) == [("book", PLANE)]
        assert completion(asked, answer).text == ""


def several(url=MESSAGES, stream=True):
    asked = exchange(url, stream)
    turn = Turn("", (ToolCall("", "look"), ToolCall("", "book", '{"by": "plane"}'), ToolCall("", "look")))
    return evolve(asked, answer=replace_turn(asked, turn))


def test_of_several_calls_the_one_of_that_name_gets_the_arguments():
    asked = several()

    assert calls(asked, CallInstead("book", {"by": "train"})(asked)) == [
        ("look", {}),
        ("book", {"by": "train"}),
        ("look", {}),
    ]


@pytest.mark.parametrize("name", ["look", "pay"])
def test_where_several_could_be_meant_none_is_changed(name):
    with pytest.raises(ValueError, match="calls look, book, look: which of it"):
        CallInstead(name, {})(several())


def test_a_call_of_arguments_without_json_is_refused_when_it_is_made():
    with pytest.raises(TypeError):
        CallInstead("book", {"by": object()})
    with pytest.raises(ValueError, match="no such number"):
        CallInstead("book", {"by": float("inf")})
    with pytest.raises(TypeError, match="mapping of names"):
        CallInstead("book", ["train"])
    with pytest.raises(TypeError, match="mapping of names"):
        CallInstead("book", {1: 2})


def test_what_asks_no_model_gets_no_call():
    with pytest.raises(ValueError, match="no API that answers are built for"):
        CallInstead("book", {})(Request("POST", "https://else.example/"))
    with pytest.raises(TypeError, match="asks none"):
        CallInstead("book", {})(Effect(Call("f", "{}"), Reply("returned")))


def test_a_fork_makes_another_call_and_the_agent_runs_it():
    model = scripted.Script(
        anthropic.tool_use("book", PLANE, text="Booking."), anthropic.text("Done."), anthropic.text("Yes.")
    )
    client = httpx2.Client(transport=scripted.transport(model, httpx2))
    called = []

    def agent():
        said = [{"role": "user", "content": "Take me to Rome."}]
        while True:
            asked = {"model": "m", "max_tokens": 9, "messages": said}
            content = client.post(MESSAGES, json=asked).json()["content"]
            uses = [block for block in content if block["type"] == "tool_use"]
            if not uses:
                return content[0]["text"]
            called.extend((use["name"], use["input"]) for use in uses)
            results = [{"type": "tool_result", "tool_use_id": use["id"], "content": "ok"} for use in uses]
            said += [{"role": "assistant", "content": content}, {"role": "user", "content": results}]

    with tracefork.record() as run:
        agent()
    with tracefork.fork(run.tape, at=0, answer=CallInstead("book", {"by": "train"})) as branch:
        ended = agent()

    assert called == [("book", PLANE), ("book", {"by": "train"})]
    assert (ended, branch.forwarded) == ("Yes.", 1)


# -- another turn ------------------------------------------------------------------------

NUMBERS = '{"a":1.50,"b":[1e400,12345678901234567890.125]}'


@pytest.mark.parametrize(("url", "stream"), FORMS)
def test_a_turn_that_is_unchanged_leaves_the_answer_alone(url, stream):
    asked = exchange(url, stream)

    assert replace_turn(asked, read_turn(asked)) is asked.answer


@pytest.mark.parametrize(("url", "stream"), FORMS)
def test_calls_come_and_go_and_numbers_keep_their_digits(url, stream):
    asked = exchange(url, stream)
    [old] = read_turn(asked).calls
    turn = Turn("Other\nwords, 🚆.", (ToolCall("", "look", NUMBERS), evolve(old, arguments=NUMBERS)))

    both = read_turn(evolve(asked, answer=replace_turn(asked, turn)))
    none = replace_turn(asked, Turn("Nothing."))

    assert [(call.name, call.arguments) for call in both.calls] == [("book", NUMBERS), ("look", NUMBERS)]
    assert both.calls[0].id == old.id
    assert both.text == turn.text
    assert completion(asked, none).calls == ()
    assert completion(asked, none).stop_reason in ("end_turn", "stop", "completed", "STOP")


@given(
    st.sampled_from(FORMS),
    st.text(),
    st.lists(
        st.builds(
            ToolCall,
            st.just(""),
            st.sampled_from(["book", "look"]),
            st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False) | st.text()).map(
                json.dumps
            ),
        ),
        max_size=3,
    ),
)
def test_any_turn_is_read_back_as_it_was_written(form, text, wanted):
    url, stream = form.values
    asked = exchange(url, stream)
    text = text.encode("utf-8", "replace").decode()

    read_back = read_turn(evolve(asked, answer=replace_turn(asked, Turn(text, tuple(wanted)))))

    assert read_back.text == text
    assert [(c.name, json.loads(c.arguments)) for c in read_back.calls] == [
        (c.name, json.loads(c.arguments)) for c in wanted
    ]


def test_thinking_its_signature_citations_and_calls_of_the_vendors_own_stay():
    content = [
        {"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "Look.", "citations": [{"type": "char_location", "cited_text": "a"}]},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "rain"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
        {"type": "tool_use", "id": "toolu_1", "name": "book", "input": PLANE},
    ]
    message = json.loads(exchange(MESSAGES).answer.body) | {"content": content}
    asked = exchange(MESSAGES, stream=True)
    asked = evolve(
        asked, answer=streams.fit(asked, asked.answer.with_body(json.dumps(message).encode()), strictly=True)
    )

    answer = CallInstead("book", {"by": "train"})(asked)

    whole = replace_turn(
        evolve(asked, answer=answer), evolve(read_turn(evolve(asked, answer=answer)), calls=())
    )
    assert b'"signature_delta"' in answer.body
    assert b"c2ln" in answer.body
    assert b"cited_text" in whole.body
    assert b"srvtoolu_1" in whole.body
    assert [c.name for c in completion(asked, answer).calls] == ["web_search", "book"]
    assert [c.name for c in completion(asked, whole).calls] == ["web_search"]


def test_a_stream_keeps_when_it_was_made_and_the_tokens_that_it_counts():
    asked = exchange(CHAT, stream=True)
    chunks = [
        {"id": "c", "object": "chat.completion.chunk", "created": 1700000000, "model": "m", **more}
        for more in (
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hi"}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
        )
    ]
    body = b"".join(openai_event(chunk) for chunk in chunks) + b"data: [DONE]\n\n"
    asked = evolve(asked, answer=asked.answer.with_body(body))

    answer = replace_turn(asked, Turn("Hi", (ToolCall("", "book"),)))

    first = json.loads(answer.body.split(b"\n\n")[0].removeprefix(b"data: "))
    assert first["created"] == 1700000000
    assert completion(asked, answer).usage.output == 4
    assert completion(asked, answer).stop_reason == "tool_calls"


def openai_event(chunk):
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def test_the_older_form_of_a_call_is_changed_too():
    asked = exchange(CHAT)
    body = json.loads(asked.answer.body)
    body["choices"][0]["message"] = {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "book", "arguments": "{}"},
    }
    asked = evolve(asked, answer=asked.answer.with_body(json.dumps(body).encode()))

    assert calls(asked, CallInstead("book", PLANE)(asked)) == [("book", PLANE)]
    with pytest.raises(ValueError, match="room for one function_call"):
        replace_turn(asked, Turn("", (ToolCall("", "a"), ToolCall("", "b"))))


def test_the_sdk_of_anthropic_reads_the_other_call():
    def ask():
        client = anthropic_sdk.Anthropic(api_key="k", http_client=http)
        with client.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}]
        ) as stream:
            return stream.get_final_message()

    http = httpx2.Client(transport=scripted.transport(scripted.Script(BUILT[MESSAGES]), httpx2))
    with tracefork.record() as run:
        before = ask()
    with tracefork.fork(run.tape, 0, CallInstead("pay", {"sum": 12})):
        after = ask()

    assert [block.type for block in after.content] == ["text", "tool_use"]
    assert (after.content[1].name, after.content[1].input) == ("pay", {"sum": 12})
    assert (after.id, after.stop_reason, after.usage) == (before.id, before.stop_reason, before.usage)


def test_the_sdk_of_openai_reads_the_other_call():
    model = scripted.Script(BUILT[CHAT], BUILT[RESPONSES])
    http = httpx2.Client(transport=scripted.transport(model, httpx2))
    client = openai_sdk.OpenAI(api_key="k", http_client=http)

    def chat():
        with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "?"}]) as stream:
            [call] = stream.get_final_completion().choices[0].message.tool_calls
        return call.function.name, call.function.arguments

    def respond():
        with client.responses.stream(model="m", input="?") as stream:
            [call] = [i for i in stream.get_final_response().output if i.type == "function_call"]
        return call.name, call.arguments

    with tracefork.record() as run:
        chat()
        respond()
    for n, ask in enumerate([chat, respond]):
        with tracefork.fork(tracefork.Tape((run.tape[n],)), 0, CallInstead("pay", {"sum": 12})):
            assert ask() == ("pay", '{"sum":12}')


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"status": 429}, "not a whole message"),
        ({"end": Fault("ReadError")}, "not a whole message"),
        ({"chunks": (b"{}",)}, "no whole message"),
        ({"chunks": ()}, "no whole message"),
        ({"chunks": (b"<html>",)}, "no whole message"),
    ],
)
def test_what_is_no_whole_answer_cannot_be_changed(changes, problem):
    for url in (MESSAGES, CHAT, RESPONSES, GEMINI):
        asked = exchange(url)
        with pytest.raises(ValueError, match=problem):
            read_turn(evolve(asked, answer=evolve(asked.answer, **changes)))


def test_a_stream_of_amazons_cannot_be_changed_and_says_so():
    kind = (("content-type", "application/vnd.amazon.eventstream"),)
    url = "https://b.example/model/anthropic.claude-v2/invoke-with-response-stream"
    asked = Exchange(Request("POST", url, (), b"{}"), Response(200, kind, (b"",)))

    with pytest.raises((ValueError, UnfitAnswer)):
        CallInstead("book", {})(asked)


def test_arguments_that_are_no_object_are_refused():
    asked = exchange(MESSAGES)
    for wrong in ("", "[]", "NaN", "{", '"x"', '{"x": NaN}'):
        with pytest.raises(ValueError, match="JSON object"):
            replace_turn(asked, Turn("", (ToolCall("", "book", wrong),)))
    with pytest.raises(ValueError, match="has a name"):
        replace_turn(asked, Turn("", (ToolCall("", "", "{}"),)))


def test_the_only_call_is_replaced_and_none_cannot_be():
    assert call_instead(Turn("a", (ToolCall("1", "x"),)), "y", "{}").calls == (ToolCall("1", "y", "{}"),)
    with pytest.raises(ValueError, match="calls nothing"):
        call_instead(Turn("a"), "y", "{}")


# -- a turn as text ------------------------------------------------------------------------

turns = st.builds(
    Turn,
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(
        st.builds(
            ToolCall,
            st.just(""),
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
            st.sampled_from(["{}", '{"a": 1}', NUMBERS, '{"by":"plane"}', "no JSON", "[1]"]),
        ),
        max_size=3,
    ).map(tuple),
)


@given(turns)
def test_a_turn_that_nobody_edits_is_read_as_it_was(turn):
    named = Turn(turn.text, tuple(evolve(call, id=f"id{n}") for n, call in enumerate(turn.calls)))

    assert read_turn_text(write_turn(turn), turn) == turn
    assert read_turn_text(write_turn(named), named) == named


def test_a_text_of_several_lines_is_a_list_of_them_and_nothing_is_hidden():
    turn = Turn("one\ntwo\x1b[2J\u202e", (ToolCall("t1", "book", '{"by":"plane"}'),))

    text = write_turn(turn)

    assert json.loads(text)["text"] == ["one", "two\x1b[2J\u202e"]
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert json.loads(text)["tool_calls"] == [{"id": "t1", "name": "book", "arguments": PLANE}]


def test_what_was_edited_is_what_is_read():
    old = Turn("a", (ToolCall("t1", "book", NUMBERS), ToolCall("t2", "look")))
    edited = [{"id": "t2", "name": "see"}, {"name": "go", "arguments": {"x": 1}}]
    text = json.dumps({"text": ["b", "c"], "tool_calls": edited})

    assert read_turn_text(text, old) == Turn("b\nc", (ToolCall("t2", "see"), ToolCall("", "go", '{"x":1}')))
    assert read_turn_text("{}", old) == Turn()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "[]",
        "null",
        '{"text": 1}',
        '{"text": [1]}',
        '{"txt": "a"}',
        '{"tool_calls": {}}',
        '{"tool_calls": [1]}',
        '{"tool_calls": [{"arguments": {}}]}',
        '{"tool_calls": [{"name": ""}]}',
        '{"tool_calls": [{"name": "a", "args": {}}]}',
        '{"tool_calls": [{"name": "a", "arguments": "x"}]}',
        '{"tool_calls": [{"name": "a", "arguments": {"x": NaN}}]}',
        '{"tool_calls": [{"name": "a", "id": 1}]}',
        "[" * 100_000,
    ],
)
def test_what_is_no_turn_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        read_turn_text(text, Turn())
