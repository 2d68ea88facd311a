"""The hash of a function's code changes with what the function does, and with nothing else."""

from __future__ import annotations

import functools
import gc
import itertools
import linecache
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracefork
from tracefork.backends.memory import MemoryBackend
from tracefork.core.code_hashes import has_other_values, is_other_code
from tracefork.session.tools import code_hash
from tracefork.session.tools.code_hash import hash_code
from tracefork.storage.store import TapeStore

_numbers = itertools.count()
STATEMENTS = [
    "y = x + 1",
    "y = f'{x!r:>{10}} and {x}'",
    "y = [n for n in range(x) if n in {1, 2, 3}]",
    "y = lambda z: z or None",
    "def inner(z=1, *, w=2):\n    return z + w",
    "class Held:\n    a: int = 1\n    def b(self): return self.a",
    "for n in 'abc':\n    if n == x:\n        break\nelse:\n    y = {**{}, 'a': 1}",
    "try:\n    y = 1 / x\nexcept* ValueError as exc:\n    raise RuntimeError from exc",
    "match x:\n    case [1, *rest] | {'a': rest}:\n        y = rest\n    case None:\n        y = b'\\xff'",
    "with open('f') as file, open('g'):\n    y = file.read()",
    "y = -1j if x is ... else not x",
    "assert x, 'no'",
]
bodies = st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=4)


def load(source, name="tool", **names):
    """The function `name` of a file that holds `source`, which `linecache` knows."""
    path = f"/nowhere/{next(_numbers)}.py"
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    space = {"__name__": "elsewhere", **names}
    exec(compile(source, path, "exec", dont_inherit=True), space)
    return space[name]


def write(statements, head="def tool(x):", before=""):
    body = "\n".join([*statements, "return x"])
    return f"{before}{head}\n{textwrap.indent(body, '    ')}\n"


def kinds(found):
    return [part.partition(":")[0] for part in found.split()]


def bytecode(found):
    return " ".join(part for part in found.split() if not part.startswith("ast:"))


@given(bodies, st.data())
def test_lines_comments_and_docstrings_are_no_code(body, data):
    noise = data.draw(st.lists(st.sampled_from(["# a comment", "", "G = 0", "def other():\n    pass"])))
    spread = [
        line
        for one in body
        for line in (*data.draw(st.lists(st.sampled_from(["# why", ""]), max_size=2)), one)
    ]
    plain = hash_code(load(write(body)))
    dressed = hash_code(load(write(['"""What it does."""', *spread], before="\n".join([*noise, ""]))))

    assert kinds(plain) == ["ast", sys.implementation.cache_tag]
    assert plain == dressed


@given(bodies, bodies)
def test_other_statements_are_other_code(one, other):
    ours, theirs = hash_code(load(write(one))), hash_code(load(write(other)))

    assert is_other_code(ours, theirs) == (one != other)
    assert is_other_code(bytecode(ours), bytecode(theirs)) <= (one != other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("return x + 1", "return x + 2"),
        ("return x + 1", "return x - 1"),
        ("return x.a", "return x.b"),
        ("return x < 1", "return x <= 1"),
        ("return 1", "return True"),
        ("return 0.0", "return -0.0"),
        ("return 'a'", "return b'a'"),
        ("return [y for y in x]", "return [y + 1 for y in x]"),
        ("return lambda: 1", "return lambda: 2"),
        ("return f(x)", "return g(x)"),
        ("return f(x)", "return f(*x)"),
        ("return x in {1, 2}", "return x in {1, 3}"),
        ("yield x", "return x"),
    ],
)
def test_a_small_change_is_one(one, other):
    ours, theirs = hash_code(load(write([one]))), hash_code(load(write([other])))

    assert is_other_code(ours, theirs)
    assert is_other_code(bytecode(ours), bytecode(theirs))


def test_arguments_and_their_defaults_are_code():
    heads = ["(x)", "(x, y)", "(x, *, y)", "(y, x)", "(x, y=1)", "(x, /)", "(*x)", "(**x)"]
    found = [hash_code(load(write(["pass"], f"def tool{head}:"), LIMIT=1)) for head in heads]
    limits = [hash_code(load(write(["pass"], "def tool(x, y=LIMIT):"), LIMIT=n)) for n in (1, 2, (1, "a"))]

    assert len(set(found)) == len(found)
    assert len(set(limits)) == 3
    assert all(is_other_code(a, b) for a, b in itertools.combinations(found, 2))


def test_the_kind_of_a_function_and_its_decorators_are_code_but_not_what_makes_it_a_tool():
    names = {"tool": lambda **_: lambda fn: fn, "twice": lambda fn: fn, "tracefork": tracefork}
    decorators = ["", "@tool()\n", "@tool(repeatable=True)\n", "@tracefork.tool\n", "@twice\n"]
    made = [load(write(["pass"], "def it(x):", one), "it", **names) for one in decorators]
    found = [hash_code(one) for one in made]

    assert found[0] == found[1] == found[2] == found[3] != found[4]
    assert is_other_code(found[0], hash_code(load(write(["pass"], "async def tool(x):"))))


def test_what_is_closed_over_is_no_code_and_is_compared_apart_if_it_is_plain_and_no_state():
    source = """
    def make(value):
        count = 0
        held = [value]
        def tool():
            nonlocal count
            count += 1
            return value, held, count
        return tool
    """
    make = load(textwrap.dedent(source), "make")
    one, same, other = make(1), make(1), make(2)
    for _ in range(3):
        same()

    assert hash_code(one) == hash_code(same)
    assert not is_other_code(hash_code(one), hash_code(other))
    assert has_other_values(hash_code(one), hash_code(other))
    assert not has_other_values(hash_code(one), hash_code(same))
    assert hash_code(make([1])) == hash_code(make({2}))  # what may change is no code
    assert hash_code(make(frozenset("abc"))) == hash_code(make(frozenset("cba")))


def test_a_cell_that_is_not_bound_yet_is_nothing():
    source = "def make():\n    def tool():\n        return later\n    yield tool\n    later = 1\n"
    one = next(load(source, "make")())

    assert kinds(hash_code(one))[:2] == ["ast", sys.implementation.cache_tag]


def test_wrappers_methods_partials_and_objects_are_looked_through():
    source = """
    import functools
    def around(fn):
        @functools.wraps(fn)
        def inner(*args):
            return fn(*args)
        return inner
    class Shop:
        def buy(self, n): return n
        @classmethod
        def sell(cls, n): return n
        @staticmethod
        def look(n): return n
        def __call__(self, n): return n
    """
    load(textwrap.dedent(source), "Shop")
    shop_type = load(textwrap.dedent(source), "Shop")
    shop, plain = shop_type(), hash_code(shop_type.buy)

    assert plain and hash_code(shop.buy) == plain
    assert hash_code(shop) == hash_code(shop_type.__call__) != ""
    assert hash_code(shop.sell) == hash_code(vars(shop_type)["sell"]) != ""
    assert hash_code(vars(shop_type)["look"]) == hash_code(shop.look) != ""
    assert hash_code(tracefork.tool(shop_type.look)) == hash_code(shop.look)
    first, second = functools.partial(shop.buy, 1), functools.partial(shop.buy, 2)
    assert has_other_values(hash_code(first), hash_code(second)) and not is_other_code(plain, plain)
    assert hash_code(functools.partial(shop.buy, n=1)) == hash_code(functools.partial(shop.buy, n=1))


@pytest.mark.parametrize("fn", [len, "".join, str, dict, int.__add__, functools.reduce, object(), None, 3])
def test_what_has_no_code_in_python_has_no_hash(fn):
    assert hash_code(fn) == ""


def test_wrappers_in_a_circle_end():
    def one(): ...
    def other(): ...

    one.__wrapped__, other.__wrapped__ = other, one
    held = functools.partial(one)

    assert kinds(hash_code(one))
    assert kinds(hash_code(held))


def test_a_file_that_has_changed_since_gives_no_source():
    made = load(write(["return 1"]))
    path = made.__code__.co_filename
    for text in (write(["return 2"]), write(["return 1"], before="\n"), "def (", "", "\0"):
        linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
        again = type(made)(made.__code__.replace(co_name=f"tool{len(text)}"), {})

        assert kinds(hash_code(again)) == [sys.implementation.cache_tag]


def test_two_lambdas_on_a_line_are_told_by_their_bytecode():
    pair = load("pair = [lambda: 1, lambda: 2]\nalone = lambda: 3\n", "pair")
    alone = load("pair = [lambda: 1, lambda: 2]\nalone = lambda: 3\n", "alone")

    assert [kinds(hash_code(one)) for one in pair] == [[sys.implementation.cache_tag]] * 2
    assert is_other_code(*map(hash_code, pair))
    assert kinds(hash_code(alone)) == ["ast", sys.implementation.cache_tag]


@pytest.mark.parametrize(
    ("recorded", "now", "is_other"),
    [
        ("", "", False),
        ("", "ast:1", False),
        ("ast:1", "", False),
        ("ast:1", "ast:1", False),
        ("ast:1", "ast:2", True),
        ("ast:1", "cpython-311:2", False),
        ("cpython-312:1", "cpython-311:2", False),
        ("cpython-311:1", "cpython-311:2", True),
        ("ast:1 cpython-311:1", "cpython-311:2", True),
        ("ast:1 cpython-311:1", "ast:1 cpython-311:2", False),
        ("ast:1 cpython-311:1", "ast:2 cpython-311:1", True),
        ("ast:1 cpython-311:1", "ast:1 cpython-313:9", False),
        ("nonsense :: ast:", "ast:1", False),
    ],
)
def test_hashes_are_compared_where_they_are_of_one_kind(recorded, now, is_other):
    assert is_other_code(recorded, now) is is_other
    assert is_other_code(now, recorded) is is_other


@given(st.text(), st.text())
def test_whatever_a_tape_says_is_compared(recorded, now):
    assert is_other_code(recorded, now) == is_other_code(now, recorded)
    assert not is_other_code(recorded, recorded)


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import shop
from tracefork.session.tools.code_hash import hash_code
print("|".join(hash_code(fn) for fn in (shop.book, shop.make({"b", "a"}), shop.Shop().pay)))
"""
SHOP = """
def book(city, words=frozenset({"x", "y", "z"})):
    return f"a seat to {city!r:>10} {1_000}" if city in {"Rome", "Oslo"} else words
def make(names):
    known = frozenset(names)
    return lambda name: name in known
class Shop:
    async def pay(self, sum_, /, *rest, **more):
        async with self.till as till:
            return [await till.take(one) async for one in rest]
"""


def test_it_is_the_same_in_each_process(tmp_path):
    found = set()
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        (folder / "shop.py").write_text(SHOP if seed == "1" else f"# moved\n\n{SHOP}")
        root = str(Path(tracefork.__file__).parents[1])
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root}
        words = [sys.executable, "-c", PROGRAM, str(folder)]
        found.add(subprocess.run(words, env=env, capture_output=True, text=True, check=True).stdout)

    assert len(found) == 1
    assert found.pop().count("ast:") == 3


# -- on tapes ---------------------------------------------------------------------------


def plain(what):
    return what


def wrapped(what):
    return what


@tracefork.tool
def decorated(what):
    return what


@tracefork.tool
def yields(what):
    yield what


def test_each_way_to_make_a_tool_keeps_it():
    with tracefork.record(wrap=[wrapped]) as run:
        decorated(1)
        wrapped(1)
        run.call("plain", plain, 1)
        run.call("upper", str.upper, "a")
        list(yields(1))

    assert [effect.call.code for effect in run.tape.effects] == [
        hash_code(decorated),
        hash_code(wrapped),
        hash_code(plain),
        "",
        hash_code(yields),
    ]
    assert not is_other_code(hash_code(wrapped), run.tape.effects[1].call.code)


def test_a_branch_keeps_of_each_call_the_code_that_ran():
    def agent(fn):
        run = tracefork.current()
        return [run.call("first", fn, 1), run.call("second", fn, 2)]

    with TapeStore(MemoryBackend()) as store:
        with tracefork.record(store, run_id="mother") as run:
            agent(lambda n: n + 1)
        with tracefork.fork(run.tape, run.tape.effects[1], store=store, run_id="branch"):
            assert agent(lambda n: n + 2) == [2, 4]
        first, second = store.load("branch").effects

    old = run.tape.effects[0].call.code
    assert not is_other_code(old, first.call.code)
    assert is_other_code(old, second.call.code)
    assert tracefork.verify(run.tape, lambda: agent(lambda n: n + 1)).ok


def test_threads_that_parse_at_once_do_each_other_no_harm():
    source = "\n".join(f"def f{n}(x):\n    return [x, {n}, {{'a': (x, x)}}]" for n in range(60))
    parsed, failed = [], []

    def pause(*_):
        time.sleep(0.0001)  # the collector calls somebody's Python amid the parse

    def work(number):
        text = source + f"\n# {number}"
        while len(parsed) < 60 and not failed:
            try:
                parsed.append(code_hash._parse(text))
            except SystemError as exc:
                failed.append(exc)

    thresholds = gc.get_threshold()
    gc.callbacks.append(pause)
    gc.set_threshold(50, 5, 5)
    try:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(pause)

    assert (len(parsed) >= 60, failed) == (True, [])
