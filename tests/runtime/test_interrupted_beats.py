"""An event loop swallows what a signal's handler raises amid a callback of ours: no task waits for ever."""

from __future__ import annotations

import asyncio
import sys

import pytest

import tracefork
from tracefork.runtime.event_loop import Pacer


class TimesUp(BaseException):
    """What a handler of a signal raises. A loop lets only KeyboardInterrupt and SystemExit through."""


def interrupt_at(number):
    """A tracer that raises TimesUp at the line of this number that the beat comes to."""
    left = [number]

    def trace(frame, event, _):
        if frame.f_code is not Pacer._strike.__code__:
            return None if frame.f_code.co_filename.endswith("pacing.py") else trace
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                sys.settrace(None)
                raise TimesUp
        return trace

    return trace


@pytest.mark.parametrize("number", range(1, 20))
def test_a_beat_that_is_interrupted_comes_again(number):
    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        with tracefork.record(intercept=False) as run:
            sys.settrace(interrupt_at(number))
            try:
                async with asyncio.timeout(10):
                    return [await run.acall("look", look) for _ in range(3)], run
            finally:
                sys.settrace(None)

    async def look():
        await asyncio.sleep(0)
        return 1

    came, run = asyncio.run(main())

    assert came == [1, 1, 1] and len(run.tape.effects) == 3
