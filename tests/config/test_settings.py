"""Process settings: who outranks whom, what a typing mistake says, and that no secret is ever in a message."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from proxy.config.settings import Settings, Upstream, load, shipped_policy
from proxy.errors import ConfigError

CANARY = "sk-canary-0123456789abcdef"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("STILLGATE_"):
            monkeypatch.delenv(name)


def file(folder: Path, text: str) -> dict[str, str]:
    path = folder / "settings.yaml"
    path.write_text(text)
    return {"settings_file": str(path)}


def test_the_defaults_start_without_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    settings = load({})
    assert (settings.listen, settings.admin, settings.store) == ("127.0.0.1:8080", "127.0.0.1:8081", "")
    assert (settings.workers, settings.drain, settings.max_body, settings.upstreams) == (1, 30.0, 64 << 20, ())
    assert settings.state_dir == Path("/somewhere/stillgate")
    assert settings.policy == shipped_policy()
    assert settings.policy.is_file()
    assert settings.seal_keys is None


def test_flags_outrank_the_environment_that_outranks_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = file(tmp_path, "listen: 127.0.0.1:1\nworkers: 2\ndrain: 3\n")
    assert (load(flags).listen, load(flags).workers, load(flags).drain) == ("127.0.0.1:1", 2, 3.0)
    monkeypatch.setenv("STILLGATE_LISTEN", "127.0.0.1:4")
    monkeypatch.setenv("STILLGATE_WORKERS", "5")
    settings = load(flags | {"listen": "127.0.0.1:6"})
    assert (settings.listen, settings.workers, settings.drain) == ("127.0.0.1:6", 5, 3.0)


def test_the_settings_file_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLGATE_SETTINGS", file(tmp_path, "workers: 7")["settings_file"])
    assert load({}).workers == 7


def test_each_value_is_taken_whole_from_one_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = file(tmp_path, "otlp_headers: {a: one, b: two}\nupstreams: [{url: https://a.example.com}, {url: https://b.example.com}]")
    monkeypatch.setenv("STILLGATE_OTLP_HEADERS", "c=three, d=x=y")
    settings = load(flags | {"upstream": "https://c.example.com"})
    assert {name: value.get_secret_value() for name, value in settings.otlp_headers.items()} == {"c": "three", "d": "x=y"}
    assert [upstream.url for upstream in settings.upstreams] == ["https://c.example.com"]


def test_the_shorthand_of_one_upstream_takes_its_credential_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLGATE_UPSTREAM_API_KEY", CANARY)
    assert load({}).upstreams == ()
    settings = load({"upstream": "https://api.example.com/v1"})
    assert settings.upstreams == (Upstream(url="https://api.example.com/v1", api_key=SecretStr(CANARY)),)
    assert settings.with_upstream("http://127.0.0.1:9").upstreams == (Upstream(url="http://127.0.0.1:9"),)


def test_several_upstreams_from_the_file(tmp_path: Path) -> None:
    flags = file(
        tmp_path,
        f"""
upstreams:
  - {{url: "https://a.example.com", api_key: "{CANARY}", auth: x-api-key, models: claude-*, connect: 3}}
  - {{url: "https://b.example.com", headers: {{X-Team: blue}}, paths: ["/v1/files*"]}}
""",
    )
    first, second = load(flags).upstreams
    assert (first.api_key.get_secret_value(), first.auth, first.models, first.connect) == (CANARY, "x-api-key", ("claude-*",), 3.0)
    assert (second.headers, second.paths) == ({"X-Team": "blue"}, ("/v1/files*",))


def test_a_relative_path_in_the_file_is_beside_the_file(tmp_path: Path) -> None:
    settings = load(file(tmp_path, "policy: policies/p.yaml\nstate_dir: ~/state\nseal_keys: keys.txt"))
    assert settings.seal_keys == tmp_path / "keys.txt"
    assert settings.policy == tmp_path / "policies" / "p.yaml"
    assert settings.state_dir == Path.home() / "state"
    assert load({"state_dir": "state"}).state_dir == Path.cwd() / "state", "the embedded store works in a directory of its own"
    assert load({"policy": "p.yaml"}).policy == Path("p.yaml")


def test_the_file_of_seal_keys_is_named_like_any_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLGATE_SEAL_KEYS", "~/keys")
    assert load({}).seal_keys == Path.home() / "keys"
    assert load({"seal_keys": "mine"}).seal_keys == Path("mine")


def test_secrets_may_come_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("UPSTREAM_API_KEY", CANARY), ("SECRET", "s" * 20), ("STORE", "redis://:pw@host:1/0")):
        (tmp_path / name).write_text(text + "\n")
        monkeypatch.setenv(f"STILLGATE_{name}_FILE", str(tmp_path / name))
    settings = load({"upstream": "https://a.example.com"})
    assert settings.upstreams[0].api_key.get_secret_value() == CANARY
    assert (settings.secret.get_secret_value(), settings.store) == ("s" * 20, "redis://:pw@host:1/0")
    monkeypatch.setenv("STILLGATE_SECRET", "t" * 20)
    with pytest.raises(ConfigError, match="STILLGATE_SECRET_FILE and STILLGATE_SECRET say the same"):
        load({})


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("STILLGATE_LISTN", "STILLGATE_LISTEN"),
        ("STILLGATE_UPSTREAM_APIKEY", "STILLGATE_UPSTREAM_API_KEY"),
        ("STILLGATE_SETTING", "STILLGATE_SETTINGS"),
        ("STILLGATE_SECRETFILE", "STILLGATE_SECRET_FILE"),
        ("stillgate_workrs", "STILLGATE_WORKERS"),
    ],
)
def test_a_mistyped_variable_is_an_error(monkeypatch: pytest.MonkeyPatch, variable: str, meant: str) -> None:
    monkeypatch.setenv(variable, CANARY)
    with pytest.raises(ConfigError, match=f"unknown environment variable '{variable}'; did you mean '{meant}'") as error:
        load({})
    assert CANARY not in str(error.value)


def test_what_kubernetes_sets_beside_a_service_of_our_name_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8080_TCP", "PORT_8080_TCP_ADDR", "ADMIN_SERVICE_HOST"):
        monkeypatch.setenv(f"STILLGATE_{name}", "tcp://10.0.0.1:8080")
    assert load({}).listen == "127.0.0.1:8080"


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UPSTREAM", "UPSTREAM_API_KEY", "STORE", "WORKERS", "SECRET_FILE", "SETTINGS"):
        monkeypatch.setenv(f"STILLGATE_{name}", "")
    assert load({}).workers == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("worker: 3", "settings.yaml:1:1: unknown key 'worker'; did you mean 'workers'?"),
        (
            "upstreams:\n  - url: https://x\n    api_keys: CANARY",
            "settings.yaml:3:5: upstreams[0]: unknown key 'api_keys'; did you mean 'api_key'?",
        ),
        ("upstreams:\n  - url: https://user:CANARY@x", "settings.yaml:2:10: upstreams[0].url: must be a URL without credentials"),
        ("upstreams: [{url: 'CANARY'}]", "must be a URL that begins with http"),
        ("upstreams: [{url: https://x, auth: CANARY}]", "upstreams[0].auth: must be one of bearer, x-api-key, none"),
        ("upstreams: [{url: https://x, headers: {'CANARY: b': x}}]", "is not the name of a header field"),
        ('upstreams: [{url: https://x, headers: {a: "CANARY\\r\\nb"}}]', "control character"),
        ("upstream: CANARY", "settings.yaml:1:11: upstreams[0].url: must be a URL"),
        ("upstream: https://x\nupstreams: []", "'upstream' and 'upstreams' say the same"),
        ("upstreams: [{url: https://x}, {url: https://y}]\nupstream_api_key: CANARY", "is for one upstream"),
        ("store: memcached://CANARY@x", "settings.yaml:1:8: store: must be a URL that begins with redis://"),
        ("store: CANARY", "store: must be a URL"),
        ("otlp_headers: CANARY", "must be name=value"),
        ("otlp_headers: {authorization: [CANARY]}", "settings.yaml:1:31: otlp_headers"),
        ("secret: !CANARY", "a tag (!) is not taken here"),
        ("secret: *CANARY", "this alias (*) has no anchor"),
        ("secret: 'short'", "secret: must have at least 16 characters"),
        ("secret: @CANARY", "not YAML"),
        ("secret: !CANARY!x y", "not YAML"),
        ("secret:", "secret: has no value"),
        ("workers: 0", "settings.yaml:1:10: workers: must be at least 1"),
        ("workers: 65", "must be at most 64"),
        ("workers: CANARY", "a whole number is expected"),
        ("drain: CANARY", "a number is expected"),
        ("log_level: CANARY", "must be one of DEBUG, INFO, WARNING, ERROR"),
        ("max_body: CANARY", "must be a size such as 64 MiB"),
        ("trace_sample: 2", "must be at most 1"),
        ("listen: CANARY", "must be HOST:PORT"),
        ("listen: ':8080'", "must be HOST:PORT"),
        ("listen: '::1:8080'", "must be HOST:PORT"),
        ("listen: 127.0.0.1:99999", "must be HOST:PORT"),
        ("otlp_endpoint: collector:4318", "must be a URL that begins with http"),
        ("trusted_proxies: [CANARY]", "neither a network such as 10.0.0.0/8"),
        ("trusted_proxies: 10.0.0.1/8", "neither a network such as 10.0.0.0/8"),
        ("trusted_proxies: ['::/0']", "everybody would be trusted"),
        ("forwarded_header: CANARY", "must be one of x-forwarded-for, forwarded"),
        ("tls_header: 'x y'", "not the name of a header field"),
        ("- listen", "a mapping (key: value) is expected"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_its_place_and_without_its_value(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(file(tmp_path, text.replace("CANARY", CANARY)))
    assert said in str(error.value)
    assert CANARY not in str(error.value)
    assert "canary" not in str(error.value)


@pytest.mark.parametrize(
    "name", ["LISTEN", "UPSTREAM", "UPSTREAMS", "STORE", "WORKERS", "LOG_LEVEL", "MAX_BODY", "OTLP_HEADERS", "SETTINGS"]
)
def test_a_secret_in_the_wrong_variable_is_not_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"STILLGATE_{name}", CANARY if name != "OTLP_HEADERS" else f"Bearer {CANARY}=")
    with pytest.raises(ConfigError) as error:
        load({})
    assert f"STILLGATE_{name}" in str(error.value)
    assert CANARY not in str(error.value)


def test_a_wrong_flag_is_named_as_it_was_typed() -> None:
    for flags, said in (({"log_level": "loud"}, "--log-level: "), ({"lisen": "x"}, "--lisen: unknown key 'lisen'; did you mean 'listen'?")):
        with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
            load(flags)


def test_no_secret_is_in_the_representation() -> None:
    upstream = {"url": "https://x", "api_key": CANARY, "headers": {"X-Key": CANARY}}
    settings = Settings(upstreams=[upstream], secret=CANARY, store=f"redis://:{CANARY}@h", otlp_headers={"a": CANARY})  # type: ignore[arg-type]
    assert CANARY not in f"{settings!r} {settings} {settings.upstreams}"


def test_a_worker_gets_everything_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLGATE_SECRET", CANARY)
    monkeypatch.setenv("STILLGATE_OTLP_HEADERS", "authorization=Bearer x")
    upstreams = f"upstreams: [{{url: 'https://a', api_key: {CANARY}, headers: {{X-A: b}}, models: [m]}}]"
    flags = file(tmp_path, f"{upstreams}\nmax_body: 1 MiB\npolicy: p\nseal_keys: k")
    settings = load(flags)
    line = settings.for_worker("unix:///run/store.sock")
    assert "\n" not in line
    monkeypatch.setenv("STILLGATE_LISTEN", "127.0.0.1:9")
    worker = Settings.from_supervisor(line + "\n")
    assert worker == settings.model_copy(update={"store": "unix:///run/store.sock"})
    assert worker.upstreams[0].api_key.get_secret_value() == CANARY


@pytest.mark.parametrize("line", ["", "[]", "{", '{"listen": "CANARY"}', '{"secret": "CANARY", "x": 1}'])
def test_a_worker_without_settings_says_so(line: str) -> None:
    with pytest.raises(ConfigError, match="no settings came from the supervisor") as error:
        Settings.from_supervisor(line.replace("CANARY", CANARY))
    assert CANARY not in str(error.value)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().workers = 2  # type: ignore[misc]


def test_an_analyst_runs_beside_the_workers_unless_it_is_said_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load({}).analyst, load({}).partitions) == (True, 1)
    monkeypatch.setenv("STILLGATE_ANALYST", "false")
    assert (load({}).analyst, load(file(tmp_path, "partitions: 4\n")).partitions) == (False, 4)
    with pytest.raises(ConfigError, match="partitions: must be at least 1"):
        load(file(tmp_path, "partitions: 0\n"))


def test_fronts_that_are_believed_are_networks_in_a_list_or_in_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load({}).trusted_proxies, load({}).forwarded_header, load({}).tls_header) == ((), "x-forwarded-for", "")
    listed = load(file(tmp_path, "trusted_proxies: [10.0.0.0/8, unix]\nforwarded_header: Forwarded\ntls_header: X-JA4\n"))
    assert (listed.trusted_proxies, listed.forwarded_header, listed.tls_header) == (("10.0.0.0/8", "unix"), "forwarded", "x-ja4")
    monkeypatch.setenv("STILLGATE_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32")
    assert load({}).trusted_proxies == ("10.0.0.0/8", "2001:db8::/32")
