"""Signed tokens of an issuer (JWT, RFC 7519; checks after RFC 8725): signature first, then what they say.

Only asymmetric algorithms: with `none` or HS* whoever knows the public key could sign. A key that the token itself brings is never used.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jws import JWSRegistry

from proxy.verification.base import KeySet
from proxy.verification.rules import Refusal, Why

ALGORITHMS = frozenset({
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
})  # fmt: skip

LEEWAY = 60
"""Seconds that clocks may differ."""

LONGEST = 16384
"""Characters of a token."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say."""

    issuer: str
    audience: tuple[str, ...]


class Registry(JWSRegistry):
    """Exactly our algorithms: joserfc's own default has HS256 among them, and it warns at every use of EdDSA, which most
    providers still write for Ed25519."""

    max_header_length = 4096
    max_payload_length = LONGEST

    def __init__(self) -> None:
        super().__init__(algorithms=sorted(ALGORITHMS), strict_check_header=False)

    def get_alg(self, name: str) -> JWSAlgModel:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


def part(token: str, index: int) -> Mapping[str, Any]:
    """The header (0) or the claims (1) of a token, unverified. Raises `Refusal`."""
    pieces = token.split(".")
    if len(pieces) != 3 or len(token) > LONGEST:  # noqa: PLR2004
        raise _not_proven("this is not a signed token")
    try:
        found = json.loads(base64.urlsafe_b64decode(pieces[index] + "=" * (-len(pieces[index]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _not_proven("this is not a signed token")
    return found


async def claims_of(token: str, keys: KeySet, expected: Expected, at: float) -> Mapping[str, Any]:
    """The claims of a token that is good at that time. Raises `Refusal`, and `StoreError` where the keys cannot be read."""
    header = part(token, 0)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise _not_proven("the token is not signed with an algorithm that is taken here")
    if "crit" in header or "b64" in header or not isinstance(kid, str | None):
        raise _not_proven("the token's header is not understood")
    if (key := await keys.find(kid, algorithm)) is None:
        raise _not_proven("the issuer does not list the key that signed the token")
    try:
        claims = jwt.decode(token, key, registry=Registry()).claims
        _registry(expected, at).validate(claims)
    except ExpiredTokenError:
        raise _not_proven("the token has expired") from None
    except ClaimError as error:
        raise _not_proven(f"the token's claim {error.claim!r} is not as it must be") from None
    except (JoseError, ValueError, TypeError, RecursionError):
        raise _not_proven("the token's signature does not match") from None
    return claims


def _registry(expected: Expected, at: float) -> jwt.JWTClaimsRegistry:
    return jwt.JWTClaimsRegistry(
        now=int(at), leeway=LEEWAY,
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "values": list(expected.audience)},
        exp={"essential": True}, sub={"essential": True},
    )  # fmt: skip


def text_of(claims: Mapping[str, Any], name: str) -> str:
    """A claim that says who. Raises `Refusal` where it is missing."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value):
        raise _not_proven(f"the token's claim {name!r} is missing")
    return str(value)


def _not_proven(detail: str) -> Refusal:
    return Refusal(Why.NOT_PROVEN, f"{detail[:1].upper()}{detail[1:]}.")
