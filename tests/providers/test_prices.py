"""Costs: exact where they are known, and None where they are not."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from time import perf_counter

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork import Exchange, Request, Response, TraceforkError
from tracefork.errors import BadPrices
from tracefork.providers import prices, read
from tracefork.providers.messages import Completion, Usage
from tracefork.providers.prices import Host, Price, Prices, cache_saving, cost, listed, load, loads

MINE = Prices(
    date(2026, 1, 2),
    {
        "m": Price(Decimal(3), Decimal(15), Decimal("0.3"), Decimal("3.75")),
        "m-mini": Price(Decimal(1), Decimal(2)),
        "m-2024-05-13": Price(Decimal(5), Decimal(6)),
        "long": Price(Decimal(1), Decimal(2), upto=100),
    },
)

NAMES = {
    "claude-sonnet-4-5-20250929": "claude-sonnet-4-5",
    "claude-sonnet-4-20250514": "claude-sonnet-4",
    "claude-sonnet-4-5@20250929": "claude-sonnet-4-5",
    "claude-3-7-sonnet-latest": "claude-3-7-sonnet",
    "anthropic/claude-opus-4-5": "claude-opus-4-5",
    "gpt-4o-2024-08-06": "gpt-4o",
    "gpt-4o-2024-05-13": "gpt-4o-2024-05-13",
    "gpt-4o-mini-2024-07-18": "gpt-4o-mini",
    "openai/gpt-4o": "gpt-4o",
    "gpt-3.5-turbo-0613": "gpt-3.5-turbo-0613",
    "models/gemini-2.5-flash": "gemini-2.5-flash",
    "publishers/google/models/gemini-2.5-flash": "gemini-2.5-flash",
    "gemini-2.0-flash-001": "gemini-2.0-flash",
    "davinci:2023-07-21-v2": "davinci-002",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": "us.anthropic.claude-sonnet-4-5-20250929",
    "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0": "amazon.nova-lite-v1:0",
    "anthropic/claude-sonnet-4.5": "claude-sonnet-4.5",
}

STRANGERS = [
    "",
    "gpt",
    "gpt-4o-2024-08-06-finetuned",
    "ft:gpt-4o-2024-08-06:me::1",
    "openai/gpt-4o:free",
    "gpt-5.9",
    "claude-sonnet-4-6-20260101x",
    "claude-opus-9",
    "us.anthropic.claude-sonnet-9-v1:0",
    "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
    "groq/openai/gpt-4o",
    "gemini-2.5-flash-image",
    "gpt-image-1",
    "deepseek-chat",
    "my-gpt-4o",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_date_at_the_end_and_a_vendor_before_it_are_left_out(name):
    table = listed().table

    assert listed().of(name) is table[NAMES[name]]


@pytest.mark.parametrize("name", STRANGERS)
def test_a_model_of_another_family_has_no_price(name):
    assert listed().of(name) is None
    assert cost(Usage(1, 1), name) is None


def test_every_heap_of_tokens_has_its_price():
    usage = Usage(input=1_000_000, output=10_000, cached=600_000, written=100_000, reasoning=9_000)

    assert cost(usage, "m", prices=MINE) == Decimal("0.3") * 3 + Decimal("0.18") + Decimal("0.375") + Decimal(
        "0.15"
    )
    assert cost(Usage(1, 1), "m-2024-08-06", prices=MINE) == Decimal("0.000018")
    assert cost(Usage(1, 1), "m-2024-05-13", prices=MINE) == Decimal("0.000011")
    assert cost(Usage(0, 0), "m", prices=MINE) == 0


def test_an_answer_names_its_model():
    completion = Completion("openai.chat", model="gpt-4o-2024-08-06", usage=Usage(1000, 1000))

    assert cost(completion) == Decimal("0.0125")
    assert cost(completion, "m", prices=MINE) == Decimal("0.018")


def test_what_is_not_known_is_none_and_never_zero():
    whole = Completion("x", model="m", usage=Usage(10, 10))

    assert cost(whole, prices=MINE) is not None
    assert cost(Completion("x", model="m"), prices=MINE) is None
    assert cost(Completion("x", model="m", usage=Usage(10, 1), complete=False), prices=MINE) is None
    for usage in (Usage(None, 10), Usage(10, None), Usage(10, 10, cached=11), Usage(10, 10, 6, 6)):
        assert cost(usage, "m", prices=MINE) is None
    assert cost(Usage(10, 10), "", prices=MINE) is None
    assert cost(Usage(10, 10, cached=1), "m-mini", prices=MINE) is None
    assert cost(Usage(10, 10, cached=0, written=0), "m-mini", prices=MINE) == Decimal("0.00003")


def test_a_prompt_longer_than_its_price_holds_for_has_none():
    assert cost(Usage(100, 1), "long", prices=MINE) == Decimal("0.000102")
    assert cost(Usage(101, 1), "long", prices=MINE) is None


def test_the_table_that_comes_along_is_dated():
    assert listed().as_of >= date(2026, 11, 25)
    assert len(listed().table) > 4000
    free = {name for name, price in listed().table.items() if not price.input and not price.output}
    assert all(name.endswith(":free") for name in free)
    assert listed().hosts.keys() > {"anthropic", "aws", "azure", "google", "openai", "openrouter"}
    kept = json.loads(Path(prices.__file__).with_name("prices.json").read_text())
    assert "genai-prices" in kept["source"]
    assert "MIT" in kept["licence"]


def test_a_table_of_ones_own_is_read_to_the_digit(tmp_path):
    file = tmp_path / "prices.json"
    mine = '{"as_of": "2026-01-02", "models": {"m": {"input": 0.1, "output": 3, "cached": 0.010, "upto": 5}}}'
    file.write_text(mine)

    assert load(file) == loads(mine)
    assert load(str(file)).table["m"] == Price(Decimal("0.1"), Decimal(3), Decimal("0.01"), upto=5)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "gone.json")


def table(**row):
    return json.dumps({"as_of": "2026-01-02", "models": {"m": row}})


BAD = [
    ("", "is no JSON"),
    ("[" * 100_000, "is no JSON"),
    ("[]", "models"),
    ("{}", "models"),
    ('{"as_of": 5, "models": {}}', "as_of"),
    ('{"as_of": "yesterday", "models": {}}', "as_of"),
    ('{"models": {}}', "as_of"),
    (table(input=1), "m needs input and output"),
    (table(input=1, output=2, cache=3), "m needs input and output"),
    (table(input=-1, output=2), "m: input is -1"),
    (table(input="1", output=2), "m: input is '1'"),
    (table(input=True, output=2), "m: input is True"),
    (table(input=float("nan"), output=2), "m: input is nan"),
    (table(input=1, output=None), "m: output is None"),
    (table(input=1, output=2, upto=-1), "m: upto is -1"),
    (table(input=1, output=2, upto="x"), "m: upto is 'x'"),
    ('{"as_of": "2026-01-02", "models": {"m": 5}}', "m needs"),
    ('{"as_of": "2026-01-02", "prices": 3, "models": {}}', '"prices" is no list'),
    ('{"as_of": "2026-01-02", "prices": [{}], "models": {"m": 0}}', "prices[0] needs"),
    ('{"as_of": "2026-01-02", "models": {}, "hosts": []}', '"hosts" is no object'),
    ('{"as_of": "2026-01-02", "models": {}, "hosts": {"h": {"models": {}}}}', "the host h needs"),
    (
        '{"as_of": "2026-01-02", "models": {}, "hosts": {"h": {"urls": [1], "models": {}}}}',
        "the host h needs",
    ),
    (table(input=1, output=2, above={"input": 1, "output": 2}), "above is the price"),
    (table(input=1, output=2, upto=5, above={"input": 1, "output": 2, "upto": 5}), "more than 5"),
    (table(input=1, output=2, upto=5, above={"input": 1}), "m needs"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_what_is_no_table_is_refused_and_says_why(text, said, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(text)

    with pytest.raises(BadPrices) as raised:
        load(file)
    assert said in str(raised.value)
    assert "mine.json" in str(raised.value)
    assert isinstance(raised.value, TraceforkError | ValueError)


@given(st.binary() | st.text())
def test_any_bytes_are_a_table_or_are_refused(text):
    try:
        assert isinstance(loads(text), Prices)
    except BadPrices as exc:
        assert str(exc)


counts = st.none() | st.integers(0, 2**63)
usages = st.builds(Usage, counts, counts, counts, counts, counts)


@given(usages, st.sampled_from([*listed().table, "stranger"]))
def test_a_cost_is_never_negative(usage, model):
    paid = cost(usage, model)

    assert paid is None or paid >= 0
    assert paid is None or (usage.input is not None and usage.output is not None)


# -- hosts, tiers, caches and routers -----------------------------------------------------------

HOSTED = Prices(
    date(2026, 1, 2),
    {"m": Price(Decimal(3), Decimal(15))},
    {
        "dear": Host(("*.dear.example", "shared.example/dear"), {"m": Price(Decimal(6), Decimal(30))}),
        "as-dear": Host(("as.example",), {}, ("dear", "gone")),
    },
)


@pytest.mark.parametrize(
    ("url", "input_"),
    [
        ("", 3),
        ("http://127.0.0.1:8080/v1/chat", 3),
        ("https://a.dear.example/v1/chat", 6),
        ("https://shared.example/dear/v1", 6),
        ("https://shared.example/other/v1", 3),
        ("https://as.example/v1", 6),
        ("https://dear.example.org/v1", 3),
        ("http://[", 3),
    ],
)
def test_the_host_decides_where_one_is_known(url, input_):
    assert HOSTED.of("m", url).input == input_


def test_what_a_known_host_has_no_price_of_costs_nobody_knows_what():
    assert HOSTED.of("n", "https://a.dear.example/v1") is None
    assert HOSTED.of("n") is None


def test_two_hosts_ask_what_each_of_them_asks():
    sonnet, tokens = "anthropic.claude-sonnet-4-5-20250929-v1:0", Usage(1000, 1000)
    bedrock = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/m/converse"

    assert cost(tokens, f"global.{sonnet}", url=bedrock) == Decimal("0.018")
    assert cost(tokens, f"eu.{sonnet}", url=bedrock) == Decimal("0.0198")
    assert cost(tokens, "claude-sonnet-4-5") == Decimal("0.018")


def test_the_url_names_the_model_where_the_answer_does_not_but_no_deployment_does():
    named = f"https://bedrock-runtime.us-east-1.amazonaws.com/model/{'amazon.nova-lite-v1%3A0'}/converse"
    deployed = "https://mine.openai.azure.com/openai/deployments/gpt-4o/chat/completions"

    assert cost(Completion("bedrock.converse", usage=Usage(1_000_000, 0)), url=named) == Decimal("0.06")
    assert cost(Completion("openai.chat", usage=Usage(1_000_000, 0)), url=deployed) is None


TIERED = loads(table(input=1, output=10, upto=100, above={"input": 2, "output": 20, "upto": 200}))


def test_each_length_of_prompt_has_its_price_and_one_that_is_too_long_has_none():
    found = [cost(Usage(n, 0), "m", prices=TIERED) for n in (100, 101, 200, 201)]

    assert found == [Decimal("0.0001"), Decimal("0.000202"), Decimal("0.0004"), None]


HOURS = loads(table(input=10, output=1, cached=1, written=12.5, written_hour=20))


def test_what_a_cache_keeps_for_an_hour_is_told_apart():
    assert cost(Usage(100, 0, 0, 100, None, 40), "m", prices=HOURS) == Decimal("0.00155")
    assert cost(Usage(100, 0, 0, 100, None, 101), "m", prices=HOURS) is None
    assert cost(Usage(10, 0, 0, 10, None, 10), "m", prices=MINE) is None  # it has no such price


def test_anthropic_says_which_of_its_cache_is_kept_for_an_hour():
    body = {
        "content": [],
        "usage": {
            "input_tokens": 1,
            "output_tokens": 1,
            "cache_creation_input_tokens": 100,
            "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
        },
    }

    assert hear("https://api.anthropic.com/v1/messages", body).usage == Usage(101, 1, None, 100, None, 40)


def hear(url, body):
    answer = Response(200, (("content-type", "application/json"),), (json.dumps(body).encode(),))
    return read.completion(Exchange(Request("POST", url, (), b"{}"), answer))


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        ({"cost": 0.0123}, "0.0123"),
        ({"cost": 1e-7}, "0.0000001"),
        ({"cost": 0}, "0"),
        ({"cost": {"total_cost": 0.006}}, "0.006"),
        ({"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}}, "0.21"),
        ({"cost": 0.01, "is_byok": True}, None),
        ({"cost": -1}, None),
        ({"cost": "1"}, None),
        ({"cost": True}, None),
        ({"cost": float("inf")}, None),
        ({"cost": 10**400}, None),
    ],
)
def test_what_a_router_says_that_it_charged_is_the_cost(usage, usd):
    counted = {"prompt_tokens": 1, "completion_tokens": 1, **usage}
    answer = hear(
        "https://openrouter.ai/api/v1/chat/completions", {"model": "x/y", "choices": [], "usage": counted}
    )

    assert cost(answer) == (None if usd is None else Decimal(usd))


def test_cohere_charges_for_fewer_tokens_than_it_takes():
    units = {
        "tokens": {"input_tokens": 70, "output_tokens": 6},
        "billed_units": {"input_tokens": 5, "output_tokens": 6},
    }
    answer = hear(
        "https://api.cohere.com/v2/chat", {"message": {"role": "assistant", "content": []}, "usage": units}
    )

    assert answer.usage.input == 70
    assert cost(answer, "command-a-03-2025") == (5 * Decimal("2.5") + 6 * Decimal(10)).scaleb(-6)


def test_sound_has_a_price_of_its_own_and_where_it_has_none_the_cost_is_not_known():
    sounding = loads(table(input=1, output=2, cached=1, heard=10, spoken=20))

    assert cost(Usage(30, 30, heard=10, spoken=10), "m", prices=sounding) == Decimal("0.00036")
    assert cost(Usage(30, 30, heard=10), "m", prices=MINE) is None
    assert cost(Usage(30, 30, cached=5, heard=10), "m", prices=sounding) is None
    assert cost(Usage(5, 30, heard=10), "m", prices=sounding) is None


def test_what_the_cache_saved_is_what_was_not_paid_for_it():
    assert cache_saving(Usage(1000, 5, cached=900), "m", prices=HOURS) == Decimal("0.0081")
    assert cache_saving(Usage(1000, 5, written=900), "m", prices=HOURS) == Decimal("-0.00225")
    assert cache_saving(Usage(1000, 5, written=900, written_hour=900), "m", prices=HOURS) == Decimal("-0.009")
    assert cache_saving(Usage(1000, 5), "m", prices=HOURS) == 0
    assert cache_saving(Usage(1000, 5, cached=900), "stranger", prices=HOURS) is None
    assert cache_saving(Usage(1000, 5, cached=900), "m-mini", prices=MINE) is None
    assert cache_saving(Usage(10, 5, cached=900), "m", prices=HOURS) is None
    assert (
        cache_saving(Completion("x", model="m", usage=Usage(9, 9, 9), complete=False), prices=HOURS) is None
    )


@given(usages, st.sampled_from(["claude-sonnet-4-5", "gpt-4o", "stranger"]))
def test_without_its_cache_an_answer_would_have_cost_what_it_did_and_what_was_saved(usage, model):
    bare = attrs.evolve(usage, cached=0, written=0, heard=0, spoken=0)
    paid, saved, whole = cost(usage, model), cache_saving(usage, model), cost(bare, model)

    assert saved is None or paid is None or usage.heard or usage.spoken or paid + saved == whole


def test_the_table_is_loaded_quickly_and_a_name_is_found_at_once():
    def load_once():
        listed.cache_clear()
        begun = perf_counter()
        listed()
        return perf_counter() - begun

    assert min(load_once() for _ in range(7)) < 0.015
    listed().of("gpt-4o-2024-08-06")
    begun = perf_counter()
    for _ in range(1000):
        listed().of("gpt-4o-2024-08-06")
    assert perf_counter() - begun < 0.1


# -- beside a table that we did not write -------------------------------------------------------

OURS = {
    "palmyra",
    "claude-v2",
    "claude-instant-v1",
    "llama2-",
    "ai21.j2",
    "embed-english",
    "embed-multilingual",
}


@pytest.mark.nightly
@pytest.mark.parametrize("host", sorted(listed().hosts))
def test_the_table_agrees_with_the_package_that_it_is_made_from(host):
    genai_prices = pytest.importorskip("genai_prices")
    compared = 0
    for model, ours in listed().hosts[host].table.items():
        if any(word in model for word in OURS) or model in {"davinci:2023-07-21-v2", "babbage:2023-07-21-v2"}:
            continue
        for asked in {1000, (ours.upto or 0) + 1, ours.upto or 1000}:
            price = ours.at(asked)
            usage = Usage(
                asked, 50, asked // 3 * (price.cached is not None), asked // 9 * (price.written is not None)
            )
            told = genai_prices.calc_price(
                genai_prices.Usage(
                    input_tokens=asked,
                    cache_read_tokens=usage.cached,
                    cache_write_tokens=usage.written,
                    output_tokens=50,
                ),
                model_ref=model,
                provider_id=host,
                genai_request_timestamp=datetime(2026, 11, 30, 12, tzinfo=UTC),
            )
            paid = cost(usage, model, prices=Prices(listed().as_of, listed().hosts[host].table))
            assert paid == told.total_price, (model, usage)
            compared += 1
    assert compared or host == "writer"
