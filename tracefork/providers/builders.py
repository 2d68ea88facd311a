"""What the builders of all vendors share: a message with its defaults filled in, an edited answer, an error.

A vendor derives its `WithText` and `Error` from these and writes its `Message` from a `Draft`: only the
names of its fields and the JSON of its API are its own. Ids are hashes of the question and the builder.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

from attrs import frozen

from ..core.values import Exchange, Headers, Request, Response
from . import base


class Message(Protocol):
    """What every vendor's `Message` has; its tool call and its stop reason each names in its own way."""

    @property
    def text(self) -> str: ...
    @property
    def model(self) -> str | None: ...
    @property
    def input_tokens(self) -> int | None: ...
    @property
    def output_tokens(self) -> int | None: ...


@frozen
class Call:
    """A tool call; `arguments` is JSON text, an `id` that is None is made from the draft's seed."""

    name: str
    arguments: str
    id: str | None


@frozen
class Draft:
    """One whole answer, its defaults filled in, before it has the form of an API; `seed` makes its ids."""

    seed: tuple[bytes, str]
    model: str
    text: str
    call: Call | None
    stop_reason: str
    input_tokens: int
    output_tokens: int

    def ident(self, prefix: str) -> str:
        return base.ident(prefix, *self.seed)

    def call_id(self, made: str) -> str:
        """The id of its call, `made` where it was given none."""
        return made if self.call is None or self.call.id is None else self.call.id

    @property
    def has_text(self) -> bool:
        """True if there is text to say; an answer without text or call says the empty one."""
        return bool(self.text) or self.call is None


def draft(
    message: Message, request: Request, call: Call | None, stop_reason: str, *, model: str | None = None
) -> Draft:
    """Return `message` with its defaults filled in: the model that `request` asks for, and estimated tokens.

    `model` is that model, where it is known otherwise than by `base.model_of`.
    """
    asked = base.model_of(request) if model is None else model
    size = base.size_of(message.text + (call.arguments if call else ""))
    return Draft(
        (request.body, repr(message)),
        asked if message.model is None else message.model,
        message.text,
        call,
        stop_reason,
        base.estimate(len(request.body)) if message.input_tokens is None else message.input_tokens,
        base.estimate(size) if message.output_tokens is None else message.output_tokens,
    )


@frozen
class WithText(ABC):
    """The recorded answer with another text."""

    text: str

    def __call__(self, asked: base.Asked) -> Response:
        """Build the answer.

        Raises:
            TypeError: `asked` is a bare Request, which has no recorded answer.
            ValueError: the recorded answer is a fault, an error, or no whole message,
                or the URL's path belongs to no API of the vendor.
        """
        if not isinstance(asked, Exchange):
            raise TypeError("with_text needs the recorded Exchange, not a bare Request; use text() instead")
        return self._edit(asked)

    @abstractmethod
    def _edit(self, exchange: Exchange) -> Response:
        """Return the answer of `exchange` with the text replaced."""


@frozen
class Error(ABC):
    """An error answer; `status` is HTTP's, `retry_after` in seconds."""

    id_header: ClassVar[str] = ""
    """The header that has the request's id, "" where the vendor sends none."""

    type: str
    message: str
    status: int
    retry_after: float | None = None

    def __call__(self, asked: base.Asked) -> Response:
        request_id = base.ident("req_", base.question(asked).body, repr(self))
        headers: Headers = ((self.id_header, request_id),) if self.id_header else ()
        if self.retry_after is not None:
            headers += (("retry-after", f"{self.retry_after:g}"),)
        return base.respond(self._body(request_id), headers, status=self.status)

    @abstractmethod
    def _body(self, request_id: str) -> base.Payload:
        """Return the JSON of the error."""
