"""What a run did that a policy of a test does not allow. Pure."""

from __future__ import annotations

from attrs import field, frozen

from .visible import visible

_MOST = 200
"""Characters of a breach in short: pytest cuts what is longer than 240."""


@frozen(repr=False)
class Breach:
    """One thing that a run did against a policy of a test, or did not do.

    `step` is the index of the exchange that did it: whose answer asked for the tool, or took the total too
    far. It is None where the run as a whole is meant: a tool that was never called. `rule` is the policy's
    keyword, `message` the sentence. `call` is the number of the tool call among those of the run, from 0;
    None where no tool call is meant.
    """

    step: int | None
    rule: str
    message: str
    call: int | None = field(default=None)

    def __str__(self) -> str:
        where = "the run" if self.step is None else f"step {self.step}"
        return visible(f"{where}: {self.message} ({self.rule}=)", one_line=True)

    def __repr__(self) -> str:
        """The sentence, short enough for pytest to leave it whole."""
        text = str(self)
        return f"<{text if len(text) <= _MOST else text[: _MOST - 3] + '...'}>"
