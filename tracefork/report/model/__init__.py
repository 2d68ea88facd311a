"""The View: a run as the plain values that the page, the terminal and Markdown show."""
