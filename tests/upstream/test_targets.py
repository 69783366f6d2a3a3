"""Where a request goes: only ever to the operator's upstream, whatever the request says."""

import pytest
from yarl import URL

from proxy.gateway.ports import Dispatch
from proxy.upstream.targets import Target


def dispatch(path: str, query: str = "", **parts) -> Dispatch:
    whole = {"method": "POST", "headers": (("X-One", "1"),), "body": None, "model": "m", "dialect": "openai_chat", "idle": 1.0}
    return Dispatch(path=path, query=query, **(whole | parts))


@pytest.mark.parametrize(
    ("base", "path", "query", "there"),
    [
        ("http://up:1", "/v1/chat/completions", "", "http://up:1/v1/chat/completions"),
        ("http://up:1/", "/chat/completions", "", "http://up:1/chat/completions"),
        ("http://up:1/v1", "/v1/models", "", "http://up:1/v1/models"),
        ("http://up:1/v1/", "/models", "", "http://up:1/v1/models"),
        ("http://up:1/api/v1", "/v1/models/a%2Fb", "beta=true&x=%20", "http://up:1/api/v1/models/a%2Fb?beta=true&x=%20"),
        ("https://up/openai", "/v1/models", "a=b+c", "https://up/openai/v1/models?a=b+c"),
    ],
)
def test_paths_and_queries_arrive_as_sent(base: str, path: str, query: str, there: str) -> None:
    assert str(Target(URL(base)).address(dispatch(path, query))) == there


@pytest.mark.parametrize("path", ["//evil.example/v1/models", "/@evil.example", "/\\evil.example", "/v1/..%2f..%2fevil"])
def test_no_path_can_change_the_host(path: str) -> None:
    assert Target(URL("http://up:1")).address(dispatch(path)).authority == "up:1"


@pytest.mark.parametrize(
    ("auth", "dialect", "field"),
    [
        ("", "openai_chat", ("Authorization", "Bearer secret")),
        ("", "anthropic_messages", ("x-api-key", "secret")),
        ("bearer", "anthropic_messages", ("Authorization", "Bearer secret")),
        ("none", "openai_chat", None),
    ],
)
def test_the_operators_credential_is_sent_as_the_provider_wants_it(auth: str, dialect: str, field) -> None:
    headers = Target(URL("http://up"), "secret", auth).authorise(dispatch("/", dialect=dialect))
    assert headers == ((("X-One", "1"), field) if field else (("X-One", "1"),))


def test_a_callers_own_credential_goes_alone() -> None:
    headers = Target(URL("http://up"), "secret").authorise(dispatch("/", own_credential=True))
    assert headers == (("X-One", "1"),)


def test_targets_are_chosen_by_model_and_path_and_hide_their_secrets() -> None:
    target = Target(URL("http://user:pw@up:1"), "secret", models=("large-*",), paths=("/v1/*",))
    assert target.serves(dispatch("/v1/chat/completions", model="large-2"))
    assert not target.serves(dispatch("/v1/chat/completions", model="small"))
    assert target.serves(dispatch("/%76%31/chat/completions", model="large-2")), "as routes are matched: decoded once"
    assert not target.serves(dispatch("/%2fv1/x", model="large-2"))
    assert not target.serves(dispatch("/other", model="large-2"))
    assert "secret" not in repr(target)
    assert "pw" not in repr(target)
