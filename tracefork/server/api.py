"""Runs as JSON. Large runs are sent as they are made, exchange by exchange."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from json import loads as parsed

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from ..attribution.findings import saved
from ..attribution.findings.saved import Blames
from ..core.tape import Tape
from ..core.values import Branch, Exchange
from ..core.values import Response as Heard
from ..core.visible import visible_json
from ..providers import read
from ..providers.messages import texts
from ..report.model.rows import step_row
from ..report.model.titles import line, title
from ..report.page.payload import dump
from ..report.served import knows_origins
from ..storage.info import leave_out_probes
from ..storage.store import RunInfo, TapeStore

FINGERPRINT = 16  # hex digits of the digest
_JSON = "application/json"


async def runs(store: TapeStore) -> Response:
    """Every run, newest first."""
    return json([make_info(info) for info in await run_in_threadpool(newest, store)])


async def run(store: TapeStore, run_id: str, blames: Blames) -> Response:
    """A run and its exchanges, `request` as the text that was sent; and its blame, if that is known.

    A run that is not over has the exchanges that it had so far.
    """
    tape = await run_in_threadpool(store.load, run_id)
    branches = await run_in_threadpool(lambda: [b.branch_id for b in store.branches(run_id)])
    found = await run_in_threadpool(blames, run_id)
    digest = await run_in_threadpool(tape.digest)
    blame = parsed(saved.dumps(found)) if found and found.digest == digest else None
    return StreamingResponse(_run(tape, branches, blame), media_type=_JSON)


async def branch(store: TapeStore, branch_id: str) -> Response:
    """Where a branch left which run."""
    tape = await run_in_threadpool(store.load, branch_id)
    if tape.parent is None:
        return json({"error": f"run {branch_id!r} is no branch"}, 404)
    facts = {
        "branch_id": branch_id,
        "parent_run_id": tape.parent.parent,
        "divergence_step": tape.parent.step,
        "parted": _describe_parting(tape.parent),
        "mutation_desc": tape.parent.desc or tape.parent.name,
        "name": tape.parent.name,
        "outcome": str(tape.outcome),
        "exchanges": len(tape),
        "fingerprint": (await run_in_threadpool(tape.digest))[:FINGERPRINT],
    }
    return json(facts)


def json(value: object, status: int = 200) -> Response:
    return Response(_write(value).encode(), status, media_type=_JSON)


def newest(store: TapeStore) -> list[RunInfo]:
    """Every run, newest first, without the forks that blame made."""
    return sorted(leave_out_probes(store.runs()), key=lambda info: (-info.created_at, info.run_id))


def make_info(info: RunInfo) -> dict[str, object]:
    """A run as `/api/runs` has it."""
    return {
        "run_id": info.run_id,
        "agent_name": info.agent_name,
        "created_at": info.created_at,
        "fingerprint": (info.digest or "")[:FINGERPRINT],
        "exchanges": info.exchanges,
        "outcome": str(info.outcome) if info.outcome else "",
        "parent_run_id": info.parent.parent if info.parent else None,
        "over": info.sealed,
        "damage": info.damage,
    }


def _run(tape: Tape, branches: list[str], blame: object) -> Iterator[str]:
    digest = tape.digest()
    head = {
        "run_id": tape.run_id,
        "agent_name": tape.agent_name,
        "created_at": tape.created_at,
        "fingerprint": digest[:FINGERPRINT],
        "digest": digest,
        "outcome": str(tape.outcome),
        "parent_run_id": tape.parent.parent if tape.parent else None,
        "parted": _describe_parting(tape.parent),
        "branches": branches,
        "blame": blame,
    }
    yield _write(head)[:-1] + ', "exchanges": ['
    known = knows_origins(tape.parent, tape.steps)
    for number, exchange in enumerate(tape.masked):
        served = exchange.origin is not None if known else None
        yield (", " if number else "") + _write(_exchange(exchange, number, served=served))
    yield "]}"


def _write(value: object) -> str:
    """JSON that steers no terminal that it is printed on."""
    return visible_json(dump(value))


def _exchange(exchange: Exchange, number: int, *, served: bool | None) -> dict[str, object]:
    row = step_row(exchange, number)
    prompt, completion = read.prompt(exchange.request), read.completion(exchange)
    last = prompt.messages[-1] if prompt and prompt.messages else None
    body = exchange.answer.body if isinstance(exchange.answer, Heard) else b""
    answer = title(exchange, completion, body)
    return {
        "step": row.index,
        "role": last.role if last else "",
        "preview": line(last.text or "\n".join(texts(last.parts)) if last else row.url),
        "request": _text(exchange.request.body),
        "response_preview": answer.preview,
        "title": answer.title,
        "status": row.status,
        "model": completion.model if completion else "",
        "method": row.what,
        "url": row.url,
        "served": served,
    }


def _describe_parting(lineage: Branch | None) -> str | None:
    """Where a rerun left its tape, and why; None if it has not."""
    return str(lineage.departure) if lineage and lineage.departure else None


def _text(body: bytes) -> object:
    """A body as text, or its base64 in an object of its own."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
