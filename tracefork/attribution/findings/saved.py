"""Reports of blame as JSON, and where they lie beside a store."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

from attrs import asdict, evolve
from cattrs.preconf.json import make_converter

from ...errors import CorruptTape
from ...storage.reports import locate
from ...storage.tape_file import write
from .findings import BlameReport, Ranked, RankedDrop, RankedEffect, RankedFlips
from .tables import summary

_CONVERTER = make_converter()
_CONVERTER.register_unstructure_hook(Decimal, str)
_CONVERTER.register_structure_hook(Decimal, lambda text, _: Decimal(text))

_ROWS: dict[str, type[Ranked]] = {"value": RankedDrop, "flip": RankedFlips, "direct": RankedEffect}
_OF_EVERY_ROW = "value_drop", "measured", "before", "after", "flip_rate"

Blames: TypeAlias = "Callable[[str], BlameReport | None]"
"""Returns the report of a run's blame by its run_id, or None."""


def dumps(report: BlameReport) -> str:
    """Return the report as a JSON object: its fields, and the `summary` and `top` step for human readers."""
    top = report.top()
    words = {"summary": summary(report), "top": top.step if top else None}
    fields = _CONVERTER.unstructure(evolve(report, ranking=()))
    return json.dumps(
        words | fields | {"ranking": [_write_row(row) for row in report.ranking]}, ensure_ascii=False
    )


def loads(text: str | bytes, where: str = "") -> BlameReport:
    """Return the report from what `dumps` returned.

    Raises:
        CorruptTape: it is none; `where` is for the error.
    """
    try:
        fields = json.loads(text)
        kind = _ROWS[fields.get("method", "value")]
        ranking = tuple(_CONVERTER.structure(row, kind) for row in fields["ranking"])
        return evolve(_CONVERTER.structure(fields | {"ranking": ()}, BlameReport), ranking=ranking)
    except Exception as exc:
        raise CorruptTape("this is no report of blame", where, "make it anew with tracefork blame") from exc


def _write_row(row: Ranked) -> dict[str, object]:
    return {name: getattr(row, name) for name in _OF_EVERY_ROW} | asdict(row)


def save(report: BlameReport, path: str | Path) -> None:
    """Write the report to `path`, whole or not at all."""
    write(dumps(report).encode(), Path(path))


def keep(report: BlameReport, store: str | Path, run_id: str) -> Path:
    """Write the report beside the store, where `find` looks for it; return its path."""
    _, path = locate(store, run_id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    save(report, path)
    return path


def find_none(run_id: str) -> None:
    """Return None for every run: the `Blames` of a store without reports."""


def find(store: str | Path, run_id: str) -> BlameReport | None:
    """Return the report of the run's blame that lies beside the store, or None.

    Raises:
        CorruptTape: something else lies there.
    """
    _, path = locate(store, run_id)
    return loads(path.read_bytes(), str(path)) if path.is_file() else None
