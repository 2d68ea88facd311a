"""The recording of a planted run, its agent, and the server of its model."""

from __future__ import annotations

import pytest
from attribution.planting import STEPS, world

from tracefork.validation.planted import PlantedAgent, recorded


@pytest.fixture(scope="module")
def planted():
    tape, server = recorded(world())
    with server:
        yield tape, PlantedAgent(server.url, STEPS), server
