"""`os.urandom`, `secrets`, `SystemRandom` and numpy's unseeded generators: drawn for the agent alone."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import ssl
import subprocess
import sys
import tempfile
import types
import uuid
from os import urandom as early_urandom
from random import SystemRandom as EarlySystemRandom
from secrets import choice as early_choice
from secrets import randbits as early_bits
from secrets import token_hex as early_hex

import pytest
from attrs import evolve

import tracefork
from tracefork.errors import CorruptTape

RNG = random.SystemRandom()


def shuffled(n):
    cards = list(range(n))
    RNG.shuffle(cards)
    return cards


DRAWS = {
    "urandom": lambda: os.urandom(9),
    "early urandom": lambda: early_urandom(9),
    "token_hex": lambda: secrets.token_hex(8),
    "early token_hex": lambda: early_hex(),
    "token_bytes": lambda: secrets.token_bytes(),
    "token_urlsafe": lambda: secrets.token_urlsafe(12),
    "choice": lambda: [secrets.choice("abcdefgh") for _ in range(20)],
    "early choice": lambda: [early_choice("abcdefgh") for _ in range(20)],
    "randbelow": lambda: secrets.randbelow(10**12),
    "randbits": lambda: secrets.randbits(70),
    "early randbits": lambda: early_bits(70),
    "SystemRandom": lambda: random.SystemRandom().random(),
    "early SystemRandom": lambda: EarlySystemRandom().randint(0, 10**12),
    "one from before": lambda: RNG.getrandbits(60),
    "its randbytes": lambda: RNG.randbytes(7),
    "its shuffle": lambda: shuffled(30),
    "gauss": lambda: [rng.gauss(0, 1) for rng in [random.SystemRandom()] for _ in range(3)],
    "its sample": lambda: RNG.sample(range(10**6), 5),
}


@pytest.mark.parametrize("name", DRAWS)
def test_what_was_drawn_is_drawn_again(name):
    draw = DRAWS[name]
    with tracefork.record(virtualize="secrets") as run:
        first = draw()
    for tape in (run.tape, tracefork.loads(tracefork.dumps(run.tape))):
        with tracefork.replay(tape):
            assert draw() == first

    assert run.tape.draws and {one.source.kind for one in run.tape.draws} == {"secrets"}
    assert draw() != first, "not even by itself does it vary"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: os.urandom(-1),
        lambda: os.urandom("4"),
        lambda: RNG.getrandbits(-1),
        lambda: secrets.choice([]),
        lambda: secrets.randbelow(0),
    ],
)
def test_what_cannot_be_drawn_fails_as_ever(wrong):
    def fails():
        with pytest.raises(Exception) as told:
            wrong()
        return type(told.value), str(told.value)

    bare = fails()
    with tracefork.record(virtualize="secrets") as run:
        assert fails() == bare
    assert run.tape.draws == ()


def test_nothing_at_all_is_drawn_as_such():
    with tracefork.record(virtualize="secrets") as run:
        assert os.urandom(0) == b"" and secrets.token_hex(0) == "" and RNG.getrandbits(0) == 0
    with tracefork.replay(run.tape):
        assert os.urandom(0) == b"" and secrets.token_hex(0) == "" and RNG.getrandbits(0) == 0


# -- whose ------------------------------------------------------------------------------------


def test_ids_files_and_ciphers_have_theirs_from_the_system(tmp_path):
    with tracefork.record(virtualize="secrets") as run:
        uuid.uuid4(), uuid.uuid1(), random.random(), random.seed()
        with tempfile.TemporaryDirectory(dir=tmp_path):
            pass
        ssl.RAND_bytes(8), ssl.create_default_context()
        asyncio.run(asyncio.sleep(0))

    assert run.tape.draws == ()


@pytest.mark.parametrize("name", ["openai._client", "httpx._multipart", "websockets.client", "hashlib"])
def test_what_a_library_asks_for_passes_through(name):
    module = types.ModuleType(name)
    source = """
import os, secrets, random
def ask(): return os.urandom(4), secrets.token_hex(), random.SystemRandom().random()
"""
    exec(source, vars(module))
    with tracefork.record(virtualize="secrets") as run:
        module.ask()

    assert run.tape.draws == ()


def test_both_kinds_at_once_draw_each_once():
    with tracefork.record(virtualize={"secrets", "uuid", "random", "time"}) as run:
        uuid.uuid4(), os.urandom(4), random.random()

    assert [draw.source.kind for draw in run.tape.draws] == ["uuid", "secrets", "random"]


def test_afterwards_all_is_as_it_was():
    def state():
        kind = random.SystemRandom
        methods = [getattr(kind, name) for name in ("random", "getrandbits", "randbytes")]
        return os.urandom, early_urandom, [(m.__code__, m.__kwdefaults__) for m in methods], secrets.randbits

    before = state()
    with tracefork.record(virtualize="secrets"), tracefork.record(virtualize="secrets"):
        assert state() != before
    assert state() == before and early_urandom is os.urandom


def test_a_reading_that_is_none_is_named():
    with tracefork.record(virtualize="secrets") as run:
        os.urandom(2)
    (draw,) = run.tape.steps
    tape = evolve(run.tape, steps=(evolve(draw, reading=evolve(draw.reading, text="xyz")),))

    with (
        pytest.raises(CorruptTape, match=r"a draw of secrets \(2 bytes\) reads 'xyz'"),
        tracefork.replay(tape),
    ):
        os.urandom(2)


# -- numpy -------------------------------------------------------------------------------------

NUMPY = {
    "default_rng": lambda np: np.random.default_rng().random(3).tolist(),
    "a bit generator": lambda np: np.random.PCG64().random_raw(3).tolist(),
    "Generator": lambda np: np.random.Generator(np.random.Philox()).integers(10**9, size=3).tolist(),
    "SeedSequence": lambda np: np.random.SeedSequence().entropy,
    "its children": lambda np: np.random.default_rng().spawn(1)[0].random(),
    "RandomState": lambda np: np.random.RandomState().rand(3).tolist(),
    "None": lambda np: np.random.default_rng(None).normal(),
}


@pytest.mark.parametrize("name", NUMPY)
def test_a_generator_of_numpys_that_nobody_seeds_is_as_it_was(name):
    np = pytest.importorskip("numpy")
    draw = NUMPY[name]
    with tracefork.record(virtualize="random") as run:
        first = draw(np)
    with tracefork.replay(run.tape):
        assert draw(np) == first

    assert [one.source.name for one in run.tape.draws] == ["numpy 128 bits"]
    assert draw(np) != first


def test_one_that_is_seeded_or_that_a_library_makes_is_left_alone():
    np = pytest.importorskip("numpy")
    module = types.ModuleType("scipy.stats._qmc")
    exec("def make(np): return np.random.default_rng().random()", vars(module))
    before = np.random.bit_generator.randbits
    with tracefork.record(virtualize={"random", "secrets"}) as run:
        assert np.random.default_rng(7).random() == np.random.default_rng(7).random()
        module.make(np)
        assert np.random.bit_generator.randbits is not before

    assert run.tape.draws == () and np.random.bit_generator.randbits is before


def test_numpy_asks_for_no_secrets():
    np = pytest.importorskip("numpy")
    with tracefork.record(virtualize={"random", "secrets"}) as run:
        np.random.default_rng().random()
    assert [one.source.kind for one in run.tape.draws] == ["random"]
    with tracefork.record(virtualize="uuid") as run:
        np.random.default_rng().random()
    assert run.tape.draws == ()


def test_it_is_reached_where_it_is_imported_within_a_run():
    pytest.importorskip("numpy")
    script = """
import sys, tracefork
assert "numpy" not in sys.modules
with tracefork.record(virtualize={"random"}) as run:
    import numpy as np
    from numpy.random import default_rng
    first = default_rng().random(), np.random.default_rng().random()
with tracefork.replay(run.tape):
    assert (default_rng().random(), np.random.default_rng().random()) == first
assert len(run.tape.draws) == 2
assert type(np.random.bit_generator.randbits).__name__ == "method"
print("as it was")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.stdout == "as it was\n", done.stderr


@pytest.mark.parametrize("kind", ["random", "secrets", "time"])
def test_what_fails_half_way_leaves_nothing_replaced(kind, monkeypatch):
    from tracefork.isolation.chance import binding

    def state():
        bound = random.SystemRandom.randbytes, uuid.uuid4
        return [(function.__code__, function.__kwdefaults__) for function in bound], type(random._inst)

    def fail(*_):
        raise RuntimeError("no names")
        yield

    before = state()
    with monkeypatch.context() as broken:
        broken.setattr(binding, "_bind", fail)
        with pytest.raises(RuntimeError, match="no names"), tracefork.record(virtualize=kind):
            pass

    assert state() == before
    with tracefork.record(virtualize=kind):
        pass
    assert state() == before and len(secrets.token_hex(4)) == 8
