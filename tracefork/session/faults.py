"""How the exceptions of an HTTP library are kept as faults, and made again."""

from __future__ import annotations

from typing import Protocol

from ..core.values import Fault
from .tools.effects import class_name, make_fault, message_of


class Faults(Protocol):
    """How the exceptions of one HTTP library are kept, and made again."""

    def of(self, exc: Exception) -> Fault:
        """The fault to keep for `exc`."""

    def make(self, fault: Fault) -> Exception:
        """The exception that `fault` was."""


class DottedFaults:
    """Faults by the dotted path of the exception's class, and its message: of any library."""

    def of(self, exc: Exception) -> Fault:
        return Fault(class_name(exc), message_of(exc))

    def make(self, fault: Fault) -> Exception:
        return make_fault(fault.kind, fault.message)


DOTTED = DottedFaults()
