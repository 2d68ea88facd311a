"""Runs finders of other people's so that they cannot hold up or end a recording.

Each is asked on a thread apart, which is left to itself when it takes too long. A finder that failed
loses that turn; one that did not come back is not asked again in this run, as its
thread may be busy still. One that never lets go of the interpreter cannot be helped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import copy_context
from functools import partial

from ..host.uninterrupted import make_gate, start
from ..redact.by_form.patterns import Span

PATIENCE = 5.0
"""Seconds that a finder is waited for, and for every megabyte as many more."""

_MEGABYTE = 10**6


class BoundedFinders:
    """Runs finders, and remarks of each once that it failed or took too long."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._out = set[int]()

    def __call__(
        self, finder: Callable[[bytes, int], Iterable[Span]], data: bytes, begin: int
    ) -> Iterable[Span]:
        """Return what the finder finds; nothing, where it fails."""
        if id(finder) in self._out:
            return ()
        answer = make_gate()
        start(partial(copy_context().run, _put, answer, finder, data, begin))
        name = getattr(finder, "__name__", type(finder).__name__)
        try:
            found, failure = answer.get(timeout=PATIENCE * (1 + len(data) / _MEGABYTE))
        except Exception:  # noqa: BLE001  the queue's own Empty: gevent has another
            self._out.add(id(finder))
            self._say(
                f"the finder {name} took too long, and is not asked again: what it looks for may be kept"
            )
            return ()
        if failure:
            self._say(f"the finder {name} failed ({failure}): what it looks for may be kept")
        spans: Iterable[Span] = found
        return spans


def _put(answer: object, finder: Callable[[bytes, int], Iterable[Span]], data: bytes, begin: int) -> None:
    try:
        found = [_check(span, begin, len(data)) for span in finder(data, begin)]
    except BaseException as exc:  # noqa: BLE001  whatever it raises is remarked, and ends nothing
        answer.put(((), type(exc).__name__))  # type: ignore[attr-defined]
    else:
        answer.put((found, ""))  # type: ignore[attr-defined]


def _check(span: Span, begin: int, size: int) -> Span:
    """Return the span, if it is one of the text.

    Raises:
        ValueError: it is not within the text, or its placeholder is none.
    """
    start, stop, mark = span
    if not begin <= start < stop <= size or not isinstance(mark, bytes):
        raise ValueError("no span of the text")
    return start, stop, mark
