"""Record, replay, fork and blame agent runs at the HTTP seam."""

__version__ = "0.1.0"
