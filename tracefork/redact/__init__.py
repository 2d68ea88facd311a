"""Secrets out of questions and answers, at one seam, before anything keeps them. Pure.

What is kept, matched and digested is the redacted form; the live application
sees the true bytes. A header's name is always kept, its value only where the
header is on an allow-list; the values of the process's variables that are named as secrets
(`is_secret`), and what a run sent as keys, are replaced wherever they stand, also in pieces
over a body; and so is what looks as the keys of well-known issuers do (`patterns`).
A placeholder names the kind and never the value: `[secret:OPENAI_API_KEY]`, `[secret:x-api-key]`.
"""

from __future__ import annotations

from .ambient import SHORTEST, Ambient, ambient, redactor
from .finders import Analyzer, Finder, cards, emails, phones, presidio
from .headers import KEPT, KEPT_PREFIXES, REDACTED
from .names import is_secret
from .redactor import SHORTEST_CHECKED, Redactor
from .scrubbing import counts, lineage, scrubbed, taken_out
from .urls import PARAMETERS

__all__ = [
    "KEPT",
    "KEPT_PREFIXES",
    "PARAMETERS",
    "REDACTED",
    "SHORTEST",
    "SHORTEST_CHECKED",
    "Ambient",
    "Analyzer",
    "Finder",
    "Redactor",
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
