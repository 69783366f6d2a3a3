"""An OpenID provider's own description of itself (OpenID Connect Discovery): read when it is needed, and kept for an hour."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from proxy.errors import UpstreamError

KEPT = 3600.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Where it does what."""

    authorization: str
    token: str
    jwks: str
    takes_basic: bool
    """The client may log in by HTTP Basic, the standard's default."""


class Discovery:
    """One issuer's."""

    def __init__(self, issuer: str, fetch: Callable[[str], Awaitable[bytes]], clock: Callable[[], float]) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._known: tuple[float, Provider] | None = None

    async def provider(self) -> Provider:
        """While it cannot be read anew, what was read serves on. Raises `UpstreamError`."""
        if self._known is not None and self._clock() - self._known[0] < KEPT:
            return self._known[1]
        try:
            found = described(await self._fetch(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"), self._issuer)
        except UpstreamError:
            if self._known is None:
                raise
            return self._known[1]
        self._known = self._clock(), found
        return found


def described(document: bytes, issuer: str) -> Provider:
    """Raises `UpstreamError` for what is not that issuer's."""
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("issuer") != issuer:
        raise UpstreamError("the identity provider's description names another issuer", sent=True)
    authorization, token, jwks = (str(found.get(name)) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"))
    scheme = "https://" if issuer.startswith("https://") else "http"
    if not all(url.startswith(scheme) for url in (authorization, token, jwks)):
        raise UpstreamError("the identity provider's description is not usable", sent=True)
    methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Provider(authorization, token, jwks, isinstance(methods, list) and "client_secret_basic" in methods)
