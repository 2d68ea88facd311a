"""YAML as plain data, by the parser of PyYAML alone: it constructs nothing, and calls nothing by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from ...codec.limits import Limits
from ...errors import MissingPart, TooLarge
from .shapes import Misfit
from .yaml_tree import Builder, Event

GROWTH = 10
"""How often its own length a text may become by naming anchors again, beyond what is free."""

_RETRIED = 1 << 20  # bytes that the parser in Python, which is slow, is given when that in C has failed


class _Parser(Protocol):
    def get_event(self) -> Event | None: ...
    def dispose(self) -> None: ...


def documents(data: bytes, limits: Limits) -> list[object]:
    """The documents of YAML `data`, each as plain data.

    Raises:
        Misfit: it is no YAML, or asks for what is no plain data.
        TooLarge: it is deeper, or has more items, than the limits allow.
        MissingPart: PyYAML is not installed.
    """
    try:
        yaml = import_module("yaml")
    except ImportError:
        raise MissingPart("a YAML cassette", "PyYAML", "cassettes") from None
    fast = getattr(yaml, "CSafeLoader", None)
    if fast is not None:
        try:
            return _parse(yaml, fast, data, limits)
        except Misfit as error:
            # libyaml refuses a text that begins with a tab, which others write
            if "tab character" not in error.problem or len(data) > _RETRIED:
                raise
    return _parse(yaml, yaml.SafeLoader, data, limits)


def _parse(yaml: Any, make: Callable[[bytes], _Parser], data: bytes, limits: Limits) -> list[object]:
    builder = Builder(limits, max(limits.free, GROWTH * len(data)))
    try:
        parser = make(data)
        try:
            while (event := parser.get_event()) is not None:
                builder.take(event)
        finally:
            parser.dispose()
    except (Misfit, TooLarge):
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context
        raise Misfit(f"it is no YAML: {problem}", mark.line + 1 if mark else 0) from None
    except yaml.YAMLError as error:
        raise Misfit(f"it is no YAML: {str(error).splitlines()[0]}") from None
    except (ValueError, OverflowError) as error:  # an escape that stands for no character
        raise Misfit(f"it is no YAML: {error}") from None
    return builder.documents
