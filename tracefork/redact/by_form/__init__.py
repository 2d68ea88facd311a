"""Secrets told by what they look like: the key formats of issuers, and finders of personal data. Pure."""
