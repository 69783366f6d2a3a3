"""The settings of the `jwt` source, read.

`issuer`, `audience` and `jwks_url` are needed; then `algorithms` (asymmetric ones; RS256, ES256 and EdDSA unless set),
`claims`, which claim says what (`account: sub` unless set), and `leeway` in seconds for clocks that differ (60).
"""

from dataclasses import dataclass

from joserfc.jwt import JWTClaimsRegistry

from proxy.errors import ConfigError
from proxy.identity.base import Settings, text, texts

ASYMMETRIC = frozenset({
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448",
})  # fmt: skip
"""All that can be allowed: with `none` or HS* whoever knows the public key could sign."""

DEFAULT = ("RS256", "ES256", "EdDSA")

CLAIMS = {
    "account": "sub", "organization": "organization", "tier": "tier", "created": "created", "verified": "verified",
    "programme": "programme", "payment": "payment",
}  # fmt: skip
"""What may be said of an account, and the claim that says it unless the settings name another."""

LONGEST_LEEWAY = 600


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings, read."""

    jwks_url: str
    issuer: str
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...]
    claims: dict[str, str]
    leeway: int

    def at(self, at: float) -> JWTClaimsRegistry:
        """What the claims must say at that time."""
        return JWTClaimsRegistry(
            now=int(at),
            leeway=self.leeway,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "values": list(self.audiences)},
            exp={"essential": True},
        )


def read(settings: Settings) -> Rules:
    """Raises `ConfigError`."""
    needed = {name: text(settings, "jwt", name) for name in ("issuer", "jwks_url")}
    audiences = texts(settings, "jwt", "audience")
    missing = [name for name, value in (needed | {"audience": all(audiences) and audiences}).items() if not value]
    if missing:
        raise ConfigError(f"identity.jwt needs {', '.join(missing)}")
    algorithms = texts(settings, "jwt", "algorithms", DEFAULT)
    if not algorithms or not ASYMMETRIC.issuperset(algorithms):
        raise ConfigError(f"identity.jwt.algorithms must be some of {', '.join(sorted(ASYMMETRIC))}")
    return Rules(needed["jwks_url"], needed["issuer"], audiences, algorithms, _claims(settings), _leeway(settings))


def _claims(settings: Settings) -> dict[str, str]:
    given = settings.get("claims", {})
    if not isinstance(given, dict) or not given.keys() <= CLAIMS.keys():
        raise ConfigError(f"identity.jwt.claims must name claims for some of {', '.join(CLAIMS)}")
    return {what: text(given, "jwt.claims", what, default) for what, default in CLAIMS.items()}


def _leeway(settings: Settings) -> int:
    leeway = settings.get("leeway", 60)
    if isinstance(leeway, bool) or not isinstance(leeway, int | float) or not 0 <= leeway <= LONGEST_LEEWAY:
        raise ConfigError(f"identity.jwt.leeway must be seconds, 0 to {LONGEST_LEEWAY}")
    return int(leeway)
