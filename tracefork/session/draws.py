"""Chance that is drawn through a run: time, ids, random numbers and variables of the environment."""

from __future__ import annotations

import random
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from os import environ
from typing import TypeVar

from ..core.values import Source
from ..redact import Redactor

T = TypeVar("T")


class Chance(ABC):
    """What an agent may ask a run for instead of the world. A replay gives what was given."""

    @abstractmethod
    def draw(self, source: Source, sample: Callable[[], str]) -> str:
        """Return `sample()` when live, or the recorded reading of `source`."""

    @abstractmethod
    def redactor(self) -> Redactor:
        """What knows the secrets of this moment."""

    def now(self) -> float:
        """Seconds since the epoch, as `time.time` has them."""
        return float(self.draw(Source("clock"), lambda: repr(time.time())))

    def uuid4(self) -> uuid.UUID:
        """A random UUID."""
        return uuid.UUID(self.draw(Source("uuid"), lambda: str(uuid.uuid4())))

    def random(self) -> float:
        """A float in [0, 1), as `random.random` has it."""
        return float(self.draw(Source("random"), lambda: repr(random.random())))  # noqa: S311

    def choice(self, options: Sequence[T]) -> T:
        """One of `options`, which must stand in the same order when replayed.

        Raises:
            IndexError: there are none.
        """
        if not options:
            raise IndexError("cannot choose from an empty sequence")
        source = Source("choice", str(len(options)))
        return options[int(self.draw(source, lambda: str(random.randrange(len(options)))))]  # noqa: S311

    def env(self, name: str, default: str | None = None) -> str | None:
        """The environment variable `name`. Of a secret only the name is kept: a replay reads it anew."""
        text = self.draw(Source("env", name), lambda: f"={environ[name]}" if name in environ else "")
        return self.redactor().restore_variable(name, text[1:], environ) if text else default
