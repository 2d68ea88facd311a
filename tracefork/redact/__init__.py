"""Secrets out of questions and answers, at one seam, before anything keeps them. Pure.

The live application sees the true bytes. What is kept of a question has `[secret:NAME]` for each secret, and
so it is matched. What is kept of an answer, and served by a replay, has a surrogate of the same shape,
which is compared and shown as `[secret:NAME]` too. Secrets are the values of the process's variables that are
named as secrets (`is_secret`), what a run sent as keys, headers and parameters of URLs that are named as
secrets, and what looks as the keys of well-known issuers do (`patterns`); wherever they stand.
"""

from __future__ import annotations

from ..core.surrogates import REDACTED
from .by_form.finders import Analyzer, Finder, cards, emails, phones, presidio
from .by_name.names import SHORTEST, is_secret
from .by_name.urls import PARAMETERS
from .process import Ambient, ambient, redactor
from .redactor import SHORTEST_CHECKED, Redactor
from .surrogates.vault import Vault
from .tapes import counts, lineage, scrubbed, taken_out

__all__ = [
    "PARAMETERS",
    "REDACTED",
    "SHORTEST",
    "SHORTEST_CHECKED",
    "Ambient",
    "Analyzer",
    "Finder",
    "Redactor",
    "Vault",
    "ambient",
    "cards",
    "counts",
    "emails",
    "is_secret",
    "lineage",
    "phones",
    "presidio",
    "redactor",
    "scrubbed",
    "taken_out",
]
