"""What is written twice, once for threads and once for event loops, is equal but for `await`.

Both functions of a pair are parsed, what is asynchronous in one is taken away, and the trees are compared
as text. What a twin has beyond the other stands in `APART`, line by line: so that whoever changes one
of them is told of the other.
"""

from __future__ import annotations

import ast
import difflib
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tracefork"

TWINS = [
    ("attribution/study/probe.py", "perform", "aperform"),
    ("attribution/study/probe.py", "find_baseline", "afind_baseline"),
    ("runs/joining.py", "JoinedRun.__enter__", "JoinedRun.__aenter__"),
    ("runs/joining.py", "JoinedRun.__exit__", "JoinedRun.__aexit__"),
    ("runtime/lifetime.py", "Lifetime.flush", "Lifetime.aflush"),
    ("runtime/port.py", "Port.ask", "Port.aask"),
    ("runtime/port.py", "Port.head", "Port.ahead"),
    ("runtime/port.py", "Port.end", "Port.aend"),
    ("runtime/hanging.py", "Hanging.hang", "Hanging.ahang"),
    ("session/session.py", "Session.flush", "Session.aflush"),
    ("session/asking.py", "Call.begin", "Call.abegin"),
    ("session/asking.py", "Call.leave", "Call.aleave"),
    ("session/asking.py", "Call.__enter__", "Call.__aenter__"),
    ("session/asking.py", "Call.__exit__", "Call.__aexit__"),
    ("session/asking.py", "Call.head", "Call.ahead"),
    ("session/asking.py", "Call.finish", "Call.afinish"),
    ("session/asking.py", "Call._end", "Call._aend"),
    ("session/tools/caller.py", "ToolCaller.call", "ToolCaller.acall"),
    ("session/tools/calls.py", "call", "acall"),
    ("session/tools/calls.py", "hang", "ahang"),
    ("session/tools/decorator.py", "_make_tool.called", "_make_tool.acalled"),
    ("session/tools/generators.py", "run_generator", "arun_generator"),
    ("session/tools/places.py", "ask", "aask"),
    ("session/tools/wrapping.py", "_call", "_acall"),
    ("testing/transports/asking.py", "Asking._ask", "Asking._aask"),
    ("testing/scripted_transports.py", "_Body.__iter__", "_Body.__aiter__"),
    ("transports/_bodies.py", "gather", "agather"),
    ("transports/_seam.py", "Seam.handle_request", "Seam.handle_async_request"),
    ("transports/_seam.py", "Tee.close", "Tee.aclose"),
    ("transports/_seam.py", "Tee._close_inner", "Tee._aclose_inner"),
    ("transports/_web_socket.py", "Conversation.say", "Conversation.asay"),
]

UNLIKE = {
    ("runtime/hanging.py", "anap"): "a loop sleeps by its own timers, or on a thread",
    ("attribution/study/blame.py", "ablame"): "its forks are tasks, not jobs of an executor",
    ("experiments/compare.py", "acompare"): "its runs are tasks, not jobs of an executor",
    ("experiments/lab.py", "arun_block"): "an agent that is not async runs in a thread",
    ("experiments/setup.py", "Setup.aof"): "it calls of, in a thread",
    ("experiments/tournament.py", "atournament"): "its runs are tasks, not jobs of an executor",
    ("attribution/study/probe.py", "_adrive"): "a cancellation of the task that asks is passed on",
    ("attribution/study/probe.py", "OracleCall.amake"): "a cancellation of the task that asks is passed on",
    ("runs/agents.py", "arun_agent"): "a cancellation of the task that asks is passed on",
    ("runs/verify.py", "averify"): "the agent is awaited where it is called",
    ("runtime/waiting.py", "asettle"): "a loop is paced, a thread is parked",
    ("session/session.py", "Session.__aenter__"): "it calls __enter__",
    ("testing/use.py", "use_cassette.__aenter__"): "it calls __enter__",
    ("testing/use.py", "use_cassette.__aexit__"): "it calls __exit__",
    ("session/session.py", "Session.__aexit__"): "it may be cancelled meanwhile",
    ("session/tools/caller.py", "ToolCaller.ause"): "asynchronous generators come in by another way",
    ("session/tools/decorator.py", "_make_tool.ayielding"): "there is no `yield from`",
    ("session/tools/wrapping.py", "_ayielding"): "there is no `yield from`",
    ("transports/_bodies.py", "Again.__aiter__"): "it calls __iter__",
    ("transports/_web_socket.py", "Conversation.await_next"): "a loop is woken, a thread looks",
    ("transports/_seam.py", "Tee.__aiter__"): "what is recorded is no asynchronous iterator",
}
"""Functions that are named as twins are, and why they are none."""

NAMES = {
    "AsyncIterator": "Iterator",
    "AsyncStream": "Stream",
    "StopAsyncIteration": "StopIteration",
    "_durable": "_keeper.wait",
    "aclose": "close",
    "aopened": "opened",
    "asend": "send",
    "athrow": "throw",
    "handle_async_request": "handle_request",
}
"""What asynchronous code calls, and what other code calls in its stead."""

APART = {
    "perform": """
+ agent = resolve(setting.agent)
+ if not is_async(agent):
+ return anyio.to_thread.run_sync(perform, setting, job, rest)
- return _drive(_fork(setting, job), resolve(setting.agent), rest)
+ return _drive(_fork(setting, job), agent)
""",
    "find_baseline": """
+ agent = resolve(setting.agent)
+ if not is_async(agent):
+ return anyio.to_thread.run_sync(find_baseline, setting, times)
- return _drive(_replay(setting, times), resolve(setting.agent))
+ return _drive(_replay(setting, times), agent)
""",
    "Port.ask": """
- self._follow_order(flight, settle(self._cell, event))
+ self._follow_order(flight, settle(self._cell, event, self._pacers, flight))
""",
    "Port.head": """
- flight.came_after(self._hops(event), event)
- self._checked(settle(self._cell, event))
+ self._checked(settle(self._cell, event, self._pacers, flight))
""",
    "Port.end": """
- flight.came_after(self._hops(event), event)
- self._checked(settle(self._cell, event))
+ self._checked(settle(self._cell, event, self._pacers, flight))
- if isinstance(flight.question, Call) or not in_loop():
- self._keeper.wait(flight.ticket)
""",
    "ToolCaller.call": """
- return cast('T', self.use(Use(name, fn, args, kwargs)))
+ return self.use(Use(name, fn, args, kwargs))
""",
    "call": """
+ if isawaitable(result):
+ result = result
- if iscoroutine(result):
- result.close()
- raise TypeError(f'{use.name} is a coroutine function: await run.acall(...) instead')
- if is_given_up(port, exc, use):
+ if isinstance(exc, GeneratorExit) or is_given_up(port, exc, use):
+ port.flush()
+ port.flush()
""",
    "run_generator": """
- return _end_yields(port, again)
+ _end_yields(port, again)
+ return
- except StopIteration as stop:
+ except StopIteration:
- reply = _check_changes(given.returned(stop.value), before, use)
+ reply = _check_changes(given.returned(), before, use)
+ port.flush()
- return stop.value
+ return
- if use.agent and is_given_up(port, exc, use):
- port.drop(flight, CANCELLED)
- raise
+ try:
- reply = _keep_broken(exc, given, before, policy, use)
+ reply = _keep_broken(exc, given, before, policy, use)
+ _end_broken(port, flight, exc, reply, policy, use)
- if isinstance(exc, Exception):
- port.end(flight, reply)
- else:
+ finally:
- port.drop(flight, reply)
- report_loss(reply, exc, policy, use)
+ with place.enter():
+ made.close()
""",
}
"""What only the one twin has (-), and what only the asynchronous one (+)."""


@pytest.mark.parametrize(("file", "plain", "asynchronous"), TWINS, ids=[twin[1] for twin in TWINS])
def test_twins_differ_in_await_and_in_what_is_listed(file, plain, asynchronous):
    found = [write(functions(file)[name]) for name in (plain, asynchronous)]
    apart = [f"{line[0]} {line[1:].strip()}" for line in difflib.ndiff(*found) if line[0] in "+-"]

    assert apart == APART.get(plain, "").strip().splitlines()


@pytest.mark.slow
def test_every_pair_that_is_named_as_twins_is_listed():
    named = set()
    for path in PACKAGE.rglob("*.py"):
        file = path.relative_to(PACKAGE).as_posix()
        for name, function in functions(file).items():
            twin = name.removesuffix(last(name)) + plain_name(last(name))
            if isinstance(function, ast.AsyncFunctionDef) and twin != name and twin in functions(file):
                named.add((file, name))

    assert named - {(file, twin) for file, _, twin in TWINS} == set(UNLIKE)


def test_a_difference_is_found():
    twins = ast.parse("def f(x): return g(x)\nasync def af(x): return await ag(x, 1)").body

    assert write(twins[0]) != write(twins[1])


# -- below -------------------------------------------------------------------------------


@cache
def functions(file):
    """The functions of a file by their qualified names."""
    found = {}

    def visit(node, scope):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                found[f"{scope}{child.name}"] = child
            visit(child, f"{scope}{child.name}." if hasattr(child, "name") and child.name else scope)

    visit(ast.parse((PACKAGE / file).read_text("utf-8")), "")
    return found


def write(function):
    """The lines of a function, without its name, docstring and annotations, nor what is asynchronous."""
    plain = Plain().visit(ast.parse(ast.unparse(function))).body[0]
    plain.name, plain.decorator_list = "twin", []
    return ast.unparse(ast.fix_missing_locations(plain)).splitlines()


def last(name):
    return name.rpartition(".")[2]


def plain_name(name):
    """What the twin of an asynchronous function is named."""
    for start in ("__a", "_a", "a"):
        if name.startswith(start):
            return start[:-1] + name.removeprefix(start)
    return name


CALLED = {last(twin): plain_name(last(twin)) for _, twin in UNLIKE}
CALLED |= {last(twin): last(plain) for _, plain, twin in TWINS}


class Plain(ast.NodeTransformer):
    """Takes away what is asynchronous in a tree."""

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        node.returns = None
        return node

    def visit_AsyncFunctionDef(self, node):
        return self.visit_FunctionDef(as_node(ast.FunctionDef, node))

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_Await(self, node):
        return self.visit(node.value)

    def visit_AsyncWith(self, node):
        return self.generic_visit(as_node(ast.With, node))

    def visit_AsyncFor(self, node):
        return self.visit_For(as_node(ast.For, node))

    def visit_For(self, node):
        """`for x in y: yield x` is `yield from y`, which asynchronous generators have not."""
        self.generic_visit(node)
        match node.body:
            case [ast.Expr(ast.Yield(ast.Name(name)))] if ast.unparse(node.target) == name:
                return ast.Expr(ast.YieldFrom(node.iter))
        return node

    def visit_comprehension(self, node):
        self.generic_visit(node)
        node.is_async = 0
        return node

    def visit_Name(self, node):
        node.id = self._name(node.id)
        return node

    def visit_Attribute(self, node):
        self.generic_visit(node)
        node.attr = self._name(node.attr)
        return node

    def _name(self, name):
        return NAMES.get(name) or CALLED.get(name, name)


def as_node(kind, node):
    return kind(**{field: getattr(node, field) for field in node._fields})
