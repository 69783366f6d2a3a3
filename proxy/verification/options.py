"""What the operator's settings say of verification, read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OidcOptions:
    """Login with an identity provider."""

    issuer: str
    client_id: str
    client_secret: str = ""
    scopes: tuple[str, ...] = ("openid",)
    per_identity: int = 3


@dataclass(frozen=True, slots=True)
class WorkloadOptions:
    """Tokens of one issuer that say which workload asks."""

    issuer: str
    jwks_url: str
    audience: tuple[str, ...]
    subjects: tuple[str, ...]
    """Patterns of `sub`."""
    identity: str = "sub"
    """The claim by which accounts are counted."""
    per_identity: int = 3


@dataclass(frozen=True, slots=True)
class Options:
    """All of it."""

    base: str
    """What every address of a page begins with: `https://verify.example.com`."""
    webhook_secrets: tuple[str, ...] = ()
    oidc: OidcOptions | None = None
    workload: tuple[WorkloadOptions, ...] = ()
