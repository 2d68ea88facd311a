"""What a run did, as policies of tests look at it: its tool calls, and what it asked models. Pure."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cached_property

from attrs import frozen

from ...core.tape import Tape
from ...core.values import Exchange, Response
from ...providers import api_paths, base
from ...providers.last_answers import SEND, find_answer, is_fetched
from ...providers.messages import Completion
from ...providers.prices import Prices, cost, listed
from ...providers.questions import asks_model
from ...providers.tool_uses import ToolUse, list_tool_uses

_FAILED = 400  # HTTP statuses from here on are of answers that vendors do not charge for
_COUNTS = re.compile(r"/count_tokens$|/input_tokens$|[:-]countTokens$|count-tokens:rawPredict$")
"""How the paths of URLs end where tokens are counted and nothing is generated."""

_ASSISTANTS = re.compile(r"/threads(/[^/]+)?/runs$")
"""How the paths of URLs end where a model is set to work whose tools may not all be seen here."""

_OFFERS = frozenset({"tools", "toolConfig", "tool_config", "functions", "tool_choice"})
"""Keys of a question that offers tools, whatever its form."""

_UNKNOWN = "unknown"


@frozen
class ModelCall:
    """What one exchange asked of a model: `model` as the question names it, else as the answer does.

    `is_answered` is False where the vendor refused or failed, as with a 429 that is tried again, where only
    tokens were counted, and where what was asked before is fetched. `tokens` and `usd` are what the answer
    took, None where that is not known; `gap` and `unpriced` say why, and what to do. What `hides_tools` was
    offered tools, and has an answer that nobody here can read.
    """

    step: int
    at: int
    model: str
    is_answered: bool
    tokens: int | None = None
    usd: Decimal | None = None
    gap: str = ""
    unpriced: str = ""
    hides_tools: bool = False


@frozen
class Conduct:
    """A run as its tool calls and its calls of models, each in the order in which they happened."""

    tape: Tape
    prices: Prices | None = None

    @cached_property
    def tools(self) -> tuple[ToolUse, ...]:
        return list_tool_uses(self.tape)

    @cached_property
    def models(self) -> tuple[ModelCall, ...]:
        return tuple(_list_model_calls(self.tape, self.prices or listed()))

    @property
    def answered(self) -> tuple[ModelCall, ...]:
        """The calls of models that `max_calls` counts."""
        return tuple(call for call in self.models if call.is_answered)

    @property
    def is_empty(self) -> bool:
        """True where there is nothing that could be vouched for."""
        return not (self.tape.exchanges or self.tape.draws or self.tape.effects or self.tape.pending)


def _list_model_calls(tape: Tape, prices: Prices) -> list[ModelCall]:
    found = list[ModelCall]()
    places = dict[str, int]()  # of answers that are fetched later, by their ids
    for step, exchange in enumerate(tape):
        completion = find_answer(exchange)
        if completion is None and not _asks(exchange):
            continue
        call = _read_call(step, exchange, completion, prices)
        known = completion.id if completion else ""
        if is_fetched(exchange) and known in places:
            found[places[known]] = _take_over(found[places[known]], call)
        else:
            places.setdefault(known or f"#{step}", len(found))
            found.append(call)
    return found


def _asks(exchange: Exchange) -> bool:
    is_said = exchange.request.method == SEND and bool(api_paths.find_api(exchange.request))
    return asks_model(exchange.request) or is_said or _asks_assistant(exchange)


def _asks_assistant(exchange: Exchange) -> bool:
    request = exchange.request
    return request.method == "POST" and _ASSISTANTS.search(base.path(request)) is not None


def _hides_tools(exchange: Exchange) -> bool:
    """Whether an answer that nobody here can read may ask for tools: some were offered."""
    try:
        offered = base.payload(base.decode_body(exchange.request))
    except ValueError:
        return True
    return _asks_assistant(exchange) or any(offered.get(key) for key in _OFFERS)


def _take_over(asked: ModelCall, fetched: ModelCall) -> ModelCall:
    """What was asked for, with what its answer took as that was fetched in the end."""
    return ModelCall(
        asked.step,
        fetched.at,
        asked.model,
        asked.is_answered or fetched.is_answered,
        fetched.tokens,
        fetched.usd,
        fetched.gap,
        fetched.unpriced,
    )


def _read_call(step: int, exchange: Exchange, completion: Completion | None, prices: Prices) -> ModelCall:
    asked = base.model_of(exchange.request)
    answering = completion.model if completion else ""
    model = asked if asked != _UNKNOWN else answering or _UNKNOWN
    at, answer = exchange.span.ended, exchange.answer
    is_refused = not isinstance(answer, Response) or answer.status >= _FAILED
    is_failure = completion is not None and completion.failure is not None and not completion.choices
    if is_refused or is_failure or _COUNTS.search(base.path(exchange.request)):
        return ModelCall(step, at, model, is_answered=False)
    usage = completion.usage if completion else None
    if completion is None or usage is None or usage.input is None or usage.output is None:
        gap = f"how many tokens {model} took is not known: {_explain(completion)}"
        hides = (completion is None or _asks_assistant(exchange)) and _hides_tools(exchange)
        return ModelCall(step, at, model, is_answered=True, gap=gap, unpriced=gap, hides_tools=hides)
    tokens = usage.input + usage.output
    url = exchange.request.url
    usd = cost(completion, answering or model, prices=prices, url=url)
    unpriced = "" if usd is not None else _explain_price(completion, answering or model, prices, url)
    return ModelCall(step, at, model, is_answered=True, tokens=tokens, usd=usd, unpriced=unpriced)


def _explain(completion: Completion | None) -> str:
    if completion is None:
        return "nobody here can read its answer"
    if not completion.complete:
        return "its answer broke off, or is not made yet"
    return "its answer does not say; ask for it, as by stream_options"


def _explain_price(completion: Completion, model: str, prices: Prices, url: str) -> str:
    if not completion.complete:
        return f"what {model} cost is not known: its answer broke off"
    if prices.of(model, url) is None:
        return (
            f"no price of {model} is known: give a table that has it, prices= in Python, --prices in a shell"
        )
    return f"what {model} cost is not known: the table has no price for so long a prompt, or for its cache"
