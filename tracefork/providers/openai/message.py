"""What a model of OpenAI says, settled but not yet put in either API's form."""

from __future__ import annotations

from attrs import frozen

from .. import base


@frozen
class Call:
    """A tool call; `arguments` is JSON text, `id` the one that its result will name."""

    id: str
    name: str
    arguments: str


@frozen
class Said:
    """One whole answer; `seed` makes ids, `created` is absent because no clock is read."""

    seed: tuple[str | bytes, ...]
    model: str
    text: str
    call: Call | None
    finish_reason: str
    input_tokens: int
    output_tokens: int

    def ident(self, prefix: str) -> str:
        return base.ident(prefix, *self.seed)

    @property
    def speaks(self) -> bool:
        """True if there is text to say; an answer without text or call says the empty one."""
        return bool(self.text) or self.call is None


CREATED = 0
"""Seconds since the epoch, in every answer: builders read no clock."""
