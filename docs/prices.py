"""Makes the table of prices that comes with tracefork, from the package `genai-prices`.

Before a release, in an environment of its own: `pip install genai-prices`, then `python docs/prices.py`. The
package is needed for that alone: the table is data.

A model is taken under its names, and those that the package itself finds it by. What has a price that depends
on more than tokens of text and sound (images, pages, requests, the time of the day) is left out: its cost
stays unknown. Without a host, a name means its maker's price, or else the one that all hosts agree on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tracefork.providers.prices import Price, Prices

TABLE = Path(__file__).parents[1] / "tracefork" / "providers" / "prices.json"

NOTE = (
    "List prices in USD per million tokens of text and sound, in vendors' standard tier, as far as public "
    "sources had them on that day. They change, and yours may be others: check before you rely on a sum."
)

URLS = {
    "anthropic": ["api.anthropic.com"],
    "arcee": ["api.arcee.ai"],
    "avian": ["api.avian.io"],
    "aws": ["bedrock-runtime.*.amazonaws.com"],
    "azure": [
        "*.openai.azure.com",
        "*.azure-api.net",
        "*.cognitiveservices.azure.com",
        "*.services.ai.azure.com",
    ],
    "baseten": ["inference.baseten.co"],
    "cerebras": ["api.cerebras.ai"],
    "cohere": ["api.cohere.com", "api.cohere.ai"],
    "databricks": ["*.cloud.databricks.com/serving-endpoints", "*.azuredatabricks.net/serving-endpoints"],
    "deepseek": ["api.deepseek.com"],
    "fireworks": ["api.fireworks.ai"],
    "github-copilot": ["api.githubcopilot.com"],
    "google": ["*.googleapis.com"],
    "groq": ["api.groq.com"],
    "meta": ["api.meta.ai"],
    "minimax": ["api.minimax.io", "api.minimax.com", "api.minimaxi.com"],
    "mistral": ["api.mistral.ai"],
    "moonshotai": ["api.moonshot.ai", "api.moonshot.cn"],
    "novita": ["api.novita.ai"],
    "openai": ["api.openai.com"],
    "openrouter": ["openrouter.ai", "api.openrouter.ai"],
    "ovhcloud": ["oai.endpoints.kepler.ai.cloud.ovh.net"],
    "perplexity": ["api.perplexity.ai"],
    "together": ["api.together.xyz"],
    "voyageai": ["api.voyageai.com"],
    "writer": ["api.writer.com"],
    "x-ai": ["api.x.ai"],
    "zai": ["api.z.ai"],
    "zhipuai": ["open.bigmodel.cn"],
    **{
        f"huggingface_{name}": [f"router.huggingface.co/{name}"]
        for name in (
            "cerebras fireworks-ai groq hyperbolic nebius novita nscale ovhcloud publicai sambanova together"
        ).split()
    },
}
"""Where each host is found; the package's own patterns are checked against these."""

MAKERS = (
    "anthropic openai google mistral cohere deepseek x-ai voyageai perplexity "
    "moonshotai minimax zai meta arcee writer"
).split()
"""Those whose names of models are known everywhere, in this order."""

UNITS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached",
    "cache_write_mtok": "written",
    "cache_write_1h_mtok": "written_hour",
    "input_audio_mtok": "heard",
    "output_audio_mtok": "spoken",
}
LEFT_OUT = {"cache_audio_read_mtok", "web_searches_kcount", "storage_searches_kcount"}
"""What may have a price of its own without a token being dearer: fees for tools, and sound from a cache."""

PROBED = (
    "claude-2.0 claude-2.1 claude-instant-1.2 claude-3-haiku-20240307 claude-3-opus-20240229 gpt-35-turbo "
    "mistral-tiny mistral-small-latest mistral-large-latest gemini-pro gemini-1.5-pro gemini-1.5-flash"
).split()
"""Spellings that stand in no clause of the package's, which finds a model by them all the same."""

SAME = {"openai": {"davinci:2023-07-21-v2": "davinci-002", "babbage:2023-07-21-v2": "babbage-002"}}
"""Names that answers give to models which are asked for by others."""

MORE: dict[str, dict[str, dict[str, int | float]]] = {
    "aws": {
        "anthropic.claude-v2": {"input": 8, "output": 24},
        "anthropic.claude-v2:1": {"input": 8, "output": 24},
        "anthropic.claude-instant-v1": {"input": 0.8, "output": 2.4},
        "meta.llama2-13b-chat-v1": {"input": 0.75, "output": 1},
        "meta.llama2-70b-chat-v1": {"input": 1.95, "output": 2.56},
        "ai21.j2-mid-v1": {"input": 12.5, "output": 12.5},
    },
    "cohere": {
        name: {"input": 0.1, "output": 0}
        for language in ("english", "multilingual")
        for name in (f"embed-{language}-v3.0", f"embed-{language}-light-v3.0")
    },
    "writer": {
        "palmyra-x4": {"input": 2.5, "output": 10},
        "palmyra-x5": {"input": 0.6, "output": 6},
    },
}
"""Published list prices of models that the package does not have, or not any more."""

REGIONS = ("", "us.", "eu.", "apac.", "global.", "jp.", "au.", "us-gov.", "ca.", "in.")


def make(day: date) -> dict[str, Any]:
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415

    kept: list[dict[str, Any]] = []
    hosts: dict[str, Any] = {}
    for provider in get_snapshot().providers:
        if provider.id not in URLS:
            continue
        models: dict[str, int] = {}
        for model in provider.models:
            price = read_price(model.prices, day)
            if price is None:
                continue
            if price not in kept:
                kept.append(price)
            for name in list_names(provider, model):
                if name.endswith(":free") or price["input"] or price["output"]:
                    models.setdefault(name, kept.index(price))
        for name, same in SAME.get(provider.id, {}).items():
            models[name] = models[same]
        others = [name for name in provider.fallback_model_providers or () if name in URLS]
        hosts[provider.id] = {
            "urls": URLS[provider.id],
            **({"others": others} if others else {}),
            "models": dict(sorted(models.items())),
        }
    for host, more in MORE.items():
        known = hosts.setdefault(host, {"urls": URLS[host], "models": {}})["models"]
        for name, price in more.items():
            if price not in kept:
                kept.append(price)
            known.setdefault(name, kept.index(price))
        hosts[host]["models"] = dict(sorted(known.items()))
    return {
        "as_of": day.isoformat(),
        "source": f"genai-prices {version('genai-prices')}, https://github.com/pydantic/genai-prices; "
        "of some retired models, the vendors' own last lists",
        "licence": "MIT, Copyright (c) Pydantic Services Inc. 2025 to present",
        "note": NOTE,
        "prices": kept,
        "models": dict(sorted(agree(hosts).items())),
        "hosts": hosts,
    }


def agree(hosts: dict[str, Any]) -> dict[str, int]:
    """The prices that names mean where no host is known: their maker's, or what all hosts ask."""
    found: dict[str, int] = {}
    for maker in MAKERS:
        for name, price in hosts[maker]["models"].items():
            found.setdefault(name, price)
    makers = Prices(date.today(), dict.fromkeys(found, Price(Decimal(0), Decimal(0))))  # noqa: DTZ011
    others: dict[str, set[int]] = {}
    for name, price in ((n, p) for host in hosts.values() for n, p in host["models"].items()):
        if makers.of(name) is None:
            others.setdefault(name, set()).add(price)
    return {name: prices.pop() for name, prices in others.items() if len(prices) == 1} | found


def read_price(given: Any, day: date) -> dict[str, Any] | None:
    """The price that holds on `day`, in our form; None if it takes more than tokens to tell it."""
    prices = given
    if isinstance(given, list):
        if any(getattr(one.constraint, "start_time", None) is not None for one in given):
            return None  # it depends on the time of the day
        prices = [one for one in given if one.constraint is None or one.constraint.start_date <= day][
            -1
        ].prices
    amounts = {key: value for key, value in vars(prices).items() if value is not None}
    if amounts.keys() - UNITS.keys() - LEFT_OUT or "input_mtok" not in amounts:
        return None
    amounts = {UNITS[key]: value for key, value in amounts.items() if key in UNITS}
    amounts.setdefault("output", Decimal(0))
    starts = sorted({tier.start for value in amounts.values() for tier in getattr(value, "tiers", ())})
    return spell(amounts, [0, *starts])


def spell(amounts: dict[str, Any], starts: list[int]) -> dict[str, Any]:
    start, *longer = starts
    row: dict[str, Any] = {key: number(at(value, start)) for key, value in amounts.items()}
    return row | ({"upto": longer[0], "above": spell(amounts, longer)} if longer else {})


def at(value: Any, start: int) -> Decimal:
    """The amount for prompts of more tokens than `start`."""
    tiers = [tier.price for tier in getattr(value, "tiers", ()) if tier.start <= start]
    base: Decimal = getattr(value, "base", value)
    return tiers[-1] if tiers and start else base


def number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def list_names(provider: Any, model: Any) -> Iterator[str]:
    """Every name under which the package finds this very model, of those that stand in its clauses."""
    texts = {model.id, *list_texts(model.match), *PROBED}
    if provider.id == "aws":
        bare = {text.removeprefix("regional.").removeprefix("global.") for text in texts}
        texts |= {region + text for text in bare for region in REGIONS}
    for text in sorted(texts):
        name = text.removeprefix("regional.").rstrip("@-")
        if name and name[0].isalnum() and name[-1].isalnum() and provider.find_model(name.lower()) is model:
            yield name.lower()
            if name != name.lower():
                yield name


def list_texts(clause: Any) -> Iterator[str]:
    for inner in getattr(clause, "or_", None) or getattr(clause, "and_", None) or ():
        yield from list_texts(inner)
    for kind in ("equals", "starts_with", "ends_with", "contains"):
        if isinstance(text := getattr(clause, kind, None), str):
            yield text


def write(table: dict[str, Any]) -> str:
    """JSON with a price, and a host's model, a line each, so that a release shows what has changed."""
    head = {key: value for key, value in table.items() if key not in ("prices", "models", "hosts")}
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    rows = ",\n".join(f"  {json.dumps(one)}" for one in table["prices"])
    hosts = ",\n".join(
        f"  {json.dumps(name)}: "
        + json.dumps({key: value for key, value in host.items() if key != "models"})[:-1]
        + f', "models": {spell_models(host["models"], "   ")}}}'
        for name, host in table["hosts"].items()
    )
    return "\n".join(
        [
            "{",
            *lines,
            f' "prices": [\n{rows}\n ],',
            f' "models": {spell_models(table["models"], "  ")},',
            f' "hosts": {{\n{hosts}\n }}',
            "}\n",
        ]
    )


def spell_models(models: dict[str, int], pad: str) -> str:
    return (
        "{\n" + ",\n".join(f"{pad}{json.dumps(name)}: {n}" for name, n in models.items()) + f"\n{pad[1:]}}}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--as-of", type=date.fromisoformat, default=date.today())  # noqa: DTZ011
    TABLE.write_text(write(make(parser.parse_args().as_of)))
