"""Whatever stands in the words and rules of a pin: the test compiles, and formatters leave it alone."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from tracefork.testing import policy
from tracefork.testing.pins.checks import parse_check
from tracefork.testing.pins.places import Places
from tracefork.testing.pins.text import Planned, Starting, write_test

WORDS = [
    "a",
    "Rome's",
    'say "x"',
    "both ' and \"",
    "ü",
    "back\\slash",
    "x" * 40,
    "{}",
    "🚀",
    "é\n",
    "--flag=1",
]
TAPES = ["tests/b.tape", "b.tape", 'q"q\\.tape', f"d/{'y' * 50}.tape", "d e/f g.tape"]


class Chance(random.Random):
    def words(self, most):
        return [self.choice(WORDS) for _ in range(self.randrange(1, most))]

    def rules(self):
        """A policy of some rules; None, if there is none or they contradict each other."""
        deep = {"city": self.choice(WORDS), "n": [1, None, True, 2.5, []], "deep": {"a": {}}}
        every = {
            "never": self.words(9),
            "tools": [],
            "must": self.words(3),
            "order": self.words(12),
            "at_most": dict.fromkeys(self.words(9), 3),
            "arguments": {"book": deep},
            "models": self.words(4),
            "max_calls": 0,
            "max_usd": "0.00001",
        }
        chosen = dict(self.sample(list(every.items()), self.randrange(5)))
        try:
            return policy(**chosen)
        except ValueError:
            return None

    def check(self):
        parts = [f"{self.choice(WORDS)!r} in r" for _ in range(self.randrange(1, 5))]
        parts += ["len(t) > 1"] * self.randrange(2)
        return parse_check("lambda r, t: " + self.choice([" and ", " or "]).join(parts))

    def starting(self, root):
        kind = self.choice(["script", "command", "function"])
        words = ("a_package.module:Class.method",) if kind == "function" else tuple(self.words(12))
        return Starting(kind, words, root / self.choice([".", "tests", "elsewhere/deep"]))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root, chance = tmp_path_factory.mktemp("written"), Chance(3)
    (root / "prices.json").write_text('{"as_of": "2026-11-30", "models": {}}')
    for n in range(150):
        test = root / chance.choice(["tests", "tests/deep/er", "."]) / f"test_{n}.py"
        places, rules = Places(root / chance.choice(TAPES), test, f"test_{n}"), chance.rules()
        check = chance.check() if n % 3 else None
        starting = None if rules and check is None and n % 2 else chance.starting(root)
        prices = root / "prices.json" if rules and n % 5 == 0 else None
        test.parent.mkdir(parents=True, exist_ok=True)
        plan = Planned(places, starting, check, rules, prices, failing=n % 7 == 0)
        test.write_text(write_test(plan), "utf-8")
    return root


def test_it_compiles_and_says_its_paths_from_where_it_lies(written):
    for test in written.rglob("*.py"):
        source = test.read_text("utf-8")
        head = source[: source.index("\n\n\ndef ")].replace(
            "from a_package.module import Class", "Class = None"
        )
        names = {"__file__": str(test)}
        exec(compile(head, str(test), "exec"), names)
        compile(source, str(test), "exec")

        assert names["TAPE"].resolve() in {written / tape for tape in TAPES}
        if "AGENT" in names:
            assert names["AGENT"].cwd.resolve() in {written, written / "tests", written / "elsewhere/deep"}
            assert set(names["AGENT"].words) <= {*WORDS}
        assert str(written) not in source


@pytest.mark.parametrize("words", [["format", "--diff"], ["check"]])
def test_ruff_has_nothing_to_say(written, words):
    command = [sys.executable, "-m", "ruff", words[0], "--isolated", *words[1:], written]
    done = subprocess.run(command, cwd=written, capture_output=True, text=True, check=False)

    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
