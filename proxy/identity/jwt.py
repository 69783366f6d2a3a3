"""Signed tokens of the operator's identity provider (JWT, RFC 7519; checks after RFC 8725). Settings: `jwt_settings`.

Only a signature by a key of the provider's own set counts: a key or an address of one in the token is never followed.
"""

import base64
import binascii
import json
import re
from typing import ClassVar

from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry
from joserfc.jwt import Claims

from proxy.core.facts import Account
from proxy.errors import CallerError
from proxy.gateway.ports import Arrival
from proxy.identity.base import Reading, Settings, Tools, moment, refusal, truth
from proxy.identity.jwks import Jwks
from proxy.identity.jwt_settings import Rules, read

_SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")

_WRONG = {
    "iss": "it comes from another issuer",
    "aud": "it is meant for another audience",
    "nbf": "it is not valid yet",
    "iat": "it was issued in the future",
    "exp": "it does not say when it expires",
}


class Registry(JWSRegistry):
    """Exactly the algorithms of the settings.

    joserfc's own takes an empty list for its defaults, HS256 among them, and warns at every use of EdDSA, which most
    providers still write for Ed25519.
    """

    max_header_length = 4096
    max_payload_length = 16384

    def __init__(self, algorithms: tuple[str, ...]) -> None:
        # RFC 7515 4: header parameters that are not understood are ignored, unless `crit` names them.
        super().__init__(algorithms=algorithms, strict_check_header=False)

    def get_alg(self, name: str) -> JWSAlgModel:
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


class Jwt:
    """Vouches for whom a valid token names."""

    wanted: ClassVar[str] = "a token of your identity provider as 'Authorization: Bearer …'"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._rules = Reading(read)
        self._sets: dict[str, Jwks] = {}

    def check(self, settings: Settings) -> None:
        self._rules(settings)

    async def identify(self, arrival: Arrival, credential: str, settings: Settings) -> Account | None:
        """`StoreError` means that the provider's keys have not been read yet, so that no token can be judged."""
        if (header := header_of(credential)) is None:
            return None
        rules = self._rules(settings)
        key = await self._key(header, rules)
        return account_of(verified(credential, key, rules, arrival.at), rules.claims)

    async def _key(self, header: dict[str, object], rules: Rules) -> Key:
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in rules.algorithms:
            raise refusal(f"This token is not valid here: it must be signed with {', '.join(rules.algorithms)}.")
        if "b64" in header or "crit" in header or not isinstance(kid, str | None):
            raise refusal("This token is not valid here: its header is not understood.")
        key_set = self._sets.setdefault(rules.jwks_url, Jwks(rules.jwks_url, self._tools.fetch, self._tools.clock))
        if (key := await key_set.find(kid, algorithm)) is None:
            raise refusal("This token is not valid here: the issuer does not list the key that signed it. Please sign in again.")
        return key


def header_of(credential: str) -> dict[str, object] | None:
    """The header of what looks like a JWT: three base64url parts, the first a JSON object. None for anything else."""
    if (shape := _SHAPE.fullmatch(credential)) is None:
        return None
    encoded = shape[1]
    try:
        header = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return header if isinstance(header, dict) else None


def verified(credential: str, key: Key, rules: Rules, at: float) -> Claims:
    """The claims of a token whose signature and times are good. Raises `CallerError` 401."""
    try:
        claims = jwt.decode(credential, key, registry=Registry(rules.algorithms)).claims
        rules.at(at).validate(claims)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise _refused(error) from None
    return claims


def _refused(error: Exception) -> CallerError:
    """In our own words: the library's may quote the token."""
    if isinstance(error, ExpiredTokenError):
        return refusal("This token has expired. Please sign in again.")
    if isinstance(error, ClaimError):
        return refusal(f"This token is not valid here: {_WRONG.get(error.claim, 'a claim in it is missing or malformed')}.")
    return refusal("This token is not valid here: its signature does not match.")


def account_of(claims: Claims, names: dict[str, str]) -> Account:
    """Raises `CallerError` 401 where the token names nobody."""
    said = {what: claims.get(name) for what, name in names.items() if name}
    account = _word(said.get("account"))
    if not account:
        raise refusal(f"This token names no account: its claim '{names['account']}' is missing.")
    return Account(
        id=account,
        organization=_word(said.get("organization")) or account,
        tier=_word(said.get("tier")),
        created=moment(said.get("created")),
        verified=truth(said.get("verified")),
        programme=_word(said.get("programme")),
        payment=_word(said.get("payment")),
        source="jwt",
    )


def _word(value: object) -> str:
    """A claim that is a text or a whole number, as text; "" for anything else."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
