"""Records as rows of JSON: headers, times and event streams in the short forms that tapes keep."""
