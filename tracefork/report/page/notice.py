"""A short page about something else than a run: a verdict, a report of blame, where two runs differ."""

from __future__ import annotations

from attrs import frozen

from .page import environment, policy, style
from .sidebar import BlameTable


@frozen
class Place:
    """A place in which two runs differ: at exchange `step`, what one has there, and what the other."""

    step: int
    path: str
    before: str
    after: str


@frozen
class Notice:
    """What it says: a `title` whose colour is that of the `kind`, `lines`, a `text` as it is, and tables."""

    kind: str
    title: str
    lines: tuple[str, ...] = ()
    text: str = ""
    places: tuple[Place, ...] = ()
    blame: BlameTable | None = None


def render_notice(notice: Notice) -> str:
    """Return the page."""
    template = environment().get_template("notice.html")
    return template.render(css=style(), policy=policy("static"), notice=notice)
