"""Which vendor's API a request is for, by its path: hosts differ, paths do not."""

from __future__ import annotations

from types import ModuleType

from attrs import frozen

from ..core.values import Response
from . import anthropic, base, openai

PATHS: dict[str, ModuleType] = {
    "/messages": anthropic,
    "/chat/completions": openai,
    "/responses": openai,
}


@frozen
class Text:
    """An answer that says `text`, in the form of the API that was asked."""

    text: str

    def __call__(self, asked: base.Asked) -> Response:
        """Build the answer.

        Raises:
            ValueError: the path belongs to no API that we know.
        """
        request = base.question(asked)
        for path, vendor in PATHS.items():
            if base.path(request).endswith(path):
                built: Response = vendor.text(self.text)(asked)
                return built
        raise ValueError(
            f"{request.url} is no API that answers are built for here; known are {', '.join(PATHS)}"
        )
