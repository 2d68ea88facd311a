"""Frames: checksummed, compressed, and repaired where they are damaged."""
