"""What a test is warned of: make them errors with `filterwarnings`."""

from __future__ import annotations


class StaleCassette(UserWarning):
    """A test was answered by a cassette that has the answer to another question."""


class OldTape(UserWarning):
    """A test was answered by a tape that is older than `--tracefork-max-age` allows."""
