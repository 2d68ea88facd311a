"""What a fork can draw anew at a place of a run, and what it is called."""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import frozen

PartKind: TypeAlias = Literal["answer", "tool", "draw"]
ANSWER: PartKind = "answer"
TOOL: PartKind = "tool"
DRAW: PartKind = "draw"


@frozen
class Part:
    """A model's answer, a tool's result, or draws in a row.

    `step` is the index of the exchange that it belongs to: of a result or draws that which comes next, or,
    if it `is_after` all, the last. `names` are the tool's, or the kinds of draws. A result is that of call
    `number` of `total` calls of this tool before the step; draws are `total`.
    """

    step: int
    kind: PartKind = ANSWER
    names: tuple[str, ...] = ()
    number: int = 1
    total: int = 1
    is_after: bool = False

    @property
    def what(self) -> str:
        """The part in words: "step 5", "step 5, the result of `search`"."""
        if self.kind == ANSWER:
            return f"step {self.step}"
        return f"{'after ' * self.is_after}step {self.step}, {self.noun}"

    @property
    def noun(self) -> str:
        """What it is, without its step."""
        quoted = ", ".join(f"`{name}`" for name in self.names)
        match self.kind:
            case "answer":
                return f"the answer of step {self.step}"
            case "tool":
                several = f", call {self.number} of {self.total}" if self.total > 1 else ""
                return f"the result of {quoted}{several}"
            case "draw":
                drawn = f"{self.total} readings of" if self.total > 1 else "the reading of"
                return f"{drawn} {quoted}"
