"""What a store gives to those who look for runs: `search`, and what was found as a table."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast

from ...host import clocks

if TYPE_CHECKING:
    from .catalogue import Catalogue
    from .facts import Found
    from .filling import Store
    from .filters import Asked
    from .frame import Kind

# What is needed is imported by who searches: nobody else pays for sqlite3.


class Searchable:
    """The part of a store that looks for runs, in a catalogue of them."""

    _catalogue: Catalogue | None = None

    def search(self, **asked: Unpack[Asked]) -> Found:
        """Return the runs of which all that is asked is true, with what there is to know of each, and sums.

        Without an argument, all runs. What is known is kept in a catalogue, in the user's folder for caches.
        The first search of a store reads its runs, a later one those that came since. A run that did not
        raise is failed, too, if a report of blame says so that lies beside the store, as `tracefork blame`
        keeps it.

        - `failed=True`: those that failed; the same as `outcome="failed"`.
        - `outcome`: "finished", "failed", "going on", "cut short" or "damaged".
        - `agent`, `model`: a part of the agent's name, and of that of a model that was asked.
        - `since`, `until`: those that began then or later, and before: seconds since the epoch, a datetime
          (in UTC, if it has no zone), a day `"2026-11-24"`, or a time ago, `"2h"`, `"3d"`.
        - `grep`: words that all stand in what was asked and answered, each the beginning of a word; quotes
          hold a phrase together.
        - `cost_above`: in USD; a cost that is not known is not above.
        - `parent`: those that went on from this run.
        - `probes=True`: the forks that blame made, too.
        - `sort`: "created", "agent", "task", "outcome", "calls", "tokens", "cost", "duration", "escapes" or
          "branches"; the newest or the largest first, turned round by a `-` in front.
        - `limit`, `offset`: how many to give, by default all, and how many to leave out at the beginning; the
          sums are over all.

        Raises:
            BadFilter: a value is none of its filter.
            StoreError: the store cannot be read.
        """
        from .filters import make_filters  # noqa: PLC0415

        filters = make_filters(now=clocks.now(), **asked)
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
