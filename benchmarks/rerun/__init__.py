"""What a changed agent pays for, by framework: 100 edits of agents on the vendors' SDKs and on frameworks.

`plans.py` holds the agent as a value and its edits, `model.py` a model that is a function of its question,
`agents.py` runs a plan by any of `frameworks.py` and `sdks.py`, `pairs.py` counts. `timefork_driver.py`
runs in timefork's own environment, and needs nothing of ours.
"""
