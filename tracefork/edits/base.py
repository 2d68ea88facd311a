"""What an edit is: a value that makes another request of a request, and says which it is for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import ClassVar, TypeAlias
from urllib.parse import urlsplit

from attrs import field, frozen
from attrs.validators import ge, instance_of, optional

from ..core.values import Lane, Request
from ..errors import EditRefused
from ..providers import paths
from .bodies import read_json, remake_headers

WHOLE = frozenset({""})
"""What an edit meets that is for one thing alone."""


@frozen(kw_only=True)
class Where:
    """Which requests an edit is for: those that fit all patterns that are given, in which `*` is anything.

    `model` is the one that the request names, in its body or in its URL, `host` that of its URL, and
    `lane` the strand that asks.
    """

    model: str | None = field(default=None, validator=optional(instance_of(str)))
    host: str | None = field(default=None, validator=optional(instance_of(str)))
    lane: str | None = field(default=None, validator=optional(instance_of(str)))

    def takes(self, request: Request, lane: Lane = "") -> bool:
        """True for a request that fits, which `lane` asks."""
        return (
            (self.host is None or _fits_host(request.url, self.host))
            and (self.lane is None or fnmatchcase(lane, self.lane))
            and (self.model is None or fnmatchcase(_read_model(request), self.model))
        )

    def __str__(self) -> str:
        given = {"model": self.model, "host": self.host, "lane": self.lane}
        return " and ".join(f"{name} is {text}" for name, text in given.items() if text is not None)


def _make_where(given: Where | Mapping[str, str] | None) -> Where | None:
    return Where(**given) if isinstance(given, Mapping) else given


@frozen
class Attempt:
    """What came of an edit of one request.

    `met` holds those of the edit's `targets` that were found, even if nothing had to be changed there;
    `nearest` is the nearest place that is there, where they were not.
    """

    request: Request
    met: frozenset[str] = frozenset()
    nearest: str = ""


@frozen
class Edit:
    """The base of all edits: `edit(request)` is the edited request, the very same where nothing changes.

    One of your own is a frozen class with a `change` that depends on nothing but its fields and the
    request. A run keeps it by name, and is given it again.

    Args:
        where: the requests that it is for, a `Where` or its fields as a dict; by default all.
        first: how many requests of the run it leaves as they are; by default none that is asked live.
    """

    where: Where | None = field(default=None, kw_only=True, converter=_make_where)
    first: int | None = field(
        default=None, kw_only=True, validator=optional([instance_of(int), ge(0)]), repr=False
    )

    missing: ClassVar[str] = "it found nothing to change"
    """What is said of requests that it has not met."""

    def __call__(self, request: Request, lane: Lane = "") -> Request:
        """Return `request`, which `lane` asks, as edited.

        Raises:
            EditRefused: it cannot be edited without damage.
        """
        found = attempt(self, request, lane)
        return request if found is None else found.request

    @property
    def targets(self) -> frozenset[str]:
        """What it has to meet in one request or another, each of them."""
        return WHOLE

    def change(self, request: Request) -> Request:
        """Return `request` as edited, whoever asks it."""
        raise NotImplementedError(f"{type(self).__name__} says how to change a request")

    def attempt(self, request: Request) -> Attempt:
        """Return the edited request and what was met; of an edit of your own, whatever it was shown."""
        return Attempt(self.change(request), self.targets)

    def __str__(self) -> str:
        return repr(self)


AnyEdit: TypeAlias = "Edit | Callable[[Request], Request]"
"""An Edit, or a function that depends on nothing but the request."""


def attempt(edit: AnyEdit, request: Request, lane: Lane = "") -> Attempt | None:
    """Return what comes of `edit`, or None where `request` is none that it is for.

    Raises:
        EditRefused: it cannot be edited without damage, or the edit failed.
    """
    if isinstance(edit, Edit) and edit.where is not None and not edit.where.takes(request, lane):
        return None
    try:
        found = edit.attempt(request) if isinstance(edit, Edit) else Attempt(edit(request), WHOLE)
    except EditRefused:
        raise
    except Exception as exc:
        raise EditRefused(describe_edit(edit), request.url, f"it raised {type(exc).__name__}: {exc}") from exc
    if not isinstance(found.request, Request):
        raise EditRefused(describe_edit(edit), request.url, f"it returned {found.request!r}, no request")
    if found.request == request:
        return Attempt(request, found.met, found.nearest)
    return Attempt(remake_headers(request, found.request), found.met, found.nearest)


def name_edit(edit: AnyEdit) -> str:
    """Return the name of an edit of somebody's own, as `module:Class` or `module:function`."""
    named = type(edit) if isinstance(edit, Edit) or not hasattr(edit, "__qualname__") else edit
    return f"{named.__module__}:{named.__qualname__}"


def describe_edit(edit: AnyEdit) -> str:
    """Return what an edit does, in a plain line."""
    if not isinstance(edit, Edit):
        return name_edit(edit)
    where = str(edit.where) if edit.where is not None else ""
    return f"{edit}, where {where}" if where else str(edit)


def _read_model(request: Request) -> str:
    try:
        opened = read_json(request)
        named = None if opened is None else opened[0].value(("model",))
    except ValueError:  # nobody can say
        named = None
    return named if isinstance(named, str) else paths.find_model(request.url)


def _fits_host(url: str, pattern: str) -> bool:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # no URL at all
        return False
    return fnmatchcase(host, pattern) or fnmatchcase(f"{host}:{port}", pattern)
