"""Record, replay, fork and blame agent runs at the HTTP seam.

Names are imported when they are first used: `import tracefork` itself costs
next to nothing and brings in no HTTP library.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as `typing` has it, without its import

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from . import attribution as attribution
    from . import backends as backends
    from . import edits as edits
    from . import errors as errors
    from . import executors as executors
    from . import providers as providers
    from . import redact as redact
    from . import report as report
    from . import testing as testing
    from . import transports as transports
    from .attribution.findings.findings import BlameReport as BlameReport
    from .attribution.forks.budget import Budget as Budget
    from .attribution.study.blame import ablame as ablame
    from .attribution.study.blame import blame as blame
    from .core.digest import digest as digest
    from .core.fork import Fork as Fork
    from .core.tape import Tape as Tape
    from .core.values import Branch as Branch
    from .core.values import Draw as Draw
    from .core.values import Effect as Effect
    from .core.values import Exchange as Exchange
    from .core.values import Fault as Fault
    from .core.values import Request as Request
    from .core.values import Response as Response
    from .errors import Divergence as Divergence
    from .errors import TraceforkError as TraceforkError
    from .experiments.compare import acompare as acompare
    from .experiments.compare import compare as compare
    from .experiments.grouping import group as group
    from .experiments.tournament import atournament as atournament
    from .experiments.tournament import tournament as tournament
    from .report.diff.tapes import diff as diff
    from .runs.api import fork as fork
    from .runs.api import record as record
    from .runs.api import replay as replay
    from .runs.api import rerun as rerun
    from .runs.api import resume as resume
    from .runs.verify import Verdict as Verdict
    from .runs.verify import averify as averify
    from .runs.verify import verify as verify
    from .session.current import current as current
    from .session.session import Session as Session
    from .session.tools.decorator import tool as tool
    from .storage.store import TapeStore as TapeStore
    from .storage.tape_file import dumps as dumps
    from .storage.tape_file import load as load
    from .storage.tape_file import loads as loads
    from .storage.tape_file import save as save

__version__ = "0.1.0"

_HOMES = {
    "attribution.findings.findings": ["BlameReport"],
    "attribution.study.blame": ["ablame", "blame"],
    "attribution.forks.budget": ["Budget"],
    "experiments.grouping": ["group"],
    "report.diff.tapes": ["diff"],
    "core.digest": ["digest"],
    "core.fork": ["Fork"],
    "core.tape": ["Tape"],
    "core.values": ["Branch", "Draw", "Effect", "Exchange", "Fault", "Request", "Response"],
    "runs.verify": ["Verdict", "averify", "verify"],
    "errors": ["Divergence", "TraceforkError"],
    "experiments.compare": ["acompare", "compare"],
    "experiments.tournament": ["atournament", "tournament"],
    "storage.tape_file": ["dumps", "load", "loads", "save"],
    "runs.api": ["fork", "record", "replay", "rerun", "resume"],
    "session.current": ["current"],
    "session.session": ["Session"],
    "storage.store": ["TapeStore"],
    "session.tools.decorator": ["tool"],
}
_MOVED = {
    "tracefork.asgi": "tracefork.runs.asgi",
    "tracefork.attribution.telling": "tracefork.attribution.findings.tables",
    "tracefork.calibration": "tracefork.runs.calibration",
    "tracefork.stepping": "tracefork.runs.stepping",
    "tracefork.testing.planted": "tracefork.validation.planted",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_SUBMODULES = frozenset(
    "attribution backends edits errors executors providers redact report testing transports".split()
)

__all__ = [
    "BlameReport",
    "Branch",
    "Budget",
    "Divergence",
    "Draw",
    "Effect",
    "Exchange",
    "Fault",
    "Fork",
    "Request",
    "Response",
    "Session",
    "Tape",
    "TapeStore",
    "TraceforkError",
    "Verdict",
    "ablame",
    "acompare",
    "atournament",
    "attribution",
    "averify",
    "backends",
    "blame",
    "compare",
    "current",
    "diff",
    "digest",
    "dumps",
    "edits",
    "errors",
    "executors",
    "fork",
    "group",
    "load",
    "loads",
    "providers",
    "record",
    "redact",
    "replay",
    "report",
    "rerun",
    "resume",
    "save",
    "testing",
    "tool",
    "tournament",
    "transports",
    "verify",
]


def __getattr__(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415  `import tracefork` does without

    if name in _SUBMODULES:
        return import_module(f".{name}", __name__)
    if name in _HOME_OF:
        value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Moved:
    """Finds modules by the names that they had before: `_MOVED`, whose values are their names today."""

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """The spec of an earlier name, or None: the module itself is loaded, and stands under both names."""
        if name not in _MOVED:
            return None
        from importlib.machinery import ModuleSpec  # noqa: PLC0415  only who uses such a name needs it

        return ModuleSpec(name, self)  # type: ignore[arg-type]  # a loader by its methods

    def create_module(self, spec: object) -> None:
        """None: `exec_module` puts the module in the place of an empty one."""

    def exec_module(self, module: ModuleType) -> None:
        """Load the module under its name of today, and let the earlier name mean it."""
        from importlib import import_module  # noqa: PLC0415

        sys.modules[module.__name__] = import_module(_MOVED[module.__name__])


sys.meta_path.append(_Moved())


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
