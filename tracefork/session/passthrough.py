"""Calls that are none of the agent's: patterns of methods, hosts and paths. Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache

from attrs import frozen

COLLECTORS = ("localhost", "127.0.0.1", "*otel*", "*collector*")
"""Hosts of collectors that one runs oneself, as OpenTelemetry's and Datadog's exporters find them."""

LOOKUPS = (
    "GET huggingface.co/api/agent-harnesses",
    "GET openaipublic.blob.core.windows.net/encodings/*",
)
"""What libraries fetch once and keep in a file: huggingface_hub who runs it, tiktoken its vocabularies.

Whether it is asked depends on the machine and not on the agent, so that it is in no run.
"""

TELEMETRY = (
    *LOOKUPS,
    "POST *.posthog.com/batch*",
    "POST *.posthog.com/capture*",
    "POST *.posthog.com/e/*",
    "POST *.posthog.com/i/v0/e*",
    "POST *.posthog.com/s/*",
    "POST *.sentry.io/api/*/envelope*",
    "POST *.sentry.io/api/*/store*",
    "POST *.langfuse.com/api/public/ingestion*",
    "POST *.langfuse.com/api/public/otel/v1/*",
    "POST *.smith.langchain.com/runs",
    "POST *.smith.langchain.com/runs/batch",
    "POST *.smith.langchain.com/runs/multipart",
    "PATCH *.smith.langchain.com/runs/*",
    "POST *.smith.langchain.com/otel/v1/*",
    "POST *.datadoghq.com/api/v2/logs",
    "POST *.datadoghq.com/api/v?/series",
    "POST *.datadoghq.com/api/beta/sketches*",
    "POST *.datadoghq.com/api/v1/check_run*",
    "POST *.datadoghq.com/api/v1/distribution_points*",
    "POST *-intake.*.datadoghq.com/*",
    "POST *-intake.datadoghq.com/*",
    "POST *.honeycomb.io/1/events/*",
    "POST *.honeycomb.io/1/batch/*",
    "POST *.honeycomb.io/v1/traces",
    "POST *.honeycomb.io/v1/metrics",
    "POST *.honeycomb.io/v1/logs",
    "POST *.segment.io/v1/*",
    "POST *.traceloop.com/v1/traces*",
    "POST *.traceloop.com/v1/metrics*",
    "POST *.traceloop.com/v1/logs*",
    "POST logfire-*.pydantic.dev/v1/*",
    "POST api.openai.com/v1/traces/*",
    "POST telemetry.crewai.com/*",
    "POST *.agno.com/*telemetry*",
    "POST *.mixpanel.com/track*",
    "POST *.mixpanel.com/engage*",
    "POST *.amplitude.com/2/httpapi",
    "POST *.amplitude.com/batch",
    "POST api.rollbar.com/api/1/item*",
    *(f"POST {host}/v1/{kind}" for host in COLLECTORS for kind in ("traces", "metrics", "logs")),
    *(f"PUT {host}/v0.?/{kind}" for host in COLLECTORS for kind in ("traces", "stats")),
    *(f"POST {host}/telemetry/proxy/*" for host in COLLECTORS),
)
"""What exporters send that report on an agent rather than serve it, and LOOKUPS.

What an agent reads at an exporter's is its own.
"""


@frozen
class Pattern:
    """Calls of one kind. An empty `method` stands for all of them, an empty `path` too."""

    method: str
    host: str
    path: str

    def is_at(self, host: str) -> bool:
        """True if calls of this kind may go to `host`."""
        return fnmatchcase(host, self.host)

    def takes(self, method: str, host: str, path: str) -> bool:
        """True if a call of `method` to `path` (with its slash, or without) at `host` is one of these."""
        return (
            self.method in ("", method.upper())
            and self.is_at(host)
            and fnmatchcase(path.removeprefix("/"), self.path or "*")
        )

    def takes_all_of(self, host: str) -> bool:
        """True if whatever goes to `host` is one of these: all that can be asked of a connection."""
        return not self.method and self.path in ("", "*") and self.is_at(host)


@lru_cache(maxsize=256)
def pattern(text: str) -> Pattern:
    """Return the pattern that `"POST host/path"` is; method and path may be left out.

    Raises:
        ValueError: there is no host in it.
    """
    method, _, place = text.strip().rpartition(" ")
    host, _, path = place.partition("/")
    if not host or not (method == "" or method.isalpha()):
        raise ValueError(f'passthrough= takes "host/path" or "POST host/path", not {text!r}')
    return Pattern(method.upper(), host.lower(), path)


@lru_cache(maxsize=1_000)
def select(texts: tuple[str, ...], host: str) -> tuple[Pattern, ...]:
    """The patterns of these that say something of `host`: most calls, and most runs, are to the same few."""
    return tuple(one for one in map(pattern, texts) if one.is_at(host))
