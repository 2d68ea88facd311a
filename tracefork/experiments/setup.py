"""An experiment before its first run: checks what it is asked for, and finds what the change touches."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from decimal import Decimal
from typing import Any, Self

import anyio.to_thread
from attrs import evolve, frozen

from ..attribution.forks.budget import Budget, Spent, cost_at_worst
from ..attribution.oracles import Oracle
from ..attribution.study.design import spell
from ..attribution.study.ledger import Ledger
from ..attribution.study.setting import PackedTape
from ..core.advice import advise
from ..core.tape import Tape
from ..core.values import Exchange
from ..errors import Conflict, UnrecordedTools
from ..host import clocks
from ..providers import base
from ..providers.prices import Prices
from ..providers.unrecorded import find_unrecorded
from ..runs.assembly import StoreLike
from ..runs.options import Options
from ..storage.store import TapeStore
from ..storage.tape_file import dumps
from .bench import FORMAT, KINDS
from .lab import Arm, Lab, find_touched

_OWN = frozenset({"tools", "on_raise", "matcher", "prices", "seed"})
_TIMES = 2
"""Times what the recorded run might have cost at worst from there on, that one run may cost."""


def gather_tapes(tapes: Tape | Sequence[Tape]) -> tuple[Tape, ...]:
    """Return the tapes of an experiment, one or several.

    Raises:
        ValueError: there is none, one has not come to its end, or one is given twice.
    """
    found = (tapes,) if isinstance(tapes, Tape) else tuple(tapes)
    if not found:
        raise ValueError("there is no tape to compare on: record a run first, or choose other runs")
    for tape in found:
        if tape.outcome.kind == "unfinished":
            raise ValueError(f"run {tape.run_id!r} has not come to its end: resume it first, or leave it out")
    names = [tape.run_id for tape in found if tape.run_id]
    if twice := sorted(name for name in set(names) if names.count(name) > 1):
        raise ValueError(f"run {twice[0]!r} is given twice: each tape counts once")
    return found


@frozen
class Setup:
    """What an experiment is asked for, which tapes its changes touch, and the most that a run may cost."""

    tapes: tuple[Tape, ...]
    lab: Lab
    touched: tuple[int, ...]
    worst: tuple[Spent, ...]
    budget: Budget
    elsewhere: bool

    @classmethod
    def of(
        cls,
        tapes: tuple[Tape, ...],
        arms: tuple[Arm, ...],
        oracle: Oracle | str,
        budget: Budget | None,
        store: StoreLike,
        options: Mapping[str, Any],
        *,
        elsewhere: bool = False,
    ) -> Self:
        """Return the setup of these arms, the first of which is the agent as it is. Its replays ask no model.

        Raises:
            UnrecordedTools: a model called tools that are no effects of the tape: they would run for real.
            TypeError: the store is open, and other processes are to open it.
            ValueError: the agent as it is does not do again what is on a tape; or the price of a model is not
                known, and the budget is in USD.
        """
        given, budget = dict(options), budget or Budget()
        real = given.pop("tools_run_for_real", False)
        own = {name: given.pop(name) for name in _OWN & given.keys()}
        place = os.fspath(store) if isinstance(store, os.PathLike) else store
        if elsewhere and isinstance(place, TapeStore):
            raise TypeError("runs in other processes open the store by themselves: pass its path")
        if not real and (
            names := tuple(dict.fromkeys(name for tape in tapes for name in find_unrecorded(tape)))
        ):
            raise UnrecordedTools(names)
        kept = {"matcher": own["matcher"]} if "matcher" in own else {}
        own["matcher"] = Options.of(
            {**kept, **{k: v for k, v in given.items() if k == "ignore"}}, tapes[0]
        ).matcher
        given.pop("ignore", None)
        rest = tuple(sorted({"instant_retries": True, **given}.items()))
        lab = Lab(tapes, arms, oracle, store=place, options=rest, **own)
        found = tuple(find_touched(lab, n) for n in range(len(tapes)))
        upto = tuple(len(tape) if at is None else at for tape, at in zip(tapes, found, strict=True))
        worst = tuple(
            _find_worst(tape, at, arms, budget, lab.prices) for tape, at in zip(tapes, upto, strict=True)
        )
        limited = budget.usd is not None or budget.tokens is not None
        lab = evolve(lab, upto=upto, most=worst if limited else (None,) * len(tapes))
        touched = tuple(n for n, at in enumerate(found) if at is not None)
        return cls(tapes, lab, touched, worst, budget, elsewhere)

    @classmethod
    async def aof(cls, *args: Any) -> Self:
        """`of` beside a running event loop: agents run in a thread, async ones in a loop of their own."""
        return await anyio.to_thread.run_sync(lambda: cls.of(*args))

    def open(self, held: ExitStack, width: int) -> Lab:
        """Return the lab as its runs find it: with an open store, or tapes that can be sent.

        Raises:
            ValueError: of `width` blocks in one process each would take the others' threads for its own.
        """
        if not self.elsewhere and width > 1 and dict(self.lab.options).get("scope") == "process":
            raise ValueError(
                'with scope="process" runs of one process would mix: make them in processes of their own'
            )
        lab = self.lab
        if self.budget.seconds is not None:
            lab = evolve(lab, until=clocks.now() + self.budget.seconds)
        tapes = self.tapes
        if lab.store is not None:
            kept = lab.store
            store = kept if isinstance(kept, TapeStore) else held.enter_context(TapeStore.open(kept))
            tapes = tuple(_save(tape, store) for tape in tapes)
            lab = evolve(lab, store=lab.store if self.elsewhere else store)
        packed = (PackedTape(dumps(tape)) for tape in tapes)
        return evolve(lab, tapes=tuple(packed) if self.elsewhere else tapes)

    def open_ledger(
        self, held: ExitStack, path: str | os.PathLike[str], more: Mapping[str, object]
    ) -> Ledger:
        """Return the ledger at `path`, begun now, or that of the same experiment.

        Raises:
            Conflict: it is of another experiment, or in use.
        """
        lab = self.lab
        study = {
            "tapes": [tape.digest() for tape in self.tapes],
            "arms": [spell(arm) for arm in lab.arms],
            "oracle": spell(lab.oracle),
            "seed": lab.seed,
            "tools": spell(lab.tools),
            "on_raise": lab.on_raise,
            "upto": list(lab.upto),
            **more,
        }
        return held.enter_context(Ledger.open(path, study, format=FORMAT, kinds=KINDS))


# -- below -----------------------------------------------------------------------------


def _find_worst(tape: Tape, upto: int, arms: tuple[Arm, ...], budget: Budget, prices: Prices | None) -> Spent:
    """The most that one run of any arm may cost from `upto` on: the dearest arm's, twice as long.

    Raises:
        ValueError: the budget is in USD, and a price is not known.
    """
    sums = []
    for arm in arms:
        each = [_find_edited_worst(exchange, arm, prices) for exchange in tape.by_head[upto:]]
        sums.append(sum(each, Spent(0, 0, Decimal(0))))
    usd = None if any(one.usd is None for one in sums) else max(one.usd or Decimal(0) for one in sums)
    if budget.usd is not None and usd is None:
        models = sorted({base.model_of(x.request) for x in tape.by_head[upto:]})
        raise ValueError(
            f"a price is not known, of {', '.join(models)} or what an edit asks instead: "
            f"pass {advise('prices=', '--prices FILE')}, or give the budget in tokens or forks"
        )
    most = Spent(max(one.calls for one in sums), max(one.tokens for one in sums), usd)
    return Spent(most.calls * _TIMES, most.tokens * _TIMES, None if most.usd is None else most.usd * _TIMES)


def _find_edited_worst(exchange: Exchange, arm: Arm, prices: Prices | None) -> Spent:
    request = exchange.request
    for edit in arm.edits:
        request = edit(request)
    return cost_at_worst(request, prices)


def _save(tape: Tape, store: TapeStore) -> Tape:
    """The tape as it is in the store, under a new name if it had none.

    Raises:
        Conflict: another run has its name there.
    """
    if not tape.run_id or tape.run_id not in store:
        return store.load(store.save(tape, tape.run_id or None))
    if store.load(tape.run_id).digest() != tape.digest():
        raise Conflict(f"the store has another run that is called {tape.run_id}: keep the runs elsewhere")
    return tape
