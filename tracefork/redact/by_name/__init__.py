"""Secrets told by the name beside them: variables, headers, parameters of URLs, members of JSON. Pure."""
