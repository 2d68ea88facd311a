"""`use_cassette`: a block or a function on a tape, without pytest's plugin."""

import asyncio

import httpx
import pytest

import tracefork
from tracefork.testing import LoopbackServer, by_rule, policy, use_cassette


@pytest.fixture
def ask():
    """A function that asks a real server, and the words that it heard."""
    heard = []

    def answer(request):
        heard.append(request.body.decode())
        return tracefork.Response(200, (), (b"said " + request.body,))

    with LoopbackServer(by_rule(answer)) as server:

        def ask(word):
            with httpx.Client() as client:
                return client.post(server.url, content=word).text

        ask.heard, ask.url = heard, server.url
        yield ask


def test_a_block_is_recorded_once_and_answered_from_then_on(ask, tmp_path):
    for _ in range(2):
        with use_cassette(tmp_path / "tapes/a.tape"):
            assert ask("one") == "said one"

    assert ask.heard == ["one"]


def test_a_coroutine_is_answered_as_a_function(ask, tmp_path):
    @use_cassette(tmp_path / "a.tape")
    async def go():
        async with httpx.AsyncClient() as client:
            return (await client.post(ask.url, content="one")).text

    assert [asyncio.run(go()), asyncio.run(go())] == ["said one", "said one"]
    assert ask.heard == ["one"]


@pytest.mark.parametrize(
    ("mode", "heard"),
    [
        ("once", []),
        ("none", []),
        ("new_episodes", ["two"]),
        ("all", ["one", "two"]),
        ("rewrite", ["one", "two"]),
    ],
)
def test_each_mode_asks_what_it_says(ask, tmp_path, mode, heard):
    with use_cassette(tmp_path / "a.tape"):
        ask("one")
    ask.heard.clear()

    if heard:
        with use_cassette(tmp_path / "a.tape", record_mode=mode):
            ask("one"), ask("two")
        assert len(tracefork.load(tmp_path / "a.tape")) == 2
    else:
        with pytest.raises(tracefork.Divergence), use_cassette(tmp_path / "a.tape", record_mode=mode):
            ask("one"), ask("two")
    assert ask.heard == heard


def test_rewrite_keeps_the_tape_of_a_block_that_raises(ask, tmp_path):
    with use_cassette(tmp_path / "a.tape"):
        ask("one")

    with pytest.raises(KeyError), use_cassette(tmp_path / "a.tape", record_mode="rewrite"):
        ask("two")
        raise KeyError
    assert tracefork.load(tmp_path / "a.tape")[0].request.body == b"one"


def test_less_more_and_nothing_at_all_are_errors(ask, tmp_path):
    with use_cassette(tmp_path / "a.tape"):
        ask("one"), ask("two")

    with pytest.raises(tracefork.errors.Unfinished), use_cassette(tmp_path / "a.tape"):
        ask("one")
    with (
        pytest.raises(tracefork.errors.MissingTape, match="record_mode"),
        use_cassette(tmp_path / "b.tape", record_mode="none"),
    ):
        ask("one")
    assert ask.heard == ["one", "two"]


def test_a_policy_is_held(ask, tmp_path):
    with pytest.raises(AssertionError), use_cassette(tmp_path / "a.tape", policy=policy(must=["book"])):
        ask("one")


def test_a_stale_cassette_of_another_recorder_is_a_warning(ask, tmp_path):
    (tmp_path / "a.yaml").write_text(f"""
interactions:
- request: {{body: one, headers: {{}}, method: POST, uri: "{ask.url}"}}
  response: {{body: {{string: old}}, headers: {{}}, status: {{code: 200, message: OK}}}}
""")

    with (
        pytest.warns(tracefork.testing.StaleCassette, match="'one', the test asks 'two'"),
        use_cassette(tmp_path / "a.yaml"),
    ):
        assert ask("two") == "old"
    assert ask.heard == []


def test_what_nobody_knows_is_refused_at_once(tmp_path):
    with pytest.raises(ValueError, match="record_mode is one of"):
        use_cassette(tmp_path / "a.tape", record_mode="sometimes")
    with pytest.raises(TypeError, match="there is no option match_on="):
        use_cassette(tmp_path / "a.tape", match_on=["body"])
    with pytest.raises(ValueError, match="before_record_request"):
        use_cassette(tmp_path / "a.yaml", before_record_request=print)


def test_a_generator_or_a_class_is_refused_since_its_call_asks_nothing_yet(tmp_path):
    def generate():
        yield

    async def generate_later():
        yield

    for one in (generate, generate_later, type("TestCase", (), {})):
        with pytest.raises(TypeError, match="use a with block"):
            use_cassette(tmp_path / "a.tape")(one)
