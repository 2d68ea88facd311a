"""Finds where secrets stand in a text or a body. Pure."""
