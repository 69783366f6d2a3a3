"""What the ledger tells of the last requests: what arrived, decoded, within bounds."""

import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.demo.ledger import MOST_TOLD, REMEMBERED, Ledger, arrival
from tests.demo.conftest import Demo


@given(st.binary(max_size=200), st.sampled_from(["", "identity", "gzip", "GZIP", "deflate", "br"]))
def test_nonsense_is_told_as_nothing_or_as_json(raw: bytes, encoding: str) -> None:
    json.dumps(arrival("POST", "/v1/x", raw, encoding).told())


@pytest.mark.parametrize(("pack", "encoding"), [(bytes, ""), (gzip.compress, "gzip"), (zlib.compress, "deflate")])
def test_a_body_is_unpacked_within_bounds(pack, encoding: str) -> None:
    def told(text: str) -> object:
        return arrival("POST", "/v1/x", pack(json.dumps(text).encode()), encoding).told()["body"]

    assert told("hello") == "hello"
    assert told("x" * (MOST_TOLD - 2)) is not None
    assert told("x" * MOST_TOLD) is None


def test_only_the_last_requests_are_told() -> None:
    ledger = Ledger()
    for number in range(REMEMBERED + 5):
        ledger.arrived(arrival("POST", "/v1/x", str(number).encode(), ""), {}, "")
    assert [one["body"] for one in ledger.told()["last_requests"]] == list(range(5, REMEMBERED + 5))
    ledger.reset()
    assert ledger.told() == Ledger().told()


async def test_what_arrived_is_told(demo: Demo) -> None:
    body = {"model": "demo-small", "messages": [{"role": "user", "content": "say 2 words"}]}
    await demo.post("/v1/chat/completions?x=1", body)
    await demo.openai.models.list()
    await demo.post("/v1/messages", body)
    told = (await demo.ledger())["last_requests"]
    assert told == [
        {"method": "POST", "path": "/v1/chat/completions?x=1", "body": body},
        {"method": "GET", "path": "/v1/models", "body": None},
        {"method": "POST", "path": "/v1/messages", "body": body},
    ]
