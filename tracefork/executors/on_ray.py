"""An executor whose calls are tasks of Ray, which has no `concurrent.futures.Executor` itself.

A task is made once: Ray is told not to begin it again when its worker dies, since what a fork asked until
then is paid for, and a study accounts for it. Ray is imported when an executor is made, not before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

from ..errors import MissingPart

P = ParamSpec("P")
T = TypeVar("T")

_OURS = "max_retries", "retry_exceptions", "num_returns"
"""Options of tasks that are not the caller's to choose: a call is made once and has one result."""


def ray(workers: int | None = None, *, address: str | None = None, **options: Any) -> Executor:
    """Return an executor for `blame(..., executor=)` whose calls are tasks of Ray, on all its machines.

    What is sent is pickled as Ray pickles: functions of a script and lambdas arrive, too. A call whose
    worker dies raises `BrokenExecutor` from its future. A call that is cancelled before it began never
    begins; one that is under way is interrupted. Leaving a `with` block waits for all calls, and ends the
    connection to Ray if this function made it.

    Args:
        workers: how many forks a study has in flight here; by default as many as the cluster has CPUs.
        address: the cluster to connect to, as `ray.init` has it, where the process is not connected yet;
            by default that of the environment's RAY_ADDRESS, else a cluster of this machine is started.
        options: those of `ray.remote` for each task, as `num_cpus`, `resources` or `runtime_env`.

    Raises:
        MissingPart: Ray is not installed.
        ValueError: `workers` is less than 1; or the process is connected to Ray already, and `address` is
            given, too.
        TypeError: an option says how often a task is made, or how many results it has.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers= is 1 or more, not {workers}")
    if taken := sorted(options.keys() & set(_OURS)):
        raise TypeError(f"{taken[0]}= cannot be chosen: a fork is made once, since it is paid for")
    try:
        library = import_module("ray")
    except ImportError as exc:
        raise MissingPart("tracefork.executors.ray", "ray", "ray") from exc
    began = not library.is_initialized()
    if began:
        library.init(address=address, log_to_driver=False)
    elif address is not None:
        raise ValueError("this process is connected to Ray already: leave address= out, or disconnect it")
    return _RayExecutor(library, workers or _count_cpus(library), options, ends=began)


class _RayExecutor(Executor):
    """Calls as tasks of the Ray that `library` is connected to; `ends`: a shutdown ends the connection."""

    def __init__(self, library: Any, workers: int, options: dict[str, Any], *, ends: bool) -> None:
        self._max_workers = workers  # where executors of the standard library have it
        self._library, self._ends = library, ends
        self._task = library.remote(max_retries=0, **options)(_call)
        self._open = set[Future[Any]]()
        self._closed = False
        self._lock = threading.Lock()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Make a task of the call; return its future.

        Raises:
            RuntimeError: the executor was shut down.
            TypeError: the call cannot be pickled.
        """
        future = _RayFuture[T]()
        with self._lock:
            if self._closed:
                raise RuntimeError("this executor was shut down: make another one")
            reference = self._task.remote(fn, args, kwargs)
            future.interrupt = lambda: self._library.cancel(reference)
            self._open.add(future)
        reference.future().add_done_callback(lambda over: self._settle(future, over))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  its signature
        """Take no more calls; if told to wait, end the connection to Ray that was made for this executor."""
        with self._lock:
            self._closed = True
            left = list(self._open)
        if cancel_futures:
            for future in left:
                future.cancel()
        if wait:
            futures.wait(left)
            if self._ends and self._library.is_initialized():
                self._library.shutdown()
                self._ends = False

    def _settle(self, future: Future[Any], over: Future[Any]) -> None:
        """Pass what Ray has of a task on to its future; nothing if that was cancelled meanwhile."""
        with self._lock:
            self._open.discard(future)
        if not future.set_running_or_notify_cancel():
            return
        raised = over.exception()
        if raised is None:
            future.set_result(over.result())
        else:
            future.set_exception(self._translate(raised))

    def _translate(self, raised: BaseException) -> BaseException:
        """The exception of the call itself; of a task that Ray lost, `BrokenExecutor`."""
        errors = self._library.exceptions
        if isinstance(raised, errors.RayTaskError):
            cause = raised.cause
            return cause if isinstance(cause, BaseException) else raised
        if isinstance(raised, errors.TaskCancelledError):
            return CancelledError()
        if isinstance(raised, errors.RayError):
            broken = BrokenExecutor(f"Ray lost a task ({type(raised).__name__}: {raised})")
            broken.__cause__ = raised
            return broken
        return raised


class _RayFuture(Future[T]):
    """A future of a task, of which nobody is told that it began: it can be cancelled until it is over."""

    interrupt: Callable[[], object]

    def cancel(self) -> bool:
        """Give the task up, begun or not; return False if it is over."""
        given_up = super().cancel()
        if given_up:
            self.interrupt()
        return given_up


def _call(fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    """Make the call, in a worker."""
    return fn(*args, **kwargs)


def _count_cpus(library: Any) -> int:
    return max(1, int(library.cluster_resources().get("CPU", 1)))
