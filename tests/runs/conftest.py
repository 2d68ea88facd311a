"""A model, and what asks it."""

from __future__ import annotations

import httpx
import pytest
from chats import URL, Model


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def ask(model):
    client = httpx.Client(transport=httpx.MockTransport(model))

    def ask(*texts, model="small", url=URL):
        body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": t} for t in texts]}
        return client.post(url, json=body).json()["content"][0]["text"]

    return ask


@pytest.fixture
def aask(model):
    client = httpx.AsyncClient(transport=httpx.MockTransport(model.later))

    async def ask(*texts):
        body = {
            "model": "small",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": t} for t in texts],
        }
        return (await client.post(URL, json=body)).json()["content"][0]["text"]

    return ask
