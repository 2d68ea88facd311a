"""Edits that know the vendors: the same edit of each API's own form."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from tracefork import Request
from tracefork.edits import Model, SystemPrompt, Temperature, Tools

NEW = "Never book without asking."
ASK = [{"role": "user", "content": "Book it."}]
BOOK, PAY = {"type": "object"}, {"type": "object", "required": ["sum"]}


def ask(url, **body):
    return Request("POST", f"https://world{url}", (("content-length", "9"),), json.dumps(body).encode())


def messages(**more):
    tools = [
        {"name": "book", "description": "Books.", "input_schema": BOOK},
        {"name": "pay", "input_schema": PAY},
    ]
    return {"max_tokens": 9, "messages": ASK, "tools": tools, **more}


ANTHROPIC = ask("/v1/messages", model="m", **messages(system="Be brief."))
VERTEX = ask("/v1/projects/p/locations/l/publishers/anthropic/models/m:streamRawPredict", **messages())
INVOKE = ask("/model/anthropic.claude-3%3A0/invoke", anthropic_version="bedrock-2023-05-31", **messages())
PROFILE = ask("/model/arn%3Aaws%3Aprofile/invoke-with-response-stream", anthropic_version="b", **messages())
FUNCTIONS = [
    {"type": "function", "function": {"name": "book", "description": "Books.", "parameters": BOOK}},
    {"type": "function", "function": {"name": "pay", "parameters": PAY}},
]
CHAT = ask(
    "/v1/chat/completions",
    model="m",
    messages=[{"role": "system", "content": "Be brief."}, *ASK],
    tools=FUNCTIONS,
)
AZURE = ask("/openai/deployments/m/chat/completions?api-version=1", messages=ASK, tools=FUNCTIONS)
FLAT = [{"type": "function", **one["function"]} for one in FUNCTIONS]
RESPONSES = ask("/v1/responses", model="m", instructions="Be brief.", input=ASK, tools=FLAT)
DECLARED = [{"functionDeclarations": [{"name": "book", "description": "Books."}, {"name": "pay"}]}]
CONTENTS = [{"role": "user", "parts": [{"text": "Book it."}]}]
GEMINI = ask("/v1beta/models/m:generateContent", contents=CONTENTS, tools=DECLARED)
TALK = [{"role": "user", "content": [{"text": "Book it."}]}]
SPECS = [
    {"toolSpec": {"name": "book", "description": "Books.", "inputSchema": {"json": BOOK}}},
    {"toolSpec": {"name": "pay"}},
]
CONVERSE = ask("/model/m/converse-stream", messages=TALK, toolConfig={"tools": SPECS})
COHERE = ask("/v2/chat", model="m", messages=ASK, tools=FUNCTIONS)
OLLAMA = ask("/api/chat", model="m", messages=ASK, tools=FUNCTIONS)

ALL = {
    "anthropic": ANTHROPIC,
    "vertex": VERTEX,
    "invoke": INVOKE,
    "profile": PROFILE,
    "chat": CHAT,
    "azure": AZURE,
    "responses": RESPONSES,
    "gemini": GEMINI,
    "converse": CONVERSE,
    "cohere": COHERE,
    "ollama": OLLAMA,
}
each = pytest.mark.parametrize("request_", ALL.values(), ids=ALL)


def body(request):
    return json.loads(request.body)


@each
def test_another_model_is_asked(request_):
    edited = Model("other/x:1")(request_)

    if "model" in body(request_):
        assert body(edited) == {**body(request_), "model": "other/x:1"}
        assert edited.url == request_.url
    else:
        assert edited.body == request_.body
        assert "/other%2Fx%3A1" in edited.url
        assert edited.url.replace("other%2Fx%3A1", "") in {
            request_.url.replace(name, "", 1)
            for name in (
                "/models/m",
                "/model/m",
                "/deployments/m",
                "anthropic.claude-3%3A0",
                "arn%3Aaws%3Aprofile",
            )
        } | {request_.url.replace(f"/{kind}/m", f"/{kind}/") for kind in ("models", "model", "deployments")}
    assert Model("other/x:1")(edited) is edited


def test_an_azure_deployment_is_named_in_its_url_and_perhaps_in_its_body_too():
    both = evolve(AZURE, body=json.dumps({**body(AZURE), "model": "m"}).encode())

    edited = Model("x")(both)

    assert (body(edited)["model"], edited.url) == ("x", AZURE.url.replace("/m/", "/x/"))


PROMPTS = {
    "anthropic": lambda tree: tree["system"] == NEW,
    "vertex": lambda tree: tree["system"] == NEW,
    "invoke": lambda tree: tree["system"] == NEW,
    "profile": lambda tree: tree["system"] == NEW,
    "chat": lambda tree: tree["messages"] == [{"role": "system", "content": NEW}, *ASK],
    "azure": lambda tree: tree["messages"] == [{"role": "system", "content": NEW}, *ASK],
    "responses": lambda tree: (tree["instructions"], tree["input"]) == (NEW, ASK),
    "gemini": lambda tree: tree["systemInstruction"] == {"parts": [{"text": NEW}]},
    "converse": lambda tree: tree["system"] == [{"text": NEW}],
    "cohere": lambda tree: tree["messages"] == [{"role": "system", "content": NEW}, *ASK],
    "ollama": lambda tree: tree["messages"] == [{"role": "system", "content": NEW}, *ASK],
}


@pytest.mark.parametrize("name", ALL)
def test_the_system_prompt_is_another_one(name):
    edited = SystemPrompt(NEW)(ALL[name])

    assert PROMPTS[name](body(edited))
    assert SystemPrompt(NEW)(edited) is edited
    assert dict(edited.headers)["content-length"] == str(len(edited.body))


@pytest.mark.parametrize(
    ("request_", "before", "after"),
    [
        (
            ANTHROPIC,
            {
                "system": [
                    {"type": "text", "text": "a"},
                    {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}},
                ]
            },
            {"system": [{"type": "text", "text": NEW, "cache_control": {"type": "ephemeral"}}]},
        ),
        (
            CHAT,
            {
                "messages": [
                    {"role": "developer", "content": [{"type": "text", "text": "a"}]},
                    {"role": "system", "content": "b"},
                    *ASK,
                ]
            },
            {"messages": [{"role": "developer", "content": [{"type": "text", "text": NEW}]}, *ASK]},
        ),
        (
            RESPONSES,
            {"instructions": None, "input": [{"role": "developer", "content": "a"}, *ASK]},
            {"instructions": None, "input": [{"role": "developer", "content": NEW}, *ASK]},
        ),
        (
            RESPONSES,
            {"input": [{"role": "system", "content": "a"}, *ASK]},
            {"instructions": NEW, "input": ASK},
        ),
        (RESPONSES, {"input": "Book it."}, {"instructions": NEW, "input": "Book it."}),
        (
            GEMINI,
            {"system_instruction": {"role": "user", "parts": [{"text": "a"}]}},
            {"system_instruction": {"role": "user", "parts": [{"text": NEW}]}},
        ),
        (
            CONVERSE,
            {"system": [{"text": "a"}, {"text": "b"}, {"cachePoint": {"type": "default"}}]},
            {"system": [{"text": NEW}, {"cachePoint": {"type": "default"}}]},
        ),
    ],
)
def test_a_prompt_keeps_the_form_that_it_has(request_, before, after):
    asked = evolve(request_, body=json.dumps({**body(request_), **before}).encode())

    assert body(SystemPrompt(NEW)(asked)) == {**body(request_), **after}


@each
def test_the_temperature_is_another_one(request_):
    places = {"gemini": "generationConfig", "converse": "inferenceConfig", "ollama": "options"}
    key = next((k for name, k in places.items() if ALL[name] is request_), None)

    edited = Temperature(0)(request_)

    assert body(edited) == {**body(request_), **({key: {"temperature": 0}} if key else {"temperature": 0})}
    assert Temperature(0.0)(edited) is edited
    left = body(Temperature(None)(edited))
    assert left == {**body(request_), **({key: {}} if key else {})}


def test_other_spellings_of_gemini_stay():
    asked = ask(
        "/v1/models/m:generateContent",
        generation_config={"top_k": 3},
        tools=[{"function_declarations": [{"name": "a"}]}],
    )

    edited = Tools({"a": "A."})(Temperature(1)(asked))

    assert body(edited)["generation_config"] == {"top_k": 3, "temperature": 1}
    assert body(edited)["tools"] == [{"function_declarations": [{"name": "a", "description": "A."}]}]


def tools(tree):
    """The tools of a question, whoever is asked, by name."""
    if "toolConfig" in tree:
        found = [one["toolSpec"] for one in tree["toolConfig"]["tools"]]
    else:
        found = [
            t for one in tree["tools"] for t in one.get("functionDeclarations", [one.get("function", one)])
        ]
    return {tool["name"]: tool for tool in found}


@each
def test_tools_are_described_otherwise_and_taken_out(request_):
    before = tools(body(request_))

    edited = Tools({"book": "Books a seat.", "pay": {"strict": True}})(request_)

    assert tools(body(edited)) == {
        "book": {**before["book"], "description": "Books a seat."},
        "pay": {**before["pay"], "strict": True},
    }
    assert Tools({"book": "Books a seat."})(edited) is edited
    assert tools(body(Tools({"book": None})(request_))) == {"pay": before["pay"]}
    gone = Tools({"pay": None, "book": None})(request_)
    assert b"book" not in gone.body.replace(b"Book it.", b"")


@each
def test_all_tools_are_others(request_):
    given = [{"name": "fly", "vendors": "own form"}]

    edited = body(Tools(given)(request_))

    assert edited.get("tools", edited.get("toolConfig", {}).get("tools")) == given


@pytest.mark.parametrize(
    "edit", [Model("x"), SystemPrompt("x"), Temperature(0), Tools({"a": "b"}), Tools([])]
)
@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "https://world/v1/models"),
        ask("/v1/embeddings", model="m", input="x"),
        ask("/rpc", model="m", messages=ASK),
        Request("POST", "https://world/v1/messages", (), b"[1]"),
        Request("POST", "https://world/v1/messages", (), b"\xff\x00"),
        Request("POST", "no url at all", (), b"{}"),
        Request("POST", "https://[bad", (), b"{}"),
    ],
)
def test_what_is_no_question_to_a_model_is_left_alone(edit, request_):
    assert edit(request_) is request_


def test_a_text_that_is_completed_has_no_system_prompt():
    asked = ask("/v1/completions", model="m", prompt="x")

    assert SystemPrompt("y")(asked) is asked
    assert body(Temperature(1)(Model("n")(asked))) == {"model": "n", "prompt": "x", "temperature": 1}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Temperature(True),
        lambda: Temperature("0"),
        lambda: Temperature(float("nan")),
        lambda: Model(3),
        lambda: SystemPrompt(None),
        lambda: Tools({"a": 3}),
        lambda: Tools(["a"]),
        lambda: Tools({"a": {"b": {1, 2}}}),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(make):
    with pytest.raises((TypeError, ValueError)):
        make()
