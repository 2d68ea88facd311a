"""Converts tool calls to `Call`s, and results and exceptions of tools to `Reply`s and back. Pure."""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from attrs import evolve, frozen

from ...codec.strict_json import damage
from ...core.values import RETURNED, Call, Outcome, Reply
from ...errors import CorruptTape, Unrecordable
from ...host.callsite import cut_traceback, format_traceback
from ...redact import Redactor
from . import classes, python_values, rebuild
from .changed_arguments import make_opaque


def make_call(
    name: str,
    args: Sequence[object],
    kwargs: Mapping[str, object],
    code: str = "",
    *,
    repeatable: bool = False,
) -> Call:
    """Return the call of tool `name`, whose code has the hash `code`, with these arguments.

    Raises:
        Unrecordable: an argument has no JSON form.
    """
    arguments = python_values.encode({"args": list(args), "kwargs": dict(kwargs)}, f"an argument of {name}")
    return Call(name, arguments, code, repeatable=repeatable)


def keep_result(value: object, name: str = "a tool", fn: Callable[..., object] | None = None) -> Reply:
    """Return the reply of tool `name` that returned `value`; "opaque" if `value` cannot be rebuilt whole."""
    try:
        return Reply(
            "returned", python_values.encode_whole(value, "a result", _result_type(fn), _name_module(fn))
        )
    except Unrecordable as exc:
        return make_opaque(f"the result of {name}", exc.kind)


def keep_exception(
    exc: BaseException, name: str = "a tool", fn: Callable[..., object] | None = None
) -> Reply:
    """Return the reply of tool `name` that raised `exc`; "opaque" if `exc` cannot be rebuilt whole.

    Its `value` is the arguments of `exc`, or the whole exception if that holds more.
    """
    try:
        text = python_values.encode_whole(exc, "an exception", near=_name_module(fn))
        arguments = _read_arguments(text)
        return Reply("raised", text if arguments is None else arguments, class_name(exc))
    except Unrecordable as problem:
        return make_opaque(f"what {name} raised", problem.kind, class_name(exc))


def keep_raised(exc: BaseException) -> Reply:
    """Return a "raised" reply with the class of `exc` and its arguments, or else its message."""
    try:
        args = python_values.encode(list(exc.args), ordered=True, named=True)
        python_values.decode(args)
    except (Unrecordable, CorruptTape):
        args = python_values.encode([message_of(exc)])
    return Reply("raised", args, class_name(exc))


def make_refusal(reply: Reply) -> Unrecordable:
    """Return the error that is raised for an "opaque" reply, when recording and in each replay."""
    match python_values.decode(reply.value):
        case [str(what), str(kind)]:
            return Unrecordable(what, kind)
    return Unrecordable("the recorded result", reply.type)


def _read_arguments(text: str) -> str | None:
    """The arguments in a recorded exception, as JSON text; None if it holds more than arguments."""
    match json.loads(text):
        case {"$class": [str(), {"args": list() as args, **more}]} if not more:
            return json.dumps(args, separators=(",", ":"), ensure_ascii=False)
    return None


def replay_reply(reply: Reply, fn: Callable[..., object] | None = None) -> Any:
    """Return the recorded result, rebuilt as the annotation of `fn` says, or raise the recorded exception.

    Raises:
        Unrecordable: the reply is opaque, or a class that it needs is not imported.
    """
    match reply.kind:
        case "returned":
            return python_values.decode(reply.value, _result_type(fn), _name_module(fn))
        case "raised":
            raise read_exception(reply, fn)
        case "opaque":
            raise make_refusal(reply)


def read_exception(reply: Reply, fn: Callable[..., object] | None = None) -> BaseException:
    """Return the exception of a "raised" reply.

    Raises:
        Unrecordable: its class is not imported, or it cannot be made.
        CorruptTape: the reply holds neither an exception nor arguments.
    """
    held = python_values.decode(reply.value, near=_name_module(fn))
    if isinstance(held, BaseException):
        return held
    if not isinstance(held, list):
        raise CorruptTape(f"an exception has arguments, not {reply.value!r:.60}")
    return make_exception(reply.type, held, _name_module(fn))


@frozen
class Yields:
    """The recorded run of a generator: the items that it yielded, then how it ended.

    It "returned" `value`, "raised" the exception `value`, of class `type`, or was "closed": the caller
    stopped iterating.
    """

    items: tuple[Any, ...]
    end: Literal["returned", "raised", "closed"] = "closed"
    value: Any = None
    type: str = ""


class Yielding:
    """Collects the items of a generator, each converted at the time it was yielded."""

    def __init__(self, name: str = "a tool", fn: Callable[..., object] | None = None) -> None:
        self._items: list[str] = []
        self._opaque: Reply | None = None
        self._name, self._near, self._as = name, _name_module(fn), _find_item_type(fn)

    def add(self, item: object) -> None:
        """Convert `item` to text at once: the generator may change it later."""
        try:
            text = python_values.encode_whole(item, "what a generator gave", self._as, self._near)
            if self._as is not None and not python_values.are_same(
                item, python_values.decode(text, near=self._near)
            ):
                text = f'{{"$annotated":{text}}}'
            self._items.append(text)
        except Unrecordable as exc:
            self._opaque = self._opaque or make_opaque(f"what {self._name} gave", exc.kind)

    def returned(self, value: object = None) -> Reply:
        """Return the reply of a generator that then returned `value`."""
        ended = keep_result(value, self._name)
        return ended if ended.kind == "opaque" else self._reply("returned", ended)

    def raised(self, exc: BaseException) -> Reply:
        """Return the reply of a generator that then raised `exc`."""
        return self.ended(keep_exception(exc, self._name))

    def ended(self, ended: Reply) -> Reply:
        """Return the reply of a generator that then raised the exception of the reply `ended`."""
        return ended if ended.kind == "opaque" else self._reply("raised", ended)

    def closed(self) -> Reply:
        """Return the reply of a generator that was then closed."""
        return self._reply("closed")

    def _reply(self, end: str, of: Reply | None = None) -> Reply:
        if self._opaque:
            return self._opaque
        ending = f'"end":"{end}"'
        if of and of.type:
            ending += f',"type":{json.dumps(of.type)}'
        if of:
            ending += f',"value":{of.value}'
        return Reply("returned", f'{{"yielded":[{",".join(self._items)}],{ending}}}')


def open_yields(reply: Reply, fn: Callable[..., object] | None = None) -> Yields:
    """Return the recorded items and end of a generator; items are rebuilt as the annotation of `fn` says.

    Raises:
        Unrecordable: something that it yielded or returned is opaque.
        CorruptTape: this is not the reply of a generator.
    """
    if reply.kind == "opaque":
        raise make_refusal(reply)
    content = python_values.decode(reply.value, near=_name_module(fn))
    if reply.kind == "raised":
        return Yields((), "raised", read_exception(reply, fn), reply.type)
    match content:
        case list():  # items supplied in place of the tool, by a policy or an edit
            return Yields(_items(content, fn, reply.value), "returned")
        case {"yielded": list() as items, "end": "returned" | "raised" | "closed" as end}:
            value, of = content.get("value"), str(content.get("type", ""))
            if end == "raised" and isinstance(value, list):
                value = make_exception(of, value, _name_module(fn))
            return Yields(_items(items, fn, reply.value), end, value, of)
    raise CorruptTape(f"a generator gives what it yielded and how it ended, not {reply!r}")


def _items(items: list[Any], fn: Callable[..., object] | None, text: str) -> tuple[Any, ...]:
    """`items`, rebuilt as the annotation of `fn` says where they carry no class names of their own."""
    given = _find_item_type(fn)
    if given is None:
        return tuple(item.value if isinstance(item, python_values.Annotated) else item for item in items)
    is_old = not any(tag in text for tag in ('{"$class":', '{"$as_is":', '{"$annotated":'))
    plain = [is_old or isinstance(item, python_values.Annotated) for item in items]
    values = [item.value if isinstance(item, python_values.Annotated) else item for item in items]
    return tuple(
        rebuild.rebuilt(value, given) if which else value for which, value in zip(plain, values, strict=True)
    )


def make_outcome(exc: BaseException | None) -> Outcome:
    """Return how a run ended that `exc` has ended, or that nothing went wrong in."""
    if exc is None:
        return RETURNED
    return Outcome("raised", class_name(exc), message_of(exc), format_traceback(exc))


def keep_outcome(outcome: Outcome, redactor: Redactor) -> Outcome:
    """Return `outcome` as it is kept: without secrets, and its traceback cut after these are out."""
    kept = redactor.outcome(outcome)
    return evolve(kept, traceback=cut_traceback(kept.traceback))


def message_of(exc: BaseException) -> str:
    """Return `str(exc)`, or "" if that raises."""
    try:
        return str(exc)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  a failing `__str__` must not replace the tool's exception
        return ""


def class_name(exc: BaseException) -> str:
    """Return the dotted path of the class of `exc`; for a builtin, its bare name."""
    kind = type(exc)
    module = classes.name_module(kind)
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def make_exception(dotted: str, args: Sequence[object], near: str = "") -> BaseException:
    """Return an exception of the class `dotted` with `args`; the class must be imported already.

    No code of the class is run.

    Raises:
        Unrecordable: the class is not imported, or is not an exception that can be rebuilt.
        CorruptTape: the class does not accept `args`.
    """
    found = next(filter(None, (classes.find_class(path, near) for path in _list_paths(dotted))), None)
    if found is None or classes.classify(found) != "exception":
        problem = (
            "is not imported here" if found is None else "is no exception that is made of what a tape says"
        )
        raise Unrecordable("what the recorded tool raised", f"{dotted}, which {problem}")
    with damage("a recorded exception"):
        made: BaseException = classes.make_exception(found, tuple(args), {})
    return made


def make_fault(dotted: str, message: str) -> Exception:
    """Return an exception of the class `dotted` with `message`, or a RuntimeError that names the class.

    This is for Faults, of which only class and message are kept.
    """
    found = next(filter(None, map(classes.find_class, _list_paths(dotted))), None)
    if found is not None and issubclass(found, Exception):
        made = found.__new__(found, message)
        made.args = (message,)
        return made
    return RuntimeError(f"{dotted}: {message}")


def _list_paths(dotted: str) -> list[str]:
    """Each `module:path` that `dotted` may mean, as any dot may end the module; longest module first."""
    parts = dotted.split(".")
    if len(parts) == 1:
        return [f"builtins:{dotted}"]
    return [f"{'.'.join(parts[:n])}:{'.'.join(parts[n:])}" for n in range(len(parts) - 1, 0, -1)]


def _result_type(fn: Callable[..., object] | None) -> Any:
    if fn is None or "return" not in getattr(fn, "__annotations__", ("return",)):
        return None
    try:
        return typing.get_type_hints(fn).get("return")
    except Exception:  # noqa: BLE001  an annotation may use names that do not exist at run time
        return None


def _find_item_type(fn: Callable[..., object] | None) -> Any:
    """The item type in a generator's annotation: the first argument of its `Iterator[...]`, or None."""
    return next(iter(typing.get_args(_result_type(fn))), None)


def _name_module(fn: Callable[..., object] | None) -> str:
    return str(getattr(fn, "__module__", None) or "")
