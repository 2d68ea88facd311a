"""Reads the cassettes of other recorders as tapes: vcrpy, cassetter, betamax, Ruby VCR and HAR.

What a cassette's format does not keep is not on the tape, and its `meta` says so. YAML needs PyYAML
(`tracefork[cassettes]`); only plain data is read of it, and no Python object is ever made.
"""

from __future__ import annotations

from .reading import read, reads
from .sniffing import is_cassette

__all__ = ["is_cassette", "read", "reads"]
