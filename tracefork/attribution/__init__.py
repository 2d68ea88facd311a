"""Which step caused the outcome: `blame` makes the forks that show it, within a budget.

`search` and `statistics` are pure and know nothing of tapes; `forks` and `findings` are values in terms of
a tape; `study` makes the forks. `oracles` say whether a run was a success, `mutations` what a step is
answered instead. Names are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import mutations as mutations
    from . import oracles as oracles
    from .findings.findings import BlameReport as BlameReport
    from .forks.budget import Budget as Budget
    from .search.conclusion import Conclusion as Conclusion
    from .study.blame import ablame as ablame
    from .study.blame import blame as blame
    from .study.design import Design as Design

_HOMES = {
    "BlameReport": "findings.findings",
    "Budget": "forks.budget",
    "Conclusion": "search.conclusion",
    "Design": "study.design",
    "ablame": "study.blame",
    "blame": "study.blame",
}

__all__ = ["BlameReport", "Budget", "Conclusion", "Design", "ablame", "blame", "mutations", "oracles"]


def __getattr__(name: str) -> object:
    if name in ("mutations", "oracles"):
        return import_module(f".{name}", __name__)
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    search = import_module(".search", __name__)
    if name in search.__all__:  # where its names were before
        return getattr(search, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
