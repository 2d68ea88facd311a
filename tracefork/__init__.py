"""Record, replay, fork and blame agent runs at the HTTP seam.

Names are imported when they are first used: `import tracefork` itself costs
next to nothing and brings in no HTTP library.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, without its import

if TYPE_CHECKING:
    from . import attribution as attribution
    from . import backends as backends
    from . import errors as errors
    from . import providers as providers
    from . import redact as redact
    from . import report as report
    from . import testing as testing
    from . import transports as transports
    from .attribution.findings import BlameReport as BlameReport
    from .attribution.runner import ablame as ablame
    from .attribution.runner import blame as blame
    from .attribution.spending import Budget as Budget
    from .comparing import diff as diff
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
    from .drive import Verdict as Verdict
    from .drive import averify as averify
    from .drive import verify as verify
    from .errors import Divergence as Divergence
    from .errors import TraceforkError as TraceforkError
    from .files import dumps as dumps
    from .files import load as load
    from .files import loads as loads
    from .files import save as save
    from .runs import fork as fork
    from .runs import record as record
    from .runs import replay as replay
    from .runs import resume as resume
    from .session import Session as Session
    from .session import current as current
    from .store import TapeStore as TapeStore
    from .tooling import tool as tool

__version__ = "0.1.0"

_HOMES = {
    "attribution.findings": ["BlameReport"],
    "attribution.runner": ["ablame", "blame"],
    "attribution.spending": ["Budget"],
    "comparing": ["diff"],
    "core.digest": ["digest"],
    "core.fork": ["Fork"],
    "core.tape": ["Tape"],
    "core.values": ["Branch", "Draw", "Effect", "Exchange", "Fault", "Request", "Response"],
    "drive": ["Verdict", "averify", "verify"],
    "errors": ["Divergence", "TraceforkError"],
    "files": ["dumps", "load", "loads", "save"],
    "runs": ["fork", "record", "replay", "resume"],
    "session": ["Session", "current"],
    "store": ["TapeStore"],
    "tooling": ["tool"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_SUBMODULES = frozenset(
    {"attribution", "backends", "errors", "providers", "redact", "report", "testing", "transports"}
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
    "attribution",
    "averify",
    "backends",
    "blame",
    "current",
    "diff",
    "digest",
    "dumps",
    "errors",
    "fork",
    "load",
    "loads",
    "providers",
    "record",
    "redact",
    "replay",
    "report",
    "resume",
    "save",
    "testing",
    "tool",
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


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
