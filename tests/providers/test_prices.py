"""Costs: exact where they are known, and None where they are not."""

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork import TraceforkError
from tracefork.errors import BadPrices
from tracefork.providers import prices
from tracefork.providers.messages import Completion, Usage
from tracefork.providers.prices import Price, Prices, cost, listed, load, loads

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
}

STRANGERS = [
    "",
    "gpt",
    "gpt-4o-audio-preview",
    "gpt-4o-realtime-preview-2024-12-17",
    "gpt-4o-2024-08-06-finetuned",
    "ft:gpt-4o-2024-08-06:me::1",
    "openai/gpt-4o:free",
    "gpt-5-chat-latest",
    "gpt-5.9",
    "gpt-3.5-turbo-0301",
    "claude-sonnet-4-6-20260101x",
    "claude-opus-9",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "groq/openai/gpt-4o",
    "gemini-2.5-flash-image",
    "gemini-2.5-flash-preview-tts",
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
    assert len(listed().table) > 40
    assert all(price.output > 0 and price.input > 0 for price in listed().table.values())
    assert all((p.cached or 0) <= p.input <= (p.written or p.input) for p in listed().table.values())


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


PROVIDERS = {"claude": "anthropic", "gemini": "google"}


@pytest.mark.nightly
@pytest.mark.parametrize("model", listed().table)
def test_the_table_agrees_with_one_that_we_did_not_write(model):
    genai_prices = pytest.importorskip("genai_prices")
    ours = prices.listed().table[model]
    stored = 100 if ours.written is not None else 0
    cached = 300 if ours.cached is not None else 0

    told = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=1000, cache_read_tokens=cached, cache_write_tokens=stored, output_tokens=50
        ),
        model_ref=model,
        provider_id=next((v for k, v in PROVIDERS.items() if model.startswith(k)), "openai"),
    )

    assert cost(Usage(1000, 50, cached, stored), model) == told.total_price
