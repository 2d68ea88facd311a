"""Runs and calls as records, a dict each, and as tables of pandas or Arrow, where these are installed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from math import isfinite
from types import ModuleType
from typing import Any, Literal, TypeAlias, get_args

import attrs

from ...core.tape import Tape
from ...core.values import Exchange, Response
from ...errors import BadFilter, MissingPart
from ...providers import paths, read
from ...providers.messages import Completion
from ...providers.prices import Prices, cost
from ...providers.spending import Answers
from ..info import RunInfo
from .facts import Found, RunRow

Kind: TypeAlias = Literal["pandas", "arrow"]
Record: TypeAlias = "dict[str, object]"

_RUNS: dict[str, str] = {
    **dict.fromkeys(("run_id", "agent"), "text"),
    "created_at": "time",
    **dict.fromkeys(("task", "outcome", "error", "models"), "text"),
    **dict.fromkeys(("calls", "input_tokens", "output_tokens"), "count"),
    **dict.fromkeys(("cost", "duration"), "number"),
    **dict.fromkeys(("escapes", "branches"), "count"),
    **dict.fromkeys(("parent", "digest"), "text"),
    "sealed": "flag",
}
"""The columns of a table of runs, and their types. `models` are joined by `, `; `created_at` is in UTC."""

_CALLS: dict[str, str] = {
    **dict.fromkeys(("run_id", "agent"), "text"),
    "step": "count",
    **dict.fromkeys(("lane", "method", "url", "api", "model"), "text"),
    "began": "time",
    "duration": "number",
    "status": "count",
    **dict.fromkeys(("fault", "stop_reason", "tools"), "text"),
    **dict.fromkeys(("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"), "count"),
    "cost": "number",
    "served": "flag",
}
"""The columns of a table of calls. `served` is true of an answer from the tape that its run went on from."""

_ONCE = "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost"
"""What a call has not that fetches an answer again: so sums are what was paid."""

_PANDAS = {
    "text": "string",
    "time": "datetime64[us, UTC]",
    "count": "Int64",
    "number": "Float64",
    "flag": "boolean",
}
_ARROW = {"text": "string", "count": "int64", "number": "float64", "flag": "bool_"}
_COUNTS = 2**63  # what a column of counts has room for


def record_run(row: RunRow) -> Record:
    """A run as a record: the columns of a table, and `created_at` as text."""
    return {
        "run_id": row.run_id,
        "agent": row.agent,
        "created_at": _moment(row.created_at),
        "task": row.task,
        "outcome": row.outcome,
        "error": row.error,
        "models": list(row.models),
        "calls": row.calls,
        "input_tokens": row.input,
        "output_tokens": row.output,
        "cost": None if row.cost is None else float(row.cost),
        "duration": row.duration,
        "escapes": row.escapes,
        "branches": row.branches,
        "parent": row.parent,
        "digest": row.digest,
        "sealed": row.sealed,
    }


def record_info(info: RunInfo) -> Record:
    """What the head of a run's log tells, by the keys that `ls --json` has had from the beginning."""
    departure = info.parent.departure if info.parent else None
    return {
        "run_id": info.run_id,
        "agent_name": info.agent_name,
        "created_at": info.created_at,
        "exchanges": info.exchanges,
        "outcome": info.outcome and attrs.asdict(info.outcome),
        "parent": info.parent and attrs.asdict(info.parent, filter=attrs.filters.exclude("departure")),
        "parted": str(departure) if departure else None,
        "digest": info.digest,
        "sealed": info.sealed,
        "damage": info.damage,
    }


def describe_run(row: RunRow) -> Record:
    """All that is known of a run: as `record_info`, and what else `record_run` has, by its names."""
    more = {"ended": row.outcome, **record_run(row), "found": row.found}
    old = record_info(row.info)
    return old | {name: value for name, value in more.items() if name not in old}


def record_calls(tape: Tape, prices: Prices | None = None) -> Iterator[Record]:
    """The calls of a run as records, in the order in which they began."""
    answers = Answers()
    for step, exchange in enumerate(tape.masked):
        completion = read.completion(exchange)
        record = _record_call(tape, exchange, step, completion, prices)
        if answers.take(exchange, completion) == "again":
            record |= dict.fromkeys(_ONCE)
        yield record


def record_all(load: Callable[[str], Tape], found: Found, of: str) -> Iterator[Record]:
    """The records of what was found: of runs, or of their calls; those of damaged runs are left out.

    Raises:
        BadFilter: there is no such kind of record.
    """
    match of:
        case "runs":
            yield from map(record_run, found.runs)
        case "calls":
            for row in found.runs:
                if not row.damage:
                    yield from record_calls(load(row.run_id))
        case _:
            raise BadFilter("of", of, "records are of runs or of calls")


def make_frame(load: Callable[[str], Tape], found: Found, of: str, kind: Kind | None) -> Any:
    """Return what was found as a table: see `TapeStore.frame`."""
    if kind not in (None, *get_args(Kind)):
        raise BadFilter("kind", str(kind), "a frame is of pandas or arrow")
    library, module = _find_library(kind)
    columns = _CALLS if of == "calls" else _RUNS
    records = list(record_all(load, found, of))
    if library == "pandas":
        return _make_pandas(module, columns, records)
    return _make_arrow(module, columns, records)


# -- below ---------------------------------------------------------------------------


def _record_call(
    tape: Tape, exchange: Exchange, step: int, completion: Completion | None, prices: Prices | None
) -> Record:
    known = read.api(exchange.request)
    prompt = read.prompt(exchange.request)
    named = (completion.model if completion else "") or (prompt.model if prompt else "")
    model = named or (paths.find_model(exchange.request.url) if known else "")
    usage = completion.usage if completion else None
    price = cost(completion, model, prices=prices, url=exchange.request.url) if completion else None
    answer = exchange.answer
    return {
        "run_id": tape.run_id,
        "agent": tape.agent_name,
        "step": step,
        "lane": exchange.lane,
        "method": exchange.request.method,
        "url": exchange.request.url,
        "api": known.name if known else "",
        "model": model,
        "began": _moment(exchange.timing.began),
        "duration": exchange.timing.ended if isfinite(exchange.timing.ended) else None,
        "status": answer.status if isinstance(answer, Response) else None,
        "fault": "" if isinstance(answer, Response) else f"{answer.kind}: {answer.message}",
        "stop_reason": completion.stop_reason if completion else "",
        "tools": [call.name for call in completion.calls] if completion else [],
        "input_tokens": usage.input if usage else None,
        "output_tokens": usage.output if usage else None,
        "cached_tokens": usage.cached if usage else None,
        "reasoning_tokens": usage.reasoning if usage else None,
        "cost": None if price is None else float(price),
        "served": exchange.origin is not None,
    }


def _find_library(kind: Kind | None) -> tuple[str, ModuleType]:
    for name, package in (("pandas", "pandas"), ("arrow", "pyarrow")):
        if kind in (None, name):
            try:
                return name, import_module(package)
            except ImportError:
                continue
    raise MissingPart("a frame", "pyarrow" if kind == "arrow" else "pandas", "")


def _make_pandas(pandas: Any, columns: dict[str, str], records: list[Record]) -> Any:
    return pandas.DataFrame(
        {
            name: pandas.Series([_flat(one[name], type_) for one in records], dtype=_PANDAS[type_])
            for name, type_ in columns.items()
        }
    )


def _make_arrow(arrow: Any, columns: dict[str, str], records: list[Record]) -> Any:
    types = {
        name: arrow.timestamp("us", tz="UTC") if type_ == "time" else getattr(arrow, _ARROW[type_])()
        for name, type_ in columns.items()
    }
    arrays = {
        name: arrow.array([_flat(one[name], columns[name]) for one in records], type=type_)
        for name, type_ in types.items()
    }
    return arrow.table(arrays)


def _flat(value: object, type_: str) -> object:
    """A value as a table takes it: lists joined, times as such, texts that can be encoded, counts bounded."""
    match value:
        case list():
            return _flat(", ".join(map(str, value)), type_)
        case str() if type_ == "time":
            return datetime.fromisoformat(value)
        case str():
            return value.encode("utf-8", "replace").decode()
        case int() if type_ == "count":
            return max(-_COUNTS, min(value, _COUNTS - 1))
        case _:
            return value


def _moment(seconds: float) -> str | None:
    """`2026-11-24T09:41:00.123456+00:00`; None where there is no time."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def write_lines(records: Iterable[Record], show: Callable[[str], str]) -> Iterator[bytes]:
    """Yield each record as a line of JSON, which `show` may spell otherwise."""
    for one in records:
        yield (show(json.dumps(one, ensure_ascii=False)) + "\n").encode()
