"""Searches to try: configurations, what comes of their forks, and a runner in any order."""

from hypothesis import strategies as st

from tracefork.attribution import Config, Grade, Tuning, init, observe, plan
from tracefork.attribution.statistics.chance import share, unit

GRADED = (Grade.SUCCESS, Grade.FAILURE) * 4 + tuple(Grade)


@st.composite
def configs(draw, **fixed):
    n = draw(st.integers(1, 8))
    prices = st.one_of(st.none(), st.tuples(*[st.sampled_from((0.0, 0.5, 1.0, 2.5, 7.0))] * (n + 1)))
    given = {
        "n": n,
        "first": draw(st.booleans()),
        "final": draw(st.sampled_from((None, 0.0, 0.0, 0.25, 1.0))),
        "prices": draw(prices),
        "prior": draw(st.one_of(st.none(), st.tuples(*[st.floats(0.1, 5)] * n))),
        "seed": draw(st.integers(0, 2**32)),
        "batch": draw(st.integers(1, 8)),
        "barrier": draw(st.booleans()),
        "max_forks": draw(st.integers(0, 60)),
        "max_cost": draw(st.one_of(st.none(), st.floats(0, 200))),
        "tuning": Tuning(
            explore=draw(st.sampled_from((None, 6))),
            survey=draw(st.sampled_from((4, 150))),
            start=draw(st.sampled_from((2, 8))),
        ),
    }
    return Config(**given | fixed)


@st.composite
def curves(draw):
    """Nine rates: a curve for any of the configurations."""
    return draw(st.lists(st.sampled_from((0.0, 0.1, 0.5, 0.9, 1.0)), min_size=9, max_size=9))


def outcome(probe, curve, odd=0.0):
    """What comes of a probe, as its seed has it; a share of `odd` is neither success nor failure."""
    if unit(probe.seed, "odd") < odd:
        return tuple(Grade)[2 + int(unit(probe.seed, "which") * 4)]
    return Grade.SUCCESS if share(probe.seed) < curve[probe.arm] else Grade.FAILURE


def run(config, curve, order, odd=0.0, costs=True):
    """Every state of a search, and its log; `order` picks whose outcome is the next to come."""
    state, log, states = init(config), [], []
    while probes := plan(state):
        probe = probes[order(len(probes))]
        cost = config.price(probe.arm) * unit(probe.seed, "cost") if costs else None
        log.append((probe, outcome(probe, curve, odd), cost))
        states.append(state)
        state = observe(state, *log[-1])
    return [*states, state], log


def in_turn(_):
    return 0


def backwards(count):
    return count - 1
