"""Addresses that stand for servers, written and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork.transports.gateway.addresses import point_at, read_address, write_address


@pytest.mark.parametrize(
    "origin", ["https://api.openai.com/v1", "http://127.0.0.1:8000", "https://[::1]:8443/a/b"], ids=str
)
def test_an_address_is_read_as_what_it_was_written_for(origin):
    path = write_address("/key", origin)

    assert read_address(f"{path}/chat?x=%2F") == ("key", f"{origin}/chat?x=%2F")


def test_a_client_that_wants_the_version_in_its_base_url_finds_it():
    base = write_address("", "https://api.anthropic.com")

    assert read_address(f"{base}/messages")[1] == "https://api.anthropic.com/v1/messages"
    assert read_address(f"{base}/messages/count?x=1")[1] == "https://api.anthropic.com/v1/messages/count?x=1"
    assert read_address(f"{base}/v1/messages")[1] == "https://api.anthropic.com/v1/messages"
    assert read_address("/to/https/h.example/messages")[1] == "https://h.example/messages"


def test_node_is_told_to_heed_the_proxy_unless_somebody_has_told_it_otherwise():
    for env, told in (({}, "1"), ({"NODE_USE_ENV_PROXY": "0"}, "0")):
        made = point_at("http://b/key", "http://p", {}, env, overrule=True)
        assert made["NODE_USE_ENV_PROXY"] == told and made["HTTPS_PROXY"] == "http://p"


@given(st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True) | st.sampled_from(["to", "auto", "a/to"]))
def test_any_key_is_read_back(key):
    address = write_address(f"http://h:1/{key}", "https://api.openai.com/v1").removeprefix("http://h:1")

    assert read_address(f"{address}/chat?a=/to/") == (key, "https://api.openai.com/v1/chat?a=/to/")
