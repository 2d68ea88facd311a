"""Texts in their encodings: read as who decodes them, written back as they stood. Pure."""
