"""What pytest printed of a run of tests in another folder."""


def lines_of(result):
    """All lines, and those of the short summary alone."""
    printed = result.stdout.lines
    return printed, [line for line in printed if line.startswith(("FAILED", "ERROR", "SUBFAILED"))]
