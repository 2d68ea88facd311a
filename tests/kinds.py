"""Classes of all kinds, for what tools give: imported by name, as those of a program are."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import os
from typing import Generic as GenericBase
from typing import NamedTuple, TypeVar

import attrs
import pydantic


class Colour(enum.Enum):
    RED = 1
    BLUE = (1, 2)


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    YES = "yes"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Pair(NamedTuple):
    a: object
    b: object


@dataclasses.dataclass
class Dog:
    name: str


@dataclasses.dataclass
class Puppy(Dog):
    age: int = 1
    seen: list[str] = dataclasses.field(default_factory=list, init=False)

    def __post_init__(self):
        ran.append("post_init")


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float = 0.0

    def norm(self):
        return self.x


@dataclasses.dataclass
class Cat:
    name: str

    @functools.cached_property
    def loud(self):
        return self.name.upper()


@attrs.frozen
class Seat:
    row: int
    _secret: object = None


@attrs.define
class Plane:
    seats: list[Seat] = attrs.field(factory=list)
    _cache: dict[str, int] = attrs.field(factory=dict, init=False)


T = TypeVar("T")


@dataclasses.dataclass
class Generic(GenericBase[T]):
    x: T


class Event(pydantic.BaseModel):
    kind: str = "e"

    @pydantic.model_validator(mode="after")
    def _looked(self):
        ran.append("validated")
        return self


class Click(Event):
    x: int = pydantic.Field(0, alias="posX")
    _private: int = pydantic.PrivateAttr(default=7)


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", frozen=True)
    when: dt.datetime | None = None


class Root(pydantic.RootModel[list[int]]):
    pass


class Odd(Exception):
    """One whose arguments are not those of its constructor."""

    def __init__(self, code, *, where="here"):
        super().__init__(f"odd {code}")
        self.code, self.where = code, where


class Slotted(ValueError):
    __slots__ = ("more",)


class Stop(BaseException):
    pass


class Drops:
    def __del__(self):
        ran.append("deleted")


@dataclasses.dataclass
class Dropping(Drops):
    path: str = ""


class Nothing:
    """No tape can keep one."""


class Loud(Exception):
    """One that says whatever is asked of it."""

    def __init__(self, *args):
        ran.append("init")

    def __new__(cls, *args):
        ran.append("new")
        return super().__new__(cls, *args)

    def __setstate__(self, state):
        ran.append("state")

    def __reduce__(self):
        ran.append("reduce")
        return os.system, ("ls",)


ran = []


def raises(exc):
    def failing():
        raise exc

    return failing
