"""The command that records agents which are started elsewhere."""

from __future__ import annotations

import json
import os
import signal
import threading
from typing import Annotated, Any

import typer

from ..errors import TraceforkError
from ..runs.standing import IDLE, open_standing
from ..session.session import Session
from ..transports.gateway.addresses import find_origins, write_address
from . import options
from .app import RUNS, Json, Store, err, escape, plural, print_plain
from .stores import open_store

commands = typer.Typer()

_SHOWN = ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "MISTRAL_BASE_URL")


@commands.command()
@options.take("allow", "passthrough", "ignore", "max_body")
def gateway(
    port: Annotated[int, typer.Option(help="Where it listens; 0 is any port that is free.")] = 8899,
    idle: Annotated[
        float, typer.Option(help="Seconds without a question after which a run has ended.", min=0.1)
    ] = IDLE,
    store: Store = RUNS,
    json_: Json = False,
    *,
    chosen: dict[str, Any],
) -> None:
    """Record agents that are started elsewhere, in any language, until it is interrupted.

    Give them the addresses that are printed as their base URLs. Each process that asks gets a run of its own;
    a header x-tracefork-run, or NAME/ before `to/` in the address, names one. A run ends with its process, or
    once nothing was asked for a while.
    """

    def tell(run: Session, failed: TraceforkError | None) -> None:
        if json_:
            _print_line({"run": run.run_id, "exchanges": len(run.tape), "failed": failed and str(failed)})
        else:
            err.print(f"[dim]{plural(len(run.tape), 'exchange')} in run[/] {escape(run.run_id)}")
        if failed is not None:
            err.print(escape(failed))

    stop = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        with (
            open_store(store, create=True) as kept,
            open_standing(kept, port, idle=idle, ended=tell, **chosen) as opened,
        ):
            origins = find_origins(os.environ)
            addresses = {name: write_address(opened.base, origins[name]) for name in _SHOWN}
            if json_:
                _print_line({"base": opened.base, "addresses": addresses})
            else:
                for name, address in addresses.items():
                    print_plain(f"export {name}={address}")
                err.print(f"[dim]any other server:[/] {escape(opened.base)}/to/https/HOST/PATH")
                err.print(f"[dim]runs are kept in {escape(store)}; Ctrl-C ends them all[/]")
            stop.wait()
    except KeyboardInterrupt:
        err.print("[dim]ended[/]")
    finally:
        signal.signal(signal.SIGTERM, before)


def _print_line(value: dict[str, Any]) -> None:
    """Print JSON on a line of its own: these are told one after another."""
    print(json.dumps(value), flush=True)
