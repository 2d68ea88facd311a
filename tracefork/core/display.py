"""What makes a value show itself in a notebook."""

from __future__ import annotations

from importlib import import_module


class Shown:
    """A value that a notebook shows as a page, or as Markdown.

    Whatever draws it is found by its name, once it is asked for: nothing below reports knows of them.
    """

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        """Return a framed page without a script; None where no page can be made, for want of Jinja2."""
        found: str | None = import_module("tracefork.report.notebook").draw_html(self)
        return found

    def _repr_markdown_(self) -> str:
        """Return it as Markdown."""
        found: str = import_module("tracefork.report.notebook").draw_markdown(self)
        return found
