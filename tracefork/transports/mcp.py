"""MCP servers that are spoken to over pipes: each request is an effect of the run.

    async with Client(tracefork.transports.mcp.recorded(stdio_client(parameters))) as client:
        await client.call_tool("stock", {"item": "bread"})

Within a run `stdio_client` is recorded by itself (`mcp_stdio.py`); this is for transports of other makes, and
for a name of one's own. What MCP calls a transport is wrapped: it yields a stream of JSON-RPC messages to
read and one to write. What the server says before its response, such as progress or a question of its own, is
part of the effect. A replay does not start the server; a run that goes live in the middle
of a session starts it then, and tells it again what was agreed at the beginning. What the server says
while nothing is asked is passed on, and not recorded. MCP over HTTP needs none of this.
"""

from __future__ import annotations

import math
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import anyio
from attrs import define, field

from ..core.values import CANCELLED, Answer, Fault, Reply
from ..errors import TraceforkError
from ..host.tables import list_items
from ..runtime import lanes
from ..runtime.flight import Flight
from ..session.current import current
from ..session.session import Session
from ..session.tools import calls, effects, python_values
from ..session.tools.policy import Policy

if TYPE_CHECKING:
    from anyio.abc import TaskGroup, TaskStatus

Transport: TypeAlias = AbstractAsyncContextManager[Any]
"""Yields a pair: the stream that the server's messages come from, and the one that takes the client's."""

AGREED = frozenset({"initialize", "logging/setLevel", "resources/subscribe", "notifications/initialized"})
"""What a server is told again that is started in mid-session: the rest of it is questions."""

_ASKED_FREELY = Policy(on_doubt="rerun")
"""All but tool calls may be asked as often as one likes."""


def recorded(transport: Transport, *, name: str = "mcp", session: Session | None = None) -> Transport:
    """Return `transport` with its requests recorded, or answered from the tape.

    Args:
        transport: what `mcp.client.stdio.stdio_client` returns, or any other transport.
        name: what to call the server: its tool `stock` is the effect `mcp:stock`.
        session: the run; by default the current one when the transport is entered. Outside of
            any run the transport is what it was.
    """
    return _Recorded(transport, name, session)


@define
class _Question:
    """A request of the client that is not answered: what the server said meanwhile."""

    flight: Flight
    id: Any
    before: list[dict[str, Any]] = field(factory=list)


class _Recorded(AbstractAsyncContextManager[Any]):
    def __init__(self, transport: Transport, name: str, session: Session | None) -> None:
        self._transport = transport
        self._name = name
        self._session = session
        self._run: Session | None = None
        self._tasks: TaskGroup
        self._server: Any = None
        self._starting = anyio.Lock()
        self._closing = anyio.Event()
        self._open: dict[Any, _Question] = {}
        self._agreed: list[Any] = []
        self._replies: dict[Any, anyio.Event] = {}
        self._again: dict[Any, anyio.Event] = {}

    async def __aenter__(self) -> Any:
        run = self._session or current()
        self._run = None if run is None or run.is_aside() else run  # in a tool it is the tool's
        if self._run is None:
            return await self._transport.__aenter__()
        self._give, self._read = anyio.create_memory_object_stream[Any](math.inf)
        self._tasks = await anyio.create_task_group().__aenter__()
        if self._run.live:
            try:
                await self._start()
            except BaseException:
                self._give.close()
                self._read.close()
                await self._tasks.__aexit__(None, None, None)
                raise
        return self._read, _Write(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> bool | None:
        if self._run is None:
            return await self._transport.__aexit__(kind, exc, tb)
        self._closing.set()
        await self._give.aclose()
        await self._read.aclose()
        for question in list(self._open.values()):
            self._run.port.drop(question.flight, CANCELLED)
        if self._server is None:
            self._tasks.cancel_scope.cancel()
        return await self._tasks.__aexit__(None, None, None)

    # -- what the client says -----------------------------------------------------------

    async def send(self, message: Any) -> None:
        """Take a message of the client's: a request is put to the run, in the lane of who sends it."""
        message_json = _as_json(message)
        if self._run is not None and self._run.over and self._run.live and self._server is not None:
            await self._server.send(message)  # a session that outlives its run
            return
        if message_json.get("method") in AGREED:
            self._agreed.append(message)
        if "method" in message_json and "id" in message_json:
            await self._ask(message, message_json)
        elif "id" in message_json and (replied := self._replies.get(message_json["id"])):
            replied.set()
        else:
            if message_json.get("method") == "notifications/cancelled":
                self._give_up(message_json)
            if self._server is not None:
                await self._server.send(message)

    async def _ask(self, message: Any, message_json: dict[str, Any]) -> None:
        assert self._run is not None
        name, kwargs, policy = (
            message_json["method"],
            _without_token(message_json.get("params") or {}),
            _ASKED_FREELY,
        )
        if name == "tools/call":
            name, kwargs, policy = (
                str(kwargs.get("name")),
                kwargs.get("arguments") or {},
                self._run.tool_policy,
            )
        flight = await self._run.port.aask(effects.make_call(f"{self._name}:{name}", (), kwargs))
        question = self._open[message_json["id"]] = _Question(flight, message_json["id"])
        try:
            answer = calls.find_answer(self._run.port, flight, policy)
            if answer is None:
                true = self._run.port.true(message_json, f"{self._name}:{name}")
                await self._start()
                await self._server.send(message if true == message_json else _make_message(true))
                return
        except BaseException:
            self._run.port.drop(flight, CANCELLED)
            self._open.pop(message_json["id"], None)
            raise
        if answer != CANCELLED:  # else the client gives up, as it did
            self._tasks.start_soon(self._answer, question, answer, _read_token(message_json))

    def _give_up(self, message_json: dict[str, Any]) -> None:
        assert self._run is not None
        if question := self._open.pop((message_json.get("params") or {}).get("requestId"), None):
            self._run.port.drop(question.flight, CANCELLED)

    # -- what the tape says -----------------------------------------------------------------

    async def _answer(self, question: _Question, answer: Answer, token: Any) -> None:
        """Say again what the server said, and wait where it waited for the client."""
        assert self._run is not None
        reply = _read_answer(answer)
        for message_json in reply.get("before", ()):
            if "progressToken" in (message_json.get("params") or {}):
                message_json["params"]["progressToken"] = token
            if "id" not in message_json:
                self._deliver(_make_message(message_json))
                continue
            replied = self._replies[message_json["id"]] = anyio.Event()
            self._deliver(_make_message(message_json))
            await replied.wait()
            del self._replies[message_json["id"]]
        if self._open.pop(question.id, None) is None:
            return  # given up meanwhile
        await self._end(question, answer)
        if reply.get("closed"):
            await self._give.aclose()
            return
        kind = "error" if "error" in reply else "result"
        self._deliver(_make_message({"jsonrpc": "2.0", "id": question.id, kind: reply[kind]}))

    # -- what the server says ------------------------------------------------------------------

    async def _start(self) -> None:
        """See that the server is there, and knows what was agreed before."""
        async with self._starting:
            if self._server is not None:
                return
            server = await self._tasks.start(self._serve)
            for message in self._agreed:
                message_json = _as_json(message)
                if message_json.get("id") in self._open:
                    continue  # it is being asked now
                if "id" in message_json:
                    heard = self._again[message_json["id"]] = anyio.Event()
                    await server.send(message)
                    await heard.wait()
                else:
                    await server.send(message)
            self._server = server

    async def _serve(self, *, task_status: TaskStatus[Any]) -> None:
        with lanes.aside():
            async with self._transport as (read, write), read, write:
                task_status.started(write)
                async with anyio.create_task_group() as reading:
                    reading.start_soon(self._listen, read)
                    await self._closing.wait()
                    reading.cancel_scope.cancel()

    async def _listen(self, read: Any) -> None:
        assert self._run is not None
        async for message in read:
            if isinstance(message, Exception):
                self._deliver(message)
            elif heard := self._again.pop(_as_json(message).get("id"), None):
                heard.set()
            else:
                await self._hear(message, _as_json(message))
        for heard in self._again.values():
            heard.set()
        for number, question in list_items(self._open):
            del self._open[number]
            await self._end(question, _make_reply(question, {"closed": True}))
        await self._give.aclose()

    async def _hear(self, message: Any, message_json: dict[str, Any]) -> None:
        assert self._run is not None
        if "method" in message_json:
            if question := self._about(message_json):
                question.before.append(message_json)
        elif question := self._open.pop(message_json.get("id"), None):
            end: dict[str, Any] = {
                key: message_json[key] for key in ("result", "error") if key in message_json
            }
            await self._end(question, _make_reply(question, end))
            await self._run.port.aflush()
        self._deliver(message)

    def _about(self, message_json: dict[str, Any]) -> _Question | None:
        """The request that the server says this about: the one it names, or else the newest."""
        token = (message_json.get("params") or {}).get("progressToken")
        return self._open.get(token) or next(reversed(self._open.values()), None)

    async def _end(self, question: _Question, answer: Answer) -> None:
        assert self._run is not None
        try:
            await self._run.port.aend(question.flight, answer)
        except TraceforkError:  # the run is lost, and says why when it is left
            await self._give.aclose()

    def _deliver(self, message: Any) -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the client listens no more
            self._give.send_nowait(message)


class _Write:
    """The stream that takes the client's messages."""

    def __init__(self, transport: _Recorded) -> None:
        self._transport = transport

    async def send(self, item: Any, /) -> None:
        await self._transport.send(item)

    async def aclose(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


def _as_json(message: Any) -> dict[str, Any]:
    message_json: dict[str, Any] = message.message.model_dump(by_alias=True, mode="json", exclude_none=True)
    return message_json


def _make_message(message_json: dict[str, Any]) -> Any:
    from mcp.shared.message import SessionMessage  # noqa: PLC0415  who gets here has it

    try:
        from mcp_types.jsonrpc import jsonrpc_message_adapter  # noqa: PLC0415
    except ImportError:  # before mcp 2
        from mcp.types import JSONRPCMessage  # noqa: PLC0415

        return SessionMessage(JSONRPCMessage.model_validate(message_json))  # type: ignore[attr-defined]
    return SessionMessage(jsonrpc_message_adapter.validate_python(message_json))


def _without_token(params: dict[str, Any]) -> dict[str, Any]:
    """`params` without the token for progress, which counts the session's messages."""
    meta = {k: v for k, v in (params.get("_meta") or {}).items() if k != "progressToken"}
    rest = {k: v for k, v in params.items() if k != "_meta"}
    return {**rest, "_meta": meta} if meta else rest


def _read_token(message_json: dict[str, Any]) -> Any:
    return ((message_json.get("params") or {}).get("_meta") or {}).get("progressToken")


def _make_reply(question: _Question, end: dict[str, Any]) -> Reply:
    before = {"before": question.before} if question.before else {}
    return effects.keep_result({**before, **end})


def _read_answer(answer: Answer) -> dict[str, Any]:
    """What a recorded answer says, or one that somebody gave in the server's stead."""
    if isinstance(answer, Fault):
        return {"error": {"code": -32603, "message": answer.message}}
    assert isinstance(answer, Reply)
    if answer.kind == "raised":
        return {"error": {"code": -32603, "message": f"{answer.type}: {answer.value}"}}
    message_json = python_values.decode(answer.value)
    if isinstance(message_json, dict) and message_json.keys() & {"result", "error", "closed"}:
        return message_json
    if isinstance(message_json, dict):
        return {"result": message_json}
    return {
        "result": {
            "content": [{"type": "text", "text": str(message_json)}],
            "structuredContent": {"result": message_json},
        }
    }
