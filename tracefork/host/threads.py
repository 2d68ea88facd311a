"""Which threads of this process may do something by themselves."""

from __future__ import annotations

import sys
import threading


def has_busy_strangers() -> bool:
    """True if a thread is alive beside this one that is no worker of a pool: it may have something to do.

    Threads of ours are started below `threading`, which does not list them.
    """
    pools = sys.modules.get("concurrent.futures.thread")
    workers = set(getattr(pools, "_threads_queues", ()))
    return any(
        thread is not threading.current_thread() and thread not in workers and not _is_idle(thread)
        for thread in threading.enumerate()
    )


def _is_idle(thread: threading.Thread) -> bool:
    """True of a worker of anyio's, whose jobs are known to the run, and of an alarm of ours."""
    return type(thread).__module__.startswith("anyio.") or thread.name == "tracefork-alarm"
