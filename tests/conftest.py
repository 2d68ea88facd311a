import gc
import os
import signal

import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # as in a job that a script has put into the background; children would inherit it, and not end by it
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest.register_assert_rewrite("clients", "vendors", "worlds")

settings.register_profile("quick", max_examples=40, deadline=None)
settings.register_profile("brief", max_examples=20, deadline=None)  # for another Python
settings.register_profile("nightly", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_xdist_auto_num_workers():
    """Three workers on two processors: a third of the tests' time is waiting."""
    return 3 * (os.cpu_count() or 1) // 2


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """What is kept of stores in the user's folder for caches is kept in one of the tests' own."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture(scope="module", autouse=True)
def _swept():
    """What other modules and the SDKs have brought stays: the collector need not look at it each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def command_line():
    """Runs commands, `run(words, cwd, env)`, in processes that have imported everything already."""
    import clis

    with clis.commanding() as run:
        yield run
