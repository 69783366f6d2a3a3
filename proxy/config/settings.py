"""What one gateway process is told: addresses, upstreams, store, secrets. The policy is a file of its own.

Rule 1: flags outrank STILLGATE_* environment, that outranks the settings file, that outranks the defaults; each value whole.
Rule 2: what is mistyped is an error with a suggestion, wherever it stands.
Rule 3: no message shows a value: any of them may be a secret in the wrong place.
"""

import json
import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

import proxy
from proxy.config import measures
from proxy.config.explain import explained
from proxy.config.fields import listed
from proxy.config.model_verification import PARTS, VerificationSettings
from proxy.config.settings_sources import Given, gathered
from proxy.errors import ConfigError

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "redis+cluster")
"""Those of `stores.address`, which this room may not import (tests/test_said_twice.py)."""

SHORTEST_SECRET = 16
"""Characters of `secret`, where one is given."""


def shipped_policy() -> Path:
    """The default policy: inside the installed package, or beside it in a checkout."""
    package = Path(proxy.__file__).parent
    inside = package / "policies" / "default.yaml"
    return inside if inside.exists() else package.parent / "policies" / "default.yaml"


def state_home() -> Path:
    """Where this user's programs keep state (XDG Base Directory Specification)."""
    named = os.environ.get("XDG_STATE_HOME", "")  # noqa: TID251  # this is the one place
    try:
        base = Path(named) if named and Path(named).is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError:
        raise ConfigError("there is no home directory to keep state in; name one with --state-dir") from None
    return base / "stillgate"


def _address(value: str) -> str:
    """HOST:PORT, IPv6 hosts in brackets."""
    host, colon, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not host or (":" in host and not bracketed) or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:  # noqa: PLR2004
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:8080, 0.0.0.0:8080 for every address, or [::1]:8080")
    return value


def _store(value: str) -> str:
    if value and (":" not in value or value.partition("://")[0] not in SCHEMES):
        raise ValueError(f"must be a URL that begins with {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
    return value


def _http(value: str) -> str:
    """An http or https URL. A credential has a place of its own, where nothing prints it."""
    wrong = "must be a URL that begins with http:// or https://"
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise ValueError(wrong) from None
    if not good or re.search(r"[\s\x00-\x1f\x7f]", value):
        raise ValueError(wrong)
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must be a URL without credentials, query or fragment")
    return value


def _one_line(value: SecretStr | str) -> SecretStr | str:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueError("holds a line break or another control character")
    return value


def _long_enough(value: SecretStr) -> SecretStr:
    if 0 < len(value.get_secret_value()) < SHORTEST_SECRET:
        raise ValueError(f"must have at least {SHORTEST_SECRET} characters")
    return value


def _field_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", value):
        raise ValueError("one of its names is not the name of a header field")
    return value


def _networks(value: object) -> object:
    """A list, or text with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _peer(value: str) -> str:
    try:
        network = None if value == "unix" else ip_network(value)
    except ValueError:
        raise ValueError("one of them is neither a network such as 10.0.0.0/8 (no host bits) nor 'unix'") from None
    if network is not None and not network.prefixlen:
        raise ValueError("everybody would be trusted, and any caller could say where it comes from: name the networks of your fronts")
    return value


def _size(value: object) -> int:
    try:
        return measures.size(value)
    except ValueError:
        raise ValueError("must be a size such as 64 MiB") from None


def _headers(value: object) -> object:
    """`name=value,name=value`, as OTEL_EXPORTER_OTLP_HEADERS has it; or a mapping."""
    if not isinstance(value, str):
        return value
    pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError("must be name=value,name=value")
    return {name.strip(): text.strip() for name, _, text in pairs}


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("there is no such home directory") from None


Where = Annotated[Path, AfterValidator(_at_home)]
Peer = Annotated[str, AfterValidator(_peer)]
FieldName = Annotated[str, AfterValidator(_field_name)]
HttpUrl = Annotated[str, AfterValidator(_http)]
Secret = Annotated[SecretStr, AfterValidator(_one_line)]
Address = Annotated[str, AfterValidator(_address)]


class Upstream(BaseModel):
    """One model API."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: HttpUrl
    api_key: Secret = SecretStr("")
    auth: Literal["", "bearer", "x-api-key", "none"] = ""
    """How the credential is sent; "" as the dialect's provider wants it."""
    headers: dict[FieldName, Annotated[str, AfterValidator(_one_line)]] = Field(default={}, repr=False)
    """Added to every request; they may hold a credential."""
    models: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """Patterns of the models it serves; empty: any."""
    paths: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """Patterns of the paths it serves; empty: any."""
    connect: Annotated[float, Field(gt=0, le=300)] = 10.0
    """Longest time to open a connection, seconds."""


class Settings(BaseSettings):
    """One gateway's settings. Reads nothing by itself: `load` does."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix="STILLGATE_")

    listen: Address = "127.0.0.1:8080"
    admin: Address = "127.0.0.1:8081"
    upstreams: tuple[Upstream, ...] = ()
    policy: Where = Field(default_factory=shipped_policy)
    store: Annotated[str, AfterValidator(_store)] = Field(default="", repr=False)
    """"" for an embedded one; the URL may hold a password."""
    state_dir: Annotated[Where, AfterValidator(Path.absolute)] = Field(default_factory=state_home)
    """Absolute: the embedded store works in a directory of its own."""
    trusted_proxies: Annotated[tuple[Peer, ...], NoDecode, BeforeValidator(_networks)] = ()
    """Networks of fronts that are believed in what they say of their callers, and `unix` for a unix socket."""
    forwarded_header: Annotated[Literal["x-forwarded-for", "forwarded"], BeforeValidator(lambda name: str(name).lower())] = (
        "x-forwarded-for"
    )
    """Where they say whom they saw: each appends it, at the right (the common list, or RFC 7239)."""
    tls_header: Annotated[str, AfterValidator(lambda name: _field_name(name).lower() if name else name)] = ""
    """The field in which they pass their caller's TLS fingerprint (JA3, JA4); they must replace one that a caller sends."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    analyst: bool = True
    """An analyst beside the workers, where the policy has `risk`; false where `stillgate analyst` runs on machines of its own."""
    partitions: Annotated[int, Field(ge=1, le=256)] = 1
    """Parts of the stream of observations, each learned from by one analyst at a time; the same for all that share a store."""
    drain: Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)] = 30.0
    """How long running answers may finish at shutdown, seconds."""
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(lambda text: str(text).upper())] = "INFO"
    otlp_endpoint: Annotated[str, AfterValidator(lambda url: _http(url) if url else url)] = ""
    otlp_headers: Annotated[dict[FieldName, Secret], NoDecode, BeforeValidator(_headers)] = {}
    trace_sample: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of traces recorded where the caller has not decided."""
    max_body: Annotated[int, PlainValidator(_size)] = 64 << 20
    """Largest request body, bytes."""
    secret: Annotated[Secret, AfterValidator(_long_enough)] = SecretStr("")
    """Keys the hashes of what must not be known; "" and one is made and kept in `state_dir`."""
    seal_keys: Where | None = None
    """The file of keys that seal reasoning tokens and verification links; without one, the key is derived from `secret`."""
    verification: VerificationSettings = VerificationSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The arguments only: `Settings(...)` means the same whatever the environment holds."""
        return (init_settings,)

    def with_upstream(self, url: str) -> Self:
        """These settings before another upstream, without any credential."""
        return self.model_copy(update={"upstreams": (Upstream(url=url),)})

    def for_worker(self, store_url: str) -> str:
        """One line of JSON with the secrets in it, for a worker's stdin and nothing else."""
        return json.dumps(self.model_dump() | {"store": store_url}, default=_revealed)

    @classmethod
    def from_supervisor(cls, line: str) -> Self:
        """What `for_worker` wrote. Raises `ConfigError`."""
        try:
            return cls(**json.loads(line))
        except (ValueError, TypeError):
            raise ConfigError("no settings came from the supervisor; workers are started by `stillgate serve` only") from None


def load(flags: dict[str, Any]) -> Settings:
    """The settings of this process. `flags` by field name, and `settings_file`. Raises `ConfigError`."""
    given = gathered(flags, dict(os.environ), Settings)  # noqa: TID251  # this is the one place
    try:
        return Settings(**given.values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
    raise ConfigError("\n".join(_problem(given, one) for one in found))


def _problem(given: Given, error: ErrorDetails) -> str:
    parts: tuple[type[BaseModel], ...] = (Settings, Upstream, *PARTS)
    names = {name for part in parts for name in part.model_fields}
    place = given.where(error["loc"], names, key=error["type"] == "extra_forbidden")
    return f"{place}: {explained(error, Settings, echo=False)}"


def _revealed(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
