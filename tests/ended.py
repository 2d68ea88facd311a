"""Whether the thread that writes a run has ended. It is none that `threading` knows."""

from __future__ import annotations

import sys
import time


def has_ended(run, patience=5.0):
    """True once no thread of this process is the writer of `run`."""
    until = time.monotonic() + patience
    while has_writer(run) and time.monotonic() < until:
        time.sleep(0.01)
    return not has_writer(run)


def has_writer(run):
    """True while a thread writes `run`."""
    for top in sys._current_frames().values():
        frame = top
        while frame is not None:
            if frame.f_code.co_name == "_run" and frame.f_locals.get("self") is run._keeper:
                return True
            frame = frame.f_back
    return False
