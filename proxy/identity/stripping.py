"""What is taken out of a request before it goes upstream: credentials of ours, and what a caller could spoof.

Order, case and bytes of all the rest stay as sent.
"""

from collections.abc import Iterator

from proxy.dialects.base import Headers
from proxy.identity.credentials import KEY_FIELDS, PARAMETERS, canonical, entries, is_key, parameter

OWN = KEY_FIELDS | {"authorization", "openai-organization", "openai-project", "x-goog-user-project"}
"""The caller's own business with its provider: passes where the caller brought the provider's credential."""

OWN_SUBPROTOCOLS = ("openai-organization.", "openai-project.")
"""The same two as WebSocket subprotocols."""

SPOOFABLE = frozenset({
    "cookie", "forwarded", "via", "client-ip", "true-client-ip", "x-client-ip", "x-cluster-client-ip", "x-real-ip", "x-real-port",
    "fastly-client-ip", "x-host", "x-method-override", "x-remote-user", "remote-user", "client-cert", "client-cert-chain",
    "x-client-cert", "x-client-dn", "x-client-verify", "x-jwt-assertion", "x-id-token", "x-azure-clientip",
})  # fmt: skip
"""Who asks, from where, or for what, as only a front of the upstream's own may say it (RFC 7239, RFC 9440 and common practice)."""

SPOOFABLE_FAMILIES = (
    "x-forwarded", "x-original-", "x-rewrite-", "x-http-method", "x-envoy-", "x-amzn-oidc-", "x-amzn-mtls-", "x-auth-request-",
    "x-authenticated-", "x-webauth-", "x-consumer-", "x-credential-", "x-ms-client-principal", "x-goog-authenticated-user-", "x-goog-iap-",
    "x-ssl-", "x-user-", "x-account-", "x-organization", "x-stillgate-", "stillgate-", "cf-", "proxy-",
)  # fmt: skip
"""Beginnings of names of the same kind."""


def strip(headers: Headers, *, own_credential: bool, named: frozenset[str]) -> Headers:
    """`headers` as the upstream may see them. `named`: the fields that the header source reads, in canonical form."""
    return tuple(_kept(headers, own_credential=own_credential, named=named))


def _kept(headers: Headers, *, own_credential: bool, named: frozenset[str]) -> Iterator[tuple[str, str]]:
    for name, value in headers:
        plain = canonical(name)
        if plain in OWN:
            if own_credential:
                yield name, value
        elif plain in SPOOFABLE or plain in named or plain.startswith(SPOOFABLE_FAMILIES):
            continue
        elif plain == "sec-websocket-protocol" and not own_credential:
            if left := _subprotocols(value):
                yield name, left
        else:
            yield name, value


def _subprotocols(value: str) -> str:
    """The field without what is secret in it; untouched where nothing is."""
    offered = entries(value)
    kept = [entry for entry in offered if not is_key(entry) and not entry.lower().startswith(OWN_SUBPROTOCOLS)]
    return value if kept == offered else ", ".join(kept)


def strip_query(query: str) -> str:
    """The raw query without a credential; what stays is byte for byte as sent."""
    return "&".join(part for part in query.split("&") if parameter(part) not in PARAMETERS) if query else ""
