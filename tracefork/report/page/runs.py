"""The list of a store's runs, as a page that works without a script; with it, the list is kept up to date."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlencode

from attrs import frozen

from ...storage.catalogue.facts import WORDS, Found, RunRow, Sums
from ...storage.catalogue.filters import NAMES
from ..figures import dollars, duration, moment, plural, short
from ..model.titles import line
from ..served import show_lineage
from .page import asset, environment

COLUMNS: Final[tuple[tuple[str, str], ...]] = (
    *(("task", "run"), ("outcome", "ended"), ("calls", "calls"), ("tokens", "tokens"), ("cost", "cost")),
    *(("duration", "time"), ("escapes", "escapes"), ("branches", "branches"), ("created", "recorded")),
)
"""What the list is sorted by, and the titles of the columns."""

EMPTY: Final = "There are no runs yet: tracefork run --store STORE script.py records one."

TERMS: Final[tuple[tuple[str, str], ...]] = (
    ("finished", "its agent returned."),
    ("failed", "its agent raised, or the oracle of a saved blame says that it failed."),
    ("going on", "a process records it, or one on another machine did within a quarter of an hour."),
    ("cut short", "it has no end, and nobody records it any more: its process died, or was killed."),
    ("damaged", "a part of it cannot be read; tracefork salvage gives what is whole."),
    ("calls", "its exchanges with models and other servers."),
    ("tokens", "of the prompts, and of the answers, each answer once."),
    ("cost", "by list prices, in USD, of the answers whose price is known."),
    ("escapes", "what left it unrecorded: a connection, a call of a thread, a process."),
    ("branches", "runs that went on from it: forks, reruns, resumed ones; without the forks of blame."),
)
"""The words of the list, and what they mean."""

_SORTS = {
    "created": "newest first",
    "-created": "oldest first",
    "cost": "dearest first",
    "tokens": "most tokens first",
    "calls": "most calls first",
    "duration": "longest first",
    "escapes": "most escapes first",
    "branches": "most branches first",
    "agent": "by agent",
    "task": "by task",
    "outcome": "by how they ended",
}
_FIELDS = "grep", "outcome", "agent", "model", "since", "cost_above", "sort"
"""The filters that the form shows; others that are asked for it keeps to itself."""

_SHAPE = "sort", "limit", "offset"
_TASK, _NAME, _ERROR = 140, 60, 160  # characters


@frozen
class Listing:
    """What a page lists: what was `found` by the `query` of its address, at the time `now`.

    `limit` is how many runs a page has. `address` gives the address of a run's page and `key` a run_id as a
    value of a form; `compare` and `data` are the addresses of comparisons and of the list as JSON. `agents`
    and `models` are names to choose from. `error` says what was wrong with the query, `trouble` which run
    could not be read, and why.
    """

    found: Found
    query: Mapping[str, str]
    now: float
    limit: int
    address: Callable[[str], str]
    key: Callable[[str], str]
    compare: str
    data: str
    agents: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    error: str = ""
    trouble: str = ""


def render_runs(listing: Listing) -> str:
    """Return the page about runs."""
    asked = {name: listing.query.get(name, "") for name in NAMES}
    sort = asked["sort"] or "created"
    return (
        environment()
        .get_template("runs.html")
        .render(
            css=_style(),
            js=asset("runs.js"),
            policy=policy(),
            asked=asked,
            hidden=[name for name in NAMES if asked[name] and name not in _FIELDS and name != "offset"],
            is_filtered=_is_filtered(listing),
            error=listing.error,
            words=WORDS,
            sorts={
                **_SORTS,
                **({} if sort in _SORTS else {sort: f"by {sort.removeprefix('-')}, turned round"}),
            },
            sort=sort,
            columns=[_make_column(listing, name, title, sort) for name, title in COLUMNS],
            rows=show_rows(listing),
            sums=show_sums(listing.found),
            notes=show_notes(listing),
            pages=_make_pages(listing),
            nothing=show_nothing(listing),
            terms=TERMS,
            compare=listing.compare,
            data=f"{listing.data}?{_encode(asked)}",
            agents=[line(name, _NAME) for name in listing.agents],
            models=[line(name, _NAME) for name in listing.models],
        )
    )


def show_rows(listing: Listing) -> list[dict[str, str]]:
    """The runs as texts, by the names that the page and its script have for them."""
    return [show_row(row, listing) for row in listing.found.runs]


def show_row(row: RunRow, listing: Listing) -> dict[str, str]:
    """A run as texts: what stands in its cells."""
    took = max(0.0, listing.now - row.created_at) if row.is_going_on and row.created_at else row.duration
    name = line(row.run_id, _NAME) or "?"
    return {
        "key": listing.key(row.run_id),
        "address": listing.address(row.run_id),
        "title": line(row.task, _TASK) or name,
        "run": name,
        "agent": line(row.agent, _NAME),
        "model": _name_models(row.models),
        "word": row.outcome,
        "note": _make_note(row),
        "found": line(row.found, 2 * _TASK),
        "from": line(show_lineage(row.lineage), _NAME),
        "calls": "" if row.calls is None else f"{row.calls:,}",
        "tokens": _show_tokens(row),
        "cost": "" if row.cost is None else dollars(row.cost),
        "duration": "" if took is None else duration(took),
        "escapes": f"{row.escapes:,}" if row.escapes else "",
        "branches": f"{row.branches:,}" if row.branches else "",
        "created": moment(row.created_at),
    }


def show_sums(found: Found) -> list[tuple[str, str]]:
    """What there is in all that was found: names and figures."""
    sums = found.sums
    ended = [(word, f"{count:,}") for word, count in _order(sums)]
    return [
        ("runs", f"{sums.runs:,}"),
        *(ended if len(ended) > 1 or sums.words[:1] != (("finished", sums.runs),) else []),
        ("calls", f"{sums.calls:,}"),
        ("tokens", f"{short(sums.input)} in, {short(sums.output)} out"),
        ("cost", _show_cost(sums)),
        ("time", duration(sums.duration)),
    ]


def show_notes(listing: Listing) -> list[str]:
    """What a reader has to know of the figures: what was not read yet, and what is not searched."""
    found, notes = listing.found, list[str]()
    if found.sums.unread:
        notes.append(
            f"{plural(found.sums.unread, 'run')} still to be read: figures and words of them are missing."
        )
    if listing.trouble:
        notes.append(f"{line(listing.trouble, _ERROR)}.")
    if found.texts_cut and listing.query.get("grep"):
        notes.append(f"Of {plural(found.texts_cut, 'run')} only the first 200,000 characters are searched.")
    return notes


def show_place(found: Found) -> str:
    """Which of the runs that were found these are: `101 to 200 of 3,334`; "" of none."""
    first, count = found.offset, len(found)
    return f"{first + 1:,} to {first + count:,} of {found.sums.runs:,}" if count else ""


def show_nothing(listing: Listing) -> str:
    """Why no run is listed."""
    found = listing.found.sums.runs
    if found:
        return f"{plural(found, 'run')} found, none of them on this page of the list."
    return "No run fits what you ask for." if _is_filtered(listing) else EMPTY


def policy() -> str:
    """The content security policy of the page: its style and script by their hashes, and its own server."""
    rules = [
        "default-src 'none'",
        f"script-src '{_hash(asset('runs.js'))}'",
        f"style-src '{_hash(_style())}'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "require-trusted-types-for 'script'; trusted-types 'none'",
    ]
    return "; ".join(rules)


# -- below ---------------------------------------------------------------------------


def _style() -> str:
    return asset("style/colours.css") + asset("runs.css")


def _is_filtered(listing: Listing) -> bool:
    return any(listing.query.get(name) for name in NAMES if name not in _SHAPE)


def _make_note(row: RunRow) -> str:
    if row.error:
        return line(row.error, _ERROR)
    if row.outcome == "cut short" and not row.sealed:
        return "nobody records it any more"
    return ""


def _name_models(models: tuple[str, ...]) -> str:
    more = f" +{len(models) - 1}" if len(models) > 1 else ""
    return line(models[0], _NAME) + more if models else ""


def _show_tokens(row: RunRow) -> str:
    if row.tokens is None:
        return ""
    return f"{short(row.input or 0)} + {short(row.output or 0)}"


def _show_cost(sums: Sums) -> str:
    if not sums.priced:
        return "not known" if sums.asked else "$0.00"
    unknown = sums.asked - sums.priced
    return dollars(sums.cost) + (
        f", {unknown:,} of {sums.asked:,} answers without a price" if unknown else ""
    )


def _order(sums: Sums) -> list[tuple[str, int]]:
    counts = dict(sums.words)
    return [(word, counts[word]) for word in WORDS if word in counts]


def _make_column(listing: Listing, name: str, title: str, sort: str) -> dict[str, str]:
    turned = f"-{name}" if sort == name else name
    ascending = (name in ("task", "outcome")) != sort.startswith("-")
    is_sorted = sort.removeprefix("-") == name
    return {
        "name": name,
        "title": title,
        "address": f"?{_encode({**listing.query, 'sort': turned, 'offset': ''})}",
        "sorted": ("ascending" if ascending else "descending") if is_sorted else "",
    }


def _make_pages(listing: Listing) -> dict[str, str]:
    """The addresses of the pages before and behind this one, and what this one has: `101–200 of 3,334`."""
    found = listing.found
    total, first, count = found.sums.runs, found.offset, len(found)
    before, behind = max(0, first - listing.limit), first + listing.limit
    has_more = listing.limit and first + count < total
    return {
        "before": f"?{_encode({**listing.query, 'offset': str(before or '')})}" if first else "",
        "behind": f"?{_encode({**listing.query, 'offset': str(behind)})}" if has_more else "",
        "here": show_place(found),
    }


def _encode(query: Mapping[str, str]) -> str:
    return urlencode([(key, query[key]) for key in NAMES if query.get(key)], errors="replace")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
