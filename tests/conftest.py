import gc
import os

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("clients", "vendors", "worlds")

settings.register_profile("quick", max_examples=100, deadline=None)
settings.register_profile("brief", max_examples=20, deadline=None)  # for another Python
settings.register_profile("nightly", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="module", autouse=True)
def _swept():
    """What other modules and the SDKs have brought stays: the collector need not look at it each time."""
    gc.collect()
    gc.freeze()
