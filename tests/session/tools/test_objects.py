"""What tools take and give comes back as it was, or as the annotation says, or is refused."""

import dataclasses
import enum
import json
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path, PurePath
from typing import NamedTuple
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tapes import any_text

from tracefork.errors import CorruptTape, TooLarge, Unrecordable
from tracefork.session.tools.python_values import decode, encode

zones = st.none() | st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
hashable = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | any_text
    | st.binary(max_size=8)
    | st.dates()
    | st.datetimes(timezones=zones)
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.complex_numbers(allow_nan=False)
    | st.sampled_from([Path("a/b"), Path("/"), PurePath("c"), -0.0]),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)
values = st.recursive(
    hashable,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.sets(hashable, max_size=3)
        | st.dictionaries(hashable | st.sampled_from(["$tuple", "$", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def shape(value):
    """`value` with the type of everything in it, and dicts and sets in an order of their own."""
    match value:
        case dict():
            return dict, sorted((repr(shape(k)), repr(shape(v))) for k, v in value.items())
        case set() | frozenset():
            return type(value), sorted(repr(shape(v)) for v in value)
        case list() | tuple():
            return type(value), [shape(v) for v in value]
    return type(value), hex(value) if isinstance(value, int) else repr(value)


@example([1, True, 1.0])
@example({"$tuple": [1]})
@example([float("nan"), float("-inf"), complex("nan-infj"), Decimal("sNaN")])
@example(10**5000)
@example(datetime(2024, 10, 27, 2, 30, fold=1))  # noqa: DTZ001
@example(time(2, 30, fold=1))
@given(values)
def test_what_was_encoded_comes_back_type_for_type(value):
    assert shape(decode(encode(value))) == shape(value)


@given(values)
def test_the_text_is_json_without_spaces_in_ascii_order(value):
    text = encode(value)

    assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False) == text


@given(st.dictionaries(st.integers() | any_text, st.integers(), max_size=5), st.randoms())
def test_equal_values_have_one_text(value, chance):
    keys = list(value)
    chance.shuffle(keys)

    assert encode({key: value[key] for key in keys}) == encode(value)


@given(st.dictionaries(st.integers() | any_text, st.integers(), max_size=5))
def test_ordered_keeps_the_order_of_keys(value):
    assert list(decode(encode(value, ordered=True))) == list(value)


def test_a_time_in_a_named_zone_comes_back_as_the_same_instant():
    late = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))

    back = decode(encode(late))

    assert back == late
    assert back.utcoffset() == timedelta(hours=2)


class Text(str):
    __slots__ = ()

    def __str__(self):
        return "another"


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Pair(NamedTuple):
    a: int
    b: int


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Text("mine"), "mine"),
        (OrderedDict(a=1), {"a": 1}),
        (Pair(1, 2), (1, 2)),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        ({Colour.RED: Level.HIGH}, {"red": 3}),
    ],
)
def test_a_subclass_comes_back_as_the_builtin(value, plain):
    assert shape(decode(encode(value))) == shape(plain)


@dataclasses.dataclass
class Seat:
    row: int
    when: datetime
    tags: tuple[str, ...] = ()
    doubled: int = dataclasses.field(init=False, default=0)

    def __post_init__(self):
        self.doubled = self.row * 2


@attrs.frozen
class Booking:
    seat: Seat
    colour: Colour
    other: "Seat | str | None" = None
    _secret: int = 0


NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
SEAT = Seat(4, NOON, ("window",))


@pytest.mark.parametrize(
    ("value", "as_"),
    [
        (SEAT, Seat),
        ([SEAT], list[Seat]),
        ({"a": SEAT}, dict[str, Seat]),
        ((SEAT, 1), tuple[Seat, int]),
        (Booking(SEAT, Colour.RED, secret=7), Booking),
        (Booking(SEAT, Colour.RED, SEAT), Booking),
        (Booking(SEAT, Colour.RED, "none"), Booking | None),
        (None, Booking | None),
        (Colour.RED, Colour),
        (Level.HIGH, Level),
        ("red", Colour | str),
    ],
)
def test_instances_are_rebuilt_as_annotated(value, as_):
    back = decode(encode(value), as_)

    assert back == (Colour.RED if value == "red" else value)
    assert type(back) is (Colour if value == "red" else type(value))


def test_without_an_annotation_instances_come_back_as_plain_data():
    assert decode(encode(SEAT)) == {"row": 4, "when": NOON, "tags": ("window",)}


@pytest.mark.parametrize("as_", [Seat, list[Seat], Colour, Booking | int, dict[str, Seat], "Seat", 3, Level])
def test_an_annotation_that_does_not_fit_is_left_aside(as_):
    value = {"some": ["thing", 1, None]}

    assert decode(encode(value), as_) == value


@pytest.mark.parametrize(
    ("value", "as_"), [("5", int), (True, int), (1, float), (None, str), ("5", int | None)]
)
def test_an_annotation_coerces_no_builtin(value, as_):
    assert shape(decode(encode(value), as_)) == shape(value)


def test_pydantic_models_are_dumped_and_validated():
    pydantic = pytest.importorskip("pydantic")

    class Flight(pydantic.BaseModel):
        to: str
        at: datetime
        path: Path

    class Trip(pydantic.BaseModel):
        legs: list[Flight]

    trip = Trip(legs=[Flight(to="BER", at=NOON, path=Path("x"))])

    assert decode(encode(trip), Trip) == trip
    assert decode(encode([trip]), list[Trip] | None) == [trip]
    assert decode(encode(trip))["legs"][0]["to"] == "BER"


class NoOffset(tzinfo):
    def utcoffset(self, dt):
        return None


def holds_itself():
    ring = []
    ring.append(ring)
    return ring


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {"a": [object()]},
        {object(): 1},
        Seat,
        len,
        range(3),
        ...,
        (n for n in ()),
        time(1, tzinfo=NoOffset()),
        datetime(2024, 1, 1, tzinfo=NoOffset()),
        holds_itself(),
        nested(101),
        nested(5000),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_form_is_unrecordable(value):
    with pytest.raises(Unrecordable, match="an argument of search"):
        encode(value, "an argument of search")


def test_a_hundred_levels_are_recordable():
    assert decode(encode(nested(100))) == nested(100)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "1" * 5000,
        '{"$unknown":1}',
        '{"$tuple":[],"more":1}',
        '{"$tuple":"ab"}',
        '{"$set":[[]]}',
        '{"$dict":[[1]]}',
        '{"$dict":[[[],1]]}',
        '{"$bytes":"?"}',
        '{"$bytes":5}',
        '{"$datetime":"soon"}',
        '{"$datetime":["2024-01-01T00:00:00"]}',
        '{"$datetime":["2024-01-01T00:00:00",7]}',
        '{"$timedelta":["a"]}',
        '{"$timedelta":[1e300]}',
        '{"$decimal":"x"}',
        '{"$uuid":"x"}',
        '{"$complex":["1"]}',
        '{"$int":"zz"}',
        '{"$float":true}',
    ],
)
def test_a_text_that_encode_never_wrote_is_corrupt(text):
    with pytest.raises(CorruptTape):
        decode(text)


def test_a_text_nested_too_deep_is_too_large():
    with pytest.raises(TooLarge):
        decode("[" * 101 + "]" * 101)


def test_no_class_is_made_of_a_name_in_the_data():
    text = '{"$path":"os.system","__class__":"os.system"}'

    with pytest.raises(CorruptTape):
        decode(text)


def test_identifiers_and_dates_keep_their_class():
    told = {"id": uuid4(), "on": date(2024, 2, 29), "price": Decimal("1.10"), "took": timedelta(-1, 2, 3)}

    back = decode(encode(told))

    assert back == told
    assert isinstance(back["id"], UUID)
    assert str(back["price"]) == "1.10"
