"""Where botocore looks for credentials over the network, from metadata services, STS or SSO.

That is none of the agent's calls. While a run may go live it is done, aside: what is found is secret, and
on no tape. In a replay nothing is looked up: signatures are no part of a question, so that credentials
which open nothing serve as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.credentials import CredentialResolver, Credentials, RefreshableCredentials

from ..host.patching import Target
from ..runtime import lanes
from ..session.current import current
from ._ways import inside, unreachable

NOTHING = Credentials("none", "none", "none", method="replay")


def targets() -> Iterator[Target]:
    """Return what of the library is replaced while a run is in progress."""
    yield CredentialResolver, "load_credentials", _load
    yield RefreshableCredentials, "_protected_refresh", _look_up
    yield RefreshableCredentials, "get_frozen_credentials", _freeze


def _load(original: Any, resolver: Any) -> Any:
    return _look_up(original, resolver) or (NOTHING if _is_cut_off() else None)


def _freeze(original: Any, credentials: Any) -> Any:
    if _is_cut_off() and credentials.refresh_needed():  # they stay as they are: they may outlive the run
        return NOTHING.get_frozen_credentials()
    return original(credentials)


def _look_up(original: Any, *args: Any, **kwargs: Any) -> Any:
    run = current()
    if run is None or run.is_aside():
        return original(*args, **kwargs)
    if _is_cut_off():
        with unreachable():
            return original(*args, **kwargs)
    with lanes.aside(), inside():
        return original(*args, **kwargs)


def _is_cut_off() -> bool:
    """True in a replay that stays one."""
    run = current()
    return run is not None and not (run.is_aside() or run.live or run.state.script.goes_live)
