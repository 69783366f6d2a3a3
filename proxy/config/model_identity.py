"""`identity`: who says who asks. The sources have the defaults; here is only what may be written."""

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from proxy.config.fields import Duration, HeaderName, HttpUrl, Line, Name, Strict, listed
from proxy.config.numbers import shown

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"]
"""The same as `identity.jwt_settings` has, which this room may not import (tests/test_said_twice.py)."""


class Claims(Strict):
    """Which claim of a token says what."""

    account: str | None = None
    organization: str | None = None
    tier: str | None = None
    created: str | None = None
    verified: str | None = None
    programme: str | None = None
    payment: str | None = None


class Jwt(Strict):
    """Tokens of an identity provider (RFC 7519), signed with asymmetric keys."""

    issuer: Annotated[Line, Field(min_length=1)]
    audience: Annotated[tuple[Line, ...], BeforeValidator(listed, json_schema_input_type=str | list[str]), Field(min_length=1)]
    """One, or a list of which a token must name one."""
    jwks_url: HttpUrl
    """Where the provider publishes its keys."""
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] | None = None
    claims: Claims | None = None
    leeway: Duration | None = None
    """How far clocks may differ; at most 10m."""


def _network(value: str) -> str:
    """An address range, or `unix`."""
    try:
        return value if value == "unix" else str(ip_network(value))
    except ValueError:
        raise ValueError(f"{shown(value)} is neither a network such as 10.0.0.0/8 (no host bits) nor 'unix'") from None


class Header(Strict):
    """Headers of a front that has already found out who asks."""

    trusted_peers: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], Field(min_length=1)]
    """Networks whose headers are believed, and 'unix' for a unix socket."""
    account: HeaderName | None = None
    organization: HeaderName | None = None
    tier: HeaderName | None = None
    created: HeaderName | None = None
    verified: HeaderName | None = None
    programme: HeaderName | None = None
    payment: HeaderName | None = None


class UpstreamLogin(Strict):
    """The caller's own credential of the provider; its keyed hash is the account."""

    tier: Name | None = None


class Identity(Strict):
    """Who says who asks."""

    from_: Annotated[
        tuple[Literal["keys", "jwt", "header", "upstream"], ...],
        BeforeValidator(listed),
        Field(alias="from", min_length=1),
    ] = ("keys",)
    """Sources in the order they are tried."""
    jwt: Jwt | None = None
    header: Header | None = None
    upstream: UpstreamLogin | None = None
