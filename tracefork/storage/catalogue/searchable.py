"""What a store gives to those who look for runs: `search`, and what was found as a table."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, cast

from ...host import clocks

if TYPE_CHECKING:
    from .catalogue import Catalogue
    from .facts import Found
    from .filling import Store
    from .frame import Kind

# What is needed is imported by who searches: nobody else pays for sqlite3.


class Searchable:
    """The part of a store that looks for runs, in a catalogue of them."""

    _catalogue: Catalogue | None = None

    def search(
        self,
        *,
        failed: bool = False,
        outcome: str | None = None,
        agent: str | None = None,
        since: float | datetime | str | None = None,
        until: float | datetime | str | None = None,
        model: str | None = None,
        grep: str | None = None,
        cost_above: float | Decimal | str | None = None,
        parent: str | None = None,
        probes: bool = False,
        sort: str = "created",
        limit: int | None = None,
        offset: int = 0,
    ) -> Found:
        """Return the runs of which all of this is true, with what there is to know of each, and sums over
        them.

        What is known is kept in a catalogue, in the user's folder for caches. The first search of a store
        reads its runs, a later one those that came since.

        Args:
            failed: those that raised; the same as `outcome="failed"`.
            outcome: "finished", "failed", "going on", "cut short" or "damaged".
            agent: a part of the agent's name, small letters or capitals.
            since: those that began then or later: seconds since the epoch, a datetime (in UTC, if it has no
                zone), a day `"2026-11-24"`, or a time ago, `"2h"`, `"3d"`.
            until: those that began before.
            model: a part of the name of a model that was asked.
            grep: words that all stand in what was asked and answered, each the beginning of a word; quotes
                hold a phrase together.
            cost_above: in USD; a cost that is not known is not above.
            parent: those that went on from this run.
            probes: the forks that blame made too.
            sort: "created", "agent", "task", "outcome", "calls", "tokens", "cost", "duration", "escapes" or
                "branches"; the newest or the largest first, turned round by a `-` in front.
            limit: how many to give, by default all; the sums are over all.
            offset: how many to leave out at the beginning.

        Raises:
            BadFilter: a value is none of its filter.
            StoreError: the store cannot be read.
        """
        from .filters import make_filters  # noqa: PLC0415

        filters = make_filters(
            outcome,
            failed=failed,
            agent=agent,
            since=since,
            until=until,
            model=model,
            grep=grep,
            cost_above=cost_above,
            parent=parent,
            probes=probes,
            sort=sort,
            limit=limit,
            offset=offset,
            now=clocks.now(),
        )
        self.catalogue.update()
        return self.catalogue.search(filters)

    def frame(
        self,
        found: Found | None = None,
        *,
        of: Literal["runs", "calls"] = "runs",
        kind: Kind | None = None,
    ) -> Any:
        """Return what a search found, by default all runs, as a table with a row for each run.

        It is a data frame of pandas, or a table of Arrow where pandas is not installed; `kind` is "pandas" or
        "arrow" where it is to be that one. With `of="calls"` there is a row for each call of these runs.

        Raises:
            MissingPart: neither is installed, or not the one that was asked for.
            BadFilter: there is no such table.
            StoreError, CorruptTape: a run cannot be read.
        """
        from .frame import make_frame  # noqa: PLC0415

        return make_frame(cast("Store", self).load, self.search() if found is None else found, of, kind)

    @property
    def catalogue(self) -> Catalogue:
        """What is known of the runs: derived from them, and nothing is lost with it."""
        if self._catalogue is None:
            from .catalogue import Catalogue  # noqa: PLC0415

            self._catalogue = Catalogue(cast("Store", self))
        return self._catalogue

    def forget(self, run_id: str) -> None:
        """Take a run out of what is known of the store, at once; the run itself is left alone."""
        with suppress(ImportError):  # without sqlite3 nothing is known
            from .catalogue import forget  # noqa: PLC0415

            forget(cast("Store", self).backend, run_id)

    def close_catalogue(self) -> None:
        """Let go of the catalogue, if it was asked for; the next look opens it again."""
        if self._catalogue is not None:
            self._catalogue.close()
