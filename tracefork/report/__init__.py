"""Views of a run, as functions from data to text. The caller owns files and browsers."""
