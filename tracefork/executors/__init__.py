"""Executors for forks where the libraries that run them bring none of their own."""

from __future__ import annotations

from .on_ray import ray

__all__ = ["ray"]
