"""Records each request of an ASGI application as a run: FastAPI, Starlette, and all others.

```python
app = Recorded(app, "runs.db")
```

The middleware begins the run in the very task that serves the request. So endpoints, dependencies of
both kinds, bodies that are streamed and background tasks all know it, however many users are
served at the same time; a run that is begun in a synchronous dependency is known to that alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias, Unpack

from ..session.session import Session
from .api import record
from .assembly import StoreLike
from .options import RecordOptions

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

RUN = "tracefork.run"
"""The key of a request's scope that holds its run."""


class Recorded:
    """An application whose requests are recorded, each as a run of its own; what is no request passes.

    The run is `request.scope["tracefork.run"]`, and `tracefork.current()` to whatever the request does.

    Args:
        app: the application.
        store: as for `tracefork.record`. A path is opened and closed for each request: many at a time are
            better served by one TapeStore.
        when: says which scopes are recorded; by default all of `http` and `websocket`.
        name: names the agent of a scope; by default by its method and path.
        options: as for `tracefork.record`.
    """

    def __init__(
        self,
        app: Application,
        store: StoreLike = None,
        *,
        when: Callable[[Scope], bool] | None = None,
        name: Callable[[Scope], str] | None = None,
        **options: Unpack[RecordOptions],
    ) -> None:
        self.app = app
        self._store = store
        self._when = when or is_request
        self._name = name or name_request
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not (is_request(scope) and self._when(scope)):
            await self.app(scope, receive, send)
            return
        async with record(self._store, agent_name=self._name(scope), **self._options) as run:
            scope[RUN] = run
            await self.app(scope, receive, send)


def is_request(scope: Scope) -> bool:
    """True for a request or a websocket; not for the application's own beginning and end."""
    return scope["type"] in ("http", "websocket")


def name_request(scope: Scope) -> str:
    """Return the method and path of a request: `POST /chat`."""
    return f"{scope.get('method', 'WEBSOCKET')} {scope.get('path', '')}"


def run_of(scope: Scope) -> Session | None:
    """Return the run of a request, or None if it is not recorded."""
    run: Session | None = scope.get(RUN)
    return run
