"""A thousand recorded tests: what their tapes cost, beside a stub by hand and the recorders of others.

`agent.py` is what the tests test, `model.py` whom it asks, and `suites.py` writes the tests; the first two
need nothing of ours. `environments.py` makes an environment for each recorder, `times.py` runs the tests in
them in turns, and `sizes.py` weighs what was recorded.
"""
