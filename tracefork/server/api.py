"""Runs as JSON. Large runs are sent as they are made, exchange by exchange."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ..core.tape import Tape
from ..core.values import Exchange
from ..core.values import Response as Heard
from ..errors import NotFound
from ..providers import read
from ..report.payload import dumped
from ..report.titles import line, title
from ..store import RunInfo, TapeStore
from .guard import HEADERS

FINGERPRINT = 16  # hex digits of the digest


async def runs(request: Request) -> Response:
    """Every run, newest first."""
    store: TapeStore = request.app.state.store
    infos = await run_in_threadpool(lambda: sorted(store.runs(), key=lambda i: (-i.created_at, i.run_id)))
    return JSONResponse([_info(info) for info in infos], headers=dict(HEADERS))


async def run(request: Request) -> Response:
    """A run and its exchanges, `request` as the text that was sent.

    A run that is not over has the exchanges that it had so far.
    """
    store: TapeStore = request.app.state.store
    run_id = request.path_params["run_id"]
    tape = await run_in_threadpool(store.load, run_id)
    branches = await run_in_threadpool(lambda: [b.branch_id for b in store.branches(run_id)])
    return StreamingResponse(_run(tape, branches), media_type="application/json", headers=dict(HEADERS))


async def branch(request: Request) -> Response:
    """Where a branch left which run."""
    store: TapeStore = request.app.state.store
    branch_id = request.path_params["run_id"]
    tape = await run_in_threadpool(store.load, branch_id)
    if tape.parent is None:
        raise NotFound(branch_id, ())
    said = {
        "branch_id": branch_id,
        "parent_run_id": tape.parent.parent,
        "divergence_step": tape.parent.step,
        "mutation_desc": tape.parent.desc or tape.parent.name,
        "name": tape.parent.name,
        "outcome": str(tape.outcome),
        "exchanges": len(tape),
        "fingerprint": tape.digest()[:FINGERPRINT],
    }
    return JSONResponse(said, headers=dict(HEADERS))


def _info(info: RunInfo) -> dict[str, object]:
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


def _run(tape: Tape, branches: list[str]) -> Iterator[str]:
    head = {
        "run_id": tape.run_id,
        "agent_name": tape.agent_name,
        "created_at": tape.created_at,
        "fingerprint": tape.digest()[:FINGERPRINT],
        "digest": tape.digest(),
        "outcome": str(tape.outcome),
        "parent_run_id": tape.parent.parent if tape.parent else None,
        "branches": branches,
        "blame": None,
    }
    yield dumped(head)[:-1] + ', "exchanges": ['
    for number, exchange in enumerate(tape):
        yield (", " if number else "") + dumped(_exchange(exchange, number))
    yield "]}"


def _exchange(exchange: Exchange, number: int) -> dict[str, object]:
    prompt, completion = read.prompt(exchange.request), read.completion(exchange)
    last = prompt.messages[-1] if prompt and prompt.messages else None
    answer = exchange.answer
    body = answer.body if isinstance(answer, Heard) else b""
    said = title(exchange, completion, body)
    return {
        "step": number,
        "role": last.role if last else "",
        "preview": line(last.text if last else exchange.request.url),
        "request": _text(exchange.request.body),
        "response_preview": said.preview,
        "title": said.title,
        "status": answer.status if isinstance(answer, Heard) else answer.kind,
        "model": completion.model if completion else "",
        "method": exchange.request.method,
        "url": exchange.request.url,
    }


def _text(body: bytes) -> object:
    """A body as text, or its base64 in an object of its own."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
