"""requests and aiohttp with httpx's face: as much of it as the probes use, so that all are asked the same.

What a library has not is said by `NotAsked`: requests has no tasks, and a session of aiohttp's is one loop's.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import Any


class NotAsked(Exception):
    """The library cannot do what a probe is about."""


def face(name: str) -> Any:
    """Return the library of this name, as the probes know libraries."""
    return {"requests": Requests, "aiohttp": Aiohttp}[name]() if name in FACES else import_module(name)


FACES = ("requests", "aiohttp")


class Headers:
    """Headers as they came, in `raw`, and by name."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self.raw = raw

    def get(self, name: str, default: str = "") -> str:
        values = [value.decode("latin-1") for key, value in self.raw if key.decode().lower() == name]
        return ", ".join(values) if values else default


class Auth:
    """Base of a probe's own flow: a generator that is given answers, and gives requests."""

    auth_flow: Any


# -- requests --------------------------------------------------------------------------


class Requests:
    """`requests`: sessions, and no tasks."""

    Auth = Auth

    def __init__(self) -> None:
        self.HTTPError = import_module("requests").RequestException

    def Client(self, **options: Any) -> RequestsClient:  # noqa: N802  httpx's name
        return RequestsClient(import_module("requests"), **options)

    def AsyncClient(self, **_: Any) -> Any:  # noqa: N802
        raise NotAsked("no tasks")


class RequestsClient:
    def __init__(
        self,
        lib: Any,
        *,
        follow_redirects: bool = False,
        timeout: float = 30,
        headers: Any = None,
        auth: Auth | None = None,
    ) -> None:
        self._lib, self._session = lib, lib.Session()
        self._session.headers.update(headers or {})
        self._options = {"allow_redirects": follow_redirects, "timeout": timeout}
        if auth is not None:
            self._session.auth = lambda request: _flow(request, auth)

    def __enter__(self) -> RequestsClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get(self, url: str) -> Any:
        return self._shown(self._session.get(url, **self._options))

    def post(self, url: str, *, content: bytes | None = None, files: Any = None, json: Any = None) -> Any:
        answer = self._session.post(url, data=content, files=files, json=json, **self._options)
        return self._shown(answer)

    @contextmanager
    def stream(self, method: str, url: str) -> Iterator[Any]:
        with self._session.request(method, url, stream=True, **self._options) as answer:
            yield SimpleNamespace(
                iter_bytes=lambda: answer.iter_content(None),
                iter_raw=lambda: answer.raw.stream(2**16, decode_content=False),
            )

    def _shown(self, answer: Any) -> Any:
        raw = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.raw.headers.items()
        ]
        return SimpleNamespace(
            status_code=answer.status_code,
            text=answer.text,
            content=answer.content,
            headers=Headers(raw),
            history=answer.history,
        )


def _flow(request: Any, auth: Auth) -> Any:
    """`request`, sent again as the flow says, by a hook: as requests' own digest authentication does it."""
    flow = auth.auth_flow(request)
    next(flow)

    def again(answer: Any, **options: Any) -> Any:
        try:
            asked = flow.send(answer)
        except StopIteration:
            return answer
        _ = answer.content
        answer.close()
        return answer.connection.send(asked, **options)

    request.register_hook("response", again)
    return request


# -- aiohttp ---------------------------------------------------------------------------


class Aiohttp:
    """`aiohttp`: sessions within a loop; without one, each client has its own."""

    Auth = Auth

    def __init__(self) -> None:
        self.HTTPError = import_module("aiohttp").ClientError, TimeoutError

    def AsyncClient(self, **options: Any) -> AiohttpClient:  # noqa: N802
        return AiohttpClient(import_module("aiohttp"), **options)

    def Client(self, **options: Any) -> Blocking:  # noqa: N802
        return Blocking(self.AsyncClient(**options))


class AiohttpClient:
    def __init__(
        self,
        lib: Any,
        *,
        follow_redirects: bool = False,
        timeout: float = 30,
        headers: Any = None,
        auth: Auth | None = None,
    ) -> None:
        self._lib, self._headers, self._auth = lib, headers, auth
        self._options = {"allow_redirects": follow_redirects, "timeout": lib.ClientTimeout(total=timeout)}

    async def __aenter__(self) -> AiohttpClient:
        middlewares = () if self._auth is None else (self._follow,)
        self._session = self._lib.ClientSession(headers=self._headers, middlewares=middlewares)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def _follow(self, request: Any, handler: Any) -> Any:
        assert self._auth is not None
        flow = self._auth.auth_flow(request)
        asked = next(flow)
        while True:
            answer = await handler(asked)
            try:
                asked = flow.send(SimpleNamespace(status_code=answer.status))
            except StopIteration:
                return answer

    async def get(self, url: str) -> Any:
        async with self._session.get(url, **self._options) as answer:
            return await self._shown(answer)

    async def post(self, url: str, *, content: Any = None, files: Any = None, json: Any = None) -> Any:
        form = self._lib.FormData() if files else None
        for name, (filename, data) in (files or {}).items():
            form.add_field(name, data, filename=filename)
        async with self._session.post(url, data=form or content, json=json, **self._options) as answer:
            return await self._shown(answer)

    @asynccontextmanager
    async def stream(self, method: str, url: str) -> AsyncIterator[Any]:
        async with self._session.request(method, url, **self._options) as answer:
            yield SimpleNamespace(aiter_bytes=answer.content.iter_any, aiter_raw=lambda: self._raw(url))

    async def _raw(self, url: str) -> AsyncIterator[bytes]:
        """The bytes as they are sent: a session says once for all whether it decodes them."""
        async with self._lib.ClientSession(auto_decompress=False) as session, session.get(url) as answer:
            async for chunk in answer.content.iter_any():
                yield chunk

    async def _shown(self, answer: Any) -> Any:
        return AiohttpAnswer(answer, await answer.read())


class AiohttpAnswer:
    """What was answered; what nobody looks at is not asked of a recorder's own answers."""

    def __init__(self, answer: Any, content: bytes) -> None:
        self._answer, self.content = answer, content
        self.status_code = answer.status
        self.text = content.decode("utf-8", "replace")

    @property
    def headers(self) -> Headers:
        return Headers(list(self._answer.raw_headers))

    @property
    def history(self) -> list[Any]:
        return [SimpleNamespace(status_code=one.status) for one in self._answer.history]


class Blocking:
    """An asynchronous client in a loop of its own, asked by the thread that made it."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __enter__(self) -> Blocking:
        self._thread = threading.get_ident()
        self._runner = asyncio.Runner()
        self._runner.run(self._client.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._client.__aexit__(None, None, None))
        self._runner.close()

    def get(self, url: str) -> Any:
        return self._run(self._client.get(url))

    def post(self, url: str, **options: Any) -> Any:
        return self._run(self._client.post(url, **options))

    @contextmanager
    def stream(self, method: str, url: str) -> Iterator[Any]:
        asked = self._client.stream(method, url)
        answer = self._run(asked.__aenter__())
        try:
            yield SimpleNamespace(
                iter_bytes=lambda: self._iterate(answer.aiter_bytes()),
                iter_raw=lambda: self._iterate(answer.aiter_raw()),
            )
        finally:
            self._run(asked.__aexit__(None, None, None))

    def _iterate(self, chunks: Any) -> Iterator[bytes]:
        async def step() -> bytes | None:
            return await anext(chunks, None)

        while (chunk := self._run(step())) is not None:
            yield chunk

    def _run(self, coro: Any) -> Any:
        if threading.get_ident() != self._thread:
            coro.close()
            raise NotAsked("one loop, one thread")
        return self._runner.run(coro)
