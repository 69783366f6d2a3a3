"""Recorded exchanges: every line is one record, and a request keeps its bytes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.facts import Account, Usage
from proxy.learning.observe import Client
from proxy.replay.trace import Exchange, Unread, parsed
from tests.support.traces import START, encoded, recorded, sketched


def exchange(line: dict[str, Any] | bytes) -> Exchange:
    found = parsed(0, line if isinstance(line, bytes) else encoded(line))
    assert isinstance(found, Exchange), found
    return found


def why(line: dict[str, Any] | bytes) -> str:
    found = parsed(7, line if isinstance(line, bytes) else encoded(line))
    assert isinstance(found, Unread), found
    assert found.index == 7
    return found.why


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_line_raises(line: bytes) -> None:
    assert parsed(3, line).index == 3


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["time", "account", "request", "usage", "client", "account_facts", "status", "x"]), inner)))  # fmt: skip
def test_no_json_raises(value: Any) -> None:
    parsed(0, json.dumps(value).encode())


def test_what_a_line_says() -> None:
    facts = {"created": 12.5, "tier": "enterprise", "organization": "acme", "payment": "pf_1", "verified": True, "program": "startup"}
    found = exchange(recorded("ann", 9.0, account_facts=facts, dialect="anthropic_messages", status=529))
    assert found.account == Account("ann", "acme", "enterprise", created=12.5, verified=True, programme="startup", payment="pf_1")
    assert found.client == Client("192.0.2.7", "tests/1", "t13", "h1")
    assert (found.at, found.dialect, found.model, found.status) == (START + 9.0, "anthropic_messages", "demo-small", 529)
    assert found.usage == Usage(10, 20, reasoning=5)


def test_an_account_without_an_organization_is_its_own() -> None:
    assert exchange(recorded("ann")).account.organization == "ann"


def test_a_request_keeps_its_bytes() -> None:
    body = b'{ "model" :"m","messages":[ {"role":"user","content":"\\u00fc \xc3\xbc"}]}'
    assert exchange(b'{"time": 1, "account": "a", "request": ' + body + b', "later": [1]}').request == body


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "Expected `object`, got `array`"),
        (b'{"account": "a"}', "Object missing required field `time`"),
        (b'{"time": 1}', "Object missing required field `account`"),
        (b'{"time": 1, "account": ""}', "names no account"),
        (b'{"time": "noon", "account": "a"}', "Expected `float`, got `str` - at `$.time`"),
        (b'{"time": 1788739200000, "account": "a"}', "its time is not in seconds since the epoch"),
        (b'{"time": -1, "account": "a"}', "its time is not in seconds since the epoch"),
        (b'{"time": 1, "account": "a", "usage": {"input_tokens": "many"}}', "Expected `int`, got `str` - at `$.usage.input_tokens`"),
        (b'{"time": 1, "account": "a", "request": ' + b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_why_a_line_is_no_exchange(line: bytes, said: str) -> None:
    assert why(line) == said


def test_a_broken_line_keeps_its_account_where_that_can_be_told() -> None:
    assert parsed(0, b'{"time":1,"account":"ann","request":{') == Unread(0, "ann", "is not JSON")
    assert parsed(0, encoded(recorded("ann") | {"time": None})).account == "ann"


def test_no_word_of_a_request_is_told() -> None:
    for line in (b'{"time":1,"account":"a","status":"CANARY"}', b'{"time":1,"account":"a","request":{"x":"CANARY"', b"CANARY"):
        assert "CANARY" not in why(line)


def test_a_sketch_is_an_exchange_without_text() -> None:
    facts = {"organization": "acme", "tier": "team", "verified": True, "program": "startup", "created": 5.0}
    line = sketched(recorded("ann", 9.0, "CANARY", account_facts=facts))
    assert "CANARY" not in str(line)
    found = exchange(line)
    assert found.account == Account("ann", "acme", "team", created=5.0, verified=True, programme="startup")
    assert (found.at, found.dialect, found.model, found.request, found.status) == (START + 9.0, "openai_chat", "demo-small", b"", 200)
    assert found.seen is not None


@pytest.mark.parametrize("torn", ["", "!", "AAAA", "ü"])
def test_a_sketch_that_cannot_be_read(torn: str) -> None:
    line = sketched(recorded())
    assert why(line | {"observation": torn + line["observation"][8:]}) == "has an observation that cannot be read"


def test_a_sketch_of_another_exchange_is_none_of_this_one() -> None:
    line = sketched(recorded())
    for other in ({"account": "bob"}, {"time": 5.0}):
        assert why(line | other) == "has an observation of another exchange"


def test_counts_are_kept_within_reason() -> None:
    found = exchange(recorded(usage={"input_tokens": -5, "output_tokens": 10**15}))
    assert found.usage == Usage(0, 10_000_000)
