"""Tool calls of a run: two-phased, decorated or wrapped, with Python values that come back as they were."""
