"""What every dialect of the catalogue keeps to."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.enforcement import Fault, Reason
from proxy.core.facts import GENERATES
from proxy.core.quota import Denial, Meter, Unit
from proxy.dialects import CATALOGUE, logits, routing
from proxy.dialects.base import Tally
from proxy.errors import CallerError
from tests.support.claims import ALL, REQUESTS, TOKENS

dialects = pytest.mark.parametrize("dialect", CATALOGUE, ids=lambda dialect: dialect.name)
readers = pytest.mark.parametrize(
    ("dialect", "route"),
    [(d, r) for d in CATALOGUE for r in d.routes if r.operation in GENERATES],
    ids=lambda value: getattr(value, "name", ""),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = ["model", "stream", "max_tokens", "max_completion_tokens", "max_output_tokens", "n", "best_of", "stream_options", "prompt", "x"]
keys = st.sampled_from([*names, "include", *sorted(logits.KEYS)])
bodies = st.dictionaries(keys, json_values, max_size=6).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)


@dialects
@given(body=bodies)
def test_any_body_is_read_or_refused_as_the_callers_fault(dialect, body):
    for route in dialect.routes:
        try:
            ask = dialect.read(route, body)
        except CallerError as error:
            assert 400 <= error.status < 500
        else:
            assert ask.choices >= 1
            assert ask.output_cap is None or ask.output_cap >= 0


@dialects
@given(body=bodies)
def test_any_answer_can_be_looked_at(dialect, body):
    assert isinstance(dialect.read_whole(body), Tally)
    dialect.read_event(Tally(), b"data: " + body + b"\n\n")
    dialect.without_usage(b"data: " + body + b"\n\n")


@readers
def test_governed_keys_stand_once(dialect, route):
    for body in (b'{"model":"a","model":"b"}', b'{"model":"a","mod\\u0065l":"b"}', b'{"Model":"a"}', b'{"model":"a","STREAM":true}'):
        with pytest.raises(CallerError):
            dialect.read(route, body)


@readers
def test_the_same_words_inside_a_text_are_no_duplicate(dialect, route):
    body = json.dumps(
        {"model": "a", "messages": [{"role": "user", "content": 'say "model": "b", {"model":1}'}], "x": {"model": 1}}
    ).encode()
    assert dialect.read(route, body).model == "a"


@readers
@pytest.mark.parametrize("cap", [b"-1", b"1e400", b"99999999999999999999", b'"5"', b"true", b"[]", b"1.5"])
def test_absurd_numbers_are_refused(dialect, route, cap):
    name = b"max_output_tokens" if dialect.name == "openai_responses" else b"max_tokens"
    with pytest.raises(CallerError):
        dialect.read(route, b'{"model":"a","%b":%b}' % (name, cap))


@dialects
def test_a_refusal_is_one_document_for_programs_and_people(dialect):
    meter = Meter(TOKENS, 290, 12.3)
    fault = Fault(Reason.QUOTA, 429, "Reference: sg_1.", "sg_1", retry_after=12.9, retry=False, denial=Denial(meter, 50, (meter,)))
    headers, body = dialect.error(fault)
    found, fields = json.loads(body), dict(headers)
    assert fields["Retry-After"] == "13"
    assert fields["x-should-retry"] == "false"
    assert found["status"] == 429
    assert found["quota"] == {"unit": "tokens", "limit": 600, "window": "minute", "used": 290, "requested": 50, "frees_in": 12.3}
    for words in ("600 tokens per minute", "used 290", "requested 50 tokens", "12.3s", "sg_1"):
        assert words in found["error"]["message"]


@dialects
def test_limit_headers_show_the_ietf_pair_and_the_providers_own(dialect):
    meters = tuple(Meter(quota, 1, 1.5) for quota in ALL)
    fields = dict(dialect.limit_headers(meters, 1_900_000_000.0))
    assert '"requests/minute";q=6;w=60' in fields["RateLimit-Policy"]
    assert '"requests/minute";r=5;t=2' in fields["RateLimit"]
    own = "anthropic-ratelimit-requests-remaining" if dialect.provider == "anthropic" else "x-ratelimit-remaining-requests"
    assert fields[own] == str(REQUESTS.burst - 1)
    assert dialect.limit_headers((), 0.0) == ()
    assert Unit.IN_FLIGHT.value in fields["RateLimit"]


@pytest.mark.parametrize("path", [
    "/v1/../models", "/v1//models", "/v1/%2e%2e/models", "/v1/responses/a%2fb", "/v1/models%00", "/v1\\models", "v1/models",
    "/v1/models/%252e", "/v1/models;x",
])  # fmt: skip
def test_a_path_with_two_meanings_matches_nothing(path):
    assert routing.find("GET", path, ()) is None
    assert routing.normalised(path) is None


def test_models_are_listed_in_the_callers_dialect():
    for path in ("/v1/models", "/models"):
        found = [routing.find("GET", path, headers) for headers in ((), (("Anthropic-Version", "2023-06-01"),))]
        assert [match and match[0].provider for match in found] == ["openai", "anthropic"]
