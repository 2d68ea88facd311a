"""The goals that are ratios, measured side by side; and round trips, for pytest-benchmark."""

from __future__ import annotations

import pytest

from benchmarks import measure
from benchmarks.rerun import cost

FLAT = 1.5
IMPORT = 0.1
TRIES = 6  # other programs run on this machine too


def test_a_step_costs_the_same_in_a_long_run():
    for _ in range(TRIES):
        short, long = measure.growth(rounds=1)
        ratios = {job: long[job] / short[job] for job in short}
        if max(ratios.values()) <= FLAT:
            break

    assert max(ratios.values()) <= FLAT, ratios


def test_a_question_is_matched_as_fast_in_a_long_run():
    for _ in range(TRIES):
        found = measure.matching((measure.SHORT, measure.LONG), rounds=2)["different"]
        if found[measure.LONG] <= FLAT * found[measure.SHORT]:
            break

    assert found[measure.LONG] <= FLAT * found[measure.SHORT], found


def test_the_import_costs_next_to_nothing():
    for _ in range(TRIES):
        ours, theirs = measure.import_cost()
        if ours <= IMPORT * theirs:
            break

    assert ours <= IMPORT * theirs, (ours, theirs)


CALLS_RECORDED, CALLS_REPLAYED = 1.8, 1.98  # of those of a bare turn; close above what they are


def test_a_turn_calls_few_functions_beside_its_own():
    turn = measure.count_calls()

    assert turn["in memory"] <= CALLS_RECORDED * turn["bare"], turn
    assert turn["replay"] <= CALLS_REPLAYED * turn["bare"], turn


# In milliseconds the last. The goals of the first two are 1.25 and 1.35: README.md says how near they are.
# Where two processors share one core, the writer's thread slows the agent's: calls are counted above.
RECORDED, REPLAYED, ADDED = 1.55, 1.55, 1.0
LONG_REPLAYED = 2.0


def test_a_turn_costs_the_agents_thread_little_more(tmp_path):
    recorded = replayed = float("inf")
    for attempt in range(TRIES):
        (tmp_path / str(attempt)).mkdir()
        turn = measure.conversation(str(tmp_path / str(attempt)))
        recorded = min(recorded, turn["in memory"] / turn["bare"])
        replayed = min(replayed, turn["replay"] / turn["bare"])
        if recorded <= RECORDED and replayed <= REPLAYED:
            break

    assert recorded <= RECORDED, turn
    assert replayed <= REPLAYED, turn


@pytest.mark.nightly
@pytest.mark.parametrize(
    "parsed",
    [
        True,
        pytest.param(
            False,
            marks=pytest.mark.xfail(
                strict=False, reason="without JSON, a replayed round trip costs more than a bare one"
            ),
        ),
    ],
)
def test_a_turn_of_a_long_conversation_is_replayed_in_the_time_of_two(tmp_path, parsed):
    turn = measure.conversation(str(tmp_path), 400, 1, parsed=parsed)

    assert turn["replay"] <= LONG_REPLAYED * turn["bare"], turn


def test_the_first_byte_of_a_stream_is_not_held_up(tmp_path):
    for attempt in range(TRIES):
        (tmp_path / str(attempt)).mkdir()
        byte = measure.first_byte(str(tmp_path / str(attempt)))
        if byte["in memory"] - byte["bare"] <= ADDED:
            break

    assert byte["in memory"] - byte["bare"] <= ADDED, byte


RERUN = 1.1


def test_a_rerun_of_an_unchanged_agent_costs_what_its_replay_costs(tmp_path):
    for attempt in range(TRIES):
        (tmp_path / str(attempt)).mkdir()
        turn = cost.unchanged(str(tmp_path / str(attempt)), 50, 5)
        if turn["rerun"] <= RERUN * turn["replay"]:
            break

    assert turn["rerun"] <= RERUN * turn["replay"], turn


ROUNDS, TRIPS = 20, 100


@pytest.mark.parametrize("kind", ["bare", "recording", "recording to SQLite", "replaying"])
def test_a_round_trip(benchmark, kind, tmp_path):
    trips = {
        "bare": measure.bare,
        "recording": measure.recording,
        "recording to SQLite": lambda: measure.recording(str(tmp_path / "runs.db")),
        "replaying": lambda: measure.replaying((ROUNDS + 1) * TRIPS),
    }[kind]()
    trip = next(trips)

    assert benchmark.pedantic(trip, rounds=ROUNDS, iterations=TRIPS, warmup_rounds=0) == b"hello"
    next(trips, None)
